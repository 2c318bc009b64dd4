// A record on its way into the databases that it names. One entry is shared by all of them, so that
// its meta is read and understood once.
import type { RecordType } from '../journal/record.ts'

export interface Entry {
  readonly sequence: number
  readonly epoch: number
  readonly timeMs: number
  readonly type: RecordType | 'unknown'
  readonly bodyLength: number
  /** Octets of meta and body, for the lag. */
  readonly octets: number
  /** How many databases have still to apply it. */
  remaining: number
  /** Meta as read with the live batch; dropped under memory pressure and read again from the segment. */
  meta: Uint8Array | null
  /** Meta understood. */
  value: unknown
}

/** A first-in, first-out list that never shifts its array. */
export class EntryQueue {
  #entries: (Entry | undefined)[] = []
  #head = 0
  get length(): number {
    return this.#entries.length - this.#head
  }
  push(entry: Entry): void {
    this.#entries.push(entry)
  }
  peek(index = 0): Entry | undefined {
    return this.#entries[this.#head + index]
  }
  shift(): Entry | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head] = undefined
    this.#head += 1
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }
  clear(): void {
    this.#entries = []
    this.#head = 0
  }
}
