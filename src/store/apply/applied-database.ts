// One database on its way through the journal: its file, its position, and what it has still to apply.
//
// States:
//   closed     no connection; may have entries pending. Entry: start, or put to rest. Exit: a turn opens it.
//   open       a writing connection. Every commit moves rows and position together.
//   outage     the disk or a lock failed: entries stay pending, nothing is skipped; tried again at `retryAtMs`.
//   catching up  `catchUpFrom` is set: entries come from a scan of the journal (a new incarnation, or one that
//              was known to be behind), in slices, until it has reached what arrives live.
import type { SqliteWriter } from '../sqlite/connection.ts'
import type { DatabaseId } from '../ids.ts'
import { EntryQueue } from './entry.ts'

export class AppliedDatabase {
  readonly database: DatabaseId
  connection: SqliteWriter | null = null
  /** File of the present incarnation; null before it was first opened. */
  path: string | null = null
  incarnation = 0
  /** Position of the last record applied and committed (0: none). */
  position = 0
  epoch = 0
  /** Position that is known to be on disk. */
  flushed = 0
  /** The folder entry of the file is on disk. */
  folderFlushed = false
  /** Entries read live or at the start, in order. Unused while catching up. */
  readonly pending = new EntryQueue()
  /** Next sequence to scan from while catching up; null otherwise. */
  catchUpFrom: number | null = null
  /** Who waits for the outcome of which record. */
  readonly waiting = new Map<number, { front: number; id: number; sinceMs: number }>()
  /** It is being made again, and its file says so (`markBuilding`) until it has reached what arrives live. */
  building = false
  retryAtMs = 0
  failures = 0
  /** Records to be applied one by one after a batch failed. */
  singly = 0
  sinceSnapshot = 0
  lastUsedMs = 0
  /** Calls made when the database has reached the gate. */
  readonly atGate: ((error: Error | null) => void)[] = []
  queued = false

  constructor(database: DatabaseId) {
    this.database = database
  }

  get dirty(): boolean {
    return this.position > this.flushed || (this.path !== null && !this.folderFlushed)
  }

  get behind(): boolean {
    return this.pending.length > 0 || this.catchUpFrom !== null
  }
}
