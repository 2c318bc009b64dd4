// What the applier is given, and what it tells whoever runs it.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import type { Log } from '../../base/log.ts'
import type { AccountId, DatabaseId } from '../ids.ts'
import type { CrashPoint } from '../journal/crash-point.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { AccountChange, Outcome } from '../operations.ts'
import type { SkipMeta } from '../operations/skip.ts'
import type { SqliteWriter } from '../sqlite/connection.ts'
import type { AppliedDatabase } from './applied-database.ts'
import type { ApplyLimits } from './apply-limits.ts'

export interface ApplierEvents {
  /** `unknown`: it was applied, but what it gave is lost. */
  outcome(front: number, id: number, outcome: Outcome<unknown> | { end: 'unknown' }): void
  /** `octetsUsed` of an account that has a quota, for those who judge it before the append. */
  reached(database: DatabaseId, position: number, octetsUsed?: number): void
  replaced(database: DatabaseId): void
  /** Clients should not change this database now (damaged, stuck, far behind), or may again. */
  trouble(database: DatabaseId, on: boolean): void
  /** A record could not be applied even alone: asks for a skip record. */
  skip(skip: SkipMeta): void
  /** Asks for a record of the store's own: numbers that differ, a group of copies that was cut off. */
  change(account: AccountId, change: AccountChange): void
  /** A flush has failed, and nobody can say what the disk holds: the owner must end. */
  dead(error: unknown): void
  /** All databases together have applied so many octets more. */
  applied(octets: number, through: number): void
}

export interface ApplierOptions {
  dataDirectory: string
  disk: Disk
  reader: JournalReader
  clock: Clock
  log: Log
  events: ApplierEvents
  /** Everything up to here is applied and flushed, but for the exceptions (from the last batch header). */
  watermark: { through: number; exceptions: readonly { database: DatabaseId; through: number }[] }
  crashPoint?: CrashPoint
  /** Other limits than the usual ones, for tests that must meet them. */
  limits?: Partial<ApplyLimits>
  /** For tests that simulate a crash: called after every commit. */
  committed?: (base: AppliedDatabase, connection: SqliteWriter) => void
}
