// The journal: the one place that must not lose anything. `openJournal` makes the caller its owner (see
// recovery.ts), `append` makes records durable: one positional write and one flush on every member, and
// only then does it return. It is synchronous, knows no threads and starts no timers; whoever owns it
// calls `closeIdle` when a second has passed without an append, and `tend` between batches.
//
// After a failure it answers one of two things. `OutOfSpace`: the batch certainly does not exist, the
// next one may be tried. Anything else: nobody knows what the disk holds; the journal is dead, every
// later call throws, and the owner ends. A failed flush is never tried again.
//
// The format is docs/FORMAT.md. Other threads read through journal-reader.ts.
import type { Clock } from '../../base/clock.ts'
import { nodeAsyncDisk, nodeDisk, type AsyncDisk, type Disk } from '../../base/disk.ts'
import { errorCode, errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { BatchBuilder, measureDrafts } from './batch-builder.ts'
import { batchHeaderOctets } from './batch-header.ts'
import { type CrashPoint, noCrashPoint } from './crash-point.ts'
import { EXCEPTIONS_MAX, FIRST_BATCH_ALIGNMENT, SEGMENT_SIZE_OCTETS } from './layout.ts'
import type { Member } from './members.ts'
import { checkDraft } from './record-codec.ts'
import { recoverJournal, type RecoveryReport } from './recovery.ts'
import { JournalDead, type JournalEntry, type OnDamage, OutOfSpace, type RecordDraft, type Watermark } from './record.ts'
import { bearSegment } from './segment-birth.ts'
import type { EpochEnd } from './segment-header.ts'
import { segmentOctetsFor, type SegmentWriter } from './segment-writer.ts'
import { isNoSpace, type Spare, type SpareKind, Spares } from './spares.ts'

export * from './record.ts'
export type { RecoveryReport } from './recovery.ts'
export { MemberMissing } from './members.ts'
export { SEGMENT_SIZE_OCTETS } from './layout.ts'

/** A full disk is looked at again so often. */
const SPACE_CHECK_MS = 1000

export interface JournalOptions {
  /** Holds `journal/`, `large/` and, perhaps, `intake/`. */
  dataDirectory: string
  /** Folders on other disks that hold the same; `journal/` and `large/` are made in them. */
  mirrors?: readonly string[]
  segmentSizeOctets?: number
  /** Starts although a member is missing. A mirror that is missing is left out, the data folder is filled again. */
  acceptLoss?: boolean
  /** With `acceptLoss`: mirrors that are empty or were left behind are filled from the others and take part again. */
  fillMirrors?: boolean
  disk: Disk
  /** Makes the next segment while the owner goes on. Without one it is made in `tend`. The machine's disk has one by itself. */
  asyncDisk?: AsyncDisk
  clock: Clock
  random: Random
  log: Log
  crashPoint?: CrashPoint
  onDamage?: OnDamage
}

export interface OpenedJournal {
  readonly journal: Journal
  readonly report: RecoveryReport
  /** Heads of all records behind the watermark, in order. Read from the disk when it is first asked for. */
  readonly entries: readonly JournalEntry[]
}

/** Becomes the owner: recovers, begins a new epoch, and only returns when its first segment is durable. */
export function openJournal(options: JournalOptions): OpenedJournal {
  const recovered = recoverJournal(options)
  const journal = new Journal(options, recovered)
  journal.makeReserve()
  let entries: readonly JournalEntry[] | undefined
  return {
    journal, report: recovered.report,
    get entries() {
      return entries ??= recovered.readEntries()
    },
  }
}

export interface JournalStart {
  readonly members: readonly Member[]
  readonly journalId: Uint8Array
  readonly active: SegmentWriter
  readonly spares: Spares
  readonly epoch: number
  readonly nextSequence: number
  readonly lastSequence: number
  readonly epochEnds: readonly EpochEnd[]
  readonly watermark: Watermark
}

export class Journal {
  readonly epoch: number
  readonly #options: JournalOptions
  readonly #crashPoint: CrashPoint
  readonly #start: JournalStart
  readonly #segmentSize: number
  readonly #spares: Spares
  readonly #asyncDisk: AsyncDisk | undefined
  readonly #builder = new BatchBuilder()
  readonly #bodyLengths: number[] = []
  /** Undefined after a full disk, until the next segment could be opened. */
  #active: SegmentWriter | undefined
  #nextSequence: number
  /** First sequence in the name of the newest segment. */
  #lastNamed: number
  #lastSequence: number
  #watermark: Watermark
  /** Something was appended since the last header said that all is durable. */
  #tailOpen = false
  #dead: Error | undefined
  #spaceCheckedMs = -Infinity
  #full = false

  constructor(options: JournalOptions, start: JournalStart) {
    this.#options = options
    this.#crashPoint = options.crashPoint ?? noCrashPoint
    this.#start = start
    this.#segmentSize = options.segmentSizeOctets ?? SEGMENT_SIZE_OCTETS
    this.#spares = start.spares
    this.#asyncDisk = options.asyncDisk ?? (options.disk === nodeDisk ? nodeAsyncDisk : undefined)
    this.#active = start.active
    this.#nextSequence = start.nextSequence
    this.#lastNamed = start.active.header.firstSequence
    this.#lastSequence = start.lastSequence
    this.#watermark = start.watermark
    this.epoch = start.epoch
  }

  /** The last record that is durable; 0 when there is none. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** True while only drafts marked `reserved` are likely to find room. */
  get full(): boolean {
    return this.#full
  }

  /** Stands in every batch header from now on. Call it with what is certainly flushed. */
  setWatermark(watermark: Watermark): void {
    this.#watermark = withFewExceptions(watermark)
  }

  get watermark(): Watermark {
    return this.#watermark
  }

  /**
   * The last sequence that an epoch gave out and that counts: a database of that epoch with a position
   * beyond it has seen what was lost. Undefined for the present epoch, which has not ended; 0 for one
   * of which nothing is left or that never was.
   */
  lastSequenceOfEpoch(epoch: number): number | undefined {
    if (epoch === this.epoch) return undefined
    return this.#start.epochEnds.find((end) => end.epoch === epoch)?.last ?? 0
  }

  /** Makes the drafts durable on every member, in order, and returns their sequences. */
  append(drafts: readonly RecordDraft[]): readonly number[] {
    this.#assertAlive()
    if (drafts.length === 0) return []
    for (const draft of drafts) checkDraft(draft)
    const size = measureDrafts(drafts, this.#watermark, this.#bodyLengths)
    const segment = this.#segmentFor(size.octets, drafts.length, drafts.every((draft) => draft.reserved === true))
    const first = this.#nextSequence
    const { parts, hash } = this.#build(segment, drafts, size, first)
    // Given out from here on, whatever happens: remains of a failed write may lie on a disk.
    this.#nextSequence += drafts.length
    try {
      segment.write(parts, 'append-write')
    } catch (error) {
      if (isNoSpace(error)) this.#sealAfterShortWrite(segment, error)
      throw this.#die('a write to the journal failed', error)
    }
    this.#flush(segment, 'append-flush')
    const sequences: number[] = new Array<number>(drafts.length)
    let offset = segment.tail + batchHeaderOctets(this.#watermark)
    for (let i = 0; i < drafts.length; i++) {
      sequences[i] = first + i
      segment.index.add(first + i, this.epoch, offset)
      offset += this.#builder.lengths[i] as number
    }
    segment.commit(size.octets, hash)
    this.#lastSequence = first + drafts.length - 1
    this.#tailOpen = true
    if (this.#asyncDisk && !this.#spares.making && segment.timeForNext && !this.#spares.has('ahead')) this.#prepareBehind('ahead', this.#asyncDisk)
    return sequences
  }

  /** An idle journal closes itself: an empty batch header says that all before it is durable. True if one was written. */
  closeIdle(): boolean {
    this.#assertAlive()
    const segment = this.#active
    if (!segment || !this.#tailOpen) return false
    const octets = batchHeaderOctets(this.#watermark)
    const { parts, hash } = this.#build(segment, [], { headOctets: octets, octets }, this.#nextSequence)
    try {
      segment.write(parts, 'close-write')
    } catch (error) {
      if (!isNoSpace(error)) throw this.#die('a write to the journal failed', error)
      this.#seal(segment)
      return true
    }
    this.#flush(segment, 'close-flush')
    segment.commit(octets, hash)
    this.#tailOpen = false
    return true
  }

  /**
   * One small piece of preparation (a slice of the next segment, the reserve when room has returned).
   * True when there is more to do. Call it between batches, after the answers have gone out. With an
   * `asyncDisk` it only sets the work going and returns at once.
   */
  tend(): boolean {
    this.#assertAlive()
    const kind = this.#wantedSpare()
    if (!kind) return false
    if (this.#full && !this.#spares.making && !this.#roomHasReturned()) return false
    if (this.#asyncDisk) {
      if (!this.#spares.making) this.#prepareBehind(kind, this.#asyncDisk)
      return false
    }
    try {
      const ready = this.#spares.advance(kind)
      if (ready) this.#roomIsBack()
      return this.#wantedSpare() !== undefined
    } catch (error) {
      this.#onSpareTrouble(error)
      return false
    }
  }

  /** At start: the reserve in one go. A full disk is no reason not to start. */
  makeReserve(): void {
    if (this.#spares.has('reserve')) return
    try {
      this.#spares.make('reserve')
    } catch (error) {
      this.#onSpareTrouble(error)
    }
  }

  /** Seals the active segment, so that the next start has nothing to copy. The journal is not used any more after it. */
  close(): void {
    if (this.#dead) {
      this.#active?.close()
      return
    }
    const segment = this.#active
    if (segment && segment.index.count > 0) this.#seal(segment)
    else segment?.close()
    this.#spares.close()
    this.#dead = new JournalDead('the journal was closed', { operation: 'append' })
  }

  // ------------------------------------------------------------------ one batch

  #build(segment: SegmentWriter, drafts: readonly RecordDraft[], size: { headOctets: number; octets: number }, first: number) {
    const builder = this.#builder
    builder.begin({
      offset: segment.tail, batchLength: size.octets, epoch: this.epoch, recordCount: drafts.length, firstSequence: first,
      durableThrough: this.#lastSequence, watermark: this.#watermark, previousHash: segment.lastHash,
    }, segment.header.segmentId, size.headOctets)
    for (let i = 0; i < drafts.length; i++) {
      builder.addDraft(drafts[i] as RecordDraft, { sequence: first + i, epoch: this.epoch, bodyLength: this.#bodyLengths[i] as number })
    }
    return builder.finish(segment.tail + size.octets)
  }

  #flush(segment: SegmentWriter, name: 'append-flush' | 'close-flush'): void {
    try {
      segment.flush(name)
    } catch (error) {
      throw this.#die('a flush of the journal failed', error)
    }
  }

  /** STORE.md, Journal 4: only a sealing footer is written to that file again. Throws `OutOfSpace` once it is flushed. */
  #sealAfterShortWrite(segment: SegmentWriter, cause: unknown): never {
    this.#seal(segment)
    this.#full = true
    throw new OutOfSpace(segment.paths[0] as string, cause)
  }

  #seal(segment: SegmentWriter): void {
    const { through, exceptions } = this.#watermark
    try {
      segment.seal(exceptions.reduce((least, exception) => Math.min(least, exception.through), through))
    } catch (error) {
      throw this.#die('sealing a segment failed', error)
    }
    segment.close()
    this.#active = undefined
    this.#tailOpen = false
  }

  #die(what: string, cause: unknown): JournalDead {
    const path = this.#active?.paths[0]
    const code = errorCode(cause)
    const dead = new JournalDead(`${what}: ${errorSentence(cause)}`, {
      operation: 'append', cause, ...(path === undefined ? {} : { path }), ...(code === undefined ? {} : { code }),
      hint: 'nothing of this batch was acknowledged; the server ends and the next start finds out what the disk holds',
    })
    this.#dead = dead
    return dead
  }

  #assertAlive(): void {
    if (this.#dead) throw this.#dead
  }

  // ------------------------------------------------------------------ segments

  /** The segment that takes the next batch: the active one, or a new one when the batch is larger than its rest. */
  #segmentFor(octets: number, records: number, reserved: boolean): SegmentWriter {
    const active = this.#active
    if (active?.reservedOnly && !reserved) this.#regainReserve(active)
    if (active?.fits(octets, records)) return active
    const needed = FIRST_BATCH_ALIGNMENT + this.#headerSlack() + segmentOctetsFor(octets, records, 1)
    const { spare, kind } = this.#spareFor(needed, reserved)
    if (active) this.#seal(active)
    try {
      this.#active = this.#bear(spare, Math.max(spare.sizeOctets, needed), kind === 'reserve')
      if (kind === 'ahead') this.#full = !this.#spares.has('reserve')
      return this.#active
    } catch (error) {
      if (!isNoSpace(error)) throw this.#die('a new segment could not be made', error)
      this.#full = true
      throw new OutOfSpace((this.#start.members[0] as Member).journal, error)
    }
  }

  #headerSlack(): number {
    return Math.ceil((16 * (this.#start.epochEnds.length + 1)) / FIRST_BATCH_ALIGNMENT) * FIRST_BATCH_ALIGNMENT
  }

  /** A spare that is large enough, before anything else is done, so that nothing is sealed in vain. */
  #spareFor(needed: number, reserved: boolean): { spare: Spare; kind: SpareKind } {
    const { journal } = this.#start.members[0] as Member
    try {
      const missing = Math.max(needed, this.#segmentSize)
      if (!this.#spares.has('ahead')) {
        // Looked at before it is tried: a try that fails would take the last room from the databases for a while.
        // And the reserve comes first: ordinary mail never takes the last room there is.
        const reserveToo = !this.#spares.has('reserve') && !reserved
        if (!this.#spares.roomFor(missing + (reserveToo ? this.#segmentSize : 0))) throw new OutOfSpace(journal)
        if (reserveToo) this.#spares.make('reserve')
        this.#spares.make('ahead')
      } else if (needed > this.#segmentSize && !this.#spares.roomFor(missing)) throw new OutOfSpace(journal)
      return { spare: this.#spares.take('ahead') as Spare, kind: 'ahead' }
    } catch (error) {
      if (!isNoSpace(error)) throw this.#die('a new segment could not be made', error)
      this.#full = true
      const spare = reserved && needed <= this.#segmentSize ? this.#spares.take('reserve') : undefined
      if (!spare) throw error instanceof OutOfSpace ? error : new OutOfSpace(journal, error)
      return { spare, kind: 'reserve' }
    }
  }

  #bear(spare: Spare, sizeOctets: number, reservedOnly: boolean): SegmentWriter {
    const { disk, clock, random } = this.#options
    // A name is never used for two segments, not even when the first was left empty or only half made:
    // a crash could leave the one on this member and the other on that.
    this.#nextSequence = Math.max(this.#nextSequence, this.#lastNamed + 1)
    this.#lastNamed = this.#nextSequence
    return bearSegment({
      disk, members: this.#start.members, spare, sizeOctets, reservedOnly, crashPoint: this.#crashPoint,
      header: {
        segmentId: random.bytes(16), journalId: this.#start.journalId, epoch: this.epoch, firstSequence: this.#nextSequence,
        previousLast: this.#lastSequence, createdMs: clock.nowMs(), copied: false, epochEnds: this.#start.epochEnds,
      },
    })
  }

  // ------------------------------------------------------------------ room

  #wantedSpare(): SpareKind | undefined {
    if (!this.#spares.has('reserve')) return 'reserve'
    if (!this.#spares.has('ahead') && (!this.#active || this.#active.timeForNext)) return 'ahead'
    return undefined
  }

  #prepareBehind(kind: SpareKind, disk: AsyncDisk): void {
    this.#spares.makeBehind(kind, disk).then(
      (ready) => {
        if (ready) this.#roomIsBack()
      },
      (error: unknown) => {
        if (this.#dead) return
        try {
          this.#onSpareTrouble(error)
        } catch {
          return // the journal is dead now, and says so at its next call
        }
      },
    )
  }

  /** Asked at most once a second, of the file system's own figures. */
  #roomHasReturned(): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#spaceCheckedMs < SPACE_CHECK_MS) return false
    this.#spaceCheckedMs = nowMs
    return this.#spares.roomFor(this.#segmentSize)
  }

  /** An ordinary draft meets the segment that was the reserve: it may go in once there is a new reserve. */
  #regainReserve(active: SegmentWriter): void {
    try {
      if (!this.#spares.has('reserve')) {
        if (!this.#spares.roomFor(this.#segmentSize)) throw new OutOfSpace(active.paths[0] as string)
        this.#spares.make('reserve')
      }
    } catch (error) {
      if (isNoSpace(error)) throw error instanceof OutOfSpace ? error : new OutOfSpace(active.paths[0] as string, error)
      throw this.#die('the reserve could not be made', error)
    }
    this.#roomIsBack()
  }

  #roomIsBack(): void {
    if (!this.#spares.has('reserve')) return
    this.#full = false
    if (this.#active) this.#active.reservedOnly = false
  }

  #onSpareTrouble(error: unknown): void {
    if (!isNoSpace(error)) throw this.#die('a spare segment could not be made', error)
    this.#full = true
    this.#spaceCheckedMs = this.#options.clock.monotonicMs()
    this.#options.log.warn('no room for a spare segment; when the active one is full, only expunges and settlements are taken', { hint: 'make room on the disk that holds the journal' })
  }
}

/** With more exceptions than a header holds, those that are least behind are given up for a lower mark. */
function withFewExceptions({ through, exceptions }: Watermark): Watermark {
  if (exceptions.length <= EXCEPTIONS_MAX) return { through, exceptions }
  const byLag = exceptions.toSorted((a, b) => a.through - b.through)
  const least = Math.min(through, (byLag[EXCEPTIONS_MAX] as { through: number }).through)
  return { through: least, exceptions: byLag.slice(0, EXCEPTIONS_MAX).filter((exception) => exception.through < least) }
}
