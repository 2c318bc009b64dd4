// DELETE: retires a mailbox with its messages. One with children below it stays as a name that cannot be
// selected (RFC 9051 §6.3.5), and such a name goes when its last child has gone.
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, refused, type Context } from './context.ts'
import { namesAbove } from './mailbox-names.ts'
import { insertMailbox, liveMailbox, mailboxNamed, mailboxesBelow, retireMailbox } from './mailbox-row.ts'

export async function applyDeleteMailbox(
  tx: Tx, context: Context, change: AccountChange & { kind: 'delete-mailbox' },
): Promise<Outcome<ChangeResults['delete-mailbox']>> {
  const account = context.database
  const mailbox = await liveMailbox(tx, account, change.mailbox)
  if (!mailbox) return refused('no-such-mailbox', 'the mailbox is not there (any more)')
  if (mailbox.name === 'INBOX') return refused('not-allowed', 'INBOX cannot be deleted (RFC 9051 §6.3.5)')
  const below = await mailboxesBelow(tx, account, mailbox.name)
  if (mailbox.selectable === 0 && below.length > 0) return refused('not-allowed', 'the name has mailboxes below it')
  await retireMailbox(tx, context, mailbox)
  if (below.length > 0) await insertMailbox(tx, context, { name: mailbox.name, selectable: false })
  else await retireEmptyNames(tx, context, mailbox.name)
  return done({})
}

/** Names above `name` that cannot be selected and have nothing below them any more. */
export async function retireEmptyNames(tx: Tx, context: Context, name: string): Promise<void> {
  for (const above of namesAbove(name).reverse()) {
    const found = await mailboxNamed(tx, context.database, above)
    if (!found || found.selectable === 1 || (await mailboxesBelow(tx, context.database, above)).length > 0) return
    await retireMailbox(tx, context, found)
  }
}
