// The journal of the understudy as the server sees it when it adopts: opened as its owner (which cuts what was never
// acknowledged), read in pages, emptied piece by piece. Only who holds the lock of the intake directory comes here.
//
// The order of removing: first a flushed "adopted-through" in the main journal, then whole segments, oldest first, each
// time the folder flushed, then the large files that only those named. At the very end everything that is no segment
// goes before the segments do: an owner who finds its own leftovers without any segment takes the journal for stolen,
// and the next understudy could not begin.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { hexOf } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { journalNumber } from '../intake/adopt-message.ts'
import { noCrashPoint, type CrashPoint } from '../store/journal/crash-point.ts'
import { openJournal, type Journal } from '../store/journal/journal.ts'
import { openJournalReader, type JournalReader } from '../store/journal/journal-reader.ts'
import type { BodySource } from '../store/journal/record.ts'
import { parseSegmentName } from '../store/journal/segment-name.ts'

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
  readonly largeName: string | undefined
  /** False for what this version does not know. */
  readonly isArrival: boolean
}

/** Is there anything that an understudy has left? */
export function hasTaken(directory: string, disk: Disk): boolean {
  return disk.list(join(directory, 'journal')).some((name) => parseSegmentName(name) !== undefined)
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

  constructor(options: IntakeJournalOptions) {
    this.#options = options
    const { directory, segmentSizeOctets, disk, clock, random, log, crashPoint } = options
    const place = { dataDirectory: directory, disk, log, ...(crashPoint ? { crashPoint } : {}) }
    const { journal, report } = openJournal({ ...place, segmentSizeOctets, clock, random })
    this.#journal = journal
    this.#last = report.lastSequence
    this.id = hexOf(journal.journalId)
    this.number = journalNumber(journal.journalId)
    this.#reader = openJournalReader(place)
  }

  /** The next records from `from` on; empty at the end. */
  page(from: number, recordsMax: number): TakenRecord[] {
    const page: TakenRecord[] = []
    this.#reader.scan(from, (record) => {
      if (record.largeName !== undefined) this.#large.set(record.sequence, record.largeName)
      page.push({ sequence: record.sequence, timeMs: record.timeMs, meta: record.meta.slice(), largeName: record.largeName, isArrival: record.type === 'arrival' })
      return page.length < recordsMax
    }, this.#last)
    return page
  }

  /** Checked against its hash; throws `BodyDamaged`. */
  body(sequence: number): Promise<BodySource> {
    return this.#reader.openBody(sequence)
  }

  /** Whole segments up to here go. Call it only after that is durable in the main journal. */
  removeThrough(through: number): void {
    const { disk, directory } = this.#options
    const folder = join(directory, 'journal')
    const segments = disk.list(folder).map(parseSegmentName).filter((name) => name !== undefined)
    const gone = segments.filter((_, at) => {
      const next = segments[at + 1]
      return next !== undefined && next.firstSequence - 1 <= through
    })
    if (gone.length === 0) return
    this.#reader.close()
    for (const { name } of gone) this.#remove(join(folder, name))
    disk.flushDirectory(folder)
    const firstLeft = segments[gone.length]?.firstSequence ?? 0
    for (const [sequence, name] of this.#large) {
      if (sequence >= firstLeft) continue
      this.#large.delete(sequence)
      const path = join(directory, 'large', name)
      if (disk.exists(path)) this.#remove(path)
    }
    this.#reader.refresh()
  }

  close(): void {
    this.#reader.close()
    this.#journal.close()
  }

  /** After `close`, when everything has been adopted. What was put away for a person stays, in `aside/`. */
  removeAll(): void {
    const { disk, directory } = this.#options
    const folder = join(directory, 'journal')
    const aside = join(directory, 'aside')
    const segments: string[] = []
    for (const name of disk.list(folder)) {
      if (parseSegmentName(name)) segments.push(name)
      else if (/\.(?:damaged|cut|surplus)$/.test(name)) {
        disk.makeDirectory(aside)
        disk.rename(join(folder, name), join(aside, `${this.id.slice(0, 8)}-${name}`))
      } else this.#remove(join(folder, name))
    }
    disk.flushDirectory(folder)
    for (const name of segments) this.#remove(join(folder, name))
    disk.flushDirectory(folder)
    for (const name of disk.list(join(directory, 'large'))) this.#remove(join(directory, 'large', name))
  }

  #remove(path: string): void {
    const crashPoint = this.#options.crashPoint ?? noCrashPoint
    crashPoint('adopt-remove:before')
    try {
      this.#options.disk.remove(path)
    } catch (error) {
      // Adopted it is; a file that stays is looked at again, and ignored by its origin.
      if (!(error instanceof Outage)) throw error
      this.#options.log.warn('a file of the intake directory could not be removed', { path, error: error.message })
    }
    crashPoint('adopt-remove:after')
  }
}
