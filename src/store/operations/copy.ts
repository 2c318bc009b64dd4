// COPY and MOVE: places messages in another mailbox with the flags and dates they have (RFC 9051 §6.4.7),
// and, for a move, retires the sources in the same transaction (RFC 6851). The message itself stays one row.
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { readMeta, takeModseq } from './account-meta.ts'
import { logMessages } from './change-log.ts'
import { done, refused, type Context } from './context.ts'
import { messageMailbox } from './mailbox-row.ts'
import { countPlacements, placementsIn, type PlacementRow } from './placements.ts'
import { retirePlacements } from './retire-placements.ts'
import { mixRunning } from './running.ts'

export async function applyCopy(tx: Tx, context: Context, change: AccountChange & { kind: 'copy' }): Promise<Outcome<ChangeResults['copy']>> {
  const account = context.database
  const source = await messageMailbox(tx, account, change.mailbox)
  if (!source) return refused('no-such-mailbox', 'the mailbox to copy from is not there (any more)')
  const target = await messageMailbox(tx, account, change.to)
  if (!target) return refused('no-such-mailbox', 'the mailbox to copy to is not there (any more)')
  const rows = await placementsIn(tx, account, change.mailbox, change.uids)
  if (!rows) return refused('too-many', 'more than 1,000 messages in one change')
  if (rows.length === 0) {
    await endGroup(tx, account, change)
    return done({ uidValidity: target.uid_validity, pairs: [], modseq: target.highest_modseq })
  }
  const counts = countPlacements(rows)
  if (!change.move) {
    const meta = await readMeta(tx, account)
    if (meta?.octets_max != null && meta.octets + counts.octets > meta.octets_max) return refused('over-quota', 'the mailbox quota is used up')
  }

  const modseq = await takeModseq(tx, account, change.move ? 0 : counts.octets, change.move ? 0 : counts.total)
  const first = await placeAgain(tx, context, { mailbox: change.to, rows, modseq, group: change.group ?? null })
  if (change.move) await retirePlacements(tx, context, { mailbox: change.mailbox, rows, modseq, n: 1, group: change.group ?? null })
  await endGroup(tx, account, change)
  return done({ uidValidity: target.uid_validity, pairs: rows.map((row, n) => [row.uid, first + n] as [number, number]), modseq })
}

/** The last part of a group is here: nothing of it will be undone. */
async function endGroup(tx: Tx, account: number, { group, last }: AccountChange & { kind: 'copy' }): Promise<void> {
  if (group !== undefined && last === true) await forgetGroup(tx, account, group)
}

export async function forgetGroup(tx: Tx, account: number, group: string): Promise<void> {
  await tx.run('update placement set group_id = null where account = $1 and group_id = $2', account, group)
  await tx.run('update placement set retired_group = null where account = $1 and retired_group = $2', account, group)
}

/** Groups of which the last part has not come, in order of their names. */
export async function openGroups(tx: Tx, account: number): Promise<string[]> {
  const rows = await tx.all<{ name: string }>(
    `select group_id as name from placement where account = $1 and group_id is not null
     union select retired_group as name from placement where account = $1 and retired_group is not null order by name`, account)
  return rows.map((row) => row.name)
}

/** New placements, in the order given, of messages that the account has. Returns the first UID; the others follow it. */
export async function placeAgain(
  tx: Tx, context: Context,
  { mailbox, rows, modseq, n = 0, group }: { mailbox: number; rows: readonly PlacementRow[]; modseq: number; n?: number; group: string | null },
): Promise<number> {
  const account = context.database
  const now = await tx.get<{ uid_next: number; running: number }>('select uid_next, running from mailbox where account = $1 and mailbox = $2', account, mailbox)
  const first = now?.uid_next ?? 1
  let uid = first
  let running = now?.running ?? 0
  for (const row of rows) {
    await tx.run(
      `insert into placement (account, mailbox, uid, message, modseq, bits, keywords, octets, internal_date_ms, saved_ms, group_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      account, mailbox, uid, row.message, modseq, row.bits, row.keywords, row.octets, row.internal_date_ms, context.timeMs, group)
    running = mixRunning(running, uid, modseq)
    uid += 1
  }
  const counts = countPlacements(rows)
  await tx.run(
    `update mailbox set uid_next = $3, highest_modseq = $4, total = total + $5, unseen = unseen + $6, deleted = deleted + $7, octets = octets + $8, running = $9
     where account = $1 and mailbox = $2`,
    account, mailbox, uid, modseq, counts.total, counts.unseen, counts.deleted, counts.octets, running)
  await logMessages(tx, account, { modseq, n, mailbox, action: 'created', uids: [[first, uid - 1]] })
  return first
}
