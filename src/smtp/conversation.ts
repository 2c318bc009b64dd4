// One SMTP session with a peer: bytes in, replies out, the pure machine of session.ts in between. It
// takes from the reader only what it can act on now, so that pipelined commands wait in order behind a
// message that is being kept, and all replies of a batch leave in one write. What the next octets are says its mode
// (mode.ts).
//
// Busy (a message being kept, a login being judged, a TLS handshake): nothing is taken. It ends in
// `#resume`, which goes on with what has come meanwhile.
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { PeerLogins } from '../guard/guard.ts'
import type { Finished, MessageIn, Peer } from '../intake/intake.ts'
import { LineReader } from '../net/line-reader.ts'
import type { SaslContext } from '../wire/sasl/sasl.ts'
import type { CommandFault } from '../wire/smtp/command.ts'
import { parseCommand } from '../wire/smtp/parse-command.ts'
import { ErrorCount, faultReply, greeting, looksLikeHttp } from '../wire/smtp/protocol-replies.ts'
import { printReply, reply, type Reply } from '../wire/smtp/reply.ts'
import { continueLogin, saslContext, startLogin, type LoginStep } from './login.ts'
import type { SmtpPeer } from './peer.ts'
import { COMMAND, type Mode, type Waiting } from './mode.ts'
import { replies } from './replies.ts'
import { step, type Effect, type SmtpState } from './session.ts'
import { Standing, type SmtpDoorKind, type StandingOptions } from './standing.ts'
import { ChunkTransfer, DataTransfer } from './transfer.ts'

export interface SmtpServices extends StandingOptions {
  /** What is said when the server leaves. One object for all sessions: it may be changed before they are told. */
  readonly farewell: { reply: Reply }
  readonly logins: PeerLogins
  /** It has brought a message, or logged in. */
  readonly onProven?: () => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class Conversation {
  readonly #services: SmtpServices
  readonly #peer: SmtpPeer
  readonly #kind: SmtpDoorKind
  readonly #reader: LineReader
  readonly #standing: Standing
  readonly #errors: ErrorCount
  #state: SmtpState = { at: 'fresh' }
  #mode: Mode = COMMAND
  #waiting: Waiting = 'no'
  #running = false
  #stopping = false
  #closed = false
  /** A message in chunks that has begun. */
  #chunks: ChunkTransfer | undefined
  /** The message that is being kept, and whether the store has been asked. */
  #keeping: { message: MessageIn; appending: boolean } | undefined
  /** The message whose reply the peer has perhaps not read. */
  #unread: (Finished & { end: 'kept' }) | undefined
  /** Commands since the last message was kept. */
  #commands = 0
  /** Monotonic: since when the beginning of a command has been here without its end. */
  #partialSinceMs: number | undefined
  #failedLogins = 0

  constructor(services: SmtpServices, peer: SmtpPeer, kind: SmtpDoorKind) {
    this.#services = services
    this.#peer = peer
    this.#kind = kind
    this.#standing = new Standing(services, peer, kind)
    this.#errors = new ErrorCount(services.limits.session_errors_max)
    this.#reader = new LineReader({ lineOctetsMax: services.limits.smtp_command_octets_max, onMore: () => this.#run() }, peer)
  }

  /** Greets, unless that was done already. */
  begin(greeted: boolean): void {
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    if (!greeted) this.#peer.write(greeting(this.#services.hostname))
  }

  // ------------------------------------------------------------------ the loop

  #run(): void {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#waiting === 'no' && this.#state.at !== 'closed' && this.#advance());
      if (this.#reader.hasEnded && this.#waiting === 'no' && this.#state.at !== 'closed') this.#close()
    } catch (error) {
      this.#onBug(error)
    } finally {
      this.#running = false
    }
  }

  /** False: more has to come first. */
  #advance(): boolean {
    const mode = this.#mode
    switch (mode.is) {
      case 'command': return this.#takeCommand()
      case 'login': return this.#takeLoginLine(mode)
      case 'data': return this.#takeData(mode.transfer)
      case 'chunk': return this.#takeChunk(mode)
      case 'swallow': return this.#swallow(mode)
    }
  }

  #takeCommand(): boolean {
    if (this.#stopping && this.#reader.heldOctets === 0) {
      this.#sayAndClose(this.#services.farewell.reply)
      return false
    }
    const line = this.#reader.takeLine()
    if (!line) return this.#awaitRest()
    this.#partialSinceMs = undefined
    this.#unread?.confirm()
    this.#unread = undefined
    this.#commands += 1
    if (this.#commands > this.#services.limits.smtp_commands_max) {
      this.#sayAndClose(replies.tooManyCommands)
      return false
    }
    if (line.isTooLong) this.#say(replies.lineTooLong)
    else if (line.end === 'lf') this.#say(replies.lineEnd)
    else this.#obey(line.bytes)
    return true
  }

  /** A command that trickles in octet by octet must not hold the session longer than one that does not come at all. */
  #awaitRest(): false {
    if (this.#reader.heldOctets === 0 && this.#partialSinceMs === undefined) return false // between two commands
    const nowMs = this.#services.clock.monotonicMs()
    this.#partialSinceMs ??= nowMs
    if (nowMs - this.#partialSinceMs > this.#services.limits.smtp_idle_ms) this.#sayAndClose(replies.idle)
    return false
  }

  #obey(line: Uint8Array): void {
    const command = parseCommand(line, { pathOctetsMax: this.#services.limits.path_octets_max })
    if (!command.ok) {
      if (command.code === 'command-unknown' && looksLikeHttp(line)) this.#sayAndClose(replies.notSmtp)
      else this.#say(faultReply(command.code as CommandFault, command.reason))
      return
    }
    const before = this.#state
    const next = step(before, command.value, this.#standing.rules)
    if (next.effect?.do === 'start-tls' && this.#reader.heldOctets > 0) {
      // RFC 3207 §4.2, CVE-2011-0411: what was slipped in behind STARTTLS must not be taken for the client's own words.
      const octets = this.#reader.discard()
      this.#services.log.warn('commands behind STARTTLS were thrown away', { peer: this.#peer.remoteAddress, octets })
      this.#say(replies.injection)
      return
    }
    this.#state = next.state
    if (next.reply) {
      if (next.effect?.do === 'close') return this.#sayAndClose(next.reply)
      if (next.reply.code >= 500 && (command.value.verb === 'RCPT' || command.value.verb === 'MAIL')) this.#logRefusal(next.reply, line)
      this.#say(next.reply)
    }
    if (next.effect) this.#perform(next.effect)
  }

  #perform(effect: Effect): void {
    const { limits, clock, intake } = this.#services
    switch (effect.do) {
      case 'data':
        this.#mode = { is: 'data', transfer: new DataTransfer(intake.open(this.#peerNow(), effect.envelope), limits, clock.monotonicMs()) }
        return
      case 'chunk': {
        const transfer = !effect.first && this.#chunks ? this.#chunks : new ChunkTransfer(intake.open(this.#peerNow(), effect.envelope), limits, {
          binary: effect.envelope.sender.parameters.body === 'BINARYMIME', nowMs: clock.monotonicMs(),
        })
        this.#chunks = transfer
        transfer.expect(effect.octets)
        this.#mode = { is: 'chunk', transfer, octets: effect.octets, last: effect.last }
        return
      }
      case 'swallow':
        this.#mode = { is: 'swallow', left: effect.octets, then: effect.then }
        return
      case 'drop-message':
        this.#chunks?.message.abort()
        this.#chunks = undefined
        return
      case 'start-tls':
        this.#waiting = 'tls'
        this.#peer.startTls().then((started) => this.#onTls(started), (error: unknown) => this.#onBug(error))
        return
      case 'authenticate': {
        const context = saslContext(this.#services.logins, this.#services.random, this.#peer.tls)
        this.#judge(startLogin(effect.mechanism, effect.initial, context, this.#services.logins), context)
        return
      }
      case 'close':
        return // said and done where the reply is
    }
  }

  /** The peer as the message's envelope knew it. */
  #peerNow(): Peer {
    return this.#standing.facts('client' in this.#state ? this.#state.client : { name: '', isExtended: false })
  }

  // ------------------------------------------------------------------ messages

  #takeData(transfer: DataTransfer): boolean {
    const window = this.#reader.window()
    if (window.length === 0) return false
    this.#reader.advance(transfer.take(window))
    if (transfer.done) {
      this.#mode = COMMAND
      if (transfer.refusal) this.#refuseMessage(transfer.refusal)
      else this.#keep(transfer.message)
      return true
    }
    return this.#mayGoOn(transfer)
  }

  #takeChunk(mode: Mode & { is: 'chunk' }): boolean {
    const { transfer } = mode
    if (!transfer.chunkDone) {
      const window = this.#reader.window()
      if (window.length === 0) return false
      this.#reader.advance(transfer.take(window))
      if (!transfer.chunkDone) return this.#mayGoOn(transfer)
    }
    this.#mode = COMMAND
    if (mode.last) transfer.finish()
    if (transfer.refusal) {
      this.#chunks = undefined
      if (this.#state.at === 'chunks') this.#state = { at: 'broken', client: this.#state.client }
      this.#refuseMessage(transfer.refusal)
    } else if (mode.last) {
      this.#chunks = undefined
      this.#keep(transfer.message)
    } else this.#say(reply(250, '2.0.0', `${mode.octets} octets received`))
    return true
  }

  /** In the middle of a message: is there time, and room? */
  #mayGoOn(transfer: DataTransfer | ChunkTransfer): boolean {
    if (this.#services.clock.monotonicMs() > transfer.untilMs) {
      this.#sayAndClose(replies.dataTooSlow)
      return false
    }
    if (!transfer.refusal && transfer.message.congested) {
      this.#waiting = 'room'
      transfer.message.relieved().then(() => this.#resume(), (error: unknown) => this.#onBug(error))
    }
    return true
  }

  #swallow(mode: Mode & { is: 'swallow' }): boolean {
    if (mode.left > 0) {
      const taken = this.#reader.takeUpTo(mode.left)
      if (!taken) return false
      mode.left -= taken.length
      if (mode.left > 0) return true
    }
    this.#mode = COMMAND
    this.#say(mode.then)
    return true
  }

  #refuseMessage(refusal: Reply): void {
    this.#logRefusal(refusal)
    this.#say(refusal)
  }

  /** Nothing of what follows here may come before the flush: the 250 is written when the store has said so (INV-1). */
  #keep(message: MessageIn): void {
    const keeping = { message, appending: false }
    this.#keeping = keeping
    this.#waiting = 'message'
    this.#standing.rules.messagesLeft -= 1
    this.#peer.setIdle(this.#services.limits.smtp_accept_ms)
    message.finish(() => { keeping.appending = true }).then(
      (finished) => this.#onFinished(keeping, finished),
      (error: unknown) => {
        // What nobody foresaw after the append: whether it is kept nobody knows.
        if (keeping.appending) this.#peer.destroy('a message may have been kept')
        this.#onBug(error)
      },
    )
  }

  #onFinished(keeping: { message: MessageIn }, finished: Finished): void {
    const given = this.#keeping !== keeping // answered 451 meanwhile
    if (!given) this.#keeping = undefined
    if (finished.end === 'kept') {
      if (given || !this.#peer.isOpen) return finished.lost()
      this.#unread = finished
      this.#services.onProven?.()
      this.#commands = 0
      this.#say(finished.reply)
    } else if (given) return
    else if (finished.end === 'refused') this.#refuseMessage(finished.reply)
    else {
      this.#state = { at: 'closed' }
      return this.#peer.destroy('a message may have been kept; no reply can be given')
    }
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    this.#resume()
  }

  // ------------------------------------------------------------------ logins and TLS

  #takeLoginLine(mode: Mode & { is: 'login' }): boolean {
    const line = this.#reader.takeLine()
    if (!line) return this.#awaitRest()
    this.#partialSinceMs = undefined
    this.#mode = COMMAND
    if (line.isTooLong || line.end === 'lf') this.#say(replies.loginMalformed)
    else this.#judge(continueLogin(mode.state, line.bytes, mode.context, this.#services.logins), mode.context)
    return true
  }

  #judge(judging: Promise<LoginStep>, context: SaslContext): void {
    this.#waiting = 'login'
    judging.then((answer) => {
      this.#onLogin(answer, context)
      this.#resume()
    }).catch((error: unknown) => this.#onBug(error))
  }

  #onLogin(answer: LoginStep, context: SaslContext): void {
    const { log, limits } = this.#services
    switch (answer.is) {
      case 'challenge':
        this.#mode = { is: 'login', state: answer.state, context }
        this.#peer.write(`334 ${answer.text}\r\n`)
        return
      case 'in':
        this.#standing.logIn(answer.account)
        this.#services.onProven?.()
        log.info('logged in', { account: answer.account.account, user: answer.account.address, peer: this.#peer.remoteAddress, door: this.#kind })
        this.#say(replies.loggedIn)
        return
      case 'failed':
        if (answer.reply.code === 535 || answer.reply === replies.loginBusy) {
          this.#failedLogins += 1
          log.info('a login failed', { user: answer.user ?? null, peer: this.#peer.remoteAddress, door: this.#kind })
        }
        this.#say(answer.reply)
        if (this.#failedLogins >= limits.login_failures_max && this.#state.at !== 'closed') this.#sayAndClose(replies.tooManyLogins)
    }
  }

  #onTls(started: { ok: true; discardedOctets: number } | { ok: false }): void {
    if (!started.ok) return // the connection is gone; `closed` has been or will be called
    this.#standing.forget()
    if (started.discardedOctets > 0) {
      this.#services.log.warn('commands behind STARTTLS were thrown away', { peer: this.#peer.remoteAddress, octets: started.discardedOctets })
      return this.#sayAndClose(replies.injectionUnderTls)
    }
    this.#resume()
  }

  #resume(): void {
    if (this.#closed) return
    this.#waiting = 'no'
    this.#run()
  }

  // ------------------------------------------------------------------ replies

  #say(answer: Reply): void {
    this.#peer.write(printReply(answer))
    if (this.#errors.note(answer)) this.#sayAndClose(replies.tooManyErrors)
  }

  #sayAndClose(answer: Reply): void {
    this.#peer.write(printReply(answer))
    this.#close()
  }

  #close(): void {
    this.#state = { at: 'closed' }
    this.#dropTransfers()
    this.#peer.end()
  }

  #logRefusal(answer: Reply, line?: Uint8Array): void {
    this.#services.log.info('refused', {
      peer: this.#peer.remoteAddress, door: this.#kind, reply: `${answer.code} ${answer.status} ${answer.lines[0] ?? ''}`,
      ...(line ? { command: Buffer.from(line.buffer, line.byteOffset, Math.min(line.byteLength, 300)).toString('utf8') } : {}),
    })
  }

  #dropTransfers(): void {
    if (this.#mode.is === 'data' || this.#mode.is === 'chunk') this.#mode.transfer.message.abort()
    this.#chunks?.message.abort()
    this.#chunks = undefined
    this.#mode = COMMAND
  }

  #onBug(error: unknown): void {
    this.#services.log.error('an SMTP session failed', { peer: this.#peer.remoteAddress, error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
    if (this.#state.at === 'closed') return this.#peer.destroy('a bug')
    this.#sayAndClose(replies.localError)
  }

  // ------------------------------------------------------------------ what happens to the connection

  /** Nothing was heard for the time that was set. */
  onIdle(): void {
    const keeping = this.#keeping
    if (!keeping) {
      if (this.#waiting === 'no' || this.#waiting === 'room') this.#sayAndClose(replies.idle)
      else this.#peer.destroy('a login took too long')
      return
    }
    this.#keeping = undefined // what comes of it is told to nobody
    keeping.message.abort()
    if (keeping.appending) {
      this.#services.log.warn('keeping a message took too long; the connection is closed without a reply', { peer: this.#peer.remoteAddress })
      this.#state = { at: 'closed' }
      return this.#peer.destroy('keeping a message took too long')
    }
    this.#services.log.warn('a message was put off: it took too long before it could be kept', { peer: this.#peer.remoteAddress })
    this.#peer.setIdle(this.#services.limits.smtp_idle_ms)
    this.#say(replies.tookTooLong)
    this.#resume()
  }

  /** The door closes: what is under way is finished, then 421. */
  shutdown(): void {
    this.#stopping = true
    if (this.#waiting === 'no' && this.#mode.is !== 'data' && this.#mode.is !== 'chunk' && this.#state.at !== 'closed') this.#sayAndClose(this.#services.farewell.reply)
  }

  /** Others need the place, and nothing has come of this one. */
  leave(): void {
    if (this.#state.at === 'closed' || this.#waiting === 'message') return
    if (this.#waiting === 'no' || this.#waiting === 'room') this.#sayAndClose(replies.crowded)
    else this.#peer.destroy('others need the place')
  }

  /** The connection is gone. */
  closed(): void {
    this.#closed = true
    this.#state = { at: 'closed' }
    this.#dropTransfers()
    this.#keeping?.message.abort() // before the append it stops there; after it, `#onFinished` finds nobody to tell
    this.#unread?.lost()
    this.#unread = undefined
  }
}
