// A connection's prepared statements, by their text. Texts are few and constant, so nothing is thrown away
// until there are more than anybody should have.
import type { DatabaseSync, StatementSync } from 'node:sqlite'

const STATEMENTS_MAX = 256

export class Statements {
  readonly #database: DatabaseSync
  readonly #arrays: boolean
  readonly #prepared = new Map<string, StatementSync>()
  constructor(database: DatabaseSync, options: { arrays: boolean }) {
    this.#database = database
    this.#arrays = options.arrays
  }

  /** `$1` is a name to SQLite; `?1` is the first value. */
  of(sql: string): StatementSync {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql.replace(/\$(\d+)/g, '?$1'))
    if (this.#arrays) statement.setReturnArrays(true)
    if (this.#prepared.size >= STATEMENTS_MAX) {
      const oldest = this.#prepared.keys().next().value
      if (oldest !== undefined) this.#prepared.delete(oldest)
    }
    this.#prepared.set(sql, statement)
    return statement
  }

  clear(): void {
    this.#prepared.clear()
  }
}
