// Sets of UIDs as sorted ranges: as given by a client's change, as written into the change log, and
// as few statements as reading them needs. Pure.
import type { UidRange } from '../operations.ts'

/** Sorted, without overlap, neighbours joined. Ranges that are the wrong way round are turned. */
export function tidyRanges(ranges: readonly UidRange[]): UidRange[] {
  const sorted = ranges
    .map(([a, b]): [number, number] => (a <= b ? [a, b] : [b, a]))
    .sort((x, y) => x[0] - y[0] || x[1] - y[1])
  return joinRanges(sorted, 1)
}

/** Joins sorted ranges whose distance is at most `gap`: what is asked for in one statement. */
export function joinRanges(sorted: readonly UidRange[], gap: number): UidRange[] {
  const joined: [number, number][] = []
  for (const [first, last] of sorted) {
    const before = joined.at(-1)
    if (before && first - before[1] <= gap) before[1] = Math.max(before[1], last)
    else joined.push([first, last])
  }
  return joined
}

/** Ranges of sorted single UIDs. */
export function rangesOf(uids: readonly number[]): UidRange[] {
  const ranges: [number, number][] = []
  for (const uid of uids) {
    const before = ranges.at(-1)
    if (before && uid <= before[1] + 1) before[1] = Math.max(before[1], uid)
    else ranges.push([uid, uid])
  }
  return ranges
}

/** "3:5,9" */
export function printRanges(ranges: readonly UidRange[]): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',')
}

/** The other way. Only for texts that `printRanges` wrote. */
export function readRanges(text: string): UidRange[] {
  if (text === '') return []
  return text.split(',').map((part): UidRange => {
    const colon = part.indexOf(':')
    return colon < 0 ? [Number(part), Number(part)] : [Number(part.slice(0, colon)), Number(part.slice(colon + 1))]
  })
}

/** Whether a UID is in sorted ranges, asked for UIDs in ascending order: walks along instead of searching. */
export function rangeWalker(sorted: readonly UidRange[]): (uid: number) => boolean {
  let at = 0
  return (uid) => {
    while (at < sorted.length && (sorted[at] as UidRange)[1] < uid) at += 1
    return at < sorted.length && (sorted[at] as UidRange)[0] <= uid
  }
}
