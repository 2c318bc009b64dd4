// The reading thread: IMAP.
import { createLoginJudge } from '../guard/guard.ts'
import { createImapDoor } from '../imap/imap.ts'
import { openListeners, type FrontRooms, type FrontThing } from './front-rooms.ts'

export async function openReading(rooms: FrontRooms): Promise<FrontThing> {
  const { data, store, clock, random, log, limits, contexts } = rooms
  const door = createImapDoor({
    store, clock, random, log, limits,
    logins: createLoginJudge({ directory: store.directory, clock, random }),
    plaintextLogin: data.config.security.plaintextLogin, scram: data.config.security.scram, version: data.version, tls: contexts,
  })
  const listeners = await openListeners(rooms, () => 'go', (_, connection) => door.accept(connection))
  return {
    reload() {},
    async stop(graceMs) {
      await Promise.all(listeners.map((listener) => listener.close({ graceMs })))
      door.close()
    },
  }
}
