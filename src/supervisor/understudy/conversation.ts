// One SMTP session with the understudy: bytes in, replies out, the pure machine of session.ts in between. Takes
// from the reader only what it can act on now; while a message is being kept nothing is taken, so that pipelined
// commands wait in order. Promises an answer to everything that came whole, but for one case: a message of which
// nobody knows whether it is kept.
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorSentence } from '../../base/errors.ts'
import { hexOf } from '../../base/bytes.ts'
import type { Limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { TAKEN_VERSION, printTakenMeta, type TakenMeta } from '../../intake/taken.ts'
import type { Connection } from '../../net/connection.ts'
import { LineReader } from '../../net/line-reader.ts'
import type { ServerContexts } from '../../net/server-contexts.ts'
import type { InlineBody, LargeBody } from '../../store/journal/record.ts'
import type { CommandFault } from '../../wire/smtp/command.ts'
import { DataReader } from '../../wire/smtp/data-reader.ts'
import { parseCommand } from '../../wire/smtp/parse-command.ts'
import { ErrorCount, dataFaultReplies, faultReply, greeting, looksLikeHttp } from '../../wire/smtp/protocol-replies.ts'
import { printReply, reply, type Reply } from '../../wire/smtp/reply.ts'
import type { Body } from './body.ts'
import type { IntakeJournal, Outcome } from './intake-journal.ts'
import { replies } from './replies.ts'
import { step, type Client, type Effect, type Envelope, type SessionRules, type SessionState } from './session.ts'

/** What a session needs of whoever it talks with: a connection, or a script in a test. */
export type Peer = Pick<Connection, 'remoteAddress' | 'isOpen' | 'tls' | 'receive' | 'pause' | 'resume' | 'write' | 'setIdle' | 'startTls' | 'end' | 'destroy'>

export interface ConversationServices {
  readonly hostname: string
  readonly limits: Limits
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly contexts: ServerContexts | undefined
  /** Why no message is taken at this moment. */
  refusal(declaredOctets: number): Reply | undefined
  judge(address: string): Reply | undefined
  newBody(): Body
  /** Undefined while the journal is not open. */
  journal(): Pick<IntakeJournal, 'keep'> | undefined
}

interface Transfer {
  readonly reader: DataReader
  readonly body: Body
  readonly client: Client
  readonly envelope: Envelope
  /** Monotonic: the whole message has to be here by then. */
  readonly untilMs: number
  refusal: Reply | undefined
}

type Waiting = 'no' | 'message' | 'tls' | 'room'

export class Conversation {
  readonly #services: ConversationServices
  readonly #peer: Peer
  readonly #reader: LineReader
  readonly #rules: SessionRules
  readonly #errors: ErrorCount
  #state: SessionState = { at: 'fresh' }
  #transfer: Transfer | undefined
  #waiting: Waiting = 'no'
  /** Of the message that is being kept; a new one when it was answered early. */
  #keeping: object | undefined
  #running = false
  #stopping = false
  #commands = 0
  /** Monotonic: since when the beginning of a command has been here without its end. */
  #partialSinceMs: number | undefined

  constructor(services: ConversationServices, peer: Peer) {
    const { limits, hostname } = services
    this.#services = services
    this.#peer = peer
    this.#errors = new ErrorCount(limits.session_errors_max)
    this.#rules = {
      hostname, messageOctetsMax: limits.message_octets_max, recipientsMax: limits.recipients_max, messagesLeft: limits.session_messages_max,
      secure: peer.tls !== undefined, canStartTls: services.contexts !== undefined,
      refusal: (octets) => services.refusal(octets), judge: (address) => services.judge(address),
    }
    this.#reader = new LineReader({ lineOctetsMax: limits.smtp_command_octets_max, onMore: () => this.#run() }, peer)
  }

  /** Greets. */
  begin(): void {
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    this.#peer.write(greeting(this.#services.hostname))
  }

  // ------------------------------------------------------------------ the loop

  #run(): void {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#waiting === 'no' && this.#state.at !== 'closed' && (this.#transfer ? this.#takeData(this.#transfer) : this.#takeCommand()));
      if (this.#reader.hasEnded && this.#waiting === 'no' && this.#state.at !== 'closed') this.#close()
    } catch (error) {
      this.#onBug(error)
    } finally {
      this.#running = false
    }
  }

  /** False: more has to come first. */
  #takeCommand(): boolean {
    // In the middle of an envelope the peer may finish what it has begun; the grace bounds it.
    if (this.#stopping && this.#reader.heldOctets === 0 && this.#state.at !== 'envelope') return this.#sayAndClose(replies.goingAway)
    const line = this.#reader.takeLine()
    if (!line) return this.#awaitRest()
    this.#partialSinceMs = undefined
    this.#commands += 1
    if (this.#commands > this.#services.limits.smtp_commands_max) return this.#sayAndClose(replies.tooManyCommands)
    if (line.isTooLong) this.#say(replies.lineTooLong)
    else if (line.end === 'lf') this.#say(replies.lineEnd)
    else this.#obey(line.bytes)
    return true
  }

  /** A command that trickles in octet by octet must not hold the session longer than one that does not come at all. */
  #awaitRest(): false {
    if (this.#reader.heldOctets === 0 && this.#partialSinceMs === undefined) return false
    const nowMs = this.#services.clock.monotonicMs()
    this.#partialSinceMs ??= nowMs
    return nowMs - this.#partialSinceMs > this.#services.limits.smtp_idle_ms ? this.#sayAndClose(replies.idle) : false
  }

  #obey(line: Uint8Array): void {
    const command = parseCommand(line, { pathOctetsMax: this.#services.limits.path_octets_max })
    if (!command.ok) {
      if (command.code === 'command-unknown' && looksLikeHttp(line)) this.#sayAndClose(replies.notSmtp)
      else this.#say(faultReply(command.code as CommandFault, command.reason))
      return
    }
    const next = step(this.#state, command.value, this.#rules)
    if (next.effect?.do === 'start-tls' && this.#reader.heldOctets > 0) {
      // RFC 3207 §4.2, CVE-2011-0411: what was slipped in behind STARTTLS must not be taken for the client's own words.
      this.#reader.discard()
      return this.#say(replies.injection)
    }
    this.#state = next.state
    if (next.effect?.do === 'close') return void this.#sayAndClose(next.reply)
    this.#say(next.reply)
    if (next.effect && this.#state.at !== 'closed') this.#perform(next.effect)
  }

  #perform(effect: Exclude<Effect, { do: 'close' }>): void {
    const { limits, clock, contexts } = this.#services
    if (effect.do === 'data') {
      this.#transfer = {
        reader: new DataReader({ lineOctetsMax: limits.line_octets_max, messageOctetsMax: limits.message_octets_max }),
        body: this.#services.newBody(), client: effect.client, envelope: effect.envelope, untilMs: clock.monotonicMs() + limits.smtp_data_ms, refusal: undefined,
      }
      return
    }
    if (!contexts) return
    this.#waiting = 'tls'
    this.#peer.startTls({ as: 'server', contexts }).then((started) => {
      if (!started.ok) return // the connection is gone
      this.#rules.secure = true
      this.#state = { at: 'fresh' }
      if (started.value.discardedOctets > 0) this.#sayAndClose(replies.injectionUnderTls)
      else this.#resume()
    }).catch((error: unknown) => this.#onBug(error))
  }

  // ------------------------------------------------------------------ messages

  #takeData(transfer: Transfer): boolean {
    const window = this.#reader.window()
    if (window.length === 0) return false
    const { reader, body } = transfer
    this.#reader.advance(reader.push(window, transfer.refusal ? nowhere : body.add))
    if (!transfer.refusal) {
      // From the first reason on nothing more is kept, while the rest is read to its true end.
      transfer.refusal = reader.fault ? dataFaultReplies[reader.fault] : body.failure ? this.#replyTo(body.failure) : undefined
      if (transfer.refusal) body.abort()
    }
    if (reader.done) {
      this.#transfer = undefined
      if (transfer.refusal) this.#say(transfer.refusal)
      else this.#keep(transfer)
      return true
    }
    if (this.#services.clock.monotonicMs() > transfer.untilMs) return this.#sayAndClose(replies.dataTooSlow)
    if (!transfer.refusal && body.congested) {
      this.#waiting = 'room'
      body.relieved().then(() => this.#resume(), (error: unknown) => this.#onBug(error))
    }
    return true
  }

  #keep({ body, client, envelope }: Transfer): void {
    const keeping = {}
    this.#keeping = keeping
    this.#waiting = 'message'
    this.#rules.messagesLeft -= 1
    this.#peer.setIdle(this.#services.limits.smtp_accept_ms)
    const inMemory = body.finishInMemory()
    if (inMemory) return this.#append(keeping, inMemory, body, client, envelope)
    body.finishLarge().then(
      (large) => {
        if (this.#keeping === keeping) this.#append(keeping, large, body, client, envelope)
        else body.abort() // answered 451 meanwhile, or the peer has gone
      },
      (error: unknown) => {
        body.abort()
        this.#onOutcome(keeping, this.#replyTo(error))
      },
    ).catch((error: unknown) => this.#onBug(error))
  }

  /** Nothing of what follows here may come before the flush: the 250 is written when the journal has said so (INV-1). */
  #append(keeping: object, stored: InlineBody | LargeBody, body: Body, client: Client, envelope: Envelope): void {
    const { clock, random, log } = this.#services
    const id = hexOf(random.bytes(8))
    const meta = takenMeta(this.#peer, client, envelope, id)
    const journal = this.#services.journal()
    const done = (outcome: Outcome): void => {
      if (outcome.end === 'kept') {
        body.release()
        log.info('message taken', { taken: `U${outcome.sequence}`, id: meta.traceId, from: meta.sender, to: meta.recipients.length, octets: body.sizeOctets, peer: meta.peer })
        this.#commands = 0
        return this.#onOutcome(keeping, reply(250, '2.0.0', `kept as U${outcome.sequence}`))
      }
      if (outcome.end === 'unknown') {
        // The file of a large one stays: a record may name it.
        body.release()
        this.#state = { at: 'closed' }
        return this.#peer.destroy({ by: 'us', sentence: 'a message may have been kept; no reply can be given' })
      }
      body.abort()
      this.#onOutcome(keeping, outcome.end === 'no-space' ? replies.diskFull : replies.localTrouble)
    }
    if (!journal) return done({ end: 'closed' })
    journal.keep({ type: 'arrival', version: TAKEN_VERSION, timeMs: clock.nowMs(), databases: [], meta: printTakenMeta(meta), body: stored }, body.sizeOctets, done)
  }

  #onOutcome(keeping: object, answer: Reply): void {
    if (this.#keeping !== keeping) return // nobody waits for it any more
    this.#keeping = undefined
    this.#say(answer)
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    this.#resume()
  }

  #replyTo(error: unknown): Reply {
    const code = errorCode(error)
    this.#services.log.warn('a message was put off', { peer: this.#peer.remoteAddress, error: errorSentence(error) })
    return code === 'ENOSPC' || code === 'EDQUOT' ? replies.diskFull : replies.localTrouble
  }

  // ------------------------------------------------------------------ replies and ends

  #resume(): void {
    this.#waiting = 'no'
    this.#run()
  }

  #say(answer: Reply): void {
    this.#peer.write(printReply(answer))
    if (this.#errors.note(answer)) this.#sayAndClose(replies.tooManyErrors)
  }

  #sayAndClose(answer: Reply): false {
    this.#peer.write(printReply(answer))
    this.#close()
    return false
  }

  #close(): void {
    this.#state = { at: 'closed' }
    this.#drop()
    this.#peer.end()
  }

  #drop(): void {
    this.#transfer?.body.abort()
    this.#transfer = undefined
  }

  #onBug(error: unknown): void {
    this.#services.log.error('a session with the understudy failed', { peer: this.#peer.remoteAddress, error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
    this.#keeping = undefined
    if (this.#state.at === 'closed') return this.#peer.destroy({ by: 'us', sentence: 'a bug' })
    this.#sayAndClose(replies.localError)
  }

  /** Nothing was heard for the time that was set. */
  onIdle(): void {
    if (!this.#keeping) return void this.#sayAndClose(replies.idle)
    // Only a large file can take so long, and it comes before the append.
    this.#keeping = undefined
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    this.#say(replies.tookTooLong)
    this.#resume()
  }

  /** The door closes: what is under way is finished, then 421. */
  shutdown(): void {
    this.#stopping = true
    if (this.#waiting === 'no' && !this.#transfer && this.#state.at !== 'envelope' && this.#state.at !== 'closed') this.#sayAndClose(replies.goingAway)
  }

  /** The connection is gone. A message that was given to the journal stays kept: the peer may send it again. */
  closed(): void {
    this.#state = { at: 'closed' }
    this.#keeping = undefined
    this.#drop()
  }
}

const nowhere = (): void => {}

function takenMeta(peer: Peer, client: Client, { sender, parameters, recipients }: Envelope, id: string): TakenMeta {
  return {
    kind: 'taken', via: 'smtp', sender,
    ...(parameters.smtputf8 ? { smtputf8: true } : {}),
    ...(parameters.body ? { bodyType: parameters.body } : {}),
    ...(parameters.ret ? { ret: parameters.ret } : {}),
    ...(parameters.envid === undefined ? {} : { envid: parameters.envid }),
    peer: peer.remoteAddress, helo: client.name,
    ...(client.isExtended ? { extended: true } : {}),
    ...(peer.tls ? { tls: { protocol: peer.tls.protocol, cipher: peer.tls.cipher } } : {}),
    traceId: `u.${id}`,
    recipients: recipients.map(({ address, parameters: { notify, orcpt } }) => ({ address, ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) })),
    id,
  }
}
