// Reading the journal, in any thread, beside its owner: heads in order (`scan`), one head or meta, and
// message bytes. It has file handles of its own, finds new segments by their names, and follows the active
// segment through the page cache. It never returns bytes that failed their check: they come from another
// member (and the bad copy is mended and reported), or not at all.
//
// It cannot know by itself what is flushed, only what is written. Whoever scans says through which
// sequence the owner has called the journal durable; nothing behind that is looked at.
import { join } from 'node:path'
import { nodeAsyncDisk, type AsyncDisk, type Disk } from '../../base/disk.ts'
import { assert, Outage } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { openLargeBody, VerifiedNames, wholeBody } from './body-source.ts'
import { type CrashPoint, noCrashPoint } from './crash-point.ts'
import { SegmentIndex } from './footer.ts'
import { learnHeader } from './lost-header.ts'
import { everybody, type Member, memberOf, type MembersSeen } from './members.ts'
import { BodyDamaged, type BodySource, type Damage, type OnDamage, type RecordHead, type ScannedRecord } from './record.ts'
import { SegmentCopies, Window } from './segment-copies.ts'
import { inOrder, parseSegmentName, type SegmentName } from './segment-name.ts'
import { bodyOffsetOf, SegmentWalk } from './segment-walk.ts'

export interface JournalReaderOptions {
  dataDirectory: string
  mirrors?: readonly string[]
  disk: Disk
  /** For large messages. The machine's disk unless a test says otherwise. */
  asyncDisk?: AsyncDisk
  log: Log
  onDamage?: OnDamage
  crashPoint?: CrashPoint
  /** Who takes part: others are neither read nor mended. */
  members?: MembersSeen
  /** Segments open at one time. */
  segmentsOpenMax?: number
  /** Octets of indexes kept in memory. */
  indexOctetsMax?: number
}

const SEGMENTS_OPEN_MAX = 32
const INDEX_OCTETS_MAX = 16 * 1024 * 1024
/** A body up to this is read and hashed in one go, and served from memory. */
const WHOLE_BODY_OCTETS = 1024 * 1024
const SINGLE_READ_OCTETS = 16 * 1024
const SCAN_READ_MIN = 8 * 1024
const SCAN_READ_MAX = 1024 * 1024
/** With so many records still to come a scan reads large pieces; with fewer it reads about one batch. */
const FAR_RECORDS = 200

/** Where a record stands. */
export interface Location {
  readonly segment: string
  readonly offset: number
}

/** Returns false to stop. */
export type OnRecord = (record: ScannedRecord) => boolean | void

interface OpenSegment {
  readonly name: SegmentName
  readonly copies: SegmentCopies
  readonly index: SegmentIndex
  /** Where the walk that fills the index goes on; undefined when the footer has given it whole. */
  walk: SegmentWalk | undefined
  previousLast: number
  usedAt: number
}

export function openJournalReader(options: JournalReaderOptions): JournalReader {
  return new JournalReader(options)
}

export class JournalReader {
  readonly #options: JournalReaderOptions
  readonly #all: readonly Member[]
  readonly #seen: MembersSeen
  /** Those that take part, as of the last look. */
  #members: readonly Member[] = []
  #membersChange = -1
  #scanning = 0
  readonly #window = new Window()
  readonly #open = new Map<string, OpenSegment>()
  #verified = new VerifiedNames()
  #names: SegmentName[] = []
  #uses = 0
  /** Octets read at once by a scan: grows while it finds more, about one batch when it follows live. */
  #scanRead = SCAN_READ_MIN

  constructor(options: JournalReaderOptions) {
    this.#options = options
    this.#all = [options.dataDirectory, ...(options.mirrors ?? [])].map(memberOf)
    this.#seen = options.members ?? everybody
    this.refresh()
  }

  /** Somebody was dropped or has come back: files are opened anew, on those that take part. */
  #lookAtMembers(): void {
    // Never under a scan: its files would be closed while it reads them.
    if (this.#scanning > 0 || this.#seen.membersChange === this.#membersChange) return
    this.#membersChange = this.#seen.membersChange
    this.#members = this.#all.filter((_, index) => !this.#seen.isOut(index))
    this.close()
    this.#verified = new VerifiedNames()
  }

  #mayMend(path: string): boolean {
    return !this.#all.some(({ root }, index) => path.startsWith(`${root}/`) && this.#seen.isOut(index))
  }

  /** Looks for new segments. Called by itself whenever a sequence is asked for that the known ones do not hold. */
  refresh(): void {
    this.#lookAtMembers()
    const byName = new Map<string, SegmentName>()
    for (const member of this.#members) {
      for (const name of this.#listed(member)) {
        const parsed = parseSegmentName(name)
        if (parsed) byName.set(name, parsed)
      }
    }
    this.#names = [...byName.values()].sort(inOrder)
    for (const [name, segment] of this.#open) if (!byName.has(name)) this.#close(segment)
  }

  close(): void {
    for (const segment of this.#open.values()) segment.copies.close()
    this.#open.clear()
  }

  /** Undefined when no segment holds the record. */
  locate(sequence: number): Location | undefined {
    const found = this.#find(sequence)
    return found && { segment: found.segment.name.name, offset: found.offset }
  }

  readHead(sequence: number): RecordHead {
    return this.#record(sequence).head
  }

  /** The record's meta, in memory of its own. */
  readMeta(sequence: number): Uint8Array {
    return this.#record(sequence).meta.slice()
  }

  /**
   * All records from `fromSequence` to `through`, in order. `through` is what the owner has called durable.
   * Records that are damaged everywhere are reported to `onDamage` and passed over.
   */
  scan(fromSequence: number, onRecord: OnRecord, through: number): void {
    this.#lookAtMembers()
    this.#scanning += 1
    try {
      this.#scan(fromSequence, onRecord, through)
    } finally {
      this.#scanning -= 1
    }
  }

  #scan(fromSequence: number, onRecord: OnRecord, through: number): void {
    let next = fromSequence
    let name = this.#names[this.#segmentIndexFor(next)]
    if (!name) {
      this.refresh()
      name = this.#names[this.#segmentIndexFor(next)]
    }
    while (name && next <= through) {
      const segment = this.#segmentOrReport(name)
      const result = segment ? this.#scanSegment(segment, next, onRecord, through) : { next, stopped: false }
      next = result.next
      if (result.stopped || next > through) return
      const following = this.#following(name)
      if (!following) {
        if (segment) this.#reportLost(segment, segment.walk?.offset ?? 0, next, through)
        return
      }
      this.#noteMissing(next - 1, following)
      next = Math.max(next, following.firstSequence)
      name = following
    }
  }

  /** Message bytes, checked against their SHA-256 before the first octet is served. Throws `BodyDamaged`. */
  async openBody(sequence: number): Promise<BodySource> {
    const { head, segment, offset } = this.#record(sequence)
    assert(head.bodySha256 && head.bodyPlace !== 'none', `record ${sequence} has no message`)
    const { bodyLength, bodySha256 } = head
    if (head.bodyPlace === 'inline' && bodyLength <= WHOLE_BODY_OCTETS) {
      const bytes = segment.copies.bodyAt(bodyOffsetOf(offset, head), bodyLength, bodySha256, sequence)
      if (bytes) return wholeBody(bytes, bodySha256)
      throw this.#damaged({ what: 'body', path: segment.copies.paths[0] as string, offset: bodyOffsetOf(offset, head), length: bodyLength, sequence })
    }
    const inline = head.bodyPlace === 'inline'
    const paths = inline ? segment.copies.paths : this.#members.map((member) => join(member.large, head.largeName as string))
    const start = inline ? bodyOffsetOf(offset, head) : 0
    const source = await openLargeBody({
      disk: this.#options.disk, asyncDisk: this.#options.asyncDisk ?? nodeAsyncDisk, paths, start, length: bodyLength, sha256: bodySha256,
      verified: this.#verified, key: inline ? String(sequence) : head.largeName as string, exact: !inline, mayMend: (path) => this.#mayMend(path),
      crashPoint: this.#options.crashPoint ?? noCrashPoint,
      onDamage: (damage) => this.#report({ ...damage, what: inline ? 'body' : 'large', firstSequence: sequence, lastSequence: sequence }),
    })
    if (source) return source
    throw this.#damaged({ what: inline ? 'body' : 'large', path: paths[0] as string, offset: start, length: bodyLength, sequence })
  }

  /**
   * The last sequence that an earlier epoch gave out and that counts; 0 when nothing of it is left.
   * Undefined for the epoch of the present owner, which has not ended.
   */
  lastSequenceOfEpoch(epoch: number): number | undefined {
    if (this.#names.length === 0) this.refresh()
    const newest = this.#names.at(-1)
    if (!newest || epoch === newest.epoch) return undefined
    const header = this.#segment(newest).copies.header()
    if (typeof header !== 'object') return undefined
    return header.epochEnds.find((end) => end.epoch === epoch)?.last ?? 0
  }

  // ------------------------------------------------------------------ finding

  #record(sequence: number) {
    const found = this.#find(sequence)
    if (!found) throw new Outage(`record ${sequence} is not in the journal`, { operation: 'read', path: this.#options.dataDirectory, hint: 'see the log for damaged segments' })
    const { segment, offset } = found
    segment.copies.readAhead = SINGLE_READ_OCTETS
    const record = segment.copies.recordAt(offset)
    if (!record) throw this.#damaged({ what: 'record', path: segment.copies.paths[0] as string, offset, length: 0, sequence })
    return { head: record.head, meta: record.meta, segment, offset }
  }

  #find(sequence: number): { segment: OpenSegment; offset: number } | undefined {
    this.#lookAtMembers()
    for (const again of [false, true]) {
      if (again) this.refresh()
      const name = this.#names[this.#segmentIndexFor(sequence)]
      if (!name || name.firstSequence > sequence) continue
      const segment = this.#segment(name)
      if (segment.walk && segment.index.lastSequence < sequence) this.#walkTo(segment, sequence)
      const offset = segment.index.offsetOf(sequence)
      if (offset >= 0) return { segment, offset }
    }
    return undefined
  }

  /** The last segment that begins at or before the sequence; the first one when all begin behind it. */
  #segmentIndexFor(sequence: number): number {
    let low = 0
    let high = this.#names.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#names[middle] as SegmentName).firstSequence <= sequence) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  #segment(name: SegmentName): OpenSegment {
    const known = this.#open.get(name.name)
    if (known) {
      known.usedAt = ++this.#uses
      return known
    }
    const copies = new SegmentCopies({
      disk: this.#options.disk, paths: this.#members.map((member) => join(member.journal, name.name)), window: this.#window,
      heal: true, mayMend: (path) => this.#mayMend(path), onDamage: (damage) => this.#report(damage), crashPoint: this.#options.crashPoint ?? noCrashPoint,
    })
    let header = copies.header()
    if (typeof header !== 'object') {
      const learnt = learnHeader(copies, name)
      if (!learnt) {
        copies.close()
        throw new Outage(`the header of ${copies.paths[0]} is damaged in every member`, { operation: 'read', path: copies.paths[0] as string, hint: 'bring the file back from a mirror or a backup' })
      }
      copies.presumeHeader(learnt)
      header = learnt
    }
    const footer = copies.footerByEndMark()
    const segment: OpenSegment = {
      name, copies, index: footer?.index ?? new SegmentIndex(), walk: footer ? undefined : new SegmentWalk(copies, header.firstBatch),
      previousLast: header.previousLast, usedAt: ++this.#uses,
    }
    this.#open.set(name.name, segment)
    this.#closeSomeBut(segment)
    return segment
  }

  #segmentOrReport(name: SegmentName): OpenSegment | undefined {
    try {
      return this.#segment(name)
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      const path = join((this.#members[0] as Member).journal, name.name)
      this.#report({ outcome: 'lost', what: 'segment', path, offset: 0, length: 0, firstSequence: name.firstSequence, lastSequence: undefined, sentence: error.message })
      return undefined
    }
  }

  /** The segment behind this one, also when it is newer than the last look. */
  #following(name: SegmentName): SegmentName | undefined {
    const known = this.#names.findIndex((other) => other.name === name.name)
    if (known >= 0 && known + 1 < this.#names.length) return this.#names[known + 1]
    this.refresh()
    return this.#names.find((other) => inOrder(name, other) < 0)
  }

  #closeSomeBut(keep: OpenSegment): void {
    const openMax = this.#options.segmentsOpenMax ?? SEGMENTS_OPEN_MAX
    const octetsMax = this.#options.indexOctetsMax ?? INDEX_OCTETS_MAX
    for (;;) {
      let octets = 0
      let oldest: OpenSegment | undefined
      for (const segment of this.#open.values()) {
        octets += segment.index.octets
        if (segment !== keep && (!oldest || segment.usedAt < oldest.usedAt)) oldest = segment
      }
      if (!oldest || (this.#open.size <= openMax && octets <= octetsMax)) return
      this.#close(oldest)
    }
  }

  #close(segment: OpenSegment): void {
    segment.copies.close()
    this.#open.delete(segment.name.name)
  }

  #listed(member: Member): string[] {
    try {
      return this.#options.disk.list(member.journal)
    } catch (error) {
      if (error instanceof Outage) return []
      throw error
    }
  }

  // ------------------------------------------------------------------ walking

  /** Fills the index of a segment without a footer up to the sequence. */
  #walkTo(segment: OpenSegment, sequence: number): void {
    segment.copies.readAhead = SCAN_READ_MAX
    this.#walk(segment, sequence, () => true)
    segment.copies.readAhead = SINGLE_READ_OCTETS
  }

  #scanSegment(segment: OpenSegment, from: number, onRecord: OnRecord, through: number): { next: number; stopped: boolean } {
    const { index, copies } = segment
    copies.readAhead = through - from > FAR_RECORDS ? SCAN_READ_MAX : this.#scanRead
    let next = from
    const deliver = (offset: number, sequence: number): boolean => {
      const record = copies.recordAt(offset)
      if (!record) {
        this.#reportLost(segment, offset, sequence, sequence)
        return true
      }
      next = sequence + 1
      return onRecord({ ...record.head, meta: record.meta }) !== false
    }
    for (let sequence = index.atLeast(next); sequence >= 0 && sequence <= through; sequence = index.atLeast(next)) {
      next = sequence + 1
      if (!deliver(index.offsetOf(sequence), sequence)) return { next, stopped: true }
    }
    if (!segment.walk || index.lastSequence >= through) return { next: Math.max(next, index.lastSequence + 1), stopped: false }
    return this.#walk(segment, through, (record) => {
      if (record.sequence < from) return true
      return onRecord(record) !== false
    })
  }

  /** Goes on where the last walk of this segment stopped, through `through`. */
  #walk(segment: OpenSegment, through: number, onRecord: (record: ScannedRecord) => boolean): { next: number; stopped: boolean } {
    const { index, copies } = segment
    const walk = segment.walk as SegmentWalk
    let gap: { offset: number } | undefined
    let last = Math.max(index.lastSequence, segment.previousLast)
    while (last < through) {
      const step = walk.next()
      switch (step.at) {
        case 'batch':
          this.#scanRead = Math.min(SCAN_READ_MAX, Math.max(SCAN_READ_MIN, step.header.batchLength + 4096))
          copies.readAhead = through - step.header.firstSequence > FAR_RECORDS ? SCAN_READ_MAX : this.#scanRead
          if (gap) {
            // What this header calls durable and the walk has not met is gone.
            this.#reportLost(segment, gap.offset, last + 1, Math.min(step.header.durableThrough, through))
            last = Math.max(last, step.header.durableThrough)
            gap = undefined
          }
          break
        case 'record': {
          const { head, meta } = step.record
          if (head.sequence > through) {
            // The last one that was asked for is damaged; this one may not be flushed yet.
            walk.back(step.offset)
            if (gap) this.#reportLost(segment, gap.offset, last + 1, through)
            return { next: through + 1, stopped: false }
          }
          if (gap) this.#reportLost(segment, gap.offset, last + 1, Math.min(head.sequence - 1, through))
          gap = undefined
          index.add(head.sequence, head.epoch, step.offset)
          last = head.sequence
          if (!onRecord({ ...head, meta })) return { next: last + 1, stopped: true }
          break
        }
        case 'gap':
          gap ??= { offset: step.offset }
          break
        case 'footer':
          if (gap) this.#reportLost(segment, gap.offset, last + 1, Math.min(step.footer.index.lastSequence, through))
          segment.walk = undefined
          return { next: Math.max(last, step.footer.index.lastSequence) + 1, stopped: false }
        case 'end': {
          // Nothing whole from here on. If the owner has called more durable, it is in a later segment, or gone.
          copies.readAhead = SINGLE_READ_OCTETS
          return { next: last + 1, stopped: false }
        }
      }
    }
    return { next: last + 1, stopped: false }
  }

  /** The next segment says where it began: what lies between belongs to neither. */
  #noteMissing(last: number, following: SegmentName): void {
    const previousLast = this.#segmentOrReport(following)?.previousLast
    if (previousLast === undefined || previousLast <= last || previousLast >= following.firstSequence) return
    const path = join((this.#members[0] as Member).journal, following.name)
    this.#report({
      outcome: 'lost', what: 'segment', path, offset: 0, length: 0, firstSequence: last + 1, lastSequence: previousLast,
      sentence: `records ${last + 1} to ${previousLast}, which come before ${path}, are in no segment`,
    })
  }

  // ------------------------------------------------------------------ damage

  readonly #reported = new Set<string>()

  #report(damage: Damage): void {
    this.#options.log.warn(damage.sentence, { outcome: damage.outcome, what: damage.what, path: damage.path, offset: damage.offset })
    this.#options.onDamage?.(damage)
  }

  /** Once for each place: a lost record is met by every scan. */
  #reportLost(segment: OpenSegment, offset: number, first: number, last: number): void {
    if (last < first || !Number.isFinite(last)) return
    const path = segment.copies.paths[0] as string
    const key = `${path}:${offset}`
    if (this.#reported.has(key)) return
    if (this.#reported.size > 10_000) this.#reported.clear()
    this.#reported.add(key)
    this.#report({ outcome: 'lost', what: 'record', path, offset, length: 0, firstSequence: first, lastSequence: last, sentence: `records ${first} to ${last} are damaged in every copy of ${path}` })
  }

  #damaged(where: { what: Damage['what']; path: string; offset: number; length: number; sequence: number }): BodyDamaged {
    const { what, path, offset, length, sequence } = where
    const sentence = `record ${sequence} is damaged in every member (${what} at octet ${offset} of ${path})`
    this.#report({ outcome: 'lost', what, path, offset, length, firstSequence: sequence, lastSequence: sequence, sentence })
    return new BodyDamaged(sentence, { operation: 'read', path, hint: 'bring the file back from a backup' })
  }
}
