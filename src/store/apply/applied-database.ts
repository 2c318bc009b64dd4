// One database on its way through the journal: its file, its position, and what it has still to apply.
//
// States:
//   closed     no connection; may have entries pending. Entry: start, or put to rest. Exit: a turn opens it.
//   open       a writing connection. Every commit moves rows and position together.
//   outage     the disk or a lock failed: entries stay pending, nothing is skipped; tried again at `retryAtMs`.
//   catching up  `catchUpFrom` is set: entries come from a scan of the journal (a new incarnation, or one that
//              was known to be behind), in slices, until it has reached what arrives live.
//   distrusted `distrust` is set: its numbers are not those that were handed out before. It stops until a record
//              that raises UIDVALIDITY is durable, and nobody sees it before it has applied that record.
import type { SqliteWriter } from '../sqlite/connection.ts'
import type { DatabaseId } from '../ids.ts'
import type { FactsMeta } from '../operations/facts.ts'
import { EntryQueue } from './entry.ts'

export interface Distrust {
  /** Every mailbox that was found to differ, in this life. */
  readonly mailboxes: Set<number>
  askedAtMs: number
  /** The last record that raises UIDVALIDITY; null until it is durable: the database stops so long. */
  recordAt: number | null
  because: string
}

export class AppliedDatabase {
  readonly database: DatabaseId
  connection: SqliteWriter | null = null
  /** File of the present incarnation; null before it was first opened. */
  path: string | null = null
  /** The file of which position and mark were read in this life. */
  knownPath: string | null = null
  incarnation = 0
  /** Position of the last record applied and committed (0: none). */
  position = 0
  epoch = 0
  /** Position that is known to be on disk. */
  flushed = 0
  /** The folder entry of the file is on disk. */
  folderFlushed = false
  /** Entries read live or at the start, in order. While catching up: the present slice. */
  readonly pending = new EntryQueue()
  /** Next sequence to scan from while catching up; null otherwise. */
  catchUpFrom: number | null = null
  /** Nobody reads it before it has come so far: the journal's end at the start, or when it was lost. */
  gate: number
  /** Facts met by a scan that speak of a position not yet passed, in order. */
  factsAhead: FactsMeta[] = []
  distrust: Distrust | null = null
  /** It was looked through for groups of copies that a crash had cut off. */
  groupsChecked = false
  /** Who waits for the outcome of which record. */
  readonly waiting = new Map<number, { front: number; id: number; sinceMs: number }>()
  /** It is being made again, and its file says so (`markBuilding`) until it has reached what arrives live. */
  building = false
  retryAtMs = 0
  failures = 0
  /** Records to be applied one by one after a batch failed. */
  singly = 0
  /** The record at which our own mistake showed last: failing again, alone, it is passed over. */
  failedSequence = 0
  /** The record that is being applied; 0 between batches. */
  trying = 0
  /** A batch failed: whether its commit was made after all is asked of the database. */
  doubtful = false
  /** Why its file is to be set aside and made again, at its next turn. */
  damage: string | null = null
  sinceSnapshot = 0
  /** A copy is being made of it: the connection must stay. */
  copying = false
  lastUsedMs = 0
  /** Calls made when the database has reached the gate. */
  readonly atGate: ((error: Error | null) => void)[] = []
  /** Whether, and in which line, it waits for its turn. */
  queued: 'no' | 'other' | 'urgent' = 'no'
  wakePlanned = false
  /** Fronts were told that clients may not change it now. */
  troubleTold = false

  constructor(database: DatabaseId, gate: number) {
    this.database = database
    this.gate = gate
  }

  get dirty(): boolean {
    return this.position > this.flushed || (this.path !== null && !this.folderFlushed)
  }

  get behind(): boolean {
    return this.pending.length > 0 || this.catchUpFrom !== null
  }

  /** Its numbers are in doubt and the record that says so is not yet durable. */
  get halted(): boolean {
    return this.distrust !== null && this.distrust.recordAt === null
  }

  get urgent(): boolean {
    return this.waiting.size > 0 || this.atGate.length > 0 || this.database === 0
  }

  /** Everything up to this sequence that names it has been applied. */
  hasPassed(sequence: number): boolean {
    if (this.catchUpFrom !== null && this.catchUpFrom <= sequence) return false
    const next = this.pending.peek()
    return next === undefined || next.sequence > sequence
  }

  /** It may be read. */
  get isAtGate(): boolean {
    return this.hasPassed(this.gate) && this.distrust === null
  }
}
