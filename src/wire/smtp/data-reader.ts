// What follows DATA, up to the line that holds a single dot (RFC 5321 §4.1.1.4, §4.5.2). Takes the
// bytes in any pieces and gives the same result for all of them: the message's octets with the
// stuffed dots taken out, as views of the chunks, never copied.
//
// Only CRLF "." CRLF ends a message. A bare CR, a bare LF or a NUL never does; it is a fault: nothing
// more is given out, and the rest is swallowed up to the true end, so that a second message hidden
// behind a false end is never seen (SMTP smuggling). A line or a message that is too long is treated
// the same way. The earliest fault counts.
import { CR, LF, NUL } from '../../base/bytes.ts'
import { LineScan } from './line-scan.ts'

const DOT = 46

export type DataFault = 'bare-cr' | 'bare-lf' | 'nul' | 'line-too-long' | 'message-too-long'

export interface DataLimits {
  /** Longest line, CRLF included. */
  lineOctetsMax: number
  messageOctetsMax: number
}

// Where the reader stands.
const LINE = 0 //       in the middle of a line
const AFTER_CR = 1 //   behind a CR that belongs to the message
const START = 2 //      at the beginning of a line: the start, or behind a true CRLF
const AFTER_DOT = 3 //  behind a dot that begins a line; the dot is not part of the message
const DOT_CR = 4 //     behind such a dot and a CR
const DONE = 5

export class DataReader {
  readonly #lineMax: number
  readonly #messageMax: number
  #at = START
  #fault: DataFault | undefined
  #sizeOctets = 0
  /** Octets of the current line that came in earlier chunks. */
  #lineOctets = 0
  #swallowedOctets = 0

  constructor(limits: DataLimits) {
    this.#lineMax = limits.lineOctetsMax
    this.#messageMax = limits.messageOctetsMax
  }

  /** Whether the end has been seen. */
  get done(): boolean {
    return this.#at === DONE
  }
  get fault(): DataFault | undefined {
    return this.#fault
  }
  /** Octets given out so far. */
  get sizeOctets(): number {
    return this.#sizeOctets
  }
  /** Octets thrown away after a fault. */
  get swallowedOctets(): number {
    return this.#swallowedOctets
  }

  /**
   * Reads on. Calls `sink` with parts of `chunk` in order. Returns how many octets belonged to the
   * message: all of them, unless the end was in it.
   */
  push(chunk: Uint8Array, sink: (part: Uint8Array) => void): number {
    const length = chunk.length
    const scan = new LineScan(chunk)
    let at = 0
    let from = 0 // what was not yet given out begins here
    let lineFrom = -this.#lineOctets // where the current line began, seen from this chunk
    let state = this.#at
    while (at < length && state !== DONE) {
      switch (state) {
        case LINE: {
          at = scan.next(at)
          if (at === length) break
          const octet = chunk[at] as number
          if (octet === CR) state = AFTER_CR
          else if (octet === LF) this.#fail('bare-lf', at, from, lineFrom)
          else if (octet === NUL) this.#fail('nul', at, from, lineFrom)
          at += 1
          break
        }
        case AFTER_CR: {
          const octet = chunk[at] as number
          if (octet === LF) {
            at += 1
            if (at - lineFrom > this.#lineMax) this.#fail('line-too-long', at, from, lineFrom)
            lineFrom = at
            state = START
          } else {
            this.#fail('bare-cr', at, from, lineFrom)
            if (octet === CR) at += 1
            else state = LINE
          }
          break
        }
        case START: {
          if (chunk[at] !== DOT) {
            state = LINE
            break
          }
          this.#give(chunk, from, at, sink)
          at += 1
          from = at
          state = AFTER_DOT
          break
        }
        case AFTER_DOT: {
          if (chunk[at] !== CR) {
            state = LINE
            break
          }
          at += 1
          from = at // the CR is part of the end, or of a fault
          state = DOT_CR
          break
        }
        case DOT_CR: {
          if (chunk[at] === LF) {
            at += 1
            from = at
            state = DONE
          } else {
            this.#fail('bare-cr', at, from, lineFrom)
            if (chunk[at] === CR) {
              at += 1
              state = AFTER_CR
            } else state = LINE
          }
          break
        }
      }
    }
    this.#at = state
    if (state !== DONE) {
      if (at - lineFrom > this.#lineMax) this.#fail('line-too-long', at, from, lineFrom)
      this.#give(chunk, from, at, sink)
      this.#lineOctets = at - lineFrom
    }
    return at
  }

  /** Keeps the earliest fault, whatever the pieces were in which the bytes came. */
  #fail(fault: DataFault, at: number, from: number, lineFrom: number): void {
    if (this.#fault) return
    const overSize = this.#sizeOctets + (at - from) - this.#messageMax
    const overLine = at - lineFrom - this.#lineMax
    if (overSize > 0 && overSize >= overLine) this.#fault = 'message-too-long'
    else if (overLine > 0) this.#fault = 'line-too-long'
    else this.#fault = fault
  }

  #give(chunk: Uint8Array, from: number, to: number, sink: (part: Uint8Array) => void): void {
    if (to === from) return
    if (!this.#fault) {
      if (this.#sizeOctets + (to - from) <= this.#messageMax) {
        this.#sizeOctets += to - from
        sink(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to))
        return
      }
      this.#fault = 'message-too-long'
    }
    this.#swallowedOctets += to - from
  }
}
