// The SMTP doors: 25 for other servers' mail (MX), 587 and 465 for our own users' (submission). What the
// server builds them from, and how a connection is handed in.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { createAdmission, createMemoryBudget, createPressure, type AdmissionLimits, type LoginJudges } from '../guard/guard.ts'
import { createIntake, type DeliveryRules } from '../intake/intake.ts'
import type { Connection } from '../net/connection.ts'
import type { ServerContexts } from '../net/server-contexts.ts'
import type { Store } from '../store/store.ts'
import { printReply, reply } from '../wire/smtp/reply.ts'
import { Conversation, type SmtpServices } from './conversation.ts'
import { createNewcomers } from './newcomers.ts'
import type { SmtpPeer } from './peer.ts'
import { replies } from './replies.ts'
import type { SmtpDoorKind } from './standing.ts'

export type { SmtpDoorKind } from './standing.ts'

export { greeting as smtpGreeting } from '../wire/smtp/protocol-replies.ts'

/** For those who find no room before the server is there. */
export const SMTP_COME_BACK = printReply(replies.tooManyConnections)

/** What a reload may change. */
export interface SmtpSettings {
  limits: Limits
  delivery: DeliveryRules
  receivedShowsClient: boolean
  plaintextLogin: 'never' | 'loopback'
  scram: boolean
}

export interface SmtpDoorOptions extends SmtpSettings {
  store: Pick<Store, 'directory' | 'admission' | 'accept' | 'largeWriter'>
  logins: LoginJudges
  clock: Clock
  random: Random
  log: Log
  hostname: string
  /** Of the whole process. */
  memoryOctets: () => number
  /** For STARTTLS; without it none is offered. */
  tls: ServerContexts | undefined
}

export interface SmtpDoors {
  /** Asked by the listener before anything is set up. */
  admit(kind: SmtpDoorKind, remoteAddress: string): 'go' | { refuse: string }
  /** Somebody was admitted; to be called back once, when the connection has gone. */
  enter(remoteAddress: string): () => void
  /** Takes over a connection: plain, or already under TLS. `greeted`: it has had its greeting (`smtpGreeting`). */
  accept(kind: SmtpDoorKind, connection: Connection, greeted?: boolean): void
  /** For sessions that begin from now on. */
  reload(settings: SmtpSettings): void
  /** When the doors close, instead of the usual words. */
  sayAtTheEnd(words: string): void
  readonly sessions: number
}

/** One place in so many is for submission alone. */
const SUBMISSION_SHARE = 10
/** From this part of all places on it is crowded. */
const CROWDED_SHARE = 0.8

export function createSmtpDoors(options: SmtpDoorOptions): SmtpDoors {
  const { store, logins, clock, random, log, hostname, tls } = options
  const admission = createAdmission(admissionLimits(options.limits), clock)
  const pressure = createPressure({ clock, limits: () => services.limits, memoryOctets: options.memoryOctets })
  const newcomers = createNewcomers(clock, () => services.limits.smtp_crowded_ms)
  let pressed: string | undefined
  /** Said once when it begins and once when it is over. */
  const isHardPressed = (): boolean => {
    const now = pressure.now()
    if (now !== pressed && (now === undefined || pressed === undefined)) {
      if (now !== undefined) log.warn('hard pressed: strangers are told to try again', { because: now, in_flight: pressure.inFlight })
      else log.info('strangers are welcome again')
      pressed = now
    }
    return now !== undefined
  }
  const intake = createIntake({
    store, clock, random, log, limits: options.limits, pressure: { begin: () => pressure.begin(), isHardPressed }, memory: createMemoryBudget(options.limits.memory_message_octets_max), hostname,
    delivery: options.delivery, receivedShowsClient: options.receivedShowsClient,
  })
  const farewell = { reply: replies.goingAway }
  let services: Omit<SmtpServices, 'logins'> = { farewell, intake, clock, random, log, limits: options.limits, hostname, plaintextLogin: options.plaintextLogin, scram: options.scram }
  const refusals = {
    'too-many': printReply(replies.tooManyConnections), 'too-many-from-you': printReply(replies.tooManyFromYou),
    'too-often': printReply(replies.tooOften), 'hard-pressed': printReply(replies.hardPressed), banned: printReply(replies.tooManyLogins),
  }
  return {
    admit(kind, remoteAddress) {
      // Strangers never take all places: our own users can still send.
      if (kind === 'submission' && logins.isBanned(remoteAddress)) return { refuse: refusals.banned }
      const { limits } = services
      if (admission.inside >= limits.smtp_connections_max * CROWDED_SHARE) newcomers.makeRoom()
      const answer = admission.judge(remoteAddress, kind === 'submission' ? {} : {
        keepFree: Math.floor(limits.smtp_connections_max / SUBMISSION_SHARE), hardPressed: isHardPressed(),
        perAddressMax: limits.stranger_connections_per_address_max, perNetworkMax: limits.stranger_connections_per_network_max,
      })
      return answer === 'go' ? 'go' : { refuse: refusals[answer] }
    },
    enter: (remoteAddress) => admission.enter(remoteAddress),
    accept(kind, connection, greeted = false) {
      const onProven = newcomers.add(() => conversation.leave())
      const conversation = new Conversation({ ...services, logins: logins.from(connection.remoteAddress), onProven }, peerOf(connection, tls), kind)
      connection.onClose = (reason) => {
        onProven() // or never will be
        conversation.closed()
        if (reason.by === 'bug') log.error('an SMTP connection ended by a bug', { peer: connection.remoteAddress, error: reason.sentence })
      }
      connection.onIdle = () => conversation.onIdle()
      connection.onShutdown = () => conversation.shutdown()
      conversation.begin(greeted)
    },
    reload({ limits, delivery, receivedShowsClient, plaintextLogin, scram }) {
      services = { ...services, limits, plaintextLogin, scram }
      admission.setLimits(admissionLimits(limits))
      intake.reload({ limits, delivery, receivedShowsClient })
    },
    sayAtTheEnd(words) {
      farewell.reply = reply(421, '4.3.2', words)
    },
    get sessions() {
      return admission.inside
    },
  }
}

function admissionLimits(limits: Limits): AdmissionLimits {
  return {
    connectionsMax: limits.smtp_connections_max, connectionsPerAddressMax: limits.connections_per_address_max, connectionsPerNetworkMax: limits.connections_per_network_max,
    arrivalsPerMinuteMax: limits.arrivals_per_minute_max, networkArrivalsPerMinuteMax: limits.network_arrivals_per_minute_max,
  }
}

function peerOf(connection: Connection, tls: ServerContexts | undefined): SmtpPeer {
  return {
    remoteAddress: connection.remoteAddress,
    get isOpen() {
      return connection.isOpen
    },
    get tls() {
      return connection.tls
    },
    get canStartTls() {
      return tls !== undefined && connection.tls === undefined
    },
    receive: (consumer) => connection.receive(consumer),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    write: (text) => connection.write(text),
    setIdle: (ms) => connection.setIdle(ms),
    startTls: async () => {
      if (!tls) return { ok: false }
      const started = await connection.startTls({ as: 'server', contexts: tls })
      return started.ok ? { ok: true, discardedOctets: started.value.discardedOctets } : { ok: false }
    },
    end: () => connection.end(),
    destroy: (sentence) => connection.destroy({ by: 'us', sentence }),
  }
}
