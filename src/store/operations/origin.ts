// Records made from an outbox row carry its origin; the second record of one origin is ignored
// (STORE.md, Applying 1), so that a report is sent once though its maker may have been killed in between.
import type { Origin } from '../ids.ts'
import type { Tx } from '../tx.ts'
import type { Context } from './context.ts'

/** False when this database has applied a record of that origin before. Remembers it. */
export async function originIsNew(tx: Tx, context: Context, origin: Origin): Promise<boolean> {
  const added = await tx.run(
    `insert into origin_seen (database_id, origin_database, origin_position, origin_n) values ($1, $2, $3, $4)
     on conflict (database_id, origin_database, origin_position, origin_n) do nothing`,
    context.database, origin.database, origin.position, origin.n)
  return added === 1
}
