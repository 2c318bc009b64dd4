// Connections to one SQLite file: `SqliteWriter`, of which there is one for each file and which makes and
// migrates it, and `SqliteReader`, which can only read. Everything runs to its end in the calling
// thread; the writer's interface is asynchronous only because `Tx` serves two engines.
//
// Durability: WAL with synchronous=NORMAL. A commit is not flushed by itself: the journal is the truth, and
// whoever owns the file flushes its WAL (STORE.md, Flushing). Never opens a live file through node:fs.
import { DatabaseSync, backup } from 'node:sqlite'
import { nodeDisk } from '../../base/disk.ts'
import { Bug, Outage } from '../../base/errors.ts'
import { migrationStatements, SCHEMA_VERSION, type Kind } from '../schema.ts'
import { LeashedTx, type Cells, type Engine, type Reading, type Tx, type Value } from '../tx.ts'
import { emptyDatabase, PAGE_OCTETS } from './empty-database.ts'
import { Statements } from './statements.ts'
import { sqliteTrouble } from './trouble.ts'

const OLDEST_SQLITE = [3, 51, 3]
/** How long a lock of somebody else is waited for; with one owner there is none, save for a moment at checkpoints. */
const LOCK_WAIT_MS = 5000
/** Thousands of accounts are open at one time: each keeps little, the kernel's page cache has the rest. */
const WRITER_CACHE_KIB = 512
const READER_CACHE_KIB = 256
/** Changed rows after which the WAL is copied back into the file: 4 to 8 MB of it. */
const CHECKPOINT_ROWS = 1000

/** Values of `application_id`: "DARU" for a database that follows the journal, "DARB" for one that is being made again. */
const WHOLE = 0x44415255
const BUILDING = 0x44415242

/** Older versions lost committed data in rare crashes of the WAL. Checked once, at start. */
export function assertSqliteVersion(version: string = process.versions['sqlite'] ?? '0'): void {
  const parts = version.split('.').map(Number)
  for (const [n, least] of OLDEST_SQLITE.entries()) {
    const part = parts[n] ?? 0
    if (part > least) return
    if (part < least) {
      throw new Outage(`SQLite ${version} is too old: ${OLDEST_SQLITE.join('.')} or newer is needed`, {
        operation: 'start', hint: 'use the Node that npm ci installed (bin/daruma picks it by itself)',
      })
    }
  }
}

export class SqliteWriter implements Engine {
  readonly path: string
  /** The database was empty and has been made now: its folder has to be flushed once. */
  readonly isNew: boolean
  readonly #database: DatabaseSync
  readonly #statements: Statements
  #readingStatements: Statements | undefined
  #inTransaction = false
  #rowsSinceCheckpoint = 0

  /** Opens or makes the file, and brings it to the newest schema. `':memory:'` for tests. */
  constructor(path: string, kind: Kind, options: { lockWaitMs?: number } = {}) {
    this.path = path
    // Nothing is live yet: SQLite opens the file only after it is there, whole and flushed.
    const isMade = path !== ':memory:' && !nodeDisk.exists(path)
    if (isMade) nodeDisk.writeWhole(path, emptyDatabase(kind))
    this.#database = attempt('open', path, () => new DatabaseSync(path, { timeout: options.lockWaitMs ?? LOCK_WAIT_MS }))
    try {
      attempt('open', path, () => this.#database.exec(`
        pragma page_size = ${PAGE_OCTETS};
        pragma journal_mode = wal;
        pragma synchronous = normal;
        pragma cache_size = -${WRITER_CACHE_KIB};
        pragma wal_autocheckpoint = 0;
        pragma temp_store = memory`))
      this.isNew = this.#migrate(kind) || isMade
    } catch (error) {
      this.#database.close()
      throw error
    }
    this.#statements = new Statements(this.#database, { arrays: false })
  }

  #migrate(kind: Kind): boolean {
    return attempt('migrate', this.path, () => {
      const row = this.#database.prepare('pragma user_version').get() as { user_version: number }
      const version = row.user_version
      if (version > SCHEMA_VERSION) {
        throw new Outage(`${this.path} was written by a newer Daruma (schema ${version}, this one knows ${SCHEMA_VERSION})`, {
          operation: 'open', path: this.path, hint: 'start the newer version again, or restore from a backup made before the upgrade',
        })
      }
      if (version === SCHEMA_VERSION) return false
      const statements = migrationStatements(kind, 'sqlite', version)
      try {
        this.#database.exec(`begin immediate;\n${statements.join(';\n')};\npragma user_version = ${SCHEMA_VERSION};\ncommit`)
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('rollback')
        throw error
      }
      return version === 0
    })
  }

  /**
   * The database is being made again and does not yet hold everything up to the journal's watermark, whatever its
   * position says. Stands in the file's own header, so that a crash in the middle cannot hide it.
   */
  get isBuilding(): boolean {
    return attempt('read', this.path, () => (this.#database.prepare('pragma application_id').get() as { application_id: number }).application_id === BUILDING)
  }
  markBuilding(building: boolean): void {
    this.#do('mark', `pragma application_id = ${building ? BUILDING : WHOLE}`)
  }

  begin(): void {
    if (this.#inTransaction) throw new Bug(`${this.path} has a transaction already: one batch at a time`)
    this.#do('begin', 'begin immediate')
    this.#inTransaction = true
  }

  commit(): void {
    this.#do('commit', 'commit')
    this.#inTransaction = false
  }

  /** Safe to call at any time, also after an error that has rolled back by itself (disk full). */
  rollback(): void {
    this.#inTransaction = false
    if (this.#database.isTransaction) this.#do('rollback', 'rollback')
  }

  /** The leash for one operation; the caller ends it (or uses `withTx`). */
  tx(): LeashedTx {
    return new LeashedTx(this)
  }

  /** One transaction around one operation: commits when it comes back, rolls back when it throws. */
  async transaction<T>(operate: (tx: Tx) => Promise<T>): Promise<T> {
    this.begin()
    const tx = this.tx()
    try {
      const result = await operate(tx)
      tx.end()
      this.commit()
      return result
    } catch (error) {
      tx.end()
      this.rollback()
      throw error
    }
  }

  get(sql: string, values: Value[]): object | undefined {
    try {
      return this.#statements.of(sql).get(...values) as object | undefined
    } catch (error) {
      throw sqliteTrouble(error, `"${sql.slice(0, 80)}" in`, this.path)
    }
  }
  all(sql: string, values: Value[]): object[] {
    try {
      return this.#statements.of(sql).all(...values) as object[]
    } catch (error) {
      throw sqliteTrouble(error, `"${sql.slice(0, 80)}" in`, this.path)
    }
  }
  run(sql: string, values: Value[]): number {
    try {
      const changes = this.#statements.of(sql).run(...values).changes as number
      this.#rowsSinceCheckpoint += changes
      return changes
    } catch (error) {
      throw sqliteTrouble(error, `"${sql.slice(0, 80)}" in`, this.path)
    }
  }

  /** A reading of what this connection sees, its open transaction included. */
  read<T>(reading: Reading<T>): T {
    this.#readingStatements ??= new Statements(this.#database, { arrays: true })
    try {
      return runReading(this.#readingStatements, reading, !this.#inTransaction)
    } catch (error) {
      throw sqliteTrouble(error, 'read', this.path)
    }
  }

  /**
   * Copies the WAL back into the file as far as readers allow, now and then. Says nothing about what is on disk.
   * SQLite would do this by itself, but keeps to itself that the flush before it has failed; then the next flush,
   * ours, would be a second one and say "fine". A full disk is no trouble: the WAL only grows.
   */
  checkpointIfDue(): void {
    if (this.#rowsSinceCheckpoint < CHECKPOINT_ROWS) return
    this.#rowsSinceCheckpoint = 0
    this.#unlessFull('checkpoint', 'pragma wal_checkpoint(passive)')
  }

  /**
   * Writes what the -wal holds into the database, flushes that, and empties the -wal. For the first opening by a new
   * owner: whether the last one's flush of the -wal succeeded is not known, and a second flush of the same pages
   * would say "fine" either way. On a full disk the -wal stays as it is.
   */
  settleLog(): void {
    this.#unlessFull('settle the log of', 'pragma wal_checkpoint(truncate)')
  }

  #unlessFull(operation: string, sql: string): void {
    try {
      this.#do(operation, sql)
    } catch (error) {
      if (!(error instanceof Outage) || error.code !== 'SQLITE_FULL') throw error
    }
  }

  /** A compact, self-standing copy of what is committed, in a new file. Not flushed: that is for the caller, once it is closed. */
  snapshotTo(path: string): void {
    attempt('snapshot', path, () => this.#database.prepare('vacuum into ?').run(path))
  }

  /**
   * A copy in a new file, made page by page beside the writer's own turns; it holds one commit's state. Not flushed.
   * It has a connection and a read transaction of its own: SQLite gives up a copy whose source connection is in the
   * middle of writing, and begins anew whenever another connection commits, unless its reader stands still.
   */
  async copyTo(path: string): Promise<void> {
    const source = attempt('open', this.path, () => new DatabaseSync(this.path, { readOnly: true, timeout: LOCK_WAIT_MS }))
    try {
      attempt('read', this.path, () => source.exec('begin; select count(*) from sqlite_schema'))
      await backup(source, path, { rate: 256 })
    } catch (error) {
      throw sqliteTrouble(error, 'copy', path)
    } finally {
      source.close()
    }
  }

  /** The sentences of SQLite's own check; empty when all is well. */
  integrityProblems(): string[] {
    return attempt('check', this.path, () => {
      const rows = this.#database.prepare('pragma integrity_check(20)').all() as { integrity_check: string }[]
      return rows.map((row) => row.integrity_check).filter((sentence) => sentence !== 'ok')
    })
  }

  /** The same without comparing indexes with their tables: most of what a torn page does, in a fraction of the time. */
  quickProblems(): string[] {
    return attempt('check', this.path, () => {
      const rows = this.#database.prepare('pragma quick_check(20)').all() as { quick_check: string }[]
      return rows.map((row) => row.quick_check).filter((sentence) => sentence !== 'ok')
    })
  }

  /** The database as bytes, for simulated crashes in tests. */
  serialize(): Uint8Array {
    return attempt('serialize', this.path, () => this.#database.serialize())
  }

  close(): void {
    if (!this.#database.isOpen) return
    this.#statements.clear()
    this.#readingStatements?.clear()
    attempt('close', this.path, () => this.#database.close())
  }

  #do(operation: string, sql: string): void {
    attempt(operation, this.path, () => this.#database.exec(sql))
  }
}

export class SqliteReader {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #statements: Statements

  /** The file must be there, made by its writer, which stays open longer than this. */
  constructor(path: string) {
    this.path = path
    this.#database = attempt('open', path, () => new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS }))
    try {
      attempt('open', path, () => this.#database.exec(`pragma cache_size = -${READER_CACHE_KIB}; pragma temp_store = memory`))
    } catch (error) {
      this.#database.close()
      throw error
    }
    this.#statements = new Statements(this.#database, { arrays: true })
  }

  /** Runs a reading to its end: no turn of the loop, no statement and no transaction left open. */
  read<T>(reading: Reading<T>): T {
    try {
      return runReading(this.#statements, reading, true)
    } catch (error) {
      throw sqliteTrouble(error, 'read', this.path)
    }
  }

  close(): void {
    if (!this.#database.isOpen) return
    this.#statements.clear()
    attempt('close', this.path, () => this.#database.close())
  }
}

/** Every query of one reading sees the same moment. */
function runReading<T>(statements: Statements, reading: Reading<T>, ownTransaction: boolean): T {
  let step = reading.next()
  if (step.done) return step.value
  if (ownTransaction) statements.of('begin').run()
  try {
    while (!step.done) {
      const rows = statements.of(step.value.sql).all(...step.value.values) as unknown as Cells[]
      step = reading.next(rows)
    }
    return step.value
  } finally {
    if (ownTransaction) statements.of('commit').run()
  }
}

function attempt<T>(operation: string, path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw sqliteTrouble(error, operation, path)
  }
}
