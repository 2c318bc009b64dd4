// What an owner left behind its last sealed segment, judged: which records are good, what was torn and
// may be cut, what was damaged and must be reported (STORE.md, Journal 3 and 5). Reads, never writes.
//
// The judgement rests on one fact: each batch was flushed before the next header was written. So all
// that stands before the last whole header (or footer, or a later segment) was durable, and if it is bad
// it was damaged. What stands behind it was never answered for, unless it was the very last batch; a bad
// record there is the end, and what lies beyond it is cut.
import { assert } from '../../base/errors.ts'
import type { Footer } from './footer.ts'
import type { Damage, Watermark } from './record.ts'
import type { ParsedHead } from './record-codec.ts'
import type { RecordAt, SegmentCopies } from './segment-copies.ts'
import type { ParsedSegmentHeader } from './segment-header.ts'
import type { SegmentName } from './segment-name.ts'
import { bodyOffsetOf, SegmentWalk } from './segment-walk.ts'

/** A record of the tail and where its bytes are. */
export interface TailRecord {
  readonly sequence: number
  readonly epoch: number
  readonly offset: number
  readonly head: ParsedHead
  readonly copies: SegmentCopies
  /** False when the body matches its hash in no member: the record still counts, its bytes are never served. */
  readonly bodyWhole: boolean
}

export interface TailSegment {
  readonly name: SegmentName
  readonly header: ParsedSegmentHeader
  readonly copies: SegmentCopies
  readonly records: readonly TailRecord[]
  /** Where the good part ends. */
  readonly end: number
  readonly damages: readonly Damage[]
  /** Nothing was lost in the part that was durable. */
  readonly whole: boolean
  /** The highest sequence that a header called durable. */
  readonly durableThrough: number
  /** The highest sequence seen anywhere, cut records and torn headers included: never given out again. */
  readonly highestSeen: number
  readonly watermark: Watermark | undefined
  readonly footer: Footer | undefined
  /** A later owner has copied what counts of it and was interrupted before it put the file away. */
  readonly superseded: boolean
}

interface Found {
  readonly offset: number
  readonly head: ParsedHead
}

type Item = { readonly at: 'record'; readonly found: Found } | { readonly at: 'gap'; readonly offset: number; readonly end: number; readonly nextSequence: number | undefined }

/** `provenThrough`: a later segment says that everything up to this sequence was durable when it was begun. */
export function readTail(name: SegmentName, header: ParsedSegmentHeader, copies: SegmentCopies, provenThrough: number | undefined): TailSegment {
  const walked = walkAll(header, copies)
  const merged: { offset: number; length: number; what: Damage['what'] }[] = walked.merged
  const durableEnd = provenThrough !== undefined || walked.footer ? Infinity : walked.lastHeaderOffset
  const records: TailRecord[] = []
  const damages: Damage[] = []
  const path = copies.paths[0] as string
  let last = header.previousLast
  let end = walked.end
  let whole = true
  const lose = (what: Damage['what'], offset: number, length: number, firstSequence: number | undefined, lastSequence: number | undefined, sentence: string) => {
    whole = false
    damages.push({ outcome: 'lost', what, path, offset, length, firstSequence, lastSequence, sentence })
  }
  copies.onMerged = (offset, length, what) => merged.push({ offset, length, what })
  for (const item of walked.items) {
    if (item.at === 'gap') {
      if (item.offset >= durableEnd) {
        end = item.offset
        break
      }
      const next = item.nextSequence ?? last + 1
      if (next > last + 1) lose('record', item.offset, item.end - item.offset, last + 1, next - 1, `records ${last + 1} to ${next - 1} are damaged in every copy of ${path}`)
      else damages.push({ outcome: 'answered', what: 'batch-header', path, offset: item.offset, length: item.end - item.offset, firstSequence: undefined, lastSequence: undefined, sentence: `a batch header of ${path} is damaged at octet ${item.offset}; no record was lost` })
      continue
    }
    const { offset, head } = item.found
    const bodyWhole = bodyIsWhole(copies, offset, head)
    if (!bodyWhole && offset >= durableEnd) {
      end = offset
      break
    }
    if (!bodyWhole) lose('body', bodyOffsetOf(offset, head), head.bodyLength, head.sequence, head.sequence, `the message of record ${head.sequence} is damaged in every copy of ${path}`)
    records.push({ sequence: head.sequence, epoch: head.epoch, offset, head, copies, bodyWhole })
    last = head.sequence
  }
  const durable = Math.max(walked.durableThrough, provenThrough ?? 0)
  if (end === walked.end && last < durable) lose('record', end, 0, last + 1, durable, `records ${last + 1} to ${durable} were durable and are gone from every copy of ${path}`)
  for (const { offset, length, what } of merged) {
    if (offset + length > Math.min(durableEnd, end)) continue // a torn end, whole in another member: no damage
    damages.push({ outcome: 'healed', what, path, offset, length, firstSequence: undefined, lastSequence: undefined, sentence: `${path} is damaged at octet ${offset} (${what}) in one member; the good copy was taken over` })
  }
  copies.onMerged = undefined
  return {
    name, header, copies, records, end, damages, whole, footer: walked.footer, durableThrough: durable,
    highestSeen: Math.max(walked.highestSeen, durable), watermark: walked.watermark, superseded: false,
  }
}

function walkAll(header: ParsedSegmentHeader, copies: SegmentCopies) {
  const items: Item[] = []
  const merged: { offset: number; length: number; what: Damage['what'] }[] = []
  let lastHeaderOffset = 0
  let durableThrough = 0
  let highestSeen = Math.max(header.previousLast, header.firstSequence - 1)
  let watermark: Watermark | undefined
  let footer: Footer | undefined
  let gap: { offset: number; end: number } | undefined
  copies.readAhead = 1024 * 1024
  copies.onMerged = (offset, length, what) => merged.push({ offset, length, what })
  const closeGap = (nextSequence: number | undefined) => {
    if (gap) items.push({ at: 'gap', ...gap, nextSequence })
    gap = undefined
  }
  const walk = new SegmentWalk(copies, header.firstBatch)
  for (;;) {
    const step = walk.next({ footerFirst: copies.memberCount > 1 })
    if (step.at === 'gap') {
      gap = { offset: gap?.offset ?? step.offset, end: step.end }
    } else if (step.at === 'batch') {
      const batch = step.header
      lastHeaderOffset = step.offset
      durableThrough = Math.max(durableThrough, batch.durableThrough)
      highestSeen = Math.max(highestSeen, batch.firstSequence + batch.recordCount - 1)
      watermark = batch.watermark
      // The header says what went before it; records of its own may still be missing behind it.
      closeGap(batch.durableThrough + 1)
    } else if (step.at === 'record') {
      const { head } = step.record as RecordAt
      closeGap(head.sequence)
      highestSeen = Math.max(highestSeen, head.sequence)
      items.push({ at: 'record', found: { offset: step.offset, head } })
    } else {
      if (step.at === 'footer') {
        footer = step.footer
        durableThrough = Math.max(durableThrough, footer.index.lastSequence)
        highestSeen = Math.max(highestSeen, durableThrough)
        watermark ??= { through: footer.flushedThrough, exceptions: [] }
        closeGap(footer.index.lastSequence + 1)
      }
      assert(gap === undefined || step.at === 'end', 'a gap ends with something')
      if (gap) closeGap(undefined)
      return { items, merged, lastHeaderOffset, durableThrough, highestSeen, watermark, footer, end: step.offset }
    }
  }
}

function bodyIsWhole(copies: SegmentCopies, offset: number, head: ParsedHead): boolean {
  if (head.bodyPlace !== 'inline' || !head.bodySha256) return true
  return copies.bodyAt(bodyOffsetOf(offset, head), head.bodyLength, head.bodySha256, head.sequence) !== undefined
}
