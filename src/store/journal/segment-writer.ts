// One segment on all members while its owner still writes to it: where its next batch goes, what its
// index holds, and how it is sealed. A member that fails alone is left out (each-member.ts) and its file is
// never touched again; what fails everywhere, or is nobody's fault, goes up, and the journal says what that means.
import type { Disk, DiskFile } from '../../base/disk.ts'
import { batchHeaderOctets } from './batch-header.ts'
import { closeQuietly } from './close-quietly.ts'
import { type CrashPoint, type CrashStep, step } from './crash-point.ts'
import { onEach } from './each-member.ts'
import { footerOctets, printFooter, SegmentIndex } from './footer.ts'
import { END_OCTETS, EXCEPTIONS_MAX } from './layout.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import type { SegmentHeader } from './segment-header.ts'

/** The kernel takes at most 1,024 pieces in one call (IOV_MAX). */
const PIECES_MAX = 1024
/** Room for one more empty batch header: an idle journal closes itself in the same segment. */
const CLOSING_OCTETS = batchHeaderOctets({ through: 0, exceptions: Array.from({ length: EXCEPTIONS_MAX }, () => ({ database: 0, through: 0 })) })
/** Records of one batch stand in one run of the index; a copy may add some more. */
const RUNS_AHEAD = 2

/** Octets that a segment needs besides its header for batches of `batchOctets` with so many records. */
export function segmentOctetsFor(batchOctets: number, records: number, runs: number): number {
  return batchOctets + CLOSING_OCTETS + footerOctets(runs + RUNS_AHEAD, records) + END_OCTETS
}

/** The segment's file on one member. */
export interface MemberFile {
  readonly member: Member
  readonly path: string
  readonly file: DiskFile
}

/** As far as files being written must know it. */
export type WhoTakesPart = Pick<Membership, 'in' | 'has' | 'onFault'>

export interface SegmentWriterOptions {
  disk: Disk
  name: string
  files: readonly MemberFile[]
  members: WhoTakesPart
  header: SegmentHeader
  /** SHA-256 of the segment header. */
  headerHash: Uint8Array
  firstBatch: number
  sizeOctets: number
  /** Made of the reserve while the disk was full: only reserved drafts may use it. */
  reservedOnly: boolean
  crashPoint: CrashPoint
}

export class SegmentWriter {
  readonly name: string
  readonly header: SegmentHeader
  readonly sizeOctets: number
  readonly index = new SegmentIndex()
  /** Where the next batch goes: the end of the last good one. */
  tail: number
  /** Hash of the last good batch. */
  lastHash: Uint8Array
  reservedOnly: boolean
  #files: readonly MemberFile[]
  readonly #members: WhoTakesPart
  readonly #crashPoint: CrashPoint

  constructor(options: SegmentWriterOptions) {
    this.name = options.name
    this.header = options.header
    this.sizeOctets = options.sizeOctets
    this.tail = options.firstBatch
    this.lastHash = options.headerHash
    this.reservedOnly = options.reservedOnly
    this.#files = options.files
    this.#members = options.members
    this.#crashPoint = options.crashPoint
  }

  /** Where it lies on those that are left, the first one first. */
  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path)
  }
  get members(): readonly Member[] {
    return this.#files.map(({ member }) => member)
  }

  fits(batchOctets: number, records: number): boolean {
    return this.tail + segmentOctetsFor(batchOctets, this.index.count + records, this.index.runs.length) <= this.sizeOctets
  }

  /** A quarter of it is used: time to prepare the next one. */
  get timeForNext(): boolean {
    return this.tail * 4 > this.sizeOctets
  }

  /** Writes a batch at the tail of every member. The tail does not move: `commit` does that, after the flush. */
  write(parts: readonly Uint8Array[], name: CrashStep): void {
    this.#onEach(name, (file) => writeAll(file, parts, this.tail))
  }

  flush(name: CrashStep): void {
    this.#onEach(name, (file) => file.flush())
  }

  commit(batchOctets: number, hash: Uint8Array): void {
    this.tail += batchOctets
    this.lastHash = hash
  }

  /** Footer and end mark right behind the last good batch; what lies beyond is cut off. Flushed when it returns. */
  seal(flushedThrough: number): void {
    const { segmentId, epoch } = this.header
    const footer = printFooter({ segmentId, offset: this.tail, epoch, flushedThrough, previousHash: this.lastHash }, this.index)
    this.#onEach('seal-write', (file) => file.write([footer], this.tail))
    this.#onEach('seal-truncate', (file) => file.truncate(this.tail + footer.length))
    this.flush('seal-flush')
  }

  /** Nothing more is written to this member's file. */
  leaveOut(member: Member): void {
    for (const each of this.#files) if (each.member === member) closeQuietly(each.file)
    this.#files = this.#files.filter((each) => each.member !== member)
  }

  close(): void {
    for (const { file } of this.#files) closeQuietly(file)
  }

  #onEach(name: CrashStep, act: (file: DiskFile) => void): void {
    for (const { member } of this.#files) if (!this.#members.has(member)) this.leaveOut(member)
    onEach(this.#files, ({ file }) => step(this.#crashPoint, name, () => act(file)), (member, error) => {
      if (!this.#members.onFault(member, error)) return false
      this.leaveOut(member)
      return true
    })
  }
}

/** One positional write; more than 1,024 pieces take several, one behind the other. */
export function writeAll(file: DiskFile, parts: readonly Uint8Array[], position: number): void {
  if (parts.length <= PIECES_MAX) {
    file.write(parts, position)
    return
  }
  let at = position
  for (let from = 0; from < parts.length; from += PIECES_MAX) {
    const some = parts.slice(from, from + PIECES_MAX)
    file.write(some, at)
    for (const part of some) at += part.length
  }
}
