// A segment whose header is damaged in every member still says who it is: each batch header carries the
// segment's id, its own offset and a CRC. The first one that is whole is believed.
import { parseBatchHeader } from './batch-header.ts'
import { BATCH_HEAD_OCTETS, FIRST_BATCH_ALIGNMENT, viewOf } from './layout.ts'
import type { SegmentCopies } from './segment-copies.ts'
import type { ParsedSegmentHeader } from './segment-header.ts'
import type { SegmentName } from './segment-name.ts'

const CHUNK = 1024 * 1024
const HEADER_MAX = 4096

/** What can be known of the segment, or undefined when no batch of it is whole. */
export function learnHeader(copies: SegmentCopies, name: SegmentName): ParsedSegmentHeader | undefined {
  const magic = Buffer.from('DBat')
  for (let member = 0; member < copies.memberCount; member++) {
    for (let from = 0; ; from += CHUNK) {
      const bytes = copies.readFrom(member, from, CHUNK + HEADER_MAX)
      if (bytes.length < BATCH_HEAD_OCTETS) break
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const view = viewOf(bytes)
      for (let at = buffer.indexOf(magic); at >= 0 && at + BATCH_HEAD_OCTETS <= bytes.length; at = buffer.indexOf(magic, at + 1)) {
        if ((from + at) % 8 !== 0) continue
        const segmentId = bytes.slice(at + 16, at + 32)
        const header = parseBatchHeader(bytes, view, at, { segmentId, offset: from + at })
        if (!header || header.epoch !== name.epoch) continue
        return {
          segmentId, journalId: new Uint8Array(16), epoch: name.epoch, firstSequence: name.firstSequence,
          previousLast: name.firstSequence - 1, createdMs: 0, copied: false, epochEnds: [], firstBatch: FIRST_BATCH_ALIGNMENT,
        }
      }
    }
  }
  return undefined
}
