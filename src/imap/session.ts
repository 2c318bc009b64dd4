// One IMAP session: bytes in, bytes out, no sockets. It takes commands one after the other, looks up whether
// its state allows them, runs them, and says what happened to the mailbox before the tagged answer.
//
// Promises: one catch for each command. An outage is NO [UNAVAILABLE], a bug NO [SERVERBUG], and the session
// lives on (INV-10); only a change whose end is not known closes the connection without an answer. A client
// that does not read is waited for; one that sends faster than it is answered is not read from.
import { Outage, errorSentence } from '../base/errors.ts'
import { isLoopback, parseIp } from '../net/network.ts'
import { DIRECTORY, ReplyUnknown } from '../store/store.ts'
import { Framer } from '../wire/imap/framer.ts'
import type { FrameEvent } from '../wire/imap/framer.ts'
import { parseCommand } from '../wire/imap/parse-command.ts'
import { ResponseBuffer, sentence } from '../wire/imap/print.ts'
import type { Answer } from './answer.ts'
import { bad, no } from './answer.ts'
import { AppendUnderWay } from './append-under-way.ts'
import { capabilities } from './capabilities.ts'
import { entryFor } from './command-table.ts'
import type { Conversation, LineConsumer } from './conversation.ts'
import { tellFlags, tellNews } from './news.ts'
import { PeerGone } from './peer.ts'
import type { Peer } from './peer.ts'
import type { ImapServices } from './services.ts'
import type { Enabled, SelectedMailbox, SessionState, User } from './session-state.ts'

/** Bytes not yet taken, past which the client has to wait. */
const HELD_OCTETS_MAX = 128 * 1024
/** Whoever has not logged in sends a name and a password, or ID with 30 pairs (RFC 2971 §3.3), the longest of all: so long may a command be, its literals as well. */
const STRANGERS_OCTETS_MAX = 40 * 1024
/** How many times the idle time before a login all of it may last, however slowly octets trickle in. */
const LOGIN_IDLE_TIMES_MAX = 5
/** Gathered output, past which it is handed over and a slow client waited for. */
const GATHER_OCTETS = 64 * 1024
const SHUT_OUT = 'this account is suspended'

export class Session implements Conversation {
  readonly services: ImapServices
  readonly peer: Peer
  readonly enabled: Enabled = { condstore: false, qresync: false, utf8: false }
  readonly out = new ResponseBuffer()
  #state: SessionState = { at: 'not-authenticated' }
  readonly #framer: Framer
  #running = false
  #paused = false
  #ended = false
  /** AUTHENTICATE or IDLE: lines go to it, and its answer to this tag. */
  #lines: { tag: string; to: LineConsumer } | undefined
  #append: AppendUnderWay | undefined
  #stopWatching: (() => void) | undefined
  #errors = 0
  #loginFailures = 0
  /** Monotonic. */
  readonly #loginByMs: number
  #upgrading = false
  tag = '*'

  constructor(services: ImapServices, peer: Peer) {
    this.services = services
    this.peer = peer
    const { limits } = services
    const isStranger = () => this.#state.at === 'not-authenticated'
    this.#framer = new Framer({
      get commandOctetsMax() {
        return isStranger() ? Math.min(STRANGERS_OCTETS_MAX, limits.imap_command_octets_max) : limits.imap_command_octets_max
      },
      get literalOctetsMax() {
        return isStranger() ? Math.min(STRANGERS_OCTETS_MAX, limits.imap_literal_octets_max) : limits.imap_literal_octets_max
      },
    })
    this.#loginByMs = services.clock.monotonicMs() + LOGIN_IDLE_TIMES_MAX * limits.imap_login_ms
  }

  get state(): SessionState {
    return this.#state
  }
  get loginAllowed(): boolean {
    if (this.peer.secure) return true
    const ip = parseIp(this.peer.remoteAddress)
    return this.services.plaintextLogin === 'loopback' && ip.ok && isLoopback(ip.value)
  }

  /** The greeting. Call once, first. */
  greet(): void {
    this.peer.setIdle(this.services.limits.imap_login_ms)
    this.#say(`* OK [CAPABILITY ${capabilities(this)}] Daruma ready\r\n`)
  }

  /** Bytes from the client, which belong to the session from now on. */
  receive(chunk: Uint8Array): void {
    if (this.#state.at === 'logout') return
    if (this.#state.at === 'not-authenticated' && !this.#running && this.services.clock.monotonicMs() > this.#loginByMs) {
      this.goodbye('logging in took too long')
      return
    }
    this.#framer.push(chunk)
    if (!this.#running) void this.#run()
    else if (!this.#paused && this.#framer.heldOctets > HELD_OCTETS_MAX) {
      this.#paused = true
      this.peer.pause()
    }
  }

  /** What has arrived and was not looked at is dropped: it must not count after STARTTLS. */
  discard(): number {
    return this.#framer.discard()
  }

  /** The server closes: RFC 3501 §7.1.5. */
  goodbye(text: string, code?: string): void {
    if (this.#state.at === 'logout') return
    this.#say(`* BYE ${code ? `[${code}] ` : ''}${sentence(text)}\r\n`)
    this.close()
    this.peer.end()
  }

  /** As `goodbye`, but what is being answered is answered first: nothing is cut in the middle of a literal. */
  goodbyeSoon(text: string, code?: string): void {
    if (this.#running) this.#leaving = { text, code }
    else this.goodbye(text, code)
  }
  #leaving: { text: string; code: string | undefined } | undefined

  /** The client has said and taken nothing for too long. */
  timeOut(): void {
    if (!this.#running) {
      this.goodbye('nothing was heard for too long')
      return
    }
    // It does not read: a goodbye would stand in the middle of what it did not take.
    this.close()
    this.peer.end()
  }

  /** The connection is gone or going: lets go of everything. Safe to call twice. */
  close(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#lines?.to.close()
    this.#lines = undefined
    void this.#append?.abort()
    this.#append = undefined
    const state = this.#state
    this.#state = { at: 'logout' }
    if (state.at === 'selected') this.services.views.leave(state.selected.shared, state.selected.tracker)
  }

  // ---- what commands call

  async breathe(): Promise<void> {
    if (this.out.octets >= GATHER_OCTETS) await this.flush()
  }

  async flush(): Promise<void> {
    this.#handOver()
    if (!(await this.peer.drained())) throw new PeerGone()
  }

  #handOver(): void {
    for (const part of this.out.takeParts()) this.peer.write(part)
  }

  #say(line: string): void {
    this.out.text(line)
    this.#handOver()
  }

  enableCondstore(): void {
    if (this.enabled.condstore) return
    this.enabled.condstore = true
    if (this.#state.at === 'selected') this.out.text(`* OK [HIGHESTMODSEQ ${Math.max(1, this.#state.selected.shared.view.highestModseq)}] from here on\r\n`)
  }

  authenticated(user: User): void {
    if (this.#state.at === 'logout') return // it hung up while the password was judged
    this.#state = { at: 'authenticated', user }
    this.peer.setIdle(this.services.limits.imap_idle_ms)
    // One that only listens (IDLE) gives no command for half an hour.
    this.#stopWatching ??= this.services.store.onNotice(DIRECTORY, () => {
      if (this.#isShutOut()) this.goodbyeSoon(SHUT_OUT)
    })
  }

  /** Suspended or deleted meanwhile: what an operator has decided counts for sessions under way as well. */
  #isShutOut(): boolean {
    const state = this.#state
    return (state.at === 'authenticated' || state.at === 'selected') && this.services.store.directory.account(state.user.account)?.suspended !== false
  }

  select(user: User, selected: SelectedMailbox | undefined): void {
    const before = this.#state
    if (before.at === 'logout') {
      // It hung up while the mailbox was being opened.
      if (selected) this.services.views.leave(selected.shared, selected.tracker)
      return
    }
    if (before.at === 'selected') this.services.views.leave(before.selected.shared, before.selected.tracker)
    this.#state = selected ? { at: 'selected', user, selected } : { at: 'authenticated', user }
  }

  loginFailed(): void {
    this.#loginFailures += 1
    if (this.#loginFailures < this.services.limits.login_failures_max) return
    this.out.text('* BYE too many failed logins\r\n')
    this.#ended = true
  }

  upgradeToTls(): void {
    this.#upgrading = true
  }

  leave(): void {
    this.#ended = true
  }

  converse(to: LineConsumer): void {
    this.#pendingLines = to
  }
  #pendingLines: LineConsumer | undefined

  #isOver(): boolean {
    return this.#state.at === 'logout'
  }

  // ---- the loop

  async #run(): Promise<void> {
    this.#running = true
    try {
      while (this.#state.at !== 'logout') {
        if (this.#lines) {
          const line = this.#framer.nextLine()
          if (line === undefined) break
          await this.#takeLine(line === 'too-long' ? undefined : line)
        } else {
          const event = this.#framer.next()
          if (!event) break
          await this.#take(event)
        }
        if (this.out.octets >= GATHER_OCTETS) await this.flush()
        if (this.#leaving) this.goodbye(this.#leaving.text, this.#leaving.code)
      }
      this.#handOver()
      this.out.rest() // an idle session holds no buffer
    } catch (error) {
      if (!(error instanceof PeerGone)) {
        this.services.log.error('an IMAP session ended by a bug', { error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
        this.goodbye('internal error')
      } else this.close()
    } finally {
      this.#running = false
      if (this.#paused) {
        this.#paused = false
        this.peer.resume()
      }
    }
  }

  async #take(event: FrameEvent): Promise<void> {
    switch (event.event) {
      case 'continue':
        this.#say('+ go ahead\r\n')
        return
      case 'refused': {
        const answer = event.why === 'literal-too-long' ? no('the literal is too large', 'TOOBIG') : bad('the command is too long')
        this.#finish(event.tag ?? '*', event.why === 'literal-too-long' && event.tag ? answer : bad(answer.text))
        this.#countError()
        return
      }
      case 'command':
        if (event.bytes.length === 0) return // an empty line is nobody's command; some clients send one
        await this.#command(event.bytes)
        return
      case 'append': {
        this.#append ??= new AppendUnderWay(this)
        const append = this.#append
        const mayCome = await append.begin(event)
        if (this.#isOver()) {
          await append.abort() // it hung up meanwhile
          return
        }
        if (mayCome) {
          this.#framer.acceptLiteral()
          if (event.waits) this.#say('+ go ahead\r\n')
        } else if (this.#framer.refuseLiteral()) await this.#endAppend(append, undefined)
        return
      }
      case 'chunk':
        await this.#append?.chunk(event.bytes)
        return
      case 'message-end':
        await this.#append?.messageEnd()
        return
      case 'append-end':
        if (this.#append) await this.#endAppend(this.#append, event.refused ? undefined : event.rest)
        return
    }
  }

  async #endAppend(append: AppendUnderWay, rest: Uint8Array | undefined): Promise<void> {
    this.#append = undefined
    await this.#guarded(append.tag, () => append.end(rest), true)
  }

  async #command(bytes: Uint8Array): Promise<void> {
    const parsed = parseCommand(bytes, { utf8: this.enabled.utf8 })
    if (!parsed.ok) {
      this.#finish(parsed.tag ?? '*', parsed.code === 'mailbox-name' ? no(parsed.reason, 'CANNOT') : bad(parsed.reason))
      this.#countError()
      return
    }
    const { tag, command } = parsed.value
    const entry = entryFor(command)
    const state = this.#state
    if (this.#isShutOut()) {
      this.goodbye(SHUT_OUT)
      return
    }
    switch (entry.when) {
      case 'any':
        return this.#guarded(tag, async () => entry.run(this, command), true)
      case 'not-authenticated':
        if (state.at !== 'not-authenticated') return this.#finish(tag, bad('you are logged in already'))
        return this.#guarded(tag, async () => entry.run(this, command), true)
      case 'authenticated':
        if (state.at !== 'authenticated' && state.at !== 'selected') return this.#finish(tag, bad('log in first'))
        return this.#guarded(tag, async () => entry.run(this, state.user, command), true)
      case 'selected': {
        if (state.at !== 'selected') return this.#finish(tag, bad(state.at === 'not-authenticated' ? 'log in first' : 'select a mailbox first'))
        const mayExpunge = !entry.holdsExpunges?.(command)
        return this.#guarded(tag, async () => {
          const { shared, tracker } = state.selected
          await shared.refresh()
          if (tracker.takeKeywordsGrew()) tellFlags(this.out, shared.view, tracker.readOnly)
          return entry.run(this, state.selected, command)
        }, mayExpunge)
      }
    }
  }

  /** The one catch of a command, its news, its tagged answer. */
  async #guarded(tag: string, act: () => Promise<Answer | 'goes-on'>, mayExpunge: boolean): Promise<void> {
    let answer: Answer
    this.tag = tag
    try {
      const end = await act()
      if (end === 'goes-on') {
        const to = this.#pendingLines
        this.#pendingLines = undefined
        if (to) this.#lines = { tag, to }
        return
      }
      answer = end
    } catch (error) {
      if (error instanceof PeerGone) throw error
      if (error instanceof ReplyUnknown) {
        // The change may or may not have been made: nothing may be said about it (STORE.md, Applying 5).
        this.services.log.warn('a change was made whose end is not known; the session is closed', { error: errorSentence(error) })
        this.goodbye('the outcome of the last command is not known')
        return
      }
      answer = this.#trouble(error)
    }
    await this.#tellNews(mayExpunge)
    this.#finish(tag, answer)
    if (answer.status === 'BAD') this.#countError()
    if (this.#upgrading) await this.#upgrade()
    if (this.#ended) {
      this.#handOver()
      this.close()
      this.peer.end()
    }
  }

  /** What happened meanwhile, one's own doing included. If it cannot be read now, it is told later; the answer stands. */
  async #tellNews(mayExpunge: boolean): Promise<void> {
    const state = this.#state
    if (state.at !== 'selected') return
    try {
      await state.selected.shared.refresh()
    } catch (error) {
      this.services.log.warn('a mailbox could not be looked at again', { error: errorSentence(error) })
    }
    await tellNews(this, state.selected.tracker, mayExpunge)
    if (state.selected.shared.isReplaced) this.#leaving = { text: 'the mailbox was restored: open it again', code: undefined }
  }

  async #upgrade(): Promise<void> {
    this.#upgrading = false
    this.#handOver()
    // Commands that were sent along with STARTTLS in plain text may be somebody else's.
    const discarded = this.#framer.discard()
    if (discarded > 0) this.services.log.warn('commands behind STARTTLS were thrown away', { octets: discarded, peer: this.peer.remoteAddress })
    if (!(await this.peer.startTls())) throw new PeerGone()
  }

  #trouble(error: unknown): Answer {
    if (error instanceof Outage) {
      this.services.log.warn('an IMAP command met an outage', { error: error.message, hint: error.hint })
      return no('not available at the moment, try again later', 'UNAVAILABLE')
    }
    this.services.log.error('an IMAP command met a bug', { error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
    return no('internal error, try again later', 'SERVERBUG') // INV-10
  }

  #finish(tag: string, answer: Answer): void {
    this.out.text(`${tag} ${answer.status} ${answer.code === undefined ? '' : `[${answer.code}] `}${sentence(answer.text)}\r\n`)
  }

  #countError(): void {
    this.#errors += 1
    if (this.#errors > this.services.limits.session_errors_max && this.#state.at !== 'logout') this.goodbye('too many errors')
  }

  async #takeLine(line: Uint8Array | undefined): Promise<void> {
    const lines = this.#lines
    if (!lines) return
    await this.#guarded(lines.tag, async () => {
      let answer: Answer | undefined
      try {
        answer = await lines.to.take(line)
      } catch (error) {
        this.#endLines(lines)
        throw error
      }
      if (!answer) {
        this.#pendingLines = lines.to
        return 'goes-on'
      }
      this.#endLines(lines)
      return answer
    }, true)
  }

  #endLines(lines: { to: LineConsumer }): void {
    lines.to.close()
    this.#lines = undefined
  }
}
