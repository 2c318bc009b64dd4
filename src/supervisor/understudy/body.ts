// One message's octets on their way in: in blocks of memory while there are few and the process has room, else in a
// large file of the intake directory. Promises that small pieces cost no more than their octets, that whoever sends
// faster than the disk writes has to wait, and that `abort` gives everything back at any moment.
import { createHash, type Hash } from 'node:crypto'
import { Outage } from '../../base/errors.ts'
import type { MemoryBudget } from '../../guard/memory-budget.ts'
import type { LargeWriter } from '../../store/journal/large-writer.ts'
import type { InlineBody, LargeBody } from '../../store/journal/record.ts'

const FIRST_BLOCK_OCTETS = 4 * 1024
const BLOCK_OCTETS = 64 * 1024
/** Octets on their way to a file, past which the peer has to wait. */
const UNWRITTEN_OCTETS_MAX = 512 * 1024

export interface BodyTools {
  /** Message octets held in memory by the whole process. */
  budget: MemoryBudget
  /** A message above this goes to a file. */
  largeOctets: number
  largeWriter(): LargeWriter
  hasRoom(): boolean
}

export class Body {
  readonly #tools: BodyTools
  readonly #hash: Hash = createHash('sha256')
  #blocks: Uint8Array[] = []
  #last: Uint8Array = new Uint8Array(0)
  #lastUsed = 0
  #reserved = 0
  #size = 0
  #writer: LargeWriter | undefined
  #unwritten = 0
  #failure: Error | undefined
  #onRelief: (() => void) | undefined

  constructor(tools: BodyTools) {
    this.#tools = tools
  }

  /** What went wrong while writing, if something did: nothing more is kept then. */
  get failure(): Error | undefined {
    return this.#failure
  }
  get congested(): boolean {
    return this.#unwritten > UNWRITTEN_OCTETS_MAX
  }
  relieved(): Promise<void> {
    return this.congested ? new Promise((resolve) => { this.#onRelief = resolve }) : Promise.resolve()
  }
  get sizeOctets(): number {
    return this.#size
  }

  readonly add = (part: Uint8Array): void => {
    if (this.#failure) return
    this.#size += part.length
    for (let at = 0; at < part.length && !this.#failure;) {
      if (this.#lastUsed === this.#last.length) this.#nextBlock()
      const count = Math.min(part.length - at, this.#last.length - this.#lastUsed)
      this.#last.set(part.subarray(at, at + count), this.#lastUsed)
      this.#lastUsed += count
      at += count
    }
  }

  #nextBlock(): void {
    this.#closeBlock()
    const octets = this.#blocks.length === 0 && !this.#writer ? FIRST_BLOCK_OCTETS : BLOCK_OCTETS
    if (!this.#writer) {
      if (this.#size <= this.#tools.largeOctets && this.#tools.budget.reserve(octets)) this.#reserved += octets
      else this.#spill()
    }
    this.#last = new Uint8Array(octets)
  }

  #closeBlock(): void {
    if (this.#lastUsed === 0) return
    const block = this.#last.subarray(0, this.#lastUsed)
    this.#last = new Uint8Array(0)
    this.#lastUsed = 0
    if (this.#writer) return this.#write(block)
    this.#hash.update(block)
    this.#blocks.push(block)
  }

  #spill(): void {
    this.#writer = this.#tools.largeWriter()
    const blocks = this.#blocks
    this.#blocks = []
    for (const block of blocks) this.#write(block)
  }

  #write(block: Uint8Array): void {
    const writer = this.#writer
    if (!writer || this.#failure) return
    if (!this.#tools.hasRoom()) {
      this.#failure = new Outage('the disk is nearly full', { operation: 'write', code: 'ENOSPC', hint: 'make room on the disk of the intake directory' })
      return
    }
    this.#unwritten += block.length
    writer.write(block).then(() => {
      this.#unwritten -= block.length
      this.#giveBack() // the blocks that were in memory come first
      this.#relieve()
    }, (error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Outage('a large message could not be written', { operation: 'write' })
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

  /** Everything has come and it is all in memory: what the record holds. Undefined: it is in a file, ask `finishLarge`. */
  finishInMemory(): InlineBody | undefined {
    if (this.#writer) return undefined
    this.#closeBlock()
    return { place: 'inline', parts: this.#blocks, sha256: new Uint8Array(this.#hash.digest()) }
  }

  /** Everything has come: the file is durable when it resolves. Rejects with an outage. */
  async finishLarge(): Promise<LargeBody> {
    this.#closeBlock()
    if (this.#failure) throw this.#failure
    if (!this.#writer) throw new Outage('there is no file', { operation: 'write' })
    try {
      return await this.#writer.finish()
    } catch (error) {
      throw this.#failure ?? error // the write that failed says why, the finish only that one did
    }
  }

  /** The record is kept, or refused after all: the memory is free again. */
  release(): void {
    this.#blocks = []
    this.#last = new Uint8Array(0)
    this.#lastUsed = 0
    this.#giveBack()
  }

  /** Nothing will come of it. Never throws. */
  abort(): void {
    this.release()
    this.#failure ??= new Outage('given up', { operation: 'write' })
    this.#writer?.abort().catch(() => {}) // what stays behind is named by no record, and is removed when the journal is
  }
}
