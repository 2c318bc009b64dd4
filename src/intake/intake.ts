// The front door of intake/: the one way by which any message becomes ours. A door asks it about each
// step of a session (sender, recipient), gives it the bytes, and hands out the reply it gets.
//
// The order of durable steps, in `finish`:
//   1. the bytes are whole and hashed (a large message: its file is flushed on every member);
//   2. every decision is made: checks, duplicates, one plan for each account, the outbound work;
//   3. `store.accept`: one record, one flush. Nothing before the flush may move after it (INV-1);
//   4. the 250 with the arrival's id.
// A fault before 3 is answered 4xx and leaves nothing behind. After it there is no reply but the 250.
import { hexOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { Bug, Outage, errorCode, errorSentence } from '../base/errors.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { MemoryBudget } from '../guard/guard.ts'
import { ReplyUnknown, type Sequence, type Store } from '../store/store.ts'
import type { Mailbox } from '../wire/smtp/path.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import { draftArrival, headerTooLong, type ArrivalTools } from './arrival.ts'
import { BodyCollector } from './body-collector.ts'
import type { Envelope, EnvelopeRecipient, EnvelopeSender, MailParameters, Peer, RcptParameters } from './envelope.ts'
import { judgeMoment, judgeRecipient, judgeSender, refusals, type Judged } from './judge-envelope.ts'
import { LostReplies, resendKey } from './lost-replies.ts'
import type { DeliveryRules } from './resolve-recipient.ts'

export type { Envelope, EnvelopeRecipient, EnvelopeSender, Peer } from './envelope.ts'
export type { Judged } from './judge-envelope.ts'
export type { DeliveryRules } from './resolve-recipient.ts'
export { resolveRecipient, type Resolution } from './resolve-recipient.ts'

export interface IntakeOptions {
  store: Pick<Store, 'directory' | 'admission' | 'accept' | 'largeWriter'>
  clock: Clock
  random: Random
  log: Log
  limits: Limits
  /** Message octets held by this thread, of `memory_message_octets_max`. */
  memory: MemoryBudget
  /** How hard pressed this thread is; without it, never. */
  pressure?: { isHardPressed(): boolean; begin(): () => void }
  /** Our name, in Received and in Message-IDs that we add. */
  hostname: string
  delivery: DeliveryRules
  /** Whether submitted mail shows the address it came from. */
  receivedShowsClient: boolean
}

export type Finished =
  /** `confirm` is called when the peer has gone on, so that it has read the reply; else, at its end, `lost`. */
  | { end: 'kept'; arrival: Sequence; reply: Reply; confirm(): void; lost(): void }
  | { end: 'refused'; reply: Reply }
  /** The record may be kept and may not: no reply may be given, the connection has to be closed. */
  | { end: 'unknown' }

export interface MessageIn {
  /** Octets of the message, in order. The bytes must not change afterwards. */
  readonly add: (part: Uint8Array) => void
  readonly congested: boolean
  relieved(): Promise<void>
  /** A reason to give up before everything has come; then only `abort` may be called. */
  readonly refusal: Reply | undefined
  /** Everything has come. `onAppend` is called when the store has been asked: from then on there is no refusal. */
  finish(onAppend: () => void): Promise<Finished>
  /** Nothing will come of it. Safe at any time, also while `finish` runs: it then stops before the append if it still can. */
  abort(): void
}

export interface Intake {
  judgeSender(peer: Peer, sender: Mailbox | undefined, parameters: MailParameters): Judged<EnvelopeSender>
  judgeRecipient(peer: Peer, sender: EnvelopeSender, recipient: Mailbox, parameters: RcptParameters): Judged<EnvelopeRecipient>
  /** Asked before the octets of a message come: why they should not, now. */
  judgeMoment(peer: Peer, sender: EnvelopeSender): Reply | undefined
  open(peer: Peer, envelope: Envelope): MessageIn
  /** What may change while the server runs. */
  reload(changed: Partial<Pick<IntakeOptions, 'limits' | 'delivery' | 'receivedShowsClient'>>): void
}

const localTrouble = reply(451, '4.3.0', 'trouble on this side, try again later')

export function createIntake(given: IntakeOptions): Intake {
  let options = given
  const lostReplies = new LostReplies(given.clock)
  const traceIds = createTraceIds(given.random)
  return {
    judgeSender: (peer, sender, parameters) => judgeSender(peer, sender, parameters, options),
    judgeRecipient: (peer, sender, recipient, parameters) => judgeRecipient(peer, sender, recipient, parameters, options),
    judgeMoment: (peer, sender) => judgeMoment(peer, sender.parameters.size ?? 0, options),
    open: (peer, envelope) => new Incoming(peer, envelope, options, lostReplies, traceIds),
    reload(changed) {
      options = { ...options, ...changed }
    },
  }
}

function hasRoom(store: Pick<Store, 'admission'>): boolean {
  const admission = store.admission(0)
  return admission.admit || admission.because !== 'disk-full'
}

/** Never the same twice, in any life of the process: chance once, then a count. */
function createTraceIds(random: Random): () => string {
  const prefix = hexOf(random.bytes(6))
  let count = 0
  return () => `${prefix}.${(count += 1).toString(36)}`
}

class Incoming implements MessageIn {
  readonly #peer: Peer
  readonly #envelope: Envelope
  readonly #options: IntakeOptions
  readonly #lostReplies: LostReplies
  readonly #traceId: () => string
  readonly #body: BodyCollector
  readonly add: (part: Uint8Array) => void
  #aborted = false
  #appending = false

  constructor(peer: Peer, envelope: Envelope, options: IntakeOptions, lostReplies: LostReplies, traceId: () => string) {
    this.#peer = peer
    this.#envelope = envelope
    this.#options = options
    this.#lostReplies = lostReplies
    this.#traceId = traceId
    this.#body = new BodyCollector({ budget: options.memory, limits: options.limits, largeWriter: () => options.store.largeWriter(), hasRoom: () => hasRoom(options.store) })
    this.add = this.#body.add
  }

  get congested(): boolean {
    return this.#body.congested
  }
  relieved(): Promise<void> {
    return this.#body.relieved()
  }
  get refusal(): Reply | undefined {
    if (this.#body.failure !== undefined) return this.#replyTo(this.#body.failure)
    return this.#body.headerTooLong ? headerTooLong : undefined
  }

  async finish(onAppend: () => void): Promise<Finished> {
    const { store, log } = this.#options
    try {
      const drafted = await draftArrival(this.#peer, this.#envelope, this.#body, this.#tools())
      if (!drafted.ok) {
        this.abort()
        return { end: 'refused', reply: drafted.reply }
      }
      const { meta, draft } = drafted
      const key = () => resendKey(this.#peer, this.#envelope, draft.sha256)
      // The hash is asked for before the append: afterwards the bytes belong to another thread.
      const before = this.#lostReplies.isEmpty ? undefined : this.#lostReplies.find(key())
      if (before !== undefined) {
        log.info('a message came a second time after a reply that was lost', { arrival: before, peer: this.#peer.address })
        this.#body.abort().catch(() => {})
        return this.#kept(before, key)
      }
      if (this.#aborted) return { end: 'refused', reply: localTrouble }
      this.#appending = true
      onAppend()
      const size = draft.at === 'memory' ? draft.bytes.length : draft.sizeOctets
      const answered = this.#options.pressure?.begin()
      const arrival = await store.accept(meta, draft).finally(answered)
      this.#body.release()
      log.info('message kept', {
        arrival, via: meta.via, from: meta.sender, to: this.#envelope.recipients.length, accounts: meta.plans.length, outside: meta.work.filter((work) => !work.deliveredHere).length,
        octets: size, peer: this.#peer.address, ...(meta.submitter === undefined ? {} : { account: meta.submitter }),
      })
      return this.#kept(arrival, key)
    } catch (error) {
      if (error instanceof ReplyUnknown) {
        this.#body.release()
        log.warn('a message may have been kept; no reply is given', { peer: this.#peer.address, error: errorSentence(error) })
        return { end: 'unknown' }
      }
      // An outage says that nothing was kept (store.ts); of anything else nobody knows once the store was asked.
      if (this.#appending && !(error instanceof Outage)) {
        this.#body.release()
        throw error
      }
      this.#appending = false
      this.abort()
      return { end: 'refused', reply: this.#replyTo(error) }
    }
  }

  #kept(arrival: Sequence, key: () => string): Finished & { end: 'kept' } {
    return { end: 'kept', arrival, reply: reply(250, '2.0.0', `kept as ${arrival}`), confirm() {}, lost: () => this.#lostReplies.remember(key(), arrival) }
  }

  #replyTo(error: unknown): Reply {
    const { log } = this.#options
    const facts = { peer: this.#peer.address, error: errorSentence(error), ...(error instanceof Outage && error.hint ? { hint: error.hint } : {}) }
    if (error instanceof Bug) log.error('a message was put off because of a bug', facts)
    else log.warn('a message was put off', facts)
    const code = errorCode(error)
    if (code === 'ENOSPC' || code === 'EDQUOT') return refusals['disk-full']
    if (code === 'EMFILE' || code === 'ENFILE') return refusals['no-descriptors']
    return code === 'ESHUTDOWN' ? refusals.stopping : localTrouble
  }

  abort(): void {
    this.#aborted = true
    if (this.#appending) return // the store has it
    this.#body.abort().catch((error: unknown) => this.#options.log.warn('what was written of a message could not be removed', { error: errorSentence(error) }))
  }

  #tools(): ArrivalTools {
    const { store, clock, random, limits, hostname, delivery, receivedShowsClient } = this.#options
    return { directory: store.directory, clock, random, limits, hostname, traceId: this.#traceId, delivery, receivedShowsClient }
  }
}
