// Undoes the parts of a group of COPY or MOVE records that was not completed (STORE.md, Applying 3): copies
// that are still in their mailbox are retired, and messages that a move took away come back to where they were
// under new UIDs, since clients have been told that the old ones are gone. A copy that somebody has moved on
// or expunged in the meantime is left as it is, and then its source does not come back.
import type { AccountChange, ChangeResults, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq } from './account-meta.ts'
import { done, type Context } from './context.ts'
import { forgetGroup, placeAgain } from './copy.ts'
import { liveMailbox } from './mailbox-row.ts'
import { countPlacements, type PlacementRow } from './placements.ts'
import { retirePlacements } from './retire-placements.ts'

type PlacedRow = PlacementRow & { mailbox: number }

const COLUMNS = 'mailbox, uid, message, modseq, bits, keywords, octets, internal_date_ms'

export async function applyUndoGroup(tx: Tx, context: Context, change: AccountChange & { kind: 'undo-group' }): Promise<Outcome<ChangeResults['undo-group']>> {
  const account = context.database
  const made = await tx.all<PlacedRow>(`select ${COLUMNS} from placement where account = $1 and group_id = $2 and retired_ms is null order by mailbox, uid`, account, change.group)
  const taken = await tx.all<PlacedRow>(`select ${COLUMNS} from placement where account = $1 and retired_group = $2 order by mailbox, uid`, account, change.group)

  const undone = new Map<number, number>()
  for (const [mailbox, rows] of byMailbox(made)) {
    if (!(await liveMailbox(tx, account, mailbox))) continue
    const counts = countPlacements(rows)
    const modseq = await takeModseq(tx, account, -counts.octets, -counts.total)
    await retirePlacements(tx, context, { mailbox, rows, modseq })
    for (const row of rows) undone.set(row.message, (undone.get(row.message) ?? 0) + 1)
  }
  const back = taken.filter((row) => {
    const copies = undone.get(row.message) ?? 0
    undone.set(row.message, copies - 1)
    return copies > 0
  })
  for (const [from, rows] of byMailbox(back)) {
    const home = await liveMailbox(tx, account, from)
    const mailbox = home?.selectable === 1 ? from : await inboxOf(tx, account)
    const counts = countPlacements(rows)
    const modseq = await takeModseq(tx, account, counts.octets, counts.total)
    await placeAgain(tx, context, { mailbox, rows, modseq, group: null })
  }
  // The group is closed: undoing it again finds nothing.
  await forgetGroup(tx, account, change.group)
  return done({})
}

async function inboxOf(tx: Tx, account: number): Promise<number> {
  const row = await tx.get<{ inbox: number }>('select inbox from meta where account = $1', account)
  return row?.inbox ?? 0
}

function byMailbox(rows: readonly PlacedRow[]): Map<number, PlacedRow[]> {
  const map = new Map<number, PlacedRow[]>()
  for (const row of rows) {
    const list = map.get(row.mailbox)
    if (list) list.push(row)
    else map.set(row.mailbox, [row])
  }
  return map
}
