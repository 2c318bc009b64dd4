// RENAME: the mailbox and everything below it take the new name and keep numbers, UIDVALIDITY and messages.
// INBOX keeps its place and hands its messages over to a new mailbox of that name (RFC 9051 §6.3.6).
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq } from './account-meta.ts'
import { logMailbox, logMessages } from './change-log.ts'
import { done, refused, MAILBOXES_MAX, type Context } from './context.ts'
import { countMailboxes } from './create-mailbox.ts'
import { retireEmptyNames } from './delete-mailbox.ts'
import { keptName, namesAbove } from './mailbox-names.ts'
import { insertMailbox, liveMailbox, mailboxNamed, mailboxesBelow, type LiveMailbox } from './mailbox-row.ts'
import { mixRunning } from './running.ts'

export async function applyRenameMailbox(
  tx: Tx, context: Context, change: AccountChange & { kind: 'rename-mailbox' },
): Promise<Outcome<ChangeResults['rename-mailbox']>> {
  const account = context.database
  const mailbox = await liveMailbox(tx, account, change.mailbox)
  if (!mailbox) return refused('no-such-mailbox', 'the mailbox is not there (any more)')
  const name = keptName(change.name)
  if (name === undefined) return refused('bad-name', 'a mailbox cannot have this name')
  if (await mailboxNamed(tx, account, name)) return refused('exists', 'there is a mailbox of this name')
  if (mailbox.name !== 'INBOX' && name.startsWith(`${mailbox.name}/`)) return refused('not-allowed', 'a mailbox cannot be moved below itself')
  const missing: string[] = []
  for (const above of namesAbove(name)) if (!(await mailboxNamed(tx, account, above))) missing.push(above)
  if (await countMailboxes(tx, account) + missing.length + 1 > MAILBOXES_MAX) return refused('too-many', 'the account has too many mailboxes')

  if (mailbox.name === 'INBOX') {
    for (const above of missing) await insertMailbox(tx, context, { name: above })
    await handOver(tx, context, mailbox, name)
    return done({})
  }

  const moved = [mailbox, ...await mailboxesBelow(tx, account, mailbox.name)]
  const names = moved.map((each) => name + each.name.slice(mailbox.name.length))
  if (names.some((each) => keptName(each) === undefined)) return refused('bad-name', 'a mailbox below it would get too long a name')
  for (const each of names) if (await mailboxNamed(tx, account, each)) return refused('exists', 'there is a mailbox of a name that one below it would get')

  for (const above of missing) await insertMailbox(tx, context, { name: above })
  const modseq = await takeModseq(tx, account)
  for (const [n, each] of moved.entries()) {
    await tx.run('update mailbox set name = $3 where account = $1 and mailbox = $2', account, each.mailbox, names[n] ?? '')
    await logMailbox(tx, account, { modseq, n, mailbox: each.mailbox, action: 'changed' })
  }
  await retireEmptyNames(tx, context, mailbox.name)
  return done({})
}

/**
 * All messages of the INBOX into a new mailbox, in the order of their UIDs, by two statements however many they are:
 * the UIDs of the new mailbox are 1, 2, 3 …
 */
async function handOver(tx: Tx, context: Context, inbox: LiveMailbox, name: string): Promise<void> {
  const account = context.database
  const { mailbox } = await insertMailbox(tx, context, { name })
  if (inbox.total === 0) return
  const modseq = await takeModseq(tx, account)
  await tx.run(
    `insert into placement (account, mailbox, uid, message, modseq, bits, keywords, octets, internal_date_ms, saved_ms)
     select account, cast($3 as bigint), row_number() over (order by uid), message, cast($4 as bigint), bits, keywords, octets, internal_date_ms, cast($5 as bigint)
     from placement where account = $1 and mailbox = $2 and retired_ms is null order by uid`,
    account, inbox.mailbox, mailbox, modseq, context.timeMs)
  await tx.run('update placement set retired_ms = $3, retired_modseq = $4 where account = $1 and mailbox = $2 and retired_ms is null',
    account, inbox.mailbox, context.timeMs, modseq)
  await tx.run(
    `update mailbox set uid_next = $9, highest_modseq = $3, total = $4, unseen = $5, deleted = $6, octets = $7, running = $8
     where account = $1 and mailbox = $2`,
    account, mailbox, modseq, inbox.total, inbox.unseen, inbox.deleted, inbox.octets, mixRunning(0, inbox.total, modseq), inbox.total + 1)
  await tx.run(
    'update mailbox set highest_modseq = $3, total = 0, unseen = 0, deleted = 0, octets = 0, running = $4 where account = $1 and mailbox = $2',
    account, inbox.mailbox, modseq, mixRunning(inbox.running, inbox.uid_next, modseq))
  await logMessages(tx, account, { modseq, mailbox, action: 'created', uids: [[1, inbox.total]] })
  await logMessages(tx, account, { modseq, n: 1, mailbox: inbox.mailbox, action: 'retired', uids: [[1, inbox.uid_next - 1]] })
}
