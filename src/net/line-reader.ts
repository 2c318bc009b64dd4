// Cuts the bytes of a connection into lines, counted runs (literals, BDAT) and streams (DATA), as the
// session asks for them: nothing is taken out before somebody takes it, so the mode may change with
// every step, and a session that is busy simply does not take. Bounded: past `holdOctetsMax` the
// connection is paused. Bytes handed out stay as they are for ever (the buffer only grows at its
// end and is replaced, never reused). It never decides what a lone LF or an over-long line means.
import { CR, LF } from '../base/bytes.ts'

/** What the reader needs of a connection. */
export interface ByteSource {
  receive(consumer: { onBytes: (chunk: Uint8Array) => void; onEnd?: () => void; discard?: () => number }): void
  pause(): void
  resume(): void
}

export interface Line {
  /** Without its end. May hold CR and NUL: the parser judges. */
  bytes: Uint8Array
  end: 'crlf' | 'lf'
  /** More than the limit: `bytes` is the beginning, the rest was thrown away. */
  isTooLong: boolean
}

export interface LineReaderOptions {
  /** Longest line, its end included. May be changed at any time. */
  lineOctetsMax: number
  /** Something new can be taken, or the end has come. Take until nothing is left; not called for what was there before. */
  onMore?: () => void
  /** Bytes nobody has taken, past which the peer has to wait. */
  holdOctetsMax?: number
}

const EMPTY = new Uint8Array(0)
const holdOctetsMaxDefault = 64 * 1024
/** Of a line that is too long, so much is shown. */
const shownOctetsMax = 256

export class LineReader {
  lineOctetsMax: number
  onMore: (() => void) | undefined
  readonly #holdOctetsMax: number
  readonly #source: ByteSource | undefined
  #buffer: Uint8Array = EMPTY
  #isOurs = false
  #start = 0
  #end = 0
  #scanned = 0
  /** The beginning of a line of which the rest is being thrown away. */
  #tooLong: Uint8Array | undefined
  #lastDropped = 0
  #isHungry = true
  #isPaused = false
  #hasEnded = false
  #waiter: (() => void) | undefined

  constructor(options: LineReaderOptions, source?: ByteSource) {
    this.lineOctetsMax = options.lineOctetsMax
    this.onMore = options.onMore
    this.#holdOctetsMax = options.holdOctetsMax ?? holdOctetsMaxDefault
    this.#source = source
    source?.receive({ onBytes: (chunk) => this.feed(chunk), onEnd: () => this.finish(), discard: () => this.discard() })
  }

  /** Octets that nobody has taken. */
  get heldOctets(): number {
    return this.#end - this.#start
  }
  /** The peer will send no more; what is held can still be taken. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  // ---- taking

  /** The next whole line, or `undefined` until more comes. An over-long line comes as one line, cut, when its end has come. */
  takeLine(): Line | undefined {
    const lfAt = this.#scanned < this.#end ? this.#buffer.subarray(0, this.#end).indexOf(LF, this.#scanned) : -1
    const length = (lfAt < 0 ? this.#end : lfAt + 1) - this.#start
    if (this.#tooLong === undefined && length > this.lineOctetsMax) {
      this.#tooLong = this.#buffer.slice(this.#start, this.#start + Math.min(shownOctetsMax, this.lineOctetsMax))
    }
    if (lfAt >= 0) return this.#cut(lfAt)
    this.#scanned = this.#end
    if (this.#tooLong !== undefined && length > 0) {
      this.#lastDropped = this.#buffer[this.#end - 1] ?? 0
      this.#advanceTo(this.#end)
    }
    this.#want()
    return undefined
  }

  #cut(lfAt: number): Line {
    const before = lfAt > this.#start ? this.#buffer[lfAt - 1] : this.#tooLong !== undefined ? this.#lastDropped : 0
    const end = before === CR ? 'crlf' : 'lf'
    const tooLong = this.#tooLong
    this.#tooLong = undefined
    const bytes = tooLong ?? this.#buffer.subarray(this.#start, end === 'crlf' ? lfAt - 1 : lfAt)
    this.#advanceTo(lfAt + 1)
    return { bytes, end, isTooLong: tooLong !== undefined }
  }

  /** All that is held, without taking it: look, then `advance`. Empty: more is awaited. */
  window(): Uint8Array {
    if (this.#start === this.#end) {
      this.#want()
      return EMPTY
    }
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** Takes so many octets of the window. */
  advance(octets: number): void {
    this.#advanceTo(Math.min(this.#start + octets, this.#end))
  }

  /** Up to `octetsMax` octets as they come: the rest of a literal or chunk. `undefined` until something comes. */
  takeUpTo(octetsMax: number): Uint8Array | undefined {
    const window = this.window()
    if (window.length === 0 || octetsMax <= 0) return undefined
    const taken = window.length > octetsMax ? window.subarray(0, octetsMax) : window
    this.#advanceTo(this.#start + taken.length)
    return taken
  }

  /** Exactly so many octets in one piece, or `undefined` until they are all there. Bound the number before you ask. */
  takeExactly(octets: number): Uint8Array | undefined {
    if (this.heldOctets < octets) {
      if (this.heldOctets > 0) this.#reserve(octets - this.heldOctets)
      this.#want()
      return undefined
    }
    const taken = this.#buffer.subarray(this.#start, this.#start + octets)
    this.#advanceTo(this.#start + octets)
    return taken
  }

  /** Throws away what is held; returns how much that was. */
  discard(): number {
    const octets = this.heldOctets
    this.#tooLong = undefined
    this.#advanceTo(this.#end)
    return octets
  }

  // ---- taking, for those who wait (clients, mostly)

  /** The next line; `undefined` at the end. One caller at a time. */
  async line(): Promise<Line | undefined> {
    for (;;) {
      const line = this.takeLine()
      if (line || this.#hasEnded) return line
      await this.#more()
    }
  }

  /** Exactly so many octets; `undefined` when the end comes first. */
  async exactly(octets: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const taken = this.takeExactly(octets)
      if (taken || this.#hasEnded) return taken
      await this.#more()
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiter = resolve
    })
  }

  // ---- being fed

  /** The chunk belongs to the reader from now on. */
  feed(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#hasEnded) return
    if (this.#start === this.#end) {
      this.#buffer = chunk
      this.#isOurs = false
      this.#start = this.#scanned = 0
      this.#end = chunk.length
    } else {
      this.#reserve(chunk.length)
      this.#buffer.set(chunk, this.#end)
      this.#end += chunk.length
    }
    this.#isHungry = false
    this.#notify()
    if (!this.#isHungry && !this.#isPaused && this.heldOctets > this.#holdOctetsMax) {
      this.#isPaused = true
      this.#source?.pause()
    }
  }

  /** No more will come: the peer has ended or the connection is gone. */
  finish(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#notify()
  }

  #notify(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.()
    this.onMore?.()
  }

  #want(): void {
    this.#isHungry = true
    this.#go()
  }

  #go(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#source?.resume()
  }

  #advanceTo(at: number): void {
    this.#start = at
    if (this.#scanned < at) this.#scanned = at
    if (at === this.#end) {
      this.#buffer = EMPTY // an idle connection holds no buffer
      this.#isOurs = false
      this.#start = this.#end = this.#scanned = 0
    }
    if (this.#isPaused && this.heldOctets <= this.#holdOctetsMax >> 1) this.#go()
  }

  /** Room for so many octets behind the end. Doubles, so that a long line in small pieces stays cheap; never moves what was handed out. */
  #reserve(octets: number): void {
    const held = this.heldOctets
    if (this.#isOurs && this.#end + octets <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(held + octets, this.#isOurs ? held * 2 : 0, 512))
    grown.set(this.#buffer.subarray(this.#start, this.#end))
    this.#buffer = grown
    this.#isOurs = true
    this.#scanned -= this.#start
    this.#start = 0
    this.#end = held
  }
}
