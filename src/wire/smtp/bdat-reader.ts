// The octets that follow a BDAT command (RFC 3030 §2): exactly as many as it announced, whatever
// they are. Unless the message was declared BINARYMIME they must be lines that end in CRLF, since the
// next server may have to be sent them with DATA; what is not is a fault, judged over all chunks of
// the message together. After a fault the octets are counted and thrown away.
import { CR, LF, NUL } from '../../base/bytes.ts'
import type { DataFault, DataLimits } from './data-reader.ts'
import { LineScan } from './line-scan.ts'

export class BdatReader {
  readonly #binary: boolean
  readonly #lineMax: number
  readonly #messageMax: number
  #remaining = 0
  #fault: DataFault | undefined
  #sizeOctets = 0
  #lineOctets = 0
  #afterCr = false

  constructor(options: DataLimits & { binary: boolean }) {
    this.#binary = options.binary
    this.#lineMax = options.lineOctetsMax
    this.#messageMax = options.messageOctetsMax
  }

  get fault(): DataFault | undefined {
    return this.#fault
  }
  get sizeOctets(): number {
    return this.#sizeOctets
  }
  /** Octets still to come of the chunk that was announced. */
  get remainingOctets(): number {
    return this.#remaining
  }

  /** A BDAT command has announced so many octets. */
  expect(octets: number): void {
    this.#remaining = octets
  }

  /** Takes what belongs to the announced chunk; returns how many octets that was. */
  push(chunk: Uint8Array, sink: (part: Uint8Array) => void): number {
    const count = Math.min(chunk.length, this.#remaining)
    if (count === 0) return 0
    this.#remaining -= count
    const part = count === chunk.length ? chunk : chunk.subarray(0, count)
    if (!this.#fault && this.#sizeOctets + count > this.#messageMax) this.#fault = 'message-too-long'
    if (!this.#fault && !this.#binary) this.#judgeLines(part)
    if (this.#fault) return count
    this.#sizeOctets += count
    sink(part)
    return count
  }

  /** The last octet of the last chunk has come: a CR may not stand alone at the end either. */
  finish(): void {
    if (this.#afterCr) this.#fault ??= 'bare-cr'
  }

  #judgeLines(part: Uint8Array): void {
    const scan = new LineScan(part)
    let lineFrom = -this.#lineOctets
    let at = 0
    while (at < part.length) {
      if (!this.#afterCr) {
        at = scan.next(at)
        if (at === part.length) break
      }
      const octet = part[at] as number
      if (this.#afterCr) {
        if (octet !== LF) return void (this.#fault = 'bare-cr')
        this.#afterCr = false
        if (at + 1 - lineFrom > this.#lineMax) return void (this.#fault = 'line-too-long')
        lineFrom = at + 1
      } else if (octet === CR) this.#afterCr = true
      else if (octet === LF) return void (this.#fault = 'bare-lf')
      else if (octet === NUL) return void (this.#fault = 'nul')
      at += 1
    }
    this.#lineOctets = part.length - lineFrom
    if (this.#lineOctets > this.#lineMax) this.#fault = 'line-too-long'
  }
}
