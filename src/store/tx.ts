// How the store's own code speaks to a database, whichever engine it is: `Tx` to write, `Reading` to
// read. SQL is written once, with `$1, $2 …`, and uses only what SQLite and PostgreSQL agree on:
//   - `bigint`, `text` and bytes; 0 and 1 for yes and no; names in snake_case; ids given by our code;
//   - one `$n` has one type. Where nothing else gives it one (`case`, `coalesce`, a select list), `cast($n as bigint)`;
//     also in arithmetic with `%`, since node:sqlite binds every number as a real; `cast(sum(x) as bigint)`;
//   - `on conflict … do update set x = excluded.x`, with the table's name before its own columns on the right; never the
//     same key twice in one insert;
//   - no `max(a, b)`, `insert or …`, `limit -1`, alias on the target of an update; preconditions are SELECTs, because in PostgreSQL
//     a statement that failed ends the transaction;
//   - texts are compared by their octets (PostgreSQL with locale C) and hold no NUL: case is folded before, in code.
//
// A `Tx` is dead after its operation: a promise that was not awaited must not write into the next
// record's transaction. Rows hold numbers, texts, bytes and nulls, never bigints or dates.
import { Bug } from '../base/errors.ts'

export type Value = number | string | Uint8Array | null

export interface Tx {
  /** The first row, or undefined. */
  get<Row extends object>(sql: string, ...values: Value[]): Promise<Row | undefined>
  all<Row extends object>(sql: string, ...values: Value[]): Promise<Row[]>
  /** Runs a statement and returns how many rows it changed. */
  run(sql: string, ...values: Value[]): Promise<number>
}

/** A database itself is damaged (not the disk, not the lock): it is set aside and made again from snapshot and journal. */
export class Damaged extends Error {
  override name = 'Damaged'
}

/** Anything that can run one statement and hand back the rows as objects. What an engine gives; `Tx` is the leash on it. */
export interface Engine {
  get(sql: string, values: Value[]): object | undefined | Promise<object | undefined>
  all(sql: string, values: Value[]): object[] | Promise<object[]>
  run(sql: string, values: Value[]): number | Promise<number>
}

/** A `Tx` with its end in sight: the caller of an operation calls `end` when the operation has come back. */
export class LeashedTx implements Tx {
  readonly #engine: Engine
  #live = true
  constructor(engine: Engine) {
    this.#engine = engine
  }
  end(): void {
    this.#live = false
  }
  async get<Row extends object>(sql: string, ...values: Value[]): Promise<Row | undefined> {
    this.#check(sql)
    return this.#engine.get(sql, values) as Row | undefined | Promise<Row | undefined>
  }
  async all<Row extends object>(sql: string, ...values: Value[]): Promise<Row[]> {
    this.#check(sql)
    return this.#engine.all(sql, values) as Row[] | Promise<Row[]>
  }
  async run(sql: string, ...values: Value[]): Promise<number> {
    this.#check(sql)
    return this.#engine.run(sql, values)
  }
  #check(sql: string): void {
    if (!this.#live) throw new Bug(`a statement came after its operation had ended: ${sql.slice(0, 60)}`)
  }
}

/** Runs one operation with a `Tx` of its own, which is dead afterwards, however it ended. */
export async function withTx<T>(engine: Engine, operate: (tx: Tx) => Promise<T>): Promise<T> {
  const tx = new LeashedTx(engine)
  try {
    return await operate(tx)
  } finally {
    tx.end()
  }
}

// ---------------------------------------------------------------- reading

/** A row as an array in the order of the select list: half the cost of objects where a page has 2,000 of them. */
export type Cells = readonly Value[]

export interface Query {
  sql: string
  values: Value[]
}

/**
 * A read, written once for both engines: it yields queries and is handed their rows. SQLite runs it to its
 * end without a turn of the loop, in one read transaction when it asks more than once; PostgreSQL awaits
 * each step in a repeatable-read transaction. So every reading sees one moment.
 */
export type Reading<T> = Generator<Query, T, Cells[]>

/** Asks one query inside a reading: `const rows = yield* ask(sql, …)`. */
export function* ask(sql: string, ...values: Value[]): Generator<Query, Cells[], Cells[]> {
  return yield { sql, values }
}

/** A reading inside an operation, where it sees what the operation has written so far. */
export async function readIn<T>(tx: Tx, reading: Reading<T>): Promise<T> {
  let step = reading.next()
  while (!step.done) {
    const rows = await tx.all<Record<string, Value>>(step.value.sql, ...step.value.values)
    step = reading.next(rows.map((row) => Object.values(row)))
  }
  return step.value
}
