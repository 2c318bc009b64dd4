// What the PostgreSQL engine needs of a driver: sessions from a pool, and statements with `$1` parameters.
// A driver hands int8 back as a number (or a bigint, which is made a number here), bytea as Uint8Array.
import { Bug } from '../../base/errors.ts'
import type { Cells, Engine, Reading, Value } from '../tx.ts'

export interface PgSession {
  /** Rows as objects, or as arrays in the order of the select list. */
  query(sql: string, values: readonly Value[], rows: 'objects' | 'arrays'): Promise<{ rows: unknown[]; affected: number }>
  /** Several statements, without parameters. */
  script(sql: string): Promise<void>
}

export interface PgPool {
  /** One session to itself until `use` has come back. A session that threw is rolled back by whoever began. */
  session<T>(use: (session: PgSession) => Promise<T>): Promise<T>
  close(): Promise<void>
}

function plain(value: unknown): Value {
  if (typeof value === 'bigint') {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) throw new Bug(`a number beyond 2^53 came out of the database: ${value}`)
    return number
  }
  return value as Value
}

/** `Tx` runs on this. */
export function engineOf(session: PgSession): Engine {
  const rowsOf = async (sql: string, values: Value[]): Promise<object[]> => {
    const { rows } = await session.query(sql, values, 'objects')
    for (const row of rows as Record<string, unknown>[]) for (const name in row) row[name] = plain(row[name])
    return rows as object[]
  }
  return {
    get: async (sql, values) => (await rowsOf(sql, values))[0],
    all: rowsOf,
    run: async (sql, values) => (await session.query(sql, values, 'objects')).affected,
  }
}

/** Every query of one reading sees the same moment. */
export async function runReading<T>(pool: PgPool, reading: Reading<T>): Promise<T> {
  let step = reading.next()
  if (step.done) return step.value
  return pool.session(async (session) => {
    await session.script('begin transaction isolation level repeatable read read only')
    try {
      while (!step.done) {
        const { rows } = await session.query(step.value.sql, step.value.values, 'arrays')
        step = reading.next((rows as unknown[][]).map((cells): Cells => cells.map(plain)))
      }
      return step.value
    } finally {
      await session.script('commit')
    }
  })
}
