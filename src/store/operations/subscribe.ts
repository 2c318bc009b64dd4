// SUBSCRIBE and UNSUBSCRIBE: by name, and the name may outlive its mailbox (RFC 9051 §6.3.7).
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, refused, MAILBOXES_MAX, type Context } from './context.ts'
import { keptName } from './mailbox-names.ts'

export async function applySubscribe(tx: Tx, context: Context, change: AccountChange & { kind: 'subscribe' }): Promise<Outcome<ChangeResults['subscribe']>> {
  const account = context.database
  const name = keptName(change.name)
  if (name === undefined) return refused('bad-name', 'a mailbox cannot have this name')
  if (!change.on) {
    await tx.run('delete from subscription where account = $1 and name = $2', account, name)
    return done({})
  }
  const count = await tx.get<{ count: number }>('select count(*) as count from subscription where account = $1', account)
  if ((count?.count ?? 0) >= MAILBOXES_MAX) return refused('too-many', 'the account has too many subscriptions')
  await tx.run('insert into subscription (account, name) values ($1, $2) on conflict (account, name) do nothing', account, name)
  return done({})
}
