// The two engines as far as operations and readings go: what property tests run side by side.
import { engineOf, runReading, type PgPool } from '../../src/store/postgres/pool.ts'
import { preparePostgres } from '../../src/store/postgres/schema.ts'
import { SqliteWriter } from '../../src/store/sqlite/connection.ts'
import { kindOf } from '../../src/store/schema.ts'
import { withTx, type Reading, type Tx } from '../../src/store/tx.ts'
import { pglitePool } from '../contract/pglite-pool.ts'

export interface TestEngine {
  readonly name: string
  /** One transaction. */
  write<T>(database: number, operate: (tx: Tx) => Promise<T>): Promise<T>
  read<T>(database: number, reading: Reading<T>): Promise<T>
  close(): Promise<void>
}

/** Every database in memory. */
export function sqliteEngine(): TestEngine {
  const writers = new Map<number, SqliteWriter>()
  const of = (database: number): SqliteWriter => {
    const known = writers.get(database) ?? new SqliteWriter(':memory:', kindOf(database))
    writers.set(database, known)
    return known
  }
  return {
    name: 'sqlite',
    write: (database, operate) => of(database).transaction(operate),
    read: async (database, reading) => of(database).read(reading),
    close: async () => writers.forEach((writer) => writer.close()),
  }
}

export async function postgresEngine(): Promise<TestEngine> {
  const pool: PgPool = await pglitePool()
  await preparePostgres(pool)
  return {
    name: 'postgres',
    write: (_database, operate) => pool.session(async (session) => {
      await session.script('begin')
      try {
        const result = await withTx(engineOf(session), operate)
        await session.script('commit')
        return result
      } catch (error) {
        await session.script('rollback')
        throw error
      }
    }),
    read: (_database, reading) => runReading(pool, reading),
    close: () => pool.close(),
  }
}
