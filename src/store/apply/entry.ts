// A record on its way into the databases that it names. One entry is shared by all of them, so that
// its meta is read and understood once.
import type { JournalReader } from '../journal/journal-reader.ts'
import type { RecordType, ScannedRecord } from '../journal/record.ts'

/** Types that move a database's position. Facts and ticks move none and make nothing dirty. */
export const MOVING: ReadonlySet<string> = new Set(['arrival', 'change', 'directory', 'queue', 'skip'])

export interface Entry {
  readonly sequence: number
  readonly epoch: number
  readonly timeMs: number
  readonly type: RecordType | 'unknown'
  readonly bodyLength: number
  /** Octets of meta and body, for the lag; 0 for what was appended before this life. */
  readonly octets: number
  /** How many databases have still to apply it. */
  remaining: number
  /** Meta as read with the live batch; dropped under memory pressure and read again from the segment. */
  meta: Uint8Array | null
  /** Meta understood. */
  value: unknown
}

export interface EntriesOptions {
  reader: JournalReader
  /** Octets of meta kept in memory for records that wait; more is read again from the segment. */
  metaOctetsMax: number
  /** An entry has been applied by every database that it named. */
  applied: (octets: number, sequence: number) => void
}

/** Makes entries, and lets go of them when the last database has applied them. */
export class Entries {
  readonly #options: EntriesOptions
  #metaOctets = 0

  constructor(options: EntriesOptions) {
    this.#options = options
  }

  /** Octets of meta that are held now. */
  get metaOctets(): number {
    return this.#metaOctets
  }

  make(record: ScannedRecord, { remaining, octets }: { remaining: number; octets: number }): Entry {
    const keep = remaining > 0 && this.#metaOctets < this.#options.metaOctetsMax
    if (keep) this.#metaOctets += record.meta.length
    return {
      sequence: record.sequence, epoch: record.epoch, timeMs: record.timeMs, type: record.type, bodyLength: record.bodyLength,
      octets, remaining, meta: keep ? record.meta.slice() : null, value: undefined,
    }
  }

  valueOf(entry: Entry): unknown {
    if (entry.value === undefined) {
      const meta = entry.meta ?? this.#options.reader.readMeta(entry.sequence)
      entry.value = metaValue(meta)
    }
    return entry.value
  }

  /** One database more has done with it. */
  finish(entry: Entry): void {
    entry.remaining -= 1
    if (entry.remaining > 0) return
    if (entry.meta) this.#metaOctets -= entry.meta.length
    entry.meta = null
    entry.value = undefined
    this.#options.applied(entry.octets, entry.sequence)
  }
}

export function metaValue(meta: Uint8Array): unknown {
  return JSON.parse(Buffer.from(meta.buffer, meta.byteOffset, meta.byteLength).toString('utf8'))
}

/** A first-in, first-out list that never shifts its array. */
export class EntryQueue {
  #entries: (Entry | undefined)[] = []
  #head = 0
  /** Octets of what waits. */
  octets = 0
  get length(): number {
    return this.#entries.length - this.#head
  }
  push(entry: Entry): void {
    this.#entries.push(entry)
    this.octets += entry.octets
  }
  peek(index = 0): Entry | undefined {
    return this.#entries[this.#head + index]
  }
  shift(): Entry | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head] = undefined
    this.#head += 1
    this.octets -= entry.octets
    if (this.#head === this.#entries.length) {
      if (this.#head > 64) this.#entries = []
      else this.#entries.length = 0
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }
}
