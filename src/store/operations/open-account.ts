// The first record of an account's own database: its counters, the INBOX, and the mailboxes that new accounts get.
import type { ChangeResults, Outcome, SpecialUse } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { insertMeta, readMeta } from './account-meta.ts'
import { done, refused, type Context } from './context.ts'
import { keptName } from './mailbox-names.ts'
import { insertMailbox, mailboxNamed } from './mailbox-row.ts'

export async function applyOpenAccount(
  tx: Tx, context: Context, { mailboxes, octetsMax = null }: { mailboxes: readonly { name: string; role?: SpecialUse }[]; octetsMax?: number | null },
): Promise<Outcome<ChangeResults['open-account']>> {
  if (await readMeta(tx, context.database)) return refused('exists', 'the account is open already')
  const names = mailboxes.map(({ name, role }) => ({ name: keptName(name), role }))
  if (names.some(({ name }) => name === undefined)) return refused('bad-name', 'one of the mailboxes has a name that cannot be one')
  await insertMeta(tx, context, octetsMax)
  await insertMailbox(tx, context, { name: 'INBOX', role: 'inbox' })
  for (const { name, role } of names) {
    if (name === undefined || name === 'INBOX' || await mailboxNamed(tx, context.database, name)) continue
    await insertMailbox(tx, context, { name, role })
    // New accounts see the folders they were given in clients that list only subscribed ones.
    await tx.run('insert into subscription (account, name) values ($1, $2) on conflict (account, name) do nothing', context.database, name)
  }
  await tx.run('insert into subscription (account, name) values ($1, $2) on conflict (account, name) do nothing', context.database, 'INBOX')
  return done({})
}
