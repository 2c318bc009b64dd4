// One connection to a peer that speaks a line protocol, plain or under TLS, for our servers and our
// clients alike. It promises: errors of the network never throw out of it; `onClose` is called
// exactly once; bytes reach the consumer in order and only while it wants them; many small writes
// of one turn leave as one packet; a peer that does not read is not read from; an idle connection
// owns no buffer and no timer. It never looks at what the bytes mean.
//
// States:
//   open     bytes flow both ways; `startTls` turns a plain one into one under TLS, once
//   ending   `end` was called: what was written still goes out, what arrives is thrown away. The
//            lingering keeps the peer's last unread bytes from turning our goodbye into a reset
//   closed   after `destroy`, an error, or both sides having ended; `closed` holds the reason
import type { Socket } from 'node:net'
import { Bug, assert, errorCode, errorSentence, refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { plainAddress } from './network.ts'
import type { Deadline, Sweeper } from './sweeper.ts'
import { tlsFactsOf } from './tls-facts.ts'
import type { TlsFacts } from './tls-facts.ts'
import { handshakeSentence, secure } from './tls-upgrade.ts'
import type { TlsSide } from './tls-upgrade.ts'

/** Octets that wait for the peer, past which `drained` waits and reading stops. */
const unsentOctetsHigh = 256 * 1024
/** Writes of one turn are gathered up to here. */
const gatherOctetsMax = 64 * 1024
/** After so many octets `drained` lets other connections have their turn. */
const turnOctetsMax = 1024 * 1024
/** How long a peer may take to hang up after our goodbye. */
const lingerMs = 10_000
/** How long a handshake may take. */
const handshakeMs = 30_000

export interface CloseReason {
  /** Who or what ended it. `bug`: a consumer threw; `cause` is what it threw. */
  by: 'us' | 'peer' | 'network' | 'deadline' | 'tls' | 'bug'
  /** A sentence for the log. */
  sentence: string
  /** The system's code, such as "ECONNRESET". */
  code?: string
  cause?: unknown
}

export interface TlsStarted {
  facts: TlsFacts
  /** Octets that had arrived before the handshake and were thrown away. More than 0 from a server's view: STARTTLS injection. */
  discardedOctets: number
}

const PAUSED_BY_CONSUMER = 1
const PAUSED_BY_CONGESTION = 2

// Connections with something to send, flushed together when the turn's callbacks and promises are done.
let dirty: Connection[] = []
function flushDirty(): void {
  const batch = dirty
  dirty = []
  for (const connection of batch) connection.flush()
}
function flushAfterMicrotasks(): void {
  process.nextTick(flushDirty) // runs when the promises that are ready now have run
}

export class Connection {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Called once, when the connection is gone. Nothing else is called afterwards. */
  onClose: ((reason: CloseReason) => void) | undefined
  /** The idle deadline passed. Without it the connection is destroyed. Say goodbye and `end`, or set the next deadline. */
  onIdle: (() => void) | undefined
  /** The door is closing: say goodbye and `end` when the work at hand is done. Without it the connection is ended at once. */
  onShutdown: (() => void) | undefined

  readonly #sweeper: Sweeper
  readonly #onGone: ((connection: Connection) => void) | undefined
  #socket: Socket
  #state: 'open' | 'ending' | 'closed' = 'open'
  #reason: CloseReason | undefined
  #onBytes: ((chunk: Uint8Array) => void) | undefined
  #onEnd: (() => void) | undefined
  #discard: (() => number) | undefined
  #pauses = 0
  #peerEnded = false
  #parts: (Uint8Array | string)[] = []
  #pendingOctets = 0
  #octetsThisTurn = 0
  #drainWaiters: ((open: boolean) => void)[] | undefined
  #deadline: Deadline | undefined
  #idleMs: number | undefined
  #tls: TlsFacts | undefined
  #secured = false
  #securing = false

  /** `remote`: who is really there, when a proxy stands between. `onGone` is for the door: called last of all. */
  constructor(options: { socket: Socket; sweeper: Sweeper; remote?: { address: string; port: number }; onGone?: (connection: Connection) => void }) {
    const { socket, remote } = options
    this.#onGone = options.onGone
    this.#socket = socket
    this.#sweeper = options.sweeper
    this.remoteAddress = remote?.address ?? plainAddress(socket.remoteAddress ?? '')
    this.remotePort = remote?.port ?? socket.remotePort ?? 0
    this.localAddress = plainAddress(socket.localAddress ?? '')
    this.localPort = socket.localPort ?? 0
    this.#adopt(socket)
  }

  /** What TLS is in use, if any. */
  get tls(): TlsFacts | undefined {
    return this.#tls
  }
  get closed(): CloseReason | undefined {
    return this.#state === 'closed' ? this.#reason : undefined
  }
  /** Whether writing still makes sense. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }
  /** Octets written here that the system has not yet taken. */
  get unsentOctets(): number {
    return this.#pendingOctets + this.#socket.writableLength
  }

  // ---- reading

  /**
   * Starts the flow. Each chunk belongs to the consumer and is never written to again. `onEnd`, called
   * once: no more will come, because the peer ended its side (it may still read; without `onEnd` the
   * connection is ended) or because the connection is gone. `discard` throws away what the consumer
   * has buffered and says how much that was (used by `startTls`).
   */
  receive(consumer: { onBytes: (chunk: Uint8Array) => void; onEnd?: () => void; discard?: () => number }): void {
    this.#onBytes = consumer.onBytes
    this.#onEnd = consumer.onEnd
    this.#discard = consumer.discard
    if (this.#state === 'open' && !this.#securing) this.#applyPauses()
  }

  /** No more chunks, but for what the system has already read, until `resume`. */
  pause(): void {
    this.#pauses |= PAUSED_BY_CONSUMER
    this.#applyPauses()
  }
  resume(): void {
    if ((this.#pauses & PAUSED_BY_CONSUMER) === 0) return
    this.#pauses &= ~PAUSED_BY_CONSUMER
    this.#applyPauses()
  }

  #applyPauses(): void {
    if (this.#state === 'closed' || this.#securing) return
    if (this.#state === 'open' && (this.#pauses !== 0 || !this.#onBytes)) this.#socket.pause()
    else this.#socket.resume()
  }

  // ---- writing

  /** Sends bytes, or text as UTF-8, in order, at the end of this turn. The bytes must not be changed afterwards. After the end it does nothing. */
  write(data: Uint8Array | string): void {
    if (this.#state !== 'open' || data.length === 0) return
    const parts = this.#parts
    if (parts.length === 0) {
      if (dirty.push(this) === 1) queueMicrotask(flushAfterMicrotasks)
      parts.push(data)
    } else {
      const last = parts[parts.length - 1]
      if (typeof data === 'string' && typeof last === 'string') parts[parts.length - 1] = last + data
      else parts.push(data)
    }
    this.#pendingOctets += data.length
    if (this.#pendingOctets >= gatherOctetsMax) this.flush()
  }

  /** Hands over to the system what was written. Happens by itself at the end of a turn. */
  flush(): void {
    const parts = this.#parts
    if (parts.length === 0 || this.#securing) return
    this.#parts = []
    const octets = this.#pendingOctets
    this.#pendingOctets = 0
    this.#octetsThisTurn += octets
    const socket = this.#socket
    if (parts.length === 1) this.#send(socket, parts[0] as Uint8Array | string)
    else if (octets <= gatherOctetsMax) this.#send(socket, joined(parts))
    else {
      socket.cork()
      for (const part of parts) this.#send(socket, part)
      socket.uncork()
    }
    if (socket.writableLength > unsentOctetsHigh) {
      this.#pauses |= PAUSED_BY_CONGESTION
      this.#applyPauses()
    } else this.#settleDrain(true)
  }

  #send(socket: Socket, data: Uint8Array | string): void {
    if (typeof data === 'string') socket.write(data, 'utf8')
    else if (data.length <= unsentOctetsHigh) socket.write(data)
    else {
      // In slices, so that a slow peer's progress is seen and does not count as idleness.
      for (let at = 0; at < data.length; at += unsentOctetsHigh) socket.write(data.subarray(at, at + unsentOctetsHigh), this.#onProgress)
    }
  }

  readonly #onProgress = (): void => {
    this.#touch()
  }

  /** Resolves when more may be written: `true`, or `false` when the connection is gone. Await it between the pages of anything long. */
  drained(): Promise<boolean> {
    if (this.#state !== 'open') return Promise.resolve(false)
    if (this.unsentOctets <= unsentOctetsHigh) {
      if (this.#octetsThisTurn < turnOctetsMax) return Promise.resolve(true)
      this.#octetsThisTurn = 0
      return new Promise((resolve) => setImmediate(() => resolve(this.#state === 'open')))
    }
    return new Promise((resolve) => (this.#drainWaiters ??= []).push(resolve))
  }

  #settleDrain(open: boolean): void {
    const waiters = this.#drainWaiters
    if (!waiters) return
    this.#drainWaiters = undefined
    for (const resolve of waiters) resolve(open)
  }

  // ---- time

  /** The connection is idle when for so long nothing came and nothing went. `undefined`: it may wait for ever. */
  setIdle(ms: number | undefined): void {
    if (this.#state !== 'open') return
    this.#idleMs = ms
    if (ms === undefined) this.#deadline?.clear()
    else this.#touch()
  }

  #touch(): void {
    if (this.#idleMs !== undefined) this.#due(this.#idleMs)
  }

  #due(ms: number): void {
    const deadline = this.#deadline ??= this.#sweeper.watch(() => this.#onDue())
    deadline.set(ms)
  }

  #onDue(): void {
    if (this.#state === 'open' && this.onIdle && !this.#securing) this.#guard(this.onIdle)
    else if (this.#state === 'ending') this.destroy({ by: 'us', sentence: 'the peer did not hang up after the goodbye' })
    else this.destroy({ by: 'deadline', sentence: this.#securing ? 'the TLS handshake took too long' : 'the peer was idle for too long' })
  }

  // ---- end

  /** Sends what was written, then ends our side. Nothing more is delivered; the rest ends by itself, within a limit. */
  end(last?: Uint8Array | string): void {
    if (last !== undefined) this.write(last)
    if (this.#state !== 'open') return
    if (this.#securing) return this.destroy()
    this.flush()
    this.#state = 'ending'
    this.#reason ??= { by: 'us', sentence: 'ended by us' }
    this.#settleDrain(false)
    this.#socket.end()
    this.#idleMs = lingerMs
    this.#due(lingerMs)
    this.#applyPauses()
  }

  /** Gone at once; what was not sent is dropped. */
  destroy(reason: CloseReason = { by: 'us', sentence: 'closed by us' }): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') this.#reason ??= reason
    this.#state = 'closed'
    this.#parts = []
    this.#pendingOctets = 0
    this.#socket.destroy()
  }

  /** Asks the session to go, as the door does when it closes. */
  shutdown(): void {
    if (this.#state !== 'open') return
    if (this.onShutdown) this.#guard(this.onShutdown)
    else this.end()
  }

  // ---- TLS

  /**
   * Puts TLS on the connection. What arrived before is discarded and counted: nothing said in plain
   * text may be taken for something said under TLS (RFC 3207 §4.2). On a door that speaks TLS from the
   * first byte, `fromFirstByte`, it is the beginning of the handshake. Refused: the connection is gone.
   */
  async startTls(side: TlsSide, options?: { fromFirstByte: true }): Promise<Parsed<TlsStarted>> {
    assert(!this.#secured, 'TLS is started once')
    this.#secured = true
    if (this.#state !== 'open') return refuse('closed', 'the connection is gone')
    this.flush()
    const plain = this.#socket
    this.#securing = true
    plain.pause()
    this.#due(handshakeMs)
    if (plain.writableLength > 0) await new Promise<void>((resolve) => plain.once('drain', resolve).once('close', resolve))
    let discardedOctets = this.#discard?.() ?? 0
    if (!options?.fromFirstByte) for (let chunk: Uint8Array | null; (chunk = plain.read() as Uint8Array | null) !== null;) discardedOctets += chunk.length
    if (this.#isClosed()) return refuse('closed', this.#reason?.sentence ?? 'the connection is gone')
    this.#release(plain)
    const { socket, done } = secure(plain, side)
    this.#socket = socket
    this.#adopt(socket)
    const outcome = await done
    this.#securing = false
    if (!outcome.ok) {
      this.destroy({ by: 'tls', sentence: outcome.reason, code: outcome.code })
      return refuse(outcome.code, this.#reason?.sentence ?? outcome.reason) // who hung up is known here only
    }
    if (this.#isClosed()) return refuse('closed', 'the connection is gone')
    this.#deadline?.clear()
    this.#touch()
    const facts = this.#tls = tlsFactsOf(socket)
    this.#applyPauses()
    this.flush()
    return understood({ facts, discardedOctets })
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  // ---- the socket's events

  #adopt(socket: Socket): void {
    socket.on('data', this.#onData)
    socket.pause() // a listener for data starts the flow; nobody has asked for it yet
    socket.on('end', this.#onPeerEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', this.#onError)
    socket.on('close', this.#onSocketClose)
  }

  #release(socket: Socket): void {
    socket.off('data', this.#onData)
    socket.off('end', this.#onPeerEnd)
    socket.off('drain', this.#onDrain)
    socket.off('close', this.#onSocketClose)
    // `error` stays: what happens underneath TLS must not throw either.
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#state !== 'open') return
    this.#octetsThisTurn = 0
    this.#touch()
    const consume = this.#onBytes
    if (!consume) throw new Bug('bytes flow before somebody asked for them')
    try {
      consume(chunk)
    } catch (cause) {
      this.#fail(cause)
    }
  }

  readonly #onPeerEnd = (): void => {
    if (this.#peerEnded) return
    this.#peerEnded = true
    if (this.#state !== 'open') return
    if (this.#securing) return this.destroy({ by: 'peer', sentence: 'the peer hung up during the TLS handshake' })
    this.#reason = { by: 'peer', sentence: 'the peer hung up' }
    const tellEnd = this.#onEnd
    this.#onEnd = undefined
    if (tellEnd) this.#guard(tellEnd)
    else this.end()
  }

  readonly #onDrain = (): void => {
    this.#touch()
    if (this.#pauses & PAUSED_BY_CONGESTION) {
      this.#pauses &= ~PAUSED_BY_CONGESTION
      this.#applyPauses()
    }
    this.#settleDrain(this.#state === 'open')
  }

  readonly #onError = (error: Error): void => {
    const code = errorCode(error)
    const byPeer = code === 'ECONNRESET' || code === 'EPIPE'
    if (this.#state === 'open') {
      this.#reason = {
        by: this.#securing ? 'tls' : byPeer ? 'peer' : 'network',
        sentence: this.#securing ? handshakeSentence(error) : byPeer ? 'the peer reset the connection' : errorSentence(error),
        ...(code ? { code } : {}),
      }
    }
    // The socket destroys itself and says `close` next.
  }

  readonly #onSocketClose = (): void => {
    this.#state = 'closed'
    this.#parts = []
    this.#pendingOctets = 0
    this.#deadline?.drop()
    this.#settleDrain(false)
    const tellEnd = this.#onEnd
    this.#onEnd = undefined
    if (tellEnd) this.#guard(tellEnd)
    this.#onBytes = this.#discard = this.onIdle = this.onShutdown = undefined
    const reason = this.#reason ??= { by: this.#securing ? 'tls' : 'network', sentence: 'the connection closed' }
    const tell = this.onClose
    this.onClose = undefined
    if (tell) this.#guard(() => tell(reason))
    this.#onGone?.(this)
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#fail(cause)
    }
  }

  /** A bug ends the session in which it happened, never another. */
  #fail(cause: unknown): void {
    this.#reason = undefined
    this.destroy({ by: 'bug', sentence: errorSentence(cause), cause })
  }
}

function joined(parts: readonly (Uint8Array | string)[]): Uint8Array {
  let octets = 0
  for (const part of parts) octets += typeof part === 'string' ? Buffer.byteLength(part) : part.length
  const whole = Buffer.allocUnsafe(octets)
  let at = 0
  for (const part of parts) {
    if (typeof part === 'string') at += whole.write(part, at)
    else {
      whole.set(part, at)
      at += part.length
    }
  }
  return whole
}
