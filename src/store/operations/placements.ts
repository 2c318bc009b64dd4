// The messages that a client's change means: those of its UID ranges that are (still) in the mailbox.
import type { Flags } from '../flags.ts'
import { DELETED, SEEN } from '../flags.ts'
import type { UidRange } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { MESSAGES_MAX } from './context.ts'
import { joinRanges, rangeWalker, tidyRanges } from './uid-ranges.ts'

export interface PlacementRow extends Flags {
  uid: number
  message: number
  modseq: number
  octets: number
  internal_date_ms: number
}

/** Ranges this close are asked for together, and what lies between is left out afterwards. */
const GAP = 16

const SELECT = `select uid, message, modseq, bits, keywords, octets, internal_date_ms from placement
  where account = $1 and mailbox = $2 and uid >= $3 and uid <= $4 and retired_ms is null order by uid limit $5`

/** In UID order; undefined when they are more than one record may change. */
export async function placementsIn(tx: Tx, account: number, mailbox: number, uids: readonly UidRange[]): Promise<PlacementRow[] | undefined> {
  const ranges = tidyRanges(uids)
  const isMeant = rangeWalker(ranges)
  const found: PlacementRow[] = []
  for (const [first, last] of joinRanges(ranges, GAP)) {
    let after = first
    for (;;) {
      const rows = await tx.all<PlacementRow>(SELECT, account, mailbox, after, last, MESSAGES_MAX + 1)
      for (const row of rows) if (isMeant(row.uid)) found.push(row)
      if (found.length > MESSAGES_MAX) return undefined
      const end = rows.at(-1)
      if (rows.length <= MESSAGES_MAX || !end) break
      after = end.uid + 1
    }
  }
  return found
}

export interface Counts {
  total: number
  unseen: number
  deleted: number
  octets: number
}

export function countPlacements(rows: readonly PlacementRow[]): Counts {
  const counts: Counts = { total: rows.length, unseen: 0, deleted: 0, octets: 0 }
  for (const row of rows) {
    if ((row.bits & SEEN) === 0) counts.unseen += 1
    if ((row.bits & DELETED) !== 0) counts.deleted += 1
    counts.octets += row.octets
  }
  return counts
}
