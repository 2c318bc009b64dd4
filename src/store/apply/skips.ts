// Which records are passed over, and in which database: what the *skip* records of the journal say. A database
// that is made again comes to the record long before the skip, so the skips must be known beforehand:
// whoever catches up from before `knownFrom` first has the journal searched for them.
import type { DatabaseId } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { ScannedRecord } from '../journal/record.ts'
import type { SkipMeta } from '../operations/skip.ts'
import { metaValue } from './entry.ts'

/** A skip that was asked for and has not come (the disk was full) is asked for again after so long. */
const ASK_AGAIN_MS = 30_000

export class Skips {
  readonly #known = new Set<string>()
  readonly #asked = new Map<string, number>()
  /** Every skip record from here on is known. */
  #knownFrom: number
  #search: { from: number; next: number; through: number } | undefined

  constructor(knownFrom: number) {
    this.#knownFrom = knownFrom
  }

  note(record: ScannedRecord): void {
    const { database, sequence } = metaValue(record.meta) as SkipMeta
    const name = `${database}:${sequence}`
    this.#known.add(name)
    this.#asked.delete(name)
  }

  has(database: DatabaseId, sequence: number): boolean {
    return this.#known.size > 0 && this.#known.has(`${database}:${sequence}`)
  }

  /** It was decided that the record is passed over: it is not tried again, or a replay would do otherwise. */
  isAsked(database: DatabaseId, sequence: number): boolean {
    return this.#asked.size > 0 && this.#asked.has(`${database}:${sequence}`)
  }

  /** True when a skip record should be asked for now. */
  ask(database: DatabaseId, sequence: number, nowMs: number): boolean {
    const name = `${database}:${sequence}`
    const askedMs = this.#asked.get(name)
    if (askedMs !== undefined && nowMs - askedMs < ASK_AGAIN_MS) return false
    this.#asked.set(name, nowMs)
    return true
  }

  /** Searches a slice of the journal. True when every skip record from `from` on is known. */
  learn(reader: JournalReader, from: number, headsMax: number): boolean {
    if (from >= this.#knownFrom) return true
    this.#search ??= { from, next: from, through: this.#knownFrom - 1 }
    const search = this.#search
    let looked = 0
    reader.scan(search.next, (record) => {
      if (looked >= headsMax) return false
      looked += 1
      search.next = record.sequence + 1
      if (record.type === 'skip') this.note(record)
      return true
    }, search.through)
    if (looked >= headsMax && search.next <= search.through) return false
    this.#knownFrom = Math.min(this.#knownFrom, search.from)
    this.#search = undefined
    return from >= this.#knownFrom
  }
}
