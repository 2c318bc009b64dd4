// The journal of the understudy as the server sees it when it adopts: opened as its owner (which cuts what was never
// acknowledged), read in pages, emptied piece by piece. Only who holds the lock of the intake directory comes here.
//
// The order of removing: first a flushed "adopted-through" in the main journal, then whole segments, oldest first, then
// the folder flushed, then the large files that only those named. The first that cannot be removed ends it: a newer
// segment that went before an older one would let the next owner give out its sequences again, and mail with a
// sequence that was adopted already is ignored. So the newest goes alone, when the removal of all others is flushed.
// At the very end everything that is no segment goes before the segments do: an owner who finds its own leftovers
// without any segment takes the journal for stolen, and the next understudy could not begin.
//
// A file in which something is lost for good is never removed, but put into `aside/` instead.
import { basename, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { hexOf } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { journalNumber } from '../intake/adopt-message.ts'
import { noCrashPoint, step, type CrashPoint } from '../store/journal/crash-point.ts'
import { openJournal, type Journal } from '../store/journal/journal.ts'
import { openJournalReader, type JournalReader } from '../store/journal/journal-reader.ts'
import type { BodySource, Damage } from '../store/journal/record.ts'
import { inOrder, parseSegmentName } from '../store/journal/segment-name.ts'

export interface IntakeJournalOptions {
  readonly directory: string
  readonly segmentSizeOctets: number
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly crashPoint?: CrashPoint
}

export interface TakenRecord {
  readonly sequence: number
  readonly timeMs: number
  readonly meta: Uint8Array
  readonly hasBody: boolean
  /** False for what this version does not know. */
  readonly isArrival: boolean
}

/** Is there anything that an understudy has left? */
export function hasTaken(directory: string, disk: Disk): boolean {
  // Large files without a segment: a server died while it removed what it had adopted.
  return disk.list(join(directory, 'journal')).some((name) => parseSegmentName(name) !== undefined) || disk.list(join(directory, 'large')).length > 0
}

export class IntakeJournal {
  readonly #options: IntakeJournalOptions
  readonly #journal: Journal
  readonly #reader: JournalReader
  readonly #last: number
  readonly id: string
  /** See `journalNumber`. */
  readonly number: number
  /** Large files by the sequence that names them, of what was read and not yet removed. */
  readonly #large = new Map<number, string>()
  /** All large files that a record named. */
  readonly #named = new Set<string>()
  /** Files in which something is lost for good. */
  readonly #damagedFiles = new Set<string>()
  /** Where the bytes of messages stand that failed their check. */
  readonly #damagedBodies = new Map<number, Damage>()

  constructor(options: IntakeJournalOptions) {
    this.#options = options
    const { directory, segmentSizeOctets, disk, clock, random, log, crashPoint } = options
    const place = { dataDirectory: directory, disk, log, ...(crashPoint ? { crashPoint } : {}) }
    const { journal, report } = openJournal({ ...place, segmentSizeOctets, clock, random })
    this.#journal = journal
    this.#last = report.lastSequence
    this.id = hexOf(journal.journalId)
    this.number = journalNumber(journal.journalId)
    for (const damage of report.damages) this.#noteDamage(damage)
    this.#reader = openJournalReader({ ...place, onDamage: (damage) => this.#noteDamage(damage) })
  }

  #noteDamage(damage: Damage): void {
    if (damage.outcome !== 'lost') return
    this.#damagedFiles.add(damage.path)
    if ((damage.what === 'body' || damage.what === 'large') && damage.firstSequence !== undefined) this.#damagedBodies.set(damage.firstSequence, damage)
  }

  /** The next records from `from` on; empty at the end. */
  page(from: number, recordsMax: number): TakenRecord[] {
    const page: TakenRecord[] = []
    this.#reader.scan(from, (record) => {
      if (record.largeName !== undefined) {
        this.#large.set(record.sequence, record.largeName)
        this.#named.add(record.largeName)
      }
      page.push({ sequence: record.sequence, timeMs: record.timeMs, meta: record.meta.slice(), hasBody: record.bodyPlace !== 'none', isArrival: record.type === 'arrival' })
      return page.length < recordsMax
    }, this.#last)
    return page
  }

  /** Checked against its hash; throws `BodyDamaged`. */
  body(sequence: number): Promise<BodySource> {
    return this.#reader.openBody(sequence)
  }

  /** The bytes of a message that failed their check, as they are; undefined when there are none. */
  damagedBody(sequence: number): Uint8Array | undefined {
    const where = this.#damagedBodies.get(sequence)
    const { disk } = this.#options
    if (!where || !disk.exists(where.path)) return undefined
    const file = disk.open(where.path, 'read')
    try {
      const bytes = new Uint8Array(Math.max(0, Math.min(where.length, file.sizeOctets() - where.offset)))
      return bytes.subarray(0, file.read(bytes, where.offset))
    } catch (error) {
      // The file itself is kept.
      if (error instanceof Outage) return undefined
      throw error
    } finally {
      file.close()
    }
  }

  /** Whole segments up to here go. Call it only after that is durable in the main journal. */
  removeThrough(through: number): void {
    const { disk, directory } = this.#options
    const folder = join(directory, 'journal')
    const segments = disk.list(folder).map(parseSegmentName).filter((name) => name !== undefined).sort(inOrder)
    const gone = segments.filter((_, at) => {
      const next = segments[at + 1]
      return next !== undefined && next.firstSequence - 1 <= through
    })
    if (gone.length === 0) return
    this.#reader.close()
    const whole = gone.every(({ name }) => this.#discard(join(folder, name)))
    disk.flushDirectory(folder)
    this.#reader.refresh()
    if (!whole) return
    const firstLeft = segments[gone.length]?.firstSequence ?? 0
    for (const [sequence, name] of this.#large) {
      if (sequence >= firstLeft) continue
      this.#large.delete(sequence)
      const path = join(directory, 'large', name)
      if (disk.exists(path)) this.#discard(path)
    }
  }

  close(): void {
    this.#reader.close()
    this.#journal.close()
  }

  /** After `close`, when everything has been adopted. What was put away for a person stays, in `aside/`. False: something could not be removed. */
  removeAll(): boolean {
    const { disk, directory } = this.#options
    const folder = join(directory, 'journal')
    const names = disk.list(folder)
    for (const name of names) if (!parseSegmentName(name) && !this.#discard(join(folder, name), /\.(?:damaged|cut|surplus)$/.test(name))) return false
    disk.flushDirectory(folder)
    const segments = names.map(parseSegmentName).filter((name) => name !== undefined).sort(inOrder)
    for (const part of [segments.slice(0, -1), segments.slice(-1)]) {
      const whole = part.every(({ name }) => this.#discard(join(folder, name)))
      disk.flushDirectory(folder)
      if (!whole) return false
    }
    let whole = true
    // What no record named may belong to one that was lost.
    const isOrphan = (name: string) => this.#damagedFiles.size > 0 && !this.#named.has(name)
    for (const name of disk.list(join(directory, 'large'))) {
      const path = join(directory, 'large', name)
      whole = this.#discard(path, isOrphan(name) || this.#damagedFiles.has(path)) && whole
    }
    return whole
  }

  /** False: it is still there. Adopted it is; it is looked at again, and ignored by its origin. */
  #discard(path: string, keep = this.#damagedFiles.has(path)): boolean {
    const { disk, directory, log, crashPoint = noCrashPoint } = this.#options
    try {
      step(crashPoint, 'adopt-remove', () => {
        if (!keep) return disk.remove(path)
        const aside = join(directory, 'aside')
        disk.makeDirectory(aside)
        const kept = join(aside, `${this.id.slice(0, 8)}-${basename(path)}`)
        disk.rename(path, kept)
        disk.flushDirectory(aside)
        // A cut end was never acknowledged.
        if (!path.endsWith('.cut')) log.error('a damaged file of the intake directory is kept aside', { path: kept })
      })
      return true
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      log.warn('a file of the intake directory could not be removed; it is tried again', { path, error: error.message })
      return false
    }
  }
}
