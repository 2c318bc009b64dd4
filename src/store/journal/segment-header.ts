// The first structure of a segment: who owns it, where it begins, and where every earlier epoch ended.
// It is written once, before the segment has its name, and never again.
import {
  alignedTo8, crcMatches, FIRST_BATCH_ALIGNMENT, FORMAT_VERSION, get64, put64, SEGMENT_HEAD_OCTETS, SEGMENT_MAGIC, sealCrc, viewOf,
} from './layout.ts'

/** Last sequence of an epoch. An epoch that wrote nothing is not listed. */
export interface EpochEnd {
  readonly epoch: number
  readonly last: number
}

export interface SegmentHeader {
  /** 16 random octets: a batch or record belongs to the segment whose id it carries. */
  readonly segmentId: Uint8Array
  /** 16 random octets, the same in every segment of a journal, so that two journals are never mixed. */
  readonly journalId: Uint8Array
  readonly epoch: number
  readonly firstSequence: number
  /** Last sequence before this segment; everything up to it stands in other segments and is durable. */
  readonly previousLast: number
  readonly createdMs: number
  /** The first segment of an owner: it holds copies of everything after `previousLast` that earlier owners wrote. */
  readonly copied: boolean
  readonly epochEnds: readonly EpochEnd[]
}

export interface ParsedSegmentHeader extends SegmentHeader {
  /** Where the first batch begins. */
  readonly firstBatch: number
}

const FLAG_COPIED = 1
/** A header that claims more is damage: 65,000 epochs that wrote something. */
export const SEGMENT_HEADER_OCTETS_MAX = 1024 * 1024

/** The header with zeros up to the first batch. */
export function printSegmentHeader(header: SegmentHeader): Uint8Array {
  const length = alignedTo8(SEGMENT_HEAD_OCTETS + 16 * header.epochEnds.length)
  const firstBatch = Math.ceil(length / FIRST_BATCH_ALIGNMENT) * FIRST_BATCH_ALIGNMENT
  const bytes = new Uint8Array(firstBatch)
  const view = viewOf(bytes)
  view.setUint32(0, SEGMENT_MAGIC, true)
  view.setUint32(8, length, true)
  view.setUint8(12, FORMAT_VERSION)
  view.setUint8(13, FORMAT_VERSION) // least version of a reader that understands the segment
  view.setUint16(14, header.copied ? FLAG_COPIED : 0, true)
  bytes.set(header.segmentId, 16)
  bytes.set(header.journalId, 32)
  view.setUint32(48, header.epoch, true)
  view.setUint32(52, header.epochEnds.length, true)
  put64(view, 56, header.firstSequence)
  put64(view, 64, header.previousLast)
  put64(view, 72, header.createdMs)
  put64(view, 80, firstBatch)
  let at = SEGMENT_HEAD_OCTETS
  for (const end of header.epochEnds) {
    put64(view, at, end.epoch)
    put64(view, at + 8, end.last)
    at += 16
  }
  sealCrc(bytes, view, 0, length)
  return bytes
}

/** Octets that a header claims to have, from its first 16; 0 when they begin no header. */
export function claimedSegmentHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < 16) return 0
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== SEGMENT_MAGIC) return 0
  const length = view.getUint32(8, true)
  return length < SEGMENT_HEAD_OCTETS || length > SEGMENT_HEADER_OCTETS_MAX || length % 8 !== 0 ? 0 : length
}

export type SegmentHeaderTrouble = 'damaged' | 'newer-format'

/** `damaged` also when there is nothing yet; `newer-format` when only a newer version may read on. */
export function parseSegmentHeader(bytes: Uint8Array): ParsedSegmentHeader | SegmentHeaderTrouble {
  const length = claimedSegmentHeaderLength(bytes)
  if (length === 0 || length > bytes.length) return 'damaged'
  const view = viewOf(bytes)
  if (!crcMatches(bytes, view, 0, length)) return 'damaged'
  if (view.getUint8(13) > FORMAT_VERSION) return 'newer-format'
  const count = view.getUint32(52, true)
  if (SEGMENT_HEAD_OCTETS + 16 * count > length) return 'damaged'
  const epochEnds: EpochEnd[] = []
  for (let i = 0; i < count; i++) {
    const at = SEGMENT_HEAD_OCTETS + 16 * i
    epochEnds.push({ epoch: get64(view, at), last: get64(view, at + 8) })
  }
  return {
    segmentId: bytes.slice(16, 32),
    journalId: bytes.slice(32, 48),
    epoch: view.getUint32(48, true),
    firstSequence: get64(view, 56),
    previousLast: get64(view, 64),
    createdMs: get64(view, 72),
    copied: (view.getUint16(14, true) & FLAG_COPIED) !== 0,
    epochEnds,
    firstBatch: get64(view, 80),
  }
}
