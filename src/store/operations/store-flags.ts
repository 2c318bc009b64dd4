// STORE: changes flags of messages, with CONDSTORE's UNCHANGEDSINCE (RFC 7162 §3.1.3). A message whose flags
// are already so is left alone and keeps its modseq.
import { DELETED, SEEN, changedFlags, type Flags } from '../flags.ts'
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq } from './account-meta.ts'
import { logMessages } from './change-log.ts'
import { done, refused, type Context } from './context.ts'
import { messageMailbox } from './mailbox-row.ts'
import { placementsIn } from './placements.ts'
import { mixRunning } from './running.ts'
import { rangesOf } from './uid-ranges.ts'

export async function applyStoreFlags(
  tx: Tx, context: Context, change: AccountChange & { kind: 'store-flags' },
): Promise<Outcome<ChangeResults['store-flags']>> {
  const account = context.database
  const mailbox = await messageMailbox(tx, account, change.mailbox)
  if (!mailbox) return refused('no-such-mailbox', 'the mailbox is not there (any more)')
  const rows = await placementsIn(tx, account, change.mailbox, change.uids)
  if (!rows) return refused('too-many', 'more than 1,000 messages in one change')

  const changed: ({ uid: number } & Flags)[] = []
  const modified: number[] = []
  let unseen = 0
  let deleted = 0
  for (const row of rows) {
    if (change.unchangedSince !== undefined && row.modseq > change.unchangedSince) {
      modified.push(row.uid)
      continue
    }
    const { bits, keywords } = changedFlags(row, change.how, change)
    if (bits === row.bits && keywords === row.keywords) continue
    unseen += (bits & SEEN ? 0 : 1) - (row.bits & SEEN ? 0 : 1)
    deleted += (bits & DELETED ? 1 : 0) - (row.bits & DELETED ? 1 : 0)
    changed.push({ uid: row.uid, bits, keywords })
  }
  if (changed.length === 0) return done({ changed: [], modified })

  const modseq = await takeModseq(tx, account)
  let running = mailbox.running
  for (const row of changed) {
    await tx.run('update placement set bits = $4, keywords = $5, modseq = $6 where account = $1 and mailbox = $2 and uid = $3',
      account, change.mailbox, row.uid, row.bits, row.keywords, modseq)
    running = mixRunning(running, row.uid, modseq)
  }
  await tx.run('update mailbox set highest_modseq = $3, unseen = unseen + $4, deleted = deleted + $5, running = $6 where account = $1 and mailbox = $2',
    account, change.mailbox, modseq, unseen, deleted, running)
  await logMessages(tx, account, { modseq, mailbox: change.mailbox, action: 'changed', uids: rangesOf(changed.map((row) => row.uid)) })
  return done({ changed: changed.map((row) => ({ uid: row.uid, modseq, bits: row.bits, keywords: row.keywords })), modified })
}
