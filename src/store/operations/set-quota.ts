// How many octets an account may use. Lowering it below what is used removes nothing.
import type { ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, refused, type Context } from './context.ts'

export async function applySetQuota(tx: Tx, context: Context, octetsMax: number | null): Promise<Outcome<ChangeResults['set-quota']>> {
  const changed = await tx.run('update meta set octets_max = $2 where account = $1', context.database, octetsMax)
  return changed === 1 ? done({}) : refused('no-such-thing', 'the account was never opened')
}
