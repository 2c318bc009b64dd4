// Where the next segment comes from: one made ahead, or made now, or the reserve when the disk is full. Keeps
// the promise that ordinary mail never takes the last room there is: expunges, settlements and bounces may.
//
// What cannot be had for lack of room or descriptors is `OutOfSpace`, and nothing has been sealed or changed
// by then. A member that fails alone is left out, and what was asked for is made on the others.
import type { AsyncDisk } from '../../base/disk.ts'
import { nodeAsyncDisk, nodeDisk } from '../../base/disk.ts'
import type { CrashPoint } from './crash-point.ts'
import { isNoSpace } from './disk-fault.ts'
import type { JournalOptions, JournalStart } from './journal-options.ts'
import { FIRST_BATCH_ALIGNMENT } from './layout.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import { OutOfSpace } from './record.ts'
import { bearSegment } from './segment-birth.ts'
import { segmentOctetsFor, type SegmentWriter } from './segment-writer.ts'
import type { Spare, SpareKind, Spares } from './spares.ts'

/** A full disk is looked at again so often. */
const SPACE_CHECK_MS = 1000

export interface SupplyOptions {
  readonly options: JournalOptions
  readonly start: JournalStart
  readonly segmentSize: number
  readonly crashPoint: CrashPoint
  readonly active: () => SegmentWriter | undefined
  /** Something failed that nobody could be left out for: the journal is dead. */
  readonly die: (what: string, cause: unknown) => Error
}

interface Taken {
  readonly spare: Spare
  readonly kind: SpareKind
  readonly sizeOctets: number
}

export class SegmentSupply {
  readonly #options: JournalOptions
  readonly #start: JournalStart
  readonly #segmentSize: number
  readonly #crashPoint: CrashPoint
  readonly #die: SupplyOptions['die']
  readonly #active: SupplyOptions['active']
  readonly #spares: Spares
  readonly #members: Membership
  readonly #asyncDisk: AsyncDisk | undefined
  #spaceCheckedMs = -Infinity
  #full = false
  #told = false
  #closed = false

  constructor({ options, start, segmentSize, crashPoint, active, die }: SupplyOptions) {
    this.#options = options
    this.#start = start
    this.#segmentSize = segmentSize
    this.#crashPoint = crashPoint
    this.#die = die
    this.#active = active
    this.#spares = start.spares
    this.#members = start.members
    this.#asyncDisk = options.asyncDisk ?? (options.disk === nodeDisk ? nodeAsyncDisk : undefined)
  }

  /** True while only drafts marked `reserved` are likely to find room. */
  get full(): boolean {
    return this.#full
  }
  /** A write was refused for lack of room. */
  ranFull(): void {
    this.#full = true
  }
  /** Of the spares that are ready: a member that comes back gets its own. */
  get ready(): readonly Spare[] {
    return this.#spares.ready
  }
  /** Somebody has left or joined. */
  membersChanged(): void {
    this.#spares.startAnew()
  }
  close(): void {
    this.#closed = true
    this.#spares.close()
  }

  /** What a segment for such a batch can be made of, found before anything is sealed, so that nothing is sealed in vain. */
  take(octets: number, records: number, reserved: boolean): Taken {
    const needed = FIRST_BATCH_ALIGNMENT + this.#headerSlack() + segmentOctetsFor(octets, records, 1)
    // Each round that does not end with an answer has left out one member.
    for (;;) {
      try {
        return this.#takeNow(needed, reserved)
      } catch (error) {
        if (error instanceof OutOfSpace) throw error
        if (!this.#members.blame(error)) throw this.#die('a new segment could not be made', error)
      }
    }
  }

  #headerSlack(): number {
    return Math.ceil((16 * (this.#start.epochEnds.length + 1)) / FIRST_BATCH_ALIGNMENT) * FIRST_BATCH_ALIGNMENT
  }

  #takeNow(needed: number, reserved: boolean): Taken {
    try {
      const missing = Math.max(needed, this.#segmentSize)
      if (!this.#spares.has('ahead')) {
        // Looked at before it is tried: a try that fails would take the last room from the databases for a while.
        // And the reserve comes first: ordinary mail never takes the last room there is.
        const reserveToo = !this.#spares.has('reserve') && !reserved
        this.#assertRoom(missing + (reserveToo ? this.#segmentSize : 0))
        if (reserveToo) this.#spares.make('reserve')
        this.#spares.make('ahead')
      } else if (needed > this.#segmentSize) this.#assertRoom(missing)
      return { spare: this.#spares.take('ahead') as Spare, kind: 'ahead', sizeOctets: Math.max(this.#segmentSize, needed) }
    } catch (error) {
      if (!isNoSpace(error)) throw error
      this.#full = true
      const spare = reserved && needed <= this.#segmentSize ? this.#spares.take('reserve') : undefined
      if (!spare) throw error instanceof OutOfSpace ? error : new OutOfSpace(this.#path, error)
      return { spare, kind: 'reserve', sizeOctets: this.#segmentSize }
    }
  }

  /** Mirrors without room are left out where that was wished for; otherwise all wait for one. */
  #assertRoom(octets: number): void {
    const without = this.#spares.withoutRoom(octets)
    if (without.length === 0) return
    if (without.length === this.#members.in.length || !without.every((member) => this.#members.mayDropFull(member))) throw new OutOfSpace((without[0] as Member).journal)
    for (const member of without) this.#members.fail(member, `no room on the disk of ${member.root}`)
  }

  bear({ spare, kind, sizeOctets }: Taken, place: { firstSequence: number; previousLast: number }): SegmentWriter {
    const { disk, clock, random } = this.#options
    try {
      const segment = bearSegment({
        disk, members: this.#members, spare, sizeOctets, reservedOnly: kind === 'reserve', crashPoint: this.#crashPoint,
        header: {
          segmentId: random.bytes(16), journalId: this.#start.journalId, epoch: this.#start.epoch, ...place,
          createdMs: clock.nowMs(), copied: false, epochEnds: this.#start.epochEnds,
        },
      })
      if (kind === 'ahead') this.#full = !this.#spares.has('reserve')
      return segment
    } catch (error) {
      if (!isNoSpace(error)) throw this.#die('a new segment could not be made', error)
      this.#full = true
      throw new OutOfSpace(this.#path, error)
    }
  }

  /** The next one, made behind the owner's back when a part of the active one is used. */
  prepare(): void {
    if (this.#asyncDisk && !this.#spares.making && this.#active()?.timeForNext && !this.#spares.has('ahead')) this.#prepareBehind('ahead', this.#asyncDisk)
  }

  /** One small piece of preparation. True when there is more to do. */
  tend(): boolean {
    const kind = this.#wantedSpare()
    if (!kind) return false
    if (this.#full && !this.#spares.making && !this.#roomHasReturned()) return false
    if (this.#asyncDisk) {
      if (!this.#spares.making) this.#prepareBehind(kind, this.#asyncDisk)
      return false
    }
    try {
      if (this.#spares.advance(kind)) this.#roomIsBack()
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

  /** An ordinary draft meets the segment that was the reserve: it may go in once there is a new reserve. */
  regainReserve(active: SegmentWriter): void {
    try {
      if (!this.#spares.has('reserve')) {
        this.#assertRoom(this.#segmentSize)
        this.#spares.make('reserve')
      }
    } catch (error) {
      if (isNoSpace(error)) throw error instanceof OutOfSpace ? error : new OutOfSpace(active.paths[0] as string, error)
      if (!this.#members.blame(error)) throw this.#die('the reserve could not be made', error)
      throw new OutOfSpace(active.paths[0] as string)
    }
    this.#roomIsBack()
  }

  get #path(): string {
    return (this.#members.in[0] as Member).journal
  }

  #wantedSpare(): SpareKind | undefined {
    if (!this.#spares.has('reserve')) return 'reserve'
    if (!this.#spares.has('ahead') && (this.#active()?.timeForNext ?? true)) return 'ahead'
    return undefined
  }

  #prepareBehind(kind: SpareKind, disk: AsyncDisk): void {
    this.#spares.makeBehind(kind, disk).then(
      (ready) => {
        if (ready) this.#roomIsBack()
      },
      (error: unknown) => {
        if (this.#closed) return
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

  #roomIsBack(): void {
    if (!this.#spares.has('reserve')) return
    this.#full = false
    this.#told = false
    const active = this.#active()
    if (active) active.reservedOnly = false
  }

  #onSpareTrouble(error: unknown): void {
    if (this.#members.blame(error)) return
    if (!isNoSpace(error)) throw this.#die('a spare segment could not be made', error)
    this.#full = true
    this.#spaceCheckedMs = this.#options.clock.monotonicMs()
    if (this.#told) return
    this.#told = true
    const { message, hint } = new OutOfSpace(this.#path, error)
    this.#options.log.warn(`no spare segment can be made: ${message}; when the active one is full, only expunges and settlements are taken`, { hint })
  }
}
