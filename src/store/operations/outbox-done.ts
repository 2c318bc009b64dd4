// An outbox row whose record is durable: no more to do for it. Said twice, it is fine.
import type { Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, type Context } from './context.ts'

export async function applyOutboxDone(tx: Tx, context: Context, { position, n }: { position: number; n: number }): Promise<Outcome<Record<string, never>>> {
  await tx.run('update outbox set done_ms = $4 where database_id = $1 and position = $2 and n = $3 and done_ms is null', context.database, position, n, context.timeMs)
  return done({})
}
