// A mailbox whose numbers cannot be trusted any more gets a new UIDVALIDITY: clients throw away what they
// remember of it and load it again. Applied for a record that says so, like everything else.
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq } from './account-meta.ts'
import { logMailbox } from './change-log.ts'
import { done, type Context } from './context.ts'

export async function applyRaiseUidValidity(tx: Tx, context: Context, change: AccountChange & { kind: 'raise-uid-validity' }): Promise<Outcome<ChangeResults['raise-uid-validity']>> {
  await raiseUidValidity(tx, context, change.mailboxes)
  return done({})
}

export async function raiseUidValidity(tx: Tx, context: Context, mailboxes: readonly number[]): Promise<void> {
  const account = context.database
  for (const mailbox of mailboxes) {
    const there = await tx.get('select mailbox from mailbox where account = $1 and mailbox = $2 and retired_ms is null', account, mailbox)
    if (!there) continue
    const modseq = await takeModseq(tx, account)
    const row = await tx.get<{ uid_validity: number }>(
      `update meta set last_uid_validity = case when last_uid_validity + 1 > cast($2 as bigint) then last_uid_validity + 1 else cast($2 as bigint) end
       where account = $1 returning last_uid_validity as uid_validity`, account, Math.floor(context.timeMs / 1000))
    await tx.run('update mailbox set uid_validity = $3, highest_modseq = $4 where account = $1 and mailbox = $2', account, mailbox, row?.uid_validity ?? 0, modseq)
    await logMailbox(tx, account, { modseq, mailbox, action: 'changed' })
  }
}
