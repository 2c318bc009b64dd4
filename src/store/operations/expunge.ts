// EXPUNGE: retires those of the given messages that carry \Deleted (RFC 9051 §6.4.3, §6.4.9).
import { DELETED } from '../flags.ts'
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq } from './account-meta.ts'
import { done, refused, type Context } from './context.ts'
import { messageMailbox } from './mailbox-row.ts'
import { countPlacements, placementsIn } from './placements.ts'
import { retirePlacements } from './retire-placements.ts'

export async function applyExpunge(tx: Tx, context: Context, change: AccountChange & { kind: 'expunge' }): Promise<Outcome<ChangeResults['expunge']>> {
  const account = context.database
  const mailbox = await messageMailbox(tx, account, change.mailbox)
  if (!mailbox) return refused('no-such-mailbox', 'the mailbox is not there (any more)')
  const found = await placementsIn(tx, account, change.mailbox, change.uids)
  if (!found) return refused('too-many', 'more than 1,000 messages in one change')
  const rows = found.filter((row) => (row.bits & DELETED) !== 0)
  if (rows.length === 0) return done({ uids: [], modseq: mailbox.highest_modseq })
  const counts = countPlacements(rows)
  const modseq = await takeModseq(tx, account, -counts.octets, -counts.total)
  await retirePlacements(tx, context, { mailbox: change.mailbox, rows, modseq })
  return done({ uids: rows.map((row) => row.uid), modseq })
}
