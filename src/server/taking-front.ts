// The taking thread: SMTP from other servers, submission from our own users.
import type { Config } from '../config/config.ts'
import { createLoginJudge } from '../guard/guard.ts'
import { createSmtpDoors, type SmtpSettings } from '../smtp/smtp.ts'
import { openListeners, type FrontRooms, type FrontThing } from './front-rooms.ts'

export async function openTaking(rooms: FrontRooms): Promise<FrontThing> {
  const { data, store, clock, random, log, limits, contexts } = rooms
  const doors = createSmtpDoors({
    ...settingsOf(data.config), store, clock, random, log, limits, hostname: data.config.hostname, tls: contexts,
    logins: createLoginJudge({ directory: store.directory, clock, random }),
  })
  const listeners = await openListeners(
    rooms,
    (_, remoteAddress) => doors.admit(remoteAddress),
    (door, connection) => doors.accept(door === 'smtp' ? 'smtp' : 'submission', connection),
  )
  return {
    reload: (config) => doors.reload(settingsOf(config)),
    async stop(graceMs) {
      await Promise.all(listeners.map((listener) => listener.close({ graceMs })))
    },
  }
}

function settingsOf(config: Config): SmtpSettings {
  return {
    limits: config.limits, delivery: config.delivery, receivedShowsClient: config.outbound.receivedShowsClient,
    plaintextLogin: config.security.plaintextLogin, scram: config.security.scram,
  }
}
