// Read-only connections of one thread: opened when an account is first looked at, after the account thread
// has brought its database to the gate; the least lately used are closed beyond a limit. Every reading
// runs to its end without a turn of the loop, so no statement and no transaction outlives a call.
import { Outage, errorSentence } from '../../base/errors.ts'
import type { DatabaseId } from '../ids.ts'
import { SqliteReader } from '../sqlite/connection.ts'
import { Damaged, type Reading } from '../tx.ts'

/** Connections open at one moment: each costs some 220 KB. */
const CONNECTIONS_MAX = 200

export interface ReaderPoolOptions {
  open: (database: DatabaseId) => Promise<string>
  suspect: (database: DatabaseId, path: string, because: string) => void
}

export class ReaderPool {
  readonly #options: ReaderPoolOptions
  /** In order of use: the first was used longest ago. */
  readonly #open = new Map<DatabaseId, SqliteReader>()
  readonly #opening = new Map<DatabaseId, Promise<SqliteReader>>()
  #closed = false

  constructor(options: ReaderPoolOptions) {
    this.#options = options
  }

  async read<T>(database: DatabaseId, reading: Reading<T>): Promise<T> {
    const reader = this.#open.get(database) ?? (await this.#connect(database))
    if (this.#open.size > 1) {
      this.#open.delete(database)
      this.#open.set(database, reader)
    }
    try {
      return reader.read(reading)
    } catch (error) {
      if (!(error instanceof Damaged)) throw error
      this.drop(database)
      this.#options.suspect(database, reader.path, error.message)
      throw new Outage(`database ${database} is damaged and is being made again`, { operation: 'read', path: reader.path, cause: error, hint: 'nothing to do: it is made again from snapshot and journal' })
    }
  }

  /** Resolves when the database is at the gate and can be read. */
  async ready(database: DatabaseId): Promise<void> {
    if (!this.#open.has(database)) await this.#connect(database)
  }

  /** The database has a new file, or is suspected: the next reading opens it anew. */
  drop(database: DatabaseId): void {
    this.#open.get(database)?.close()
    this.#open.delete(database)
  }

  close(): void {
    this.#closed = true
    for (const reader of this.#open.values()) reader.close()
    this.#open.clear()
  }

  #connect(database: DatabaseId): Promise<SqliteReader> {
    let opening = this.#opening.get(database)
    if (!opening) {
      opening = this.#connectNow(database).finally(() => this.#opening.delete(database))
      this.#opening.set(database, opening)
    }
    return opening
  }

  async #connectNow(database: DatabaseId): Promise<SqliteReader> {
    const path = await this.#options.open(database)
    if (this.#closed) throw new Outage('the store is closing', { operation: 'open' })
    let reader
    try {
      reader = new SqliteReader(path)
    } catch (error) {
      if (error instanceof Damaged) this.#options.suspect(database, path, error.message)
      throw new Outage(`cannot read ${path}: ${errorSentence(error)}`, { operation: 'open', path, cause: error })
    }
    this.#open.set(database, reader)
    if (this.#open.size > CONNECTIONS_MAX) {
      const [oldest] = this.#open.keys()
      if (oldest !== undefined) this.drop(oldest)
    }
    return reader
  }
}
