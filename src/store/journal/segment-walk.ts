// Goes through a segment from one structure to the next: batch header, records, batch header, …, footer.
// Each says itself how long it is, so where one is damaged the walk looks for the next one that is whole
// (each carries the segment's id and its own offset, which no message can forge) and reports the gap.
// It judges nothing: what a gap means (torn or damaged) is decided by whoever walks.
import type { ParsedBatchHeader } from './batch-header.ts'
import type { Footer } from './footer.ts'
import { recordOctets } from './record-codec.ts'
import type { RecordAt, SegmentCopies } from './segment-copies.ts'

export type WalkStep =
  | { readonly at: 'batch'; readonly offset: number; readonly header: ParsedBatchHeader }
  | { readonly at: 'record'; readonly offset: number; readonly record: RecordAt }
  | { readonly at: 'gap'; readonly offset: number; readonly end: number }
  /** Behind the footer there is nothing. */
  | { readonly at: 'footer'; readonly offset: number; readonly footer: Footer }
  /** Nothing whole is found from here on. */
  | { readonly at: 'end'; readonly offset: number }

export class SegmentWalk {
  readonly #copies: SegmentCopies
  /** Where the next structure is expected. */
  offset: number
  /** Records still expected in the batch that was entered. */
  #left: number

  constructor(copies: SegmentCopies, offset: number) {
    this.#copies = copies
    this.offset = offset
    this.#left = 0
  }

  /** With `footerFirst` a footer counts before a batch: one copy may be sealed where another has a batch that failed. */
  next(options?: { footerFirst: boolean }): WalkStep {
    const offset = this.offset
    if (this.#left > 0) {
      const record = this.#copies.recordAt(offset)
      if (record) return this.#passRecord(offset, record)
    } else {
      const footer = options?.footerFirst ? this.#copies.footerAt(offset) : undefined
      if (footer) return { at: 'footer', offset, footer }
      const header = this.#copies.batchAt(offset)
      if (header) return this.#passBatch(offset, header)
    }
    return this.#resume(offset)
  }

  /** Something else than expected: take what is there, or what is next. */
  #resume(offset: number): WalkStep {
    const record = this.#left === 0 ? this.#copies.recordAt(offset) : undefined
    if (record) return this.#passRecord(offset, record)
    const header = this.#left > 0 ? this.#copies.batchAt(offset) : undefined
    if (header) return this.#passBatch(offset, header)
    const footer = this.#copies.footerAt(offset)
    if (footer) return { at: 'footer', offset, footer }
    const end = this.#copies.nextStructure(offset + 8)
    if (end === undefined) return { at: 'end', offset }
    this.offset = end
    this.#left = 0
    return { at: 'gap', offset, end }
  }

  /** Goes back to a structure that was passed: it comes again with the next call. */
  back(offset: number): void {
    this.offset = offset
    this.#left = 0
  }

  #passRecord(offset: number, record: RecordAt): WalkStep {
    if (this.#left > 0) this.#left -= 1
    this.offset = offset + recordOctets(record.head)
    return { at: 'record', offset, record }
  }

  #passBatch(offset: number, header: ParsedBatchHeader): WalkStep {
    this.#left = header.recordCount
    this.offset = offset + header.headerLength
    return { at: 'batch', offset, header }
  }
}

/** Where the inline body of a record begins. */
export function bodyOffsetOf(offset: number, head: { headLength: number; metaLength: number }): number {
  return offset + head.headLength + head.metaLength
}
