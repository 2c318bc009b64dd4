// APPEND: a client's own message into one of its mailboxes. Quota is judged here, when it is applied
// (STORE.md, Applying 5): the door judged it before, with what it knew then.
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { readMeta } from './account-meta.ts'
import { done, refused, type Context } from './context.ts'
import { fileMessage } from './file-message.ts'
import { messageMailbox } from './mailbox-row.ts'

export async function applyAppend(
  tx: Tx, context: Context, change: AccountChange & { kind: 'append' }, bodyOctets: number,
): Promise<Outcome<ChangeResults['append']>> {
  const mailbox = await messageMailbox(tx, context.database, change.mailbox)
  if (!mailbox) return refused('no-such-mailbox', 'the mailbox is not there (any more)')
  const meta = await readMeta(tx, context.database)
  if (meta?.octets_max != null && meta.octets + bodyOctets > meta.octets_max) return refused('over-quota', 'the mailbox quota is used up')
  const { uid, modseq } = await fileMessage(tx, context, {
    mailbox: change.mailbox, bits: change.bits, keywords: change.keywords, internalDateMs: change.internalDateMs,
    prefix: '', bodyOctets, facts: change.facts,
  })
  return done({ uidValidity: mailbox.uid_validity, uid, modseq })
}
