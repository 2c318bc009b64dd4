// Opens, makes, sets aside and closes the files of databases, for the applier alone.
//
// Steps of making a lost database again, each of which a crash may come after:
//   1. the old file is renamed (first the database, then its -wal: never a database without its -wal);
//   2. a snapshot is put in place, marked as one that has to catch up; or an empty file is made;
//   3. an empty file is marked too, in the same WAL before any record;
//   4. records are applied, position and rows in one commit each;
//   5. the mark is taken away when it has reached what arrives live.
// Whatever is found at the next start says by itself where it stands: no file, no position, or the mark.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { assert, errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { FIRST_ACCOUNT, sequence as sequenceOf, type DatabaseId } from '../ids.ts'
import { type CrashPoint, step } from '../journal/crash-point.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import { readPosition, setPosition } from '../operations/position.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { PAGE_OCTETS } from '../sqlite/empty-database.ts'
import { withTx } from '../tx.ts'
import type { AppliedDatabase } from './applied-database.ts'
import type { ApplyLimits } from './apply-limits.ts'
import { databasePath, folderOf, highestIncarnation, incarnations, kindOf, setAside } from './database-files.ts'
import type { Entries, Entry } from './entry.ts'
import { placeSnapshot } from './snapshots.ts'

export interface OpenerOptions {
  dataDirectory: string
  disk: Disk
  reader: JournalReader
  clock: Clock
  log: Log
  events: { replaced(database: DatabaseId): void }
  entries: Entries
  scannedThrough: () => number
  /** A database that was open in this life is lost, and is made again. */
  onLost: (base: AppliedDatabase) => void
  /** It turns out that a record was applied, without anybody having heard what it gave. */
  onAppliedUnheard: (base: AppliedDatabase, sequence: number) => void
  crashPoint: CrashPoint
  limits: ApplyLimits
  committed?: (base: AppliedDatabase, connection: SqliteWriter) => void
}

/** Idle connections looked at before one with something to flush is closed. */
const LOOKED_AT_MAX = 32

export class Opener {
  readonly #options: OpenerOptions
  /** Those with a connection, the least lately used first. */
  readonly #open = new Set<AppliedDatabase>()

  constructor(options: OpenerOptions) {
    this.#options = options
  }

  async open(base: AppliedDatabase): Promise<void> {
    if (base.connection) {
      this.#open.delete(base)
      this.#open.add(base)
      if (base.doubtful) await this.#settleDoubt(base, base.connection)
      return
    }
    const { disk, dataDirectory, log, reader } = this.#options
    const [newest] = incarnations(disk, dataDirectory, base.database)
    if (newest === undefined) {
      if (base.path !== null) this.#forget(base, 'its file is gone')
      await this.#make(base)
      return
    }
    const path = databasePath(dataDirectory, base.database, newest)
    const isKnown = base.knownPath === path
    base.path = path
    base.incarnation = newest
    const sizeOctets = disk.facts(path)?.sizeOctets ?? 0
    if (sizeOctets % PAGE_OCTETS !== 0) {
      // SQLite would take what is missing of the last page for zeros, and some zeros for an empty table.
      await this.rebuild(base, `its size of ${sizeOctets} octets is no whole number of pages`)
      return
    }
    const connection = new SqliteWriter(path, kindOf(base.database))
    this.#connected(base, connection)
    if (!isKnown) connection.settleLog()
    const position = await withTx(connection, (tx) => readPosition(tx, base.database))
    if (isKnown && (position?.sequence ?? 0) >= base.position) {
      await this.#settleDoubt(base, connection)
      return
    }
    if (!position) {
      // Emptied, or a crash came between making the file and its first commit: it knows nothing, so it starts from nothing.
      if (base.position > 0) this.#forget(base, 'its file is empty')
      base.path = path
      base.folderFlushed = false
      this.#startFrom(base, connection, 0)
      base.knownPath = path
      return
    }
    const { epoch, sequence } = position
    const endOfEpoch = reader.lastSequenceOfEpoch(epoch)
    if (endOfEpoch !== undefined && sequence > endOfEpoch) {
      // The view has seen records that the journal lost unflushed: it must not go on from them (STORE.md, Journal 5).
      await this.rebuild(base, `its position ${sequence} lies beyond the end of its epoch ${epoch} (${endOfEpoch})`)
      return
    }
    if (sequence < base.position) {
      await this.rebuild(base, `it has gone back from ${base.position} to ${sequence}`)
      return
    }
    base.epoch = epoch
    base.position = sequence
    base.building = connection.isBuilding
    if (base.building || base.catchUpFrom !== null) {
      this.#dropPending(base)
      base.catchUpFrom = sequence + 1
    }
    if (base.catchUpFrom === null) {
      this.#finishThrough(base, sequence)
      // It was flushed with its folder before the watermark came by, unless it has come further since.
      if (sequence <= base.flushed) base.folderFlushed = true
    }
    base.knownPath = path
    log.debug('database open', { database: base.database, path, position: sequence })
  }

  /** It stands as it was left, or a commit further than was known (an error that was reported after all was done). What waits for it is still what waits. */
  async #settleDoubt(base: AppliedDatabase, connection: SqliteWriter): Promise<void> {
    const position = await withTx(connection, (tx) => readPosition(tx, base.database))
    base.doubtful = false
    if (!position || position.sequence === base.position) return
    base.position = position.sequence
    base.epoch = position.epoch
    this.#finishThrough(base, position.sequence)
    this.#options.committed?.(base, connection)
  }

  /** It has reached what arrives live: from now on its position says everything. */
  async markWhole(base: AppliedDatabase): Promise<void> {
    const connection = base.connection
    assert(connection, 'a turn has a connection')
    if (base.position === 0) {
      await connection.transaction((tx) => setPosition(tx, base.database, { epoch: 0, sequence: sequenceOf(0) }))
      this.#options.committed?.(base, connection)
    }
    step(this.#options.crashPoint, 'apply-mark-whole', () => connection.markBuilding(false))
    base.building = false
    this.#options.committed?.(base, connection)
    this.#options.log.info('a database is whole', { database: base.database, position: base.position })
  }

  async rebuild(base: AppliedDatabase, because: string): Promise<void> {
    const { disk, log, clock, dataDirectory } = this.#options
    const [newest] = incarnations(disk, dataDirectory, base.database)
    log.error('a database is damaged: it is set aside and made again', { database: base.database, path: base.path ?? '', because })
    this.rest(base)
    if (newest !== undefined) {
      const path = databasePath(dataDirectory, base.database, newest)
      step(this.#options.crashPoint, 'apply-set-aside', () => setAside(disk, path, 'damaged', clock.nowMs()))
    }
    base.damage = null
    this.#forget(base, because)
    base.catchUpFrom = 1
    // An older incarnation that was set aside halfway must not be taken for the present one.
    if (incarnations(disk, dataDirectory, base.database).length > 0) {
      await this.rebuild(base, 'an older file of it was left')
      return
    }
    await this.#make(base)
  }

  /** Closes the writing connection. What was not flushed is flushed by the close, or stays in the -wal. */
  rest(base: AppliedDatabase): void {
    const connection = base.connection
    base.connection = null
    this.#open.delete(base)
    try {
      connection?.close()
    } catch (error) {
      this.#options.log.warn('closing a database failed', { database: base.database, error: errorSentence(error) })
    }
  }

  /** Closes connections beyond the limit: first those that need nothing, in the end any other. */
  keepFew(present: AppliedDatabase): void {
    if (this.#open.size <= this.#options.limits.connections_max) return
    let looked = 0
    for (const base of this.#open) {
      if (++looked > LOOKED_AT_MAX) break
      if (base === present || !canRest(base) || base.dirty || base.behind || base.queued !== 'no') continue
      this.rest(base)
      if (this.#open.size <= this.#options.limits.connections_max) return
    }
    if (this.#open.size <= this.#options.limits.connections_hard_max) return
    for (const base of this.#open) {
      if (base === present || !canRest(base)) continue
      this.rest(base)
      return
    }
  }

  #connected(base: AppliedDatabase, connection: SqliteWriter): void {
    base.connection = connection
    this.#open.add(base)
    this.#options.committed?.(base, connection)
  }

  /** What was known of the old file is not true of the next one; nobody may see that before it has come as far. */
  #forget(base: AppliedDatabase, because: string): void {
    const { events, log, scannedThrough } = this.#options
    log.warn('a database is lost and is made again', { database: base.database, because })
    events.replaced(base.database)
    base.path = null
    base.knownPath = null
    base.folderFlushed = false
    base.position = 0
    base.epoch = 0
    base.flushed = 0
    base.building = false
    base.factsAhead = []
    base.distrust = null
    base.gate = Math.max(base.gate, scannedThrough())
    this.#dropPending(base)
    base.catchUpFrom = 1
    this.#options.onLost(base)
  }

  /** No file: either the account is new with the next record, or the database was lost. */
  async #make(base: AppliedDatabase): Promise<void> {
    const { disk, dataDirectory, log, reader, crashPoint } = this.#options
    const incarnation = highestIncarnation(disk, dataDirectory, base.database) + 1
    const folder = folderOf(dataDirectory, base.database)
    // An account that has a folder has a past, even if the next record says that it is made.
    const isBorn = !disk.exists(folder) && this.#comesIntoBeing(base)
    disk.makeDirectory(folder)
    const path = databasePath(dataDirectory, base.database, incarnation)
    const snapshot = isBorn ? undefined : await placeSnapshot({
      disk, dataDirectory, database: base.database, path, log, crashPoint, lastSequenceOfEpoch: (epoch) => reader.lastSequenceOfEpoch(epoch),
    })
    const connection = step(crashPoint, 'apply-make', () => new SqliteWriter(path, kindOf(base.database)))
    base.path = path
    base.incarnation = incarnation
    base.folderFlushed = false
    base.epoch = snapshot?.epoch ?? 0
    this.#connected(base, connection)
    const first = base.pending.peek()
    if (isBorn && first) base.flushed = first.sequence - 1
    else this.#startFrom(base, connection, snapshot?.sequence ?? 0)
    base.knownPath = path
  }

  /** The database stands at `position`: what follows comes from a scan. */
  #startFrom(base: AppliedDatabase, connection: SqliteWriter, position: number): void {
    base.position = position
    base.flushed = 0
    base.building = true
    base.factsAhead = []
    step(this.#options.crashPoint, 'apply-mark-building', () => connection.markBuilding(true))
    this.#options.committed?.(base, connection)
    this.#dropPending(base)
    base.catchUpFrom = position + 1
    if (base.gate > 0) this.#options.log.warn('a database is made again from the journal', { database: base.database, from: position })
  }

  /** The first thing it has to apply is the record that makes the account. */
  #comesIntoBeing(base: AppliedDatabase): boolean {
    const first = base.pending.peek()
    if (base.catchUpFrom !== null || first?.type !== 'directory' || base.database < FIRST_ACCOUNT) return false
    const value = this.#options.entries.valueOf(first) as { change?: { kind?: string; account?: number } }
    return value.change?.kind === 'account-add' && value.change.account === base.database
  }

  #dropPending(base: AppliedDatabase): void {
    while (base.pending.length > 0) this.#finishFirst(base)
  }

  #finishThrough(base: AppliedDatabase, sequence: number): void {
    for (let next = base.pending.peek(); next && next.sequence <= sequence; next = base.pending.peek()) {
      this.#options.onAppliedUnheard(base, next.sequence)
      this.#finishFirst(base)
    }
  }

  #finishFirst(base: AppliedDatabase): void {
    this.#options.entries.finish(base.pending.shift() as Entry)
  }
}

function canRest(base: AppliedDatabase): boolean {
  return base.database >= FIRST_ACCOUNT && !base.copying && base.atGate.length === 0
}
