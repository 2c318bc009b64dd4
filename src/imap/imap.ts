// The IMAP door: what the server builds it from, and how a connection is handed in. Everything else in this
// room is entered from here.
import type { Limits } from '../base/limits.ts'
import { createAdmission, createMemoryBudget, type AdmissionLimits, type LoginJudges } from '../guard/guard.ts'
import type { Connection } from '../net/connection.ts'
import type { ServerContexts } from '../net/server-contexts.ts'
import { PartTrees } from './part-trees.ts'
import type { Peer } from './peer.ts'
import { Session } from './session.ts'
import type { ImapServices } from './services.ts'
import { ViewKeeper } from './view-keeper.ts'

/** What a reload may change. */
export interface ImapSettings {
  readonly limits: Limits
  readonly plaintextLogin: 'never' | 'loopback'
  readonly scram: boolean
}

export interface ImapDoor {
  /** Asked by the listener before anything is set up. */
  admit(remoteAddress: string): 'go' | { refuse: string }
  /** Somebody was admitted; to be called back once, when the connection has gone. */
  enter(remoteAddress: string): () => void
  /** For sessions that begin from now on. */
  reload(settings: ImapSettings): void
  /** Takes over a connection: plain, or already under TLS. */
  accept(connection: Connection): void
  /** Sessions at this moment. */
  readonly sessions: number
  /** When the door closes, instead of the usual words; shown to people. */
  sayAtTheEnd(words: string): void
  /** Says BYE to everybody and lets go of the store. */
  close(): void
}

export interface ImapDoorOptions extends Omit<ImapServices, 'views' | 'trees' | 'memory' | 'logins'> {
  readonly logins: LoginJudges
  /** For STARTTLS; without it none is offered. */
  readonly tls: ServerContexts | undefined
}

export function createImapDoor(options: ImapDoorOptions): ImapDoor {
  const views = new ViewKeeper(options.store)
  let services: Omit<ImapServices, 'logins'> = { ...options, views, trees: new PartTrees(), memory: createMemoryBudget(options.limits.memory_message_octets_max) }
  const admission = createAdmission(admissionLimits(options.limits), options.clock)
  const sessions = new Set<Session>()
  const farewell = { words: 'the server goes away for a moment', code: 'UNAVAILABLE' }
  return {
    admit(remoteAddress) {
      if (options.logins.isBanned(remoteAddress)) return { refuse: REFUSALS.banned }
      const answer = admission.judge(remoteAddress)
      return answer === 'go' ? 'go' : { refuse: REFUSALS[answer] }
    },
    enter: (remoteAddress) => admission.enter(remoteAddress),
    reload(settings) {
      services = { ...services, ...settings }
      admission.setLimits(admissionLimits(settings.limits))
    },
    accept(connection) {
      const session = new Session({ ...services, logins: options.logins.from(connection.remoteAddress) }, peerOf(connection, options.tls))
      sessions.add(session)
      connection.onClose = (reason) => {
        sessions.delete(session)
        session.close()
        if (reason.by === 'bug') options.log.error('an IMAP connection ended by a bug', { error: reason.sentence })
      }
      connection.onIdle = () => session.timeOut()
      connection.onShutdown = () => session.goodbyeSoon(farewell.words, farewell.code)
      session.greet()
      connection.receive({ onBytes: (chunk) => session.receive(chunk), discard: () => session.discard() })
    },
    get sessions() {
      return sessions.size
    },
    sayAtTheEnd(words) {
      farewell.words = words
      // RFC 9051 §7.1: a human has to see it.
      farewell.code = 'ALERT'
    },
    close() {
      for (const session of sessions) session.goodbyeSoon(farewell.words, farewell.code)
      views.close()
    },
  }
}

/** For those who find no room before the server is there. */
export const IMAP_COME_BACK = '* BYE [UNAVAILABLE] the server is about to be back, try again in a moment\r\n'

const REFUSALS = {
  'too-many': '* BYE [UNAVAILABLE] too many connections, try again later\r\n',
  'too-many-from-you': '* BYE [UNAVAILABLE] too many connections from your address\r\n',
  'too-often': '* BYE [UNAVAILABLE] too many connections from your address in a short time, try again later\r\n',
  'hard-pressed': '* BYE [UNAVAILABLE] too much to do at the moment, try again later\r\n',
  banned: '* BYE [UNAVAILABLE] too many failed logins from your address, try again later\r\n',
} as const

function admissionLimits(limits: Limits): AdmissionLimits {
  return {
    connectionsMax: limits.imap_connections_max, connectionsPerAddressMax: limits.connections_per_address_max, connectionsPerNetworkMax: limits.connections_per_network_max,
    arrivalsPerMinuteMax: limits.arrivals_per_minute_max, networkArrivalsPerMinuteMax: limits.network_arrivals_per_minute_max,
  }
}

function peerOf(connection: Connection, tls: ServerContexts | undefined): Peer {
  return {
    get remoteAddress() {
      return connection.remoteAddress
    },
    get secure() {
      return connection.tls !== undefined
    },
    get isOpen() {
      return connection.isOpen
    },
    get canStartTls() {
      return tls !== undefined && connection.tls === undefined
    },
    write: (bytes) => connection.write(bytes),
    drained: () => connection.drained(),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    setIdle: (ms) => connection.setIdle(ms),
    startTls: async () => tls !== undefined && (await connection.startTls({ as: 'server', contexts: tls })).ok,
    channelBindings() {
      const facts = connection.tls
      const bindings = new Map<string, Uint8Array>()
      for (const name of facts?.bindings() ?? []) {
        const data = facts?.channelBinding(name)
        if (data) bindings.set(name, data)
      }
      return bindings
    },
    end: () => connection.end(),
  }
}
