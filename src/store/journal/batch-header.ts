// The first structure of each write: which segment and epoch it belongs to, that it follows the batch
// before it, up to where everything is durable, and how far the databases are flushed (the watermark).
import { Bug } from '../../base/errors.ts'
import {
  type Arena, BATCH_HEAD_OCTETS, BATCH_MAGIC, crcMatches, EXCEPTIONS_MAX, FORMAT_VERSION, get64, put64, sealCrc,
} from './layout.ts'
import type { Watermark } from './record.ts'

export interface BatchHeader {
  /** Where the batch begins in its segment. */
  readonly offset: number
  /** Octets of the whole batch with this header: the next one begins there. */
  readonly batchLength: number
  readonly epoch: number
  readonly recordCount: number
  /** First sequence in the batch; of an empty one, the next that will be given out. */
  readonly firstSequence: number
  /** Every record up to this one had been flushed on every member before this header was written. */
  readonly durableThrough: number
  readonly watermark: Watermark
  /** SHA-256 of the batch before without its inline bodies; in the first batch, of the segment header. */
  readonly previousHash: Uint8Array
}

export interface ParsedBatchHeader extends BatchHeader {
  readonly headerLength: number
}

export function batchHeaderOctets(watermark: Watermark): number {
  return BATCH_HEAD_OCTETS + 16 * watermark.exceptions.length
}

/** Begins a batch in the arena. Its length is known before: the caller has measured the drafts. */
export function putBatchHeader(arena: Arena, header: BatchHeader, segmentId: Uint8Array): void {
  const count = header.watermark.exceptions.length
  if (count > EXCEPTIONS_MAX) throw new Bug(`a watermark with more than ${EXCEPTIONS_MAX} exceptions`)
  const length = batchHeaderOctets(header.watermark)
  const at = arena.take(length)
  const { bytes, view } = arena
  view.setUint32(at, BATCH_MAGIC, true)
  view.setUint32(at + 8, length, true)
  view.setUint8(at + 12, FORMAT_VERSION)
  view.setUint8(at + 13, 0)
  view.setUint16(at + 14, count, true)
  bytes.set(segmentId, at + 16)
  put64(view, at + 32, header.offset)
  put64(view, at + 40, header.batchLength)
  view.setUint32(at + 48, header.epoch, true)
  view.setUint32(at + 52, header.recordCount, true)
  put64(view, at + 56, header.firstSequence)
  put64(view, at + 64, header.durableThrough)
  put64(view, at + 72, header.watermark.through)
  bytes.set(header.previousHash, at + 80)
  let next = at + BATCH_HEAD_OCTETS
  for (const exception of header.watermark.exceptions) {
    put64(view, next, exception.database)
    put64(view, next + 8, exception.through)
    next += 16
  }
  sealCrc(bytes, view, at, length)
}

/** Octets that the header at `at` claims; 0 when no batch begins there. */
export function claimedBatchHeaderLength(bytes: Uint8Array, view: DataView, at: number): number {
  if (at + BATCH_HEAD_OCTETS > bytes.length || view.getUint32(at, true) !== BATCH_MAGIC) return 0
  const length = view.getUint32(at + 8, true)
  return length < BATCH_HEAD_OCTETS || length > 65_536 || length % 8 !== 0 ? 0 : length
}

/** The header at `at`, which stands at `offset` of its segment; undefined when it is torn, damaged, foreign or not all there. */
export function parseBatchHeader(bytes: Uint8Array, view: DataView, at: number, where: { segmentId: Uint8Array; offset: number }): ParsedBatchHeader | undefined {
  const headerLength = claimedBatchHeaderLength(bytes, view, at)
  if (headerLength === 0 || at + headerLength > bytes.length) return undefined
  for (let i = 0; i < 16; i++) if (bytes[at + 16 + i] !== where.segmentId[i]) return undefined
  if (get64(view, at + 32) !== where.offset || !crcMatches(bytes, view, at, headerLength)) return undefined
  const count = view.getUint16(at + 14, true)
  if (BATCH_HEAD_OCTETS + 16 * count > headerLength) return undefined
  const batchLength = get64(view, at + 40)
  if (!(batchLength >= headerLength) || batchLength % 8 !== 0) return undefined
  const exceptions: { database: number; through: number }[] = []
  for (let i = 0; i < count; i++) {
    const from = at + BATCH_HEAD_OCTETS + 16 * i
    exceptions.push({ database: get64(view, from), through: get64(view, from + 8) })
  }
  return {
    headerLength,
    offset: where.offset,
    batchLength,
    epoch: view.getUint32(at + 48, true),
    recordCount: view.getUint32(at + 52, true),
    firstSequence: get64(view, at + 56),
    durableThrough: get64(view, at + 64),
    watermark: { through: get64(view, at + 72), exceptions },
    previousHash: bytes.slice(at + 80, at + 112),
  }
}
