// CREATE: a mailbox, and those above it that are missing (RFC 9051 §6.3.4).
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { MailboxId } from '../ids.ts'
import type { Tx } from '../tx.ts'
import { readMeta } from './account-meta.ts'
import { done, refused, MAILBOXES_MAX, type Context } from './context.ts'
import { keptName, namesAbove } from './mailbox-names.ts'
import { insertMailbox, mailboxNamed, retireMailbox } from './mailbox-row.ts'

export async function applyCreateMailbox(
  tx: Tx, context: Context, change: AccountChange & { kind: 'create-mailbox' },
): Promise<Outcome<ChangeResults['create-mailbox']>> {
  const account = context.database
  const name = keptName(change.name)
  if (name === undefined) return refused('bad-name', 'a mailbox cannot have this name')
  if (!(await readMeta(tx, account))) return refused('no-such-thing', 'the account was never opened')
  const old = await mailboxNamed(tx, account, name)
  if (old?.selectable === 1) return refused('exists', 'there is a mailbox of this name')
  const missing: string[] = []
  for (const above of namesAbove(name)) if (!(await mailboxNamed(tx, account, above))) missing.push(above)
  if (await countMailboxes(tx, account) + missing.length + 1 > MAILBOXES_MAX) return refused('too-many', 'the account has too many mailboxes')
  if (change.role !== undefined && await roleIsTaken(tx, account, change.role)) return refused('exists', `another mailbox is already the one for ${change.role}`)

  for (const above of missing) await insertMailbox(tx, context, { name: above })
  // A name that could not be selected becomes a real mailbox, with a number and UIDVALIDITY of its own.
  if (old) await retireMailbox(tx, context, old)
  const { mailbox, uidValidity } = await insertMailbox(tx, context, { name, role: change.role })
  return done({ mailbox: mailbox as MailboxId, uidValidity })
}

export async function countMailboxes(tx: Tx, account: number): Promise<number> {
  const row = await tx.get<{ count: number }>('select count(*) as count from mailbox where account = $1 and retired_ms is null', account)
  return row?.count ?? 0
}

async function roleIsTaken(tx: Tx, account: number, role: string): Promise<boolean> {
  return await tx.get('select mailbox from mailbox where account = $1 and role = $2 and retired_ms is null', account, role) !== undefined
}
