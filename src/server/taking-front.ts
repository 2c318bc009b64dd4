// The taking thread: SMTP from other servers, and submission by our own users.
import type { Config, DoorName } from '../config/config.ts'
import { createLoginJudge } from '../guard/guard.ts'
import { createSmtpDoors, type SmtpDoorKind, type SmtpSettings } from '../smtp/smtp.ts'
import type { FrontRooms, FrontThing } from './front-rooms.ts'

/** 587 and 465 differ in when TLS begins, which is over when a connection is handed in. */
function kindOf(door: DoorName): SmtpDoorKind {
  return door === 'smtp' ? 'smtp' : 'submission'
}

export async function openTaking(rooms: FrontRooms): Promise<FrontThing> {
  const { data, store, clock, random, log, limits, contexts } = rooms
  const settingsOf = (config: Config): SmtpSettings => ({
    limits,
    delivery: { subaddressSeparator: config.delivery.subaddressSeparator, postmaster: config.delivery.postmaster },
    receivedShowsClient: config.outbound.receivedShowsClient,
    plaintextLogin: config.security.plaintextLogin,
    scram: config.security.scram,
  })
  const doors = createSmtpDoors({
    ...settingsOf(data.config),
    store, clock, random, log, hostname: data.config.hostname, tls: contexts,
    logins: createLoginJudge({ directory: store.directory, clock, random, decoyKey: data.decoyKey }),
  })
  rooms.lobby.receive({ admit: (door, remote) => doors.admit(kindOf(door), remote), enter: (remote) => doors.enter(remote), onConnection: (door, connection, greeted) => doors.accept(kindOf(door), connection, greeted) })
  return {
    reload: (config) => doors.reload(settingsOf(config)),
    async stop(graceMs, goodbye) {
      if (goodbye) doors.sayAtTheEnd(goodbye.smtp)
      await Promise.all(rooms.lobby.listeners.map((listener) => listener.close({ graceMs })))
    },
  }
}
