// From the numbers in a command to messages of the selected mailbox, as ranges of sequence numbers: also for
// UIDs, since both grow together. And back to ranges of UIDs in pieces, as the store wants its changes.
import { rangesOf } from '../wire/imap/sequence-set.ts'
import type { Ranges, SequenceSet } from '../wire/imap/sequence-set.ts'
import type { UidRange } from '../store/store.ts'
import type { SequenceTracker } from './sequence-tracker.ts'

/** Messages that one change may name (STORE.md, Applying 3). */
export const CHANGE_MESSAGES_MAX = 1000

/** undefined: the set names a number that is no message's (RFC 3501 §9 seq-number: BAD). */
export function sequencesOf(tracker: SequenceTracker, set: SequenceSet, byUid: boolean): Ranges | undefined {
  if (set.saved) return tracker.sequencesOf(tracker.savedUids)
  const { exists } = tracker
  if (byUid) return tracker.sequencesOf(rangesOf(set.pairs, exists === 0 ? 0 : tracker.uidOf(exists)))
  const ranges = rangesOf(set.pairs, exists)
  if (ranges.length > 0 && ranges.at(-1)! > exists) {
    // An empty mailbox: `1:*` is what clients ask of any mailbox, and no message is a fair answer.
    return exists === 0 && set.pairs.includes(0) ? [] : undefined
  }
  return ranges
}

export function countOf(ranges: Ranges): number {
  let count = 0
  for (let i = 0; i < ranges.length; i += 2) count += ranges[i + 1]! - ranges[i]! + 1
  return count
}

/** The ranges again, in pieces of at most `messagesMax` messages. */
export function* piecesOf(ranges: Ranges, messagesMax: number): Generator<Ranges, void, void> {
  let piece: number[] = []
  let room = messagesMax
  for (let i = 0; i < ranges.length; i += 2) {
    let low = ranges[i]!
    const high = ranges[i + 1]!
    while (low <= high) {
      const end = Math.min(high, low + room - 1)
      piece.push(low, end)
      room -= end - low + 1
      low = end + 1
      if (room === 0) {
        yield piece
        piece = []
        room = messagesMax
      }
    }
  }
  if (piece.length > 0) yield piece
}

/** Every message that is there between these two is known to the session, so ends are enough. */
export function uidRangesOf(tracker: SequenceTracker, ranges: Ranges): UidRange[] {
  const uids: UidRange[] = []
  for (let i = 0; i < ranges.length; i += 2) uids.push([tracker.uidOf(ranges[i]!), tracker.uidOf(ranges[i + 1]!)])
  return uids
}

export function uidsOf(tracker: SequenceTracker, ranges: Ranges): number[] {
  const uids: number[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    for (let sequence = ranges[i]!; sequence <= ranges[i + 1]!; sequence += 1) uids.push(tracker.uidOf(sequence))
  }
  return uids
}
