// Takes messages out of a mailbox: their rows are retired with the record's time and modseq and stay
// for the undelete window; clients learn that the UIDs have vanished.
import type { Tx } from '../tx.ts'
import { logMessages } from './change-log.ts'
import type { Context } from './context.ts'
import { countPlacements, type PlacementRow } from './placements.ts'
import { mixRunning } from './running.ts'
import { rangesOf } from './uid-ranges.ts'

/** The account's own counters are moved by the caller, who took the modseq. */
export async function retirePlacements(
  tx: Tx, context: Context,
  { mailbox, rows, modseq, n = 0, group = null }: { mailbox: number; rows: readonly PlacementRow[]; modseq: number; n?: number; group?: string | null },
): Promise<void> {
  const account = context.database
  const uids = rangesOf(rows.map((row) => row.uid))
  for (const row of rows) {
    await tx.run('update placement set retired_ms = $4, retired_modseq = $5, retired_group = $6 where account = $1 and mailbox = $2 and uid = $3',
      account, mailbox, row.uid, context.timeMs, modseq, group)
  }
  const counts = countPlacements(rows)
  const now = await tx.get<{ running: number }>('select running from mailbox where account = $1 and mailbox = $2', account, mailbox)
  let running = now?.running ?? 0
  for (const row of rows) running = mixRunning(running, row.uid, modseq)
  await tx.run(
    `update mailbox set highest_modseq = $3, total = total - $4, unseen = unseen - $5, deleted = deleted - $6, octets = octets - $7, running = $8
     where account = $1 and mailbox = $2`,
    account, mailbox, modseq, counts.total, counts.unseen, counts.deleted, counts.octets, running)
  await logMessages(tx, account, { modseq, n, mailbox, action: 'retired', uids })
}
