// PGlite (PostgreSQL in this process) as a pool of one session. It cannot show races; everything else is real.
import { PGlite } from '@electric-sql/pglite'
import type { PgPool, PgSession } from '../../src/store/postgres/pool.ts'

export async function pglitePool(): Promise<PgPool> {
  const database = await PGlite.create()
  const session: PgSession = {
    async query(sql, values, rows) {
      const result = await database.query(sql, [...values], { rowMode: rows === 'arrays' ? 'array' : 'object' })
      return { rows: result.rows, affected: result.affectedRows ?? 0 }
    },
    async script(sql) {
      await database.exec(sql)
    },
  }
  let last: Promise<unknown> = Promise.resolve()
  return {
    session<T>(use: (session: PgSession) => Promise<T>): Promise<T> {
      const turn = last.then(() => use(session))
      last = turn.catch(() => {})
      return turn
    },
    async close() {
      await last
      await database.close()
    },
  }
}
