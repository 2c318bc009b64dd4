// The reading thread: IMAP.
import { createLoginJudges, knownLoginsIn } from '../guard/guard.ts'
import type { Config } from '../config/config.ts'
import { createImapDoor, type ImapSettings } from '../imap/imap.ts'
import type { FrontRooms, FrontThing } from './front-rooms.ts'

export async function openReading(rooms: FrontRooms): Promise<FrontThing> {
  const { data, store, clock, random, log, limits, contexts } = rooms
  const settingsOf = (config: Config): ImapSettings => ({ limits, plaintextLogin: config.security.plaintextLogin, scram: config.security.scram })
  const door = createImapDoor({
    ...settingsOf(data.config),
    store, clock, random, log,
    logins: createLoginJudges({ directory: store.directory, clock, random, decoyKey: data.decoyKey, limits: () => limits, known: knownLoginsIn(data.knownLogins, data.decoyKey) }),
    version: data.version, tls: contexts,
  })
  rooms.lobby.receive({ admit: (_, remote) => door.admit(remote), enter: (remote) => door.enter(remote), onConnection: (_, connection) => door.accept(connection) })
  return {
    reload: (config) => door.reload(settingsOf(config)),
    async stop(graceMs, goodbye) {
      if (goodbye) door.sayAtTheEnd(goodbye.imap)
      await Promise.all(rooms.lobby.listeners.map((listener) => listener.close({ graceMs })))
      door.close()
    },
  }
}
