// Names of segment files: EPOCH-SEQUENCE.seg, ten and sixteen decimal digits, so that they sort as
// they follow each other. What an owner has retired, kept aside or not finished has a suffix behind
// `.seg` and is no segment any more, though its epoch still counts: an epoch is never given out twice.

export interface SegmentName {
  readonly name: string
  readonly epoch: number
  /** No record in the segment has a lower sequence. */
  readonly firstSequence: number
}

const PATTERN = /^(\d{10})-(\d{16})\.seg(\..+)?$/

export function segmentNameOf(epoch: number, firstSequence: number): string {
  return `${String(epoch).padStart(10, '0')}-${String(firstSequence).padStart(16, '0')}.seg`
}

/** Undefined when it is no segment's name, or that of one with a suffix. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = PATTERN.exec(name)
  if (!match || match[3] !== undefined) return undefined
  return { name, epoch: Number(match[1]), firstSequence: Number(match[2]) }
}

/** The epoch in any name that begins like a segment's, suffix or not; 0 for all others. */
export function epochInName(name: string): number {
  const match = PATTERN.exec(name)
  return match ? Number(match[1]) : 0
}

/** Segments as they were made, which is how their records follow each other: an owner's numbers are all above those before it. */
export function inOrder(a: SegmentName, b: SegmentName): number {
  return a.epoch - b.epoch || a.firstSequence - b.firstSequence
}
