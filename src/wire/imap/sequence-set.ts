// Sets of message numbers or UIDs: `2,4:7,9,12:*` (RFC 3501 §9 sequence-set), and `$`, the saved
// result (RFC 5182). Ranges are kept as they were written until the size of the mailbox is known.
import type { Cursor } from './cursor.ts'

/** Stands for "*" in a range; never a number of a message. */
export const STAR = 0

export type SequenceSet =
  | { readonly saved: true }
  /** Pairs in a row: low, high, low, high, …; either may be STAR. */
  | { readonly saved: false; readonly pairs: readonly number[] }

/** A range count of a hostile client is bounded by the length of its command. */
export function takeSequenceSet(cursor: Cursor): SequenceSet {
  if (cursor.maybe('$')) return { saved: true }
  const pairs: number[] = []
  do {
    const first = takeNumberOrStar(cursor)
    const second = cursor.maybe(':') ? takeNumberOrStar(cursor) : first
    pairs.push(first, second)
  } while (cursor.maybe(','))
  return { saved: false, pairs }
}

function takeNumberOrStar(cursor: Cursor): number {
  return cursor.maybe('*') ? STAR : cursor.takeNonZero()
}

/** A sorted, merged list of ranges: low, high, low, high, … All numbers are real. */
export type Ranges = readonly number[]

/**
 * What a set means when the largest number is `max` (0 for an empty mailbox: then "*" is nothing).
 * Ends of a range may come in either order; "*" is the largest number even if the other end is larger,
 * so that `5000:*` always holds the last message (RFC 3501 §6.4.8).
 */
export function rangesOf(pairs: readonly number[], max: number): Ranges {
  const ends: [number, number][] = []
  for (let i = 0; i < pairs.length; i += 2) {
    const first = pairs[i] === STAR ? max : pairs[i]!
    const second = pairs[i + 1] === STAR ? max : pairs[i + 1]!
    if (first === 0 && second === 0) continue
    const low = Math.min(first, second)
    ends.push([low === 0 ? 1 : low, Math.max(first, second)])
  }
  return mergedRanges(ends)
}

export function mergedRanges(ends: [number, number][]): Ranges {
  ends.sort((a, b) => a[0] - b[0])
  const merged: number[] = []
  for (const [low, high] of ends) {
    const last = merged.length - 1
    if (last > 0 && low <= merged[last]! + 1) merged[last] = Math.max(merged[last]!, high)
    else merged.push(low, high)
  }
  return merged
}

export function rangesHold(ranges: Ranges, value: number): boolean {
  let low = 0
  let high = ranges.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (value < ranges[middle * 2]!) high = middle - 1
    else if (value > ranges[middle * 2 + 1]!) low = middle + 1
    else return true
  }
  return false
}

/** Ascending numbers as runs from–to, neighbours joined. */
export function runsOf(ascending: ArrayLike<number>): [from: number, to: number][] {
  const runs: [number, number][] = []
  for (let i = 0; i < ascending.length;) {
    const from = ascending[i]!
    let to = from
    i += 1
    while (i < ascending.length && ascending[i] === to + 1) {
      to += 1
      i += 1
    }
    runs.push([from, to])
  }
  return runs
}

/** `1:3,7` for ascending numbers, as COPYUID, MODIFIED, VANISHED and ESEARCH want them. */
export function printSet(ascending: ArrayLike<number>): string {
  return runsOf(ascending).map(([from, to]) => (from === to ? `${from}` : `${from}:${to}`)).join(',')
}
