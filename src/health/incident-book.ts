// The book of incidents: `incidents.jsonl` in the data directory, one line for everything that happened to one,
// flushed as it is written. A torn last line is passed over. It never stands in anybody's way: a disk that does not
// take a line leaves it in memory, and the whole book is written anew (another file, so that no failed flush is
// tried again) as soon as the disk takes it. Incidents do not flap: what comes back within minutes is the same one.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk, DiskFile } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Text } from '../base/language.ts'
import type { Log } from '../base/log.ts'
import { type BookLine, type Incident, applyLine, cleanText, linesOf, newIncidentLine, numberOfId, overSentence, parseBookLine, updateLine } from './incident.ts'
import type { IncidentFacts, IncidentKind } from './incident-kinds.ts'

export const INCIDENTS_FILE = 'incidents.jsonl'

/** An incident that comes back sooner than this after its end goes on. */
const SAME_MS = 5 * 60_000
/** Facts that change more often than this are written with the next line. */
const UPDATE_MS = 10_000
/** The book is written anew, without what is too old, when it has grown by so much. */
const GROWTH_OCTETS = 1024 * 1024
const BOOK_OCTETS_MAX = 64 * 1024 * 1024
const RETRY_MS = 10_000
const DAY_MS = 24 * 3600_000

export interface IncidentBookOptions {
  /** Absolute; is made when it is not there. */
  readonly directory: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  /** Ended ones beyond this many, or older than `keptMs`, are dropped. */
  readonly incidentsMax?: number
  readonly keptMs?: number
  /** Only reads: nothing is written, whatever the file is like. */
  readonly isReader?: boolean
  /** Called after everything that a reader of the status page would see. */
  readonly onChange?: () => void
}

export interface IncidentBook {
  /** Opens one, or has the open one of this kind (and `facts.subject`) go on. Its id. */
  open(kind: IncidentKind, facts?: IncidentFacts): string
  /** What is over already when it becomes known. Its id. */
  record(kind: IncidentKind, facts: IncidentFacts, when: { fromMs: number; toMs: number }): string
  /** A sentence for everybody, added to the open incident of this id or kind. */
  note(which: string, sentence: Text): void
  /** Ends the open incident of this id, or all of this kind ("kind/subject" for one of them). Nothing when there is none. */
  close(which: string, sentence?: Text): void
  /** Newest first. `sinceMs`: those that had not ended before. */
  list(options?: { sinceMs?: number; openOnly?: boolean }): readonly Incident[]
  /** The open ones, newest first. */
  current(): readonly Incident[]
  /** Tries once more to write what the disk did not take. */
  shut(): void
}

export function openIncidentBook(options: IncidentBookOptions): IncidentBook {
  return new Book(options)
}

class Book implements IncidentBook {
  readonly #options: IncidentBookOptions
  readonly #path: string
  readonly #incidents = new Map<string, Incident>()
  readonly #updatedMs = new Map<string, number>()
  #file: DiskFile | undefined
  #sizeOctets = 0
  #compactAtOctets = GROWTH_OCTETS
  #nextNumber = 1
  /** Something in memory is not on the disk. */
  #isBehind = false
  #cancelRetry: (() => void) | undefined

  constructor(options: IncidentBookOptions) {
    this.#options = options
    this.#path = join(options.directory, INCIDENTS_FILE)
    const isWhole = this.#read()
    if (!isWhole && !options.isReader) this.#rewrite()
  }

  // ------------------------------------------------------------------ what happens

  open(kind: IncidentKind, facts: IncidentFacts = {}): string {
    const nowMs = this.#options.clock.nowMs()
    const subject = facts['subject'] === undefined ? undefined : String(facts['subject'])
    const before = this.#newestFirst().find((one) => one.kind === kind && one.subject === subject)
    const isSame = before !== undefined && (before.endedMs === undefined || Math.abs(nowMs - before.endedMs) < SAME_MS)
    if (!isSame) return this.#begin(kind, facts, nowMs)
    if (before.endedMs !== undefined) {
      this.#add(updateLine(before.id, kind, facts, nowMs, true))
      this.#options.log.warn('incident is back', { incident: before.id, kind, ...facts })
      return before.id
    }
    const line = updateLine(before.id, kind, facts, nowMs, false)
    if (JSON.stringify(line.facts) === JSON.stringify(before.facts)) return before.id
    const lastMs = this.#updatedMs.get(before.id)
    this.#hold(line)
    if (lastMs === undefined || Math.abs(nowMs - lastMs) >= UPDATE_MS) {
      this.#updatedMs.set(before.id, nowMs)
      this.#write(line)
      this.#options.onChange?.()
    }
    return before.id
  }

  #begin(kind: IncidentKind, facts: IncidentFacts, atMs: number): string {
    const id = `I${this.#nextNumber}`
    this.#nextNumber += 1
    this.#add(newIncidentLine(id, kind, facts, atMs))
    this.#options.log.warn('incident begins', { incident: id, kind, ...facts })
    return id
  }

  record(kind: IncidentKind, facts: IncidentFacts, { fromMs, toMs }: { fromMs: number; toMs: number }): string {
    const id = this.#begin(kind, facts, fromMs)
    const incident = this.#incidents.get(id)
    if (incident) this.#add({ t: 'close', id, atMs: toMs, sentence: cleanText(overSentence(incident)) })
    return id
  }

  note(which: string, sentence: Text): void {
    for (const incident of this.#openOf(which)) this.#add({ t: 'note', id: incident.id, atMs: this.#options.clock.nowMs(), sentence: cleanText(sentence) })
  }

  close(which: string, sentence?: Text): void {
    for (const incident of this.#openOf(which)) {
      this.#updatedMs.delete(incident.id)
      this.#add({ t: 'close', id: incident.id, atMs: this.#options.clock.nowMs(), sentence: cleanText(sentence ?? overSentence(incident)) })
      this.#options.log.info('incident ends', { incident: incident.id, kind: incident.kind })
    }
  }

  #openOf(which: string): Incident[] {
    return [...this.#incidents.values()].filter((one) => one.endedMs === undefined && (one.id === which || one.kind === which || `${one.kind}/${one.subject ?? ''}` === which))
  }

  // ------------------------------------------------------------------ reading

  list({ sinceMs, openOnly = false }: { sinceMs?: number; openOnly?: boolean } = {}): readonly Incident[] {
    return this.#newestFirst().filter((one) => (!openOnly || one.endedMs === undefined) && (sinceMs === undefined || one.endedMs === undefined || one.endedMs >= sinceMs))
  }

  current(): readonly Incident[] {
    return this.list({ openOnly: true })
  }

  shut(): void {
    this.#cancelRetry?.()
    if (this.#isBehind) this.#rewrite()
    this.#cancelRetry?.()
    this.#closeFile()
  }

  #newestFirst(): Incident[] {
    return [...this.#incidents.values()].sort((a, b) => numberOfId(b.id) - numberOfId(a.id))
  }

  // ------------------------------------------------------------------ the file

  #hold(line: BookLine): void {
    const after = applyLine(this.#incidents.get(line.id), line)
    if (after) this.#incidents.set(line.id, after)
  }

  #add(line: BookLine): void {
    this.#hold(line)
    this.#write(line)
    this.#options.onChange?.()
  }

  #write(line: BookLine): void {
    // In order: nothing is written behind a line that is missing.
    if (this.#isBehind || !this.#file) return this.#rewrite()
    try {
      const bytes = bytesOf(`${JSON.stringify(line)}\n`)
      this.#file.write([bytes], this.#sizeOctets)
      this.#file.flush()
      this.#sizeOctets += bytes.length
    } catch (error) {
      this.#fallBehind(error)
      return
    }
    if (this.#sizeOctets >= this.#compactAtOctets) this.#rewrite()
  }

  #fallBehind(error: unknown): void {
    if (!this.#isBehind) this.#options.log.warn('the book of incidents cannot be written; it is kept in memory and tried again', { path: this.#path, error: errorSentence(error) })
    this.#isBehind = true
    this.#closeFile()
    this.#cancelRetry?.()
    this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => this.#rewrite())
  }

  /** The whole book, in a new file under the same name. */
  #rewrite(): void {
    this.#cancelRetry?.()
    this.#closeFile()
    this.#forget()
    const words = [...this.#incidents.values()].sort((a, b) => numberOfId(a.id) - numberOfId(b.id)).flatMap(linesOf).map((line) => `${JSON.stringify(line)}\n`).join('')
    try {
      const bytes = bytesOf(words)
      const { disk, directory } = this.#options
      if (!disk.exists(directory)) disk.makeDirectory(directory)
      disk.writeWhole(this.#path, bytes)
      this.#sizeOctets = bytes.length
      this.#compactAtOctets = bytes.length + GROWTH_OCTETS
      this.#isBehind = false
      this.#file = disk.open(this.#path, 'update')
    } catch (error) {
      this.#fallBehind(error)
    }
  }

  #forget(): void {
    const { incidentsMax = 1000, keptMs = 400 * DAY_MS, clock } = this.#options
    let kept = 0
    const nowMs = clock.nowMs()
    for (const [index, { id, endedMs }] of this.#newestFirst().entries()) {
      kept += 1
      // The newest stays in any case: the next number is found by it.
      if (index > 0 && endedMs !== undefined && (kept > incidentsMax || nowMs - endedMs > keptMs)) this.#incidents.delete(id)
    }
  }

  #closeFile(): void {
    const file = this.#file
    this.#file = undefined
    try {
      file?.close()
    } catch {
      // Whatever it is, the file is not used again.
    }
  }

  /** False when the file has to be written anew. */
  #read(): boolean {
    const { disk, log } = this.#options
    let bytes: Uint8Array
    try {
      const facts = disk.facts(this.#path)
      if (!facts) return true
      if (facts.sizeOctets > BOOK_OCTETS_MAX) {
        log.warn('the book of incidents is larger than it can be; it is set aside', { path: this.#path, octets: facts.sizeOctets })
        return this.#setAside()
      }
      bytes = disk.readWhole(this.#path)
    } catch (error) {
      log.warn('the book of incidents cannot be read; a new one is begun', { path: this.#path, error: errorSentence(error) })
      return this.#setAside()
    }
    const lines = textOf(bytes).split('\n')
    const isTorn = lines.pop() !== ''
    let unknown = 0
    for (const words of lines) {
      const line = parseBookLine(words)
      if (line) {
        this.#hold(line)
        this.#nextNumber = Math.max(this.#nextNumber, numberOfId(line.id) + 1)
      } else unknown += 1
    }
    if (unknown > 0) log.warn('lines of the book of incidents are not understood and are passed over', { path: this.#path, lines: unknown })
    if (isTorn) return false
    if (this.#options.isReader) return true
    try {
      this.#file = disk.open(this.#path, 'update')
      this.#sizeOctets = bytes.length
      this.#compactAtOctets = bytes.length + GROWTH_OCTETS
      return true
    } catch {
      return false
    }
  }

  #setAside(): boolean {
    if (this.#options.isReader) return false
    try {
      this.#options.disk.rename(this.#path, `${this.#path}.aside`)
    } catch {
      // It stays where it is; the new one will say whether it can be written.
    }
    return false
  }
}
