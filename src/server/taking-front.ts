// The taking thread: SMTP from other servers, and submission by our own users.
import { nodeDisk } from '../base/disk.ts'
import type { Config, DoorName } from '../config/config.ts'
import { createLoginJudges, knownLoginsIn } from '../guard/guard.ts'
import { createSmtpDoors, type SmtpDoorKind, type SmtpSettings } from '../smtp/smtp.ts'
import { crashPointAt } from '../store/threads/crash-at.ts'
import { Adoption } from './adoption.ts'
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
  let current = settingsOf(data.config)
  const doors = createSmtpDoors({
    ...current,
    store, clock, random, log, hostname: data.config.hostname, tls: contexts, memoryOctets: () => process.memoryUsage.rss(),
    logins: createLoginJudges({ directory: store.directory, clock, random, decoyKey: data.decoyKey, limits: () => limits, known: knownLoginsIn(data.knownLogins, data.decoyKey) }),
  })
  const adoption = new Adoption({
    directory: data.config.intake.directory, segmentSizeOctets: data.config.journal.segmentSizeOctets, disk: nodeDisk, clock, random, log, store,
    crashPoint: crashPointAt(process.env['DARUMA_CRASH_AT']),
    tools: () => ({ directory: store.directory, largeWriter: () => store.largeWriter(), clock, random, limits, hostname: data.config.hostname, delivery: current.delivery }),
  })
  rooms.doorWriter?.open(store.directory)
  rooms.lobby.receive({ admit: (door, remote) => doors.admit(kindOf(door), remote), enter: (remote) => doors.enter(remote), onConnection: (door, connection, greeted) => doors.accept(kindOf(door), connection, greeted) })
  adoption.look()
  return {
    reload(config) {
      current = settingsOf(config)
      doors.reload(current)
      rooms.doorWriter?.changed()
    },
    adopt: () => adoption.look(),
    async stop(graceMs, goodbye) {
      if (goodbye) doors.sayAtTheEnd(goodbye.smtp)
      rooms.doorWriter?.close()
      await Promise.all([adoption.close(), ...rooms.lobby.listeners.map((listener) => listener.close({ graceMs }))])
    },
  }
}
