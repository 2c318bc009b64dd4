// What a segment ends with when it is sealed: an index from sequence to offset, and behind it, as the
// last octets of the file, the end mark that finds the footer. A segment with a valid footer is sealed:
// nothing is ever appended to it, and everything in it is durable.
import {
  alignedTo8, crcMatches, END_MAGIC, END_OCTETS, FOOTER_HEAD_OCTETS, FOOTER_MAGIC, FORMAT_VERSION, get64, put64, sealCrc, viewOf,
} from './layout.ts'

/** Records whose sequences follow each other without a gap, all of one epoch. */
export interface Run {
  readonly firstSequence: number
  readonly count: number
  readonly epoch: number
}

/** Where each record of a segment begins, growing as records are added or walked past. */
export class SegmentIndex {
  #runs: { firstSequence: number; count: number; epoch: number; firstIndex: number }[] = []
  #offsets = new Uint32Array(256)
  #count = 0

  get count(): number {
    return this.#count
  }
  get runs(): readonly Run[] {
    return this.#runs
  }
  get firstSequence(): number {
    return this.#runs[0]?.firstSequence ?? 0
  }
  get lastSequence(): number {
    const run = this.#runs.at(-1)
    return run ? run.firstSequence + run.count - 1 : 0
  }
  /** Octets held in memory, about. */
  get octets(): number {
    return this.#offsets.byteLength + 64 * this.#runs.length
  }
  add(sequence: number, epoch: number, offset: number): void {
    if (this.#count === this.#offsets.length) {
      const grown = new Uint32Array(this.#offsets.length * 2)
      grown.set(this.#offsets)
      this.#offsets = grown
    }
    this.#offsets[this.#count] = offset / 8
    const run = this.#runs.at(-1)
    if (run && run.epoch === epoch && run.firstSequence + run.count === sequence) run.count += 1
    else this.#runs.push({ firstSequence: sequence, count: 1, epoch, firstIndex: this.#count })
    this.#count += 1
  }
  /** Offset of a record in its segment, or -1 when the segment does not hold it. */
  offsetOf(sequence: number): number {
    const at = this.#runAt(sequence)
    const run = this.#runs[at]
    if (!run || sequence >= run.firstSequence + run.count) return -1
    return (this.#offsets[run.firstIndex + (sequence - run.firstSequence)] as number) * 8
  }
  /** First sequence of the segment that is at least `sequence`, or -1. */
  atLeast(sequence: number): number {
    const at = this.#runAt(sequence)
    const run = this.#runs[at]
    if (run && sequence < run.firstSequence + run.count) return sequence
    return this.#runs[at + 1]?.firstSequence ?? -1
  }
  offsetAt(index: number): number {
    return (this.#offsets[index] as number) * 8
  }
  /** The last run that begins at or before `sequence`; -1 when there is none. */
  #runAt(sequence: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#runs[middle] as Run).firstSequence <= sequence) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

export interface FooterFacts {
  readonly segmentId: Uint8Array
  /** Where the footer begins: right behind the last good batch. */
  readonly offset: number
  /** Of the owner that sealed it. */
  readonly epoch: number
  /** Every database is flushed up to here (exceptions counted in): the watermark for a start behind a clean stop. */
  readonly flushedThrough: number
  /** SHA-256 of the last batch, as in a batch header. */
  readonly previousHash: Uint8Array
}

export interface Footer extends FooterFacts {
  readonly index: SegmentIndex
  readonly octets: number
}

export function footerOctets(runs: number, records: number): number {
  return alignedTo8(FOOTER_HEAD_OCTETS + 24 * runs + 4 * records)
}

/** Footer and end mark. */
export function printFooter(facts: FooterFacts, index: SegmentIndex): Uint8Array {
  const length = footerOctets(index.runs.length, index.count)
  const bytes = new Uint8Array(length + END_OCTETS)
  const view = viewOf(bytes)
  view.setUint32(0, FOOTER_MAGIC, true)
  view.setUint32(8, length, true)
  view.setUint8(12, FORMAT_VERSION)
  bytes.set(facts.segmentId, 16)
  put64(view, 32, facts.offset)
  view.setUint32(40, facts.epoch, true)
  view.setUint32(44, index.runs.length, true)
  put64(view, 48, index.firstSequence)
  put64(view, 56, index.lastSequence)
  view.setUint32(64, index.count, true)
  put64(view, 72, facts.flushedThrough)
  bytes.set(facts.previousHash, 80)
  let at = FOOTER_HEAD_OCTETS
  for (const run of index.runs) {
    put64(view, at, run.firstSequence)
    view.setUint32(at + 8, run.count, true)
    view.setUint32(at + 12, run.epoch, true)
    at += 24 // 8 octets reserved
  }
  for (let i = 0; i < index.count; i++) {
    view.setUint32(at, index.offsetAt(i) / 8, true)
    at += 4
  }
  sealCrc(bytes, view, 0, length)
  const end = viewOf(bytes.subarray(length))
  end.setUint32(0, END_MAGIC, true)
  put64(end, 8, facts.offset)
  bytes.set(facts.segmentId.subarray(0, 8), length + 16)
  end.setUint32(24, length, true)
  sealCrc(bytes.subarray(length), end, 0, END_OCTETS)
  return bytes
}

/** Octets that a footer at `at` claims, without its end mark; 0 when none begins there. */
export function claimedFooterLength(bytes: Uint8Array, view: DataView, at: number): number {
  if (at + 16 > bytes.length || view.getUint32(at, true) !== FOOTER_MAGIC) return 0
  const length = view.getUint32(at + 8, true)
  return length < FOOTER_HEAD_OCTETS || length % 8 !== 0 ? 0 : length
}

/** The footer that begins at `at` of `bytes` and stands at `offset` of its segment. */
export function parseFooter(bytes: Uint8Array, at: number, where: { segmentId: Uint8Array | undefined; offset: number }): Footer | undefined {
  const view = viewOf(bytes)
  const length = claimedFooterLength(bytes, view, at)
  if (length === 0 || at + length > bytes.length || !crcMatches(bytes, view, at, length)) return undefined
  if (where.segmentId) for (let i = 0; i < 16; i++) if (bytes[at + 16 + i] !== where.segmentId[i]) return undefined
  if (get64(view, at + 32) !== where.offset) return undefined
  const runCount = view.getUint32(at + 44, true)
  const count = view.getUint32(at + 64, true)
  if (footerOctets(runCount, count) > length) return undefined
  const index = new SegmentIndex()
  let offsetAt = at + FOOTER_HEAD_OCTETS + 24 * runCount
  for (let r = 0; r < runCount; r++) {
    const from = at + FOOTER_HEAD_OCTETS + 24 * r
    const first = get64(view, from)
    const runLength = view.getUint32(from + 8, true)
    const epoch = view.getUint32(from + 12, true)
    for (let i = 0; i < runLength && index.count < count; i++) {
      index.add(first + i, epoch, view.getUint32(offsetAt, true) * 8)
      offsetAt += 4
    }
  }
  if (index.count !== count) return undefined
  return {
    segmentId: bytes.slice(at + 16, at + 32),
    offset: where.offset,
    epoch: view.getUint32(at + 40, true),
    flushedThrough: get64(view, at + 72),
    previousHash: bytes.slice(at + 80, at + 112),
    index,
    octets: length,
  }
}

/** Where the end mark in the last octets of a file says that the footer begins. */
export function parseEndMark(bytes: Uint8Array): { offset: number; footerLength: number; mark: Uint8Array } | undefined {
  if (bytes.length !== END_OCTETS) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== END_MAGIC || !crcMatches(bytes, view, 0, END_OCTETS)) return undefined
  return { offset: get64(view, 8), footerLength: view.getUint32(24, true), mark: bytes.slice(16, 24) }
}
