// The journal: the one place that must not lose anything. `openJournal` makes the caller its owner (see
// recovery.ts), `append` makes records durable: one positional write and one flush on every member, and
// only then does it return. It is synchronous, knows no threads and starts no timers; whoever owns it
// calls `closeIdle` when a second has passed without an append, `tend` between batches and
// `returnMirrors` now and then.
//
// After a failure it answers one of two things. `OutOfSpace`: the batch certainly does not exist, the
// next one may be tried. Anything else: nobody knows what the disk holds; the journal is dead, every
// later call throws, and the owner ends. A failed flush is never tried again.
//
// A member that fails alone ends nothing: it is dropped, and that is recorded on the others before anybody
// is answered (membership.ts).
//
// The format is docs/FORMAT.md. Other threads read through journal-reader.ts.
import { hexOf } from '../../base/bytes.ts'
import { nodeAsyncDisk, nodeDisk } from '../../base/disk.ts'
import { errorCode, errorSentence } from '../../base/errors.ts'
import { BatchBuilder, type BatchSize, measureDrafts } from './batch-builder.ts'
import { batchHeaderOctets } from './batch-header.ts'
import { noCrashPoint } from './crash-point.ts'
import { isNoSpace } from './disk-fault.ts'
import type { JournalOptions, JournalStart } from './journal-options.ts'
import { EXCEPTIONS_MAX, SEGMENT_SIZE_OCTETS } from './layout.ts'
import type { MemberFacts, Membership } from './membership.ts'
import { dropDraft } from './member-records.ts'
import { returnEach, type ReturnHost } from './mirror-return.ts'
import { checkDraft } from './record-codec.ts'
import { recoverJournal, type RecoveryReport } from './recovery.ts'
import { JournalDead, type JournalEntry, OutOfSpace, type RecordDraft, type Watermark } from './record.ts'
import { SegmentSupply } from './segment-supply.ts'
import type { SegmentWriter } from './segment-writer.ts'

export * from './record.ts'
export type { JournalOptions } from './journal-options.ts'
export type { RecoveryReport } from './recovery.ts'
export { MemberMissing } from './members.ts'
export type { MemberFacts } from './membership.ts'
export { SEGMENT_SIZE_OCTETS } from './layout.ts'

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

/** Where a batch goes, and what it takes. */
interface Room {
  readonly segment: SegmentWriter
  readonly size: BatchSize
}

export class Journal {
  readonly epoch: number
  readonly #options: JournalOptions
  readonly #start: JournalStart
  readonly #members: Membership
  readonly #supply: SegmentSupply
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
  #returning: Promise<void> | undefined

  constructor(options: JournalOptions, start: JournalStart) {
    this.#options = options
    this.#start = start
    this.#members = start.members
    this.#members.reached(start.lastSequence)
    this.#members.begin()
    this.#supply = new SegmentSupply({
      options, start, segmentSize: options.segmentSizeOctets ?? SEGMENT_SIZE_OCTETS, crashPoint: options.crashPoint ?? noCrashPoint,
      active: () => this.#active, die: (what, cause) => this.#die(what, cause),
    })
    this.#active = start.active
    this.#nextSequence = start.nextSequence
    this.#lastNamed = start.active.header.firstSequence
    this.#lastSequence = start.lastSequence
    this.#watermark = start.watermark
    this.epoch = start.epoch
  }

  /** Random, the same in all segments. */
  get journalId(): Uint8Array {
    return this.#start.journalId
  }

  /** The last record that is durable; 0 when there is none. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** True while only drafts marked `reserved` are likely to find room. */
  get full(): boolean {
    return this.#supply.full
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

  /** A mirror without room is dropped: only the data folder's room decides what is taken. */
  get dropsFullMirrors(): boolean {
    return this.#options.dropFullMirrors === true
  }

  /** All that are configured, the data folder first. */
  get members(): readonly MemberFacts[] {
    return this.#members.facts
  }

  /** Makes the drafts durable on every member, in order, and returns their sequences. */
  append(drafts: readonly RecordDraft[]): readonly number[] {
    this.#assertAlive()
    if (drafts.length === 0) return []
    for (const draft of drafts) checkDraft(draft)
    this.#settleDrops()
    let room = this.#roomFor(drafts)
    // Who failed while room was made is recorded before anything else stands there: a start then knows why it lacks it.
    while (this.#members.unsettled.length > 0) {
      this.#settleDrops()
      room = this.#roomFor(drafts)
    }
    const sequences = this.#write(room, drafts)
    if (this.#members.unsettled.length > 0) this.#settleBeforeAnswer()
    this.#supply.prepare()
    return sequences
  }

  /** An idle journal closes itself: an empty batch header says that all before it is durable. True if one was written. */
  closeIdle(): boolean {
    this.#assertAlive()
    this.tendMembers()
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
    this.tendMembers()
    return true
  }

  /**
   * One small piece of preparation (a slice of the next segment, the reserve when room has returned).
   * True when there is more to do. Call it between batches, after the answers have gone out. With an
   * `asyncDisk` it only sets the work going and returns at once.
   */
  tend(): boolean {
    this.#assertAlive()
    const more = this.#supply.tend()
    this.tendMembers()
    return more
  }

  /** Records what failed between two batches. Call it now and then; without room it waits. */
  tendMembers(): void {
    this.#assertAlive()
    try {
      this.#settleDrops()
    } catch (error) {
      if (!(error instanceof OutOfSpace)) throw error
    }
    if (this.#members.fileOwed) this.#members.write(this.#lastSequence)
  }

  /** At start: the reserve in one go. A full disk is no reason not to start. */
  makeReserve(): void {
    this.#supply.makeReserve()
    this.tendMembers()
  }

  /** Seals the active segment, so that the next start has nothing to copy. The journal is not used any more after it. */
  close(): void {
    if (this.#dead) {
      this.#active?.close()
      return
    }
    // A member that fails at the seal is recorded in a segment of its own, which is then sealed in turn.
    for (let round = this.#members.in.length; this.#active; round--) {
      const segment: SegmentWriter = this.#active
      if (segment.index.count > 0) this.#seal(segment)
      else segment.close()
      this.#active = undefined
      if (this.#members.unsettled.length === 0 || round <= 0) break
      this.tendMembers()
    }
    this.#supply.close()
    this.#dead = new JournalDead('the journal was closed', { operation: 'append' })
  }

  // ------------------------------------------------------------------ members

  /**
   * A large message that is to be named is not on these members: those of them that take part are dropped, which is
   * recorded with the next batch. False when nobody who takes part has it: then it may not be named.
   */
  dropLacking(lacking: readonly { readonly root: string; readonly because: string }[]): boolean {
    this.#assertAlive()
    const concerned = this.#members.in.filter(({ root }) => lacking.some((each) => each.root === root))
    if (concerned.length === this.#members.in.length) return false
    for (const member of concerned) this.#members.fail(member, lacking.find(({ root }) => root === member.root)?.because ?? '')
    return true
  }

  /**
   * Looks whether a dropped member can be used again and brings it level behind the owner's back; one at a time.
   * Resolves when it takes part or has to wait for the next call. Never rejects for what a disk does.
   */
  returnMirrors(signal: AbortSignal): Promise<void> {
    const asyncDisk = this.#options.asyncDisk ?? (this.#options.disk === nodeDisk ? nodeAsyncDisk : undefined)
    if (this.#dead || !asyncDisk) return Promise.resolve()
    return this.#returning ??= returnEach({ ...this.#hostOfReturns, disk: this.#options.disk, asyncDisk, signal }).finally(() => (this.#returning = undefined))
  }

  /** What a return needs of us; the last of it happens in our turn. */
  get #hostOfReturns(): Omit<ReturnHost, 'disk' | 'asyncDisk' | 'signal'> {
    const { clock, log, fillOctetsPerSecondMax } = this.#options
    return {
      clock, log, members: this.#members, supply: this.#supply, journalId: hexOf(this.#start.journalId), octetsPerSecondMax: fillOctetsPerSecondMax ?? Infinity,
      isDead: () => this.#dead !== undefined,
      active: () => this.#active,
      seal: (segment) => this.#seal(segment),
      settleDrops: () => {
        this.#assertAlive()
        this.#settleDrops()
      },
      record: (draft) => this.#write(this.#roomFor([draft]), [draft]),
      lastSequence: () => this.#lastSequence,
    }
  }

  /** Throws `OutOfSpace` when there is no room to record it. */
  #settleDrops(): void {
    while (this.#members.unsettled.length > 0) {
      this.#supply.membersChanged()
      let drops = [...this.#members.unsettled]
      const timeMs = this.#options.clock.nowMs()
      const drafts = () => drops.map((drop) => dropDraft(drop, timeMs))
      let room = this.#roomFor(drafts())
      while (drops.length < this.#members.unsettled.length) {
        drops = [...this.#members.unsettled]
        room = this.#roomFor(drafts())
      }
      this.#write(room, drafts())
      this.#members.settled(drops)
      this.#members.write(this.#lastSequence)
    }
  }

  /** The batch is on those that are left. It may be answered when the drop is known, in a record or at least in the file. */
  #settleBeforeAnswer(): void {
    try {
      this.#settleDrops()
    } catch (error) {
      if (!(error instanceof OutOfSpace)) throw error
      if (!this.#members.write(this.#lastSequence)) throw this.#die('a copy of the journal failed, and there is no room to record that', error)
    }
  }

  // ------------------------------------------------------------------ one batch

  /** Valid for these drafts until the next call. */
  #roomFor(drafts: readonly RecordDraft[]): Room {
    const size = measureDrafts(drafts, this.#watermark, this.#bodyLengths)
    return { size, segment: this.#segmentFor(size.octets, drafts.length, drafts.every((draft) => draft.reserved === true)) }
  }

  #write({ segment, size }: Room, drafts: readonly RecordDraft[]): readonly number[] {
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
    this.#members.reached(this.#lastSequence)
    this.#tailOpen = true
    return sequences
  }

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
    const path = segment.paths[0] ?? segment.name
    this.#seal(segment)
    this.#supply.ranFull()
    throw new OutOfSpace(path, cause)
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

  /** The segment that takes the next batch: the active one, or a new one when the batch is larger than its rest. */
  #segmentFor(octets: number, records: number, reserved: boolean): SegmentWriter {
    const active = this.#active
    if (active?.reservedOnly && !reserved) this.#supply.regainReserve(active)
    if (active?.fits(octets, records)) return active
    const taken = this.#supply.take(octets, records, reserved)
    if (active) this.#seal(active)
    // A name is never used for two segments, not even when the first was left empty or only half made:
    // a crash could leave the one on this member and the other on that.
    this.#nextSequence = Math.max(this.#nextSequence, this.#lastNamed + 1)
    this.#lastNamed = this.#nextSequence
    return this.#active = this.#supply.bear(taken, { firstSequence: this.#nextSequence, previousLast: this.#lastSequence })
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
}

/** With more exceptions than a header holds, those that are least behind are given up for a lower mark. */
function withFewExceptions({ through, exceptions }: Watermark): Watermark {
  if (exceptions.length <= EXCEPTIONS_MAX) return { through, exceptions }
  const byLag = exceptions.toSorted((a, b) => a.through - b.through)
  const least = Math.min(through, (byLag[EXCEPTIONS_MAX] as { through: number }).through)
  return { through: least, exceptions: byLag.slice(0, EXCEPTIONS_MAX).filter((exception) => exception.through < least) }
}
