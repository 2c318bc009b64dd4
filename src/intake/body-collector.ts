// Message bytes on their way in: in memory while they are few and the thread's budget has room, else
// in a large file of the store's. Promises that small pieces cost no more than their octets, that
// whoever feeds it too fast is told to wait, and that `abort` gives everything back at any moment.
import { concatBytes } from '../base/bytes.ts'
import { Outage, assert } from '../base/errors.ts'
import type { Limits } from '../base/limits.ts'
import type { MemoryBudget } from '../guard/guard.ts'
import type { LargeWriter } from '../store/store.ts'

/** Parts below this are gathered into blocks, so that a message sent octet by octet does not become a million objects. */
const SMALL_OCTETS = 2048
const BLOCK_OCTETS = 16 * 1024
/** What is written to a large file at once. */
const WRITE_OCTETS = 256 * 1024
/** Octets on their way to a file, past which the peer has to wait. */
const UNWRITTEN_OCTETS_MAX = 1024 * 1024
const EMPTY = new Uint8Array(0)

/** A whole message: in memory, or in a file with its header section apart. */
export type Collected =
  | { at: 'memory'; bytes: Uint8Array }
  | { at: 'large'; writer: LargeWriter; sizeOctets: number; header: Uint8Array }

export interface CollectorTools {
  budget: MemoryBudget
  limits: Pick<Limits, 'large_message_octets' | 'header_octets_max'>
  largeWriter(): LargeWriter
  /** Is there still room on the disk for strangers' octets? Asked with each piece written to a file: who names no SIZE is judged as it comes. */
  hasRoom(): boolean
}

export class BodyCollector {
  readonly #tools: CollectorTools
  #parts: Uint8Array[] = []
  #held = 0
  #reserved = 0
  #block: Uint8Array = EMPTY
  #blockUsed = 0
  #size = 0
  #writer: LargeWriter | undefined
  #unwritten = 0
  #failure: unknown
  #header: HeaderKeeper | undefined
  #onRelief: (() => void) | undefined
  #lastWrite: Promise<void> = Promise.resolve()

  constructor(tools: CollectorTools) {
    this.#tools = tools
  }

  /** The header section has no end within its limit; the message has to be refused. */
  get headerTooLong(): boolean {
    return this.#header?.tooLong ?? false
  }
  /** What went wrong while writing, if something did: an outage. */
  get failure(): unknown {
    return this.#failure
  }
  /** Whether the peer should wait; `relieved` says when no longer. */
  get congested(): boolean {
    return this.#unwritten > UNWRITTEN_OCTETS_MAX
  }
  relieved(): Promise<void> {
    return this.congested ? new Promise((resolve) => { this.#onRelief = resolve }) : Promise.resolve()
  }

  readonly add = (part: Uint8Array): void => {
    if (this.#failure !== undefined) return
    this.#size += part.length
    if (this.#writer) {
      this.#header?.add(part)
      this.#keep(part)
      if (this.#held >= WRITE_OCTETS) this.#write()
      return
    }
    this.#keep(part)
    if (this.#size > this.#tools.limits.large_message_octets || !this.#tools.budget.reserve(part.length)) this.#spill()
    else this.#reserved += part.length
  }

  #keep(part: Uint8Array): void {
    this.#held += part.length
    if (part.length >= SMALL_OCTETS) {
      this.#closeBlock()
      this.#parts.push(part)
      return
    }
    if (this.#blockUsed + part.length > this.#block.length) {
      this.#closeBlock()
      this.#block = new Uint8Array(BLOCK_OCTETS)
    }
    this.#block.set(part, this.#blockUsed)
    this.#blockUsed += part.length
  }

  #closeBlock(): void {
    if (this.#blockUsed > 0) {
      this.#parts.push(this.#block.subarray(0, this.#blockUsed))
      this.#block = this.#block.subarray(this.#blockUsed)
      this.#blockUsed = 0
    }
  }

  #taken(): Uint8Array {
    this.#closeBlock()
    const bytes = concatBytes(this.#parts)
    this.#parts = []
    this.#held = 0
    return bytes
  }

  #spill(): void {
    this.#writer = this.#tools.largeWriter()
    this.#header = new HeaderKeeper(this.#tools.limits.header_octets_max)
    const bytes = this.#taken()
    this.#header.add(bytes)
    this.#send(bytes)
  }

  #write(): void {
    this.#send(this.#taken())
  }

  #send(bytes: Uint8Array): void {
    const writer = this.#writer
    assert(writer, 'there is a file to write to')
    if (!this.#tools.hasRoom()) {
      this.#failure ??= new Outage('the disk is nearly full', { operation: 'write', code: 'ENOSPC', hint: 'make room on the disk of the data directory' })
      return
    }
    this.#unwritten += bytes.length
    this.#lastWrite = writer.write(bytes).then(() => {
      this.#unwritten -= bytes.length
      this.#giveBack()
      this.#relieve()
    }, (error: unknown) => {
      this.#failure ??= error
      this.#unwritten = 0
      this.#relieve()
    })
  }

  #relieve(): void {
    if (this.congested) return
    this.#onRelief?.()
    this.#onRelief = undefined
  }

  #giveBack(): void {
    this.#tools.budget.release(this.#reserved)
    this.#reserved = 0
  }

  /** Everything has come. The collector must not be used afterwards, but for `abort`. In memory: an array with a buffer of its own. */
  async finish(): Promise<Collected> {
    if (!this.#writer) return { at: 'memory', bytes: this.#taken() }
    if (this.#held > 0) this.#write()
    await this.#lastWrite
    if (this.#failure !== undefined) throw this.#failure instanceof Error ? this.#failure : new Outage('a large message could not be written', { operation: 'write' })
    assert(this.#header, 'a large message has had its header kept')
    return { at: 'large', writer: this.#writer, sizeOctets: this.#size, header: this.#header.bytes() }
  }

  /** As `finish`, at once, for the many messages that are in memory; undefined for the others. */
  finishInMemory(): Uint8Array | undefined {
    return this.#writer ? undefined : this.#taken()
  }

  /** The bytes are no longer held here (handed over, or refused). */
  release(): void {
    this.#parts = []
    this.#block = EMPTY
    this.#blockUsed = 0
    this.#giveBack()
  }

  async abort(): Promise<void> {
    this.release()
    await this.#lastWrite
    await this.#writer?.abort()
    this.#giveBack()
  }
}

/** Keeps the octets up to the empty line. */
class HeaderKeeper {
  readonly #max: number
  #parts: Uint8Array[] = []
  #size = 0
  #done = false
  tooLong = false

  constructor(max: number) {
    this.#max = max
  }

  add(part: Uint8Array): void {
    if (this.#done) return
    // The empty line may lie across two parts: three octets of what came before are looked at again.
    const before = tailOf(this.#parts)
    const joined = before.length === 0 ? part : concatBytes([before, part])
    const end = endOfHeader(joined, this.#size === 0)
    const take = end === undefined ? part.length : end - before.length
    if (this.#size + take > this.#max) {
      this.tooLong = true
      this.#done = true
      this.#parts = []
      return
    }
    // A copy: a view would keep the whole part alive.
    if (take > 0) this.#parts.push(part.slice(0, take))
    this.#size += Math.max(0, take)
    if (end !== undefined) this.#done = true
  }

  bytes(): Uint8Array {
    return concatBytes(this.#parts)
  }
}

function tailOf(parts: readonly Uint8Array[]): Uint8Array {
  let tail = EMPTY as Uint8Array
  for (let n = parts.length - 1; n >= 0 && tail.length < 3; n -= 1) {
    const part = parts[n] as Uint8Array
    tail = concatBytes([part.subarray(Math.max(0, part.length - (3 - tail.length))), tail])
  }
  return tail
}

/** Position behind the empty line: LF LF or LF CR LF, or a line end at the very beginning. */
function endOfHeader(bytes: Uint8Array, fromStart: boolean): number | undefined {
  if (fromStart) {
    if (bytes[0] === 10) return 1
    if (bytes[0] === 13 && bytes[1] === 10) return 2
  }
  for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, lf + 1)) {
    if (bytes[lf + 1] === 10) return lf + 2
    if (bytes[lf + 1] === 13 && bytes[lf + 2] === 10) return lf + 3
  }
  return undefined
}
