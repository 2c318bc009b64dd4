// What can be read of one account, as readings that both engines run (tx.ts). Hot ones: `viewPage`,
// `messagesOf`, `changesSince`; they read rows as arrays and make each result object once.
import type { MailboxId, Sequence } from '../ids.ts'
import type { SpecialUse, UidRange } from '../operations.ts'
import type { MailboxRow, MessageRow, ViewRow } from '../store.ts'
import { joinRanges, rangesOf, rangeWalker, readRanges, tidyRanges } from '../operations/uid-ranges.ts'
import { ask, type Cells, type Reading } from '../tx.ts'

/** Rows of one page (STORE.md, Flushing: reads are paged). */
export const PAGE_ROWS_MAX = 2000
/** Ranges this close are asked for in one statement. */
const GAP = 32
/** Change log rows looked at before the mailbox itself is scanned instead. */
const LOG_ROWS_MAX = 2000
/** Single statements for ranges before one scan from the first to the last is cheaper. */
const RANGES_MAX = 64

const MAILBOX_COLUMNS = 'mailbox, name, role, selectable, uid_validity, uid_next, highest_modseq, total, unseen, deleted, octets'

function mailboxRow(cells: Cells): MailboxRow {
  return {
    mailbox: cells[0] as MailboxId, name: cells[1] as string, role: cells[2] as SpecialUse | null, selectable: cells[3] === 1,
    uidValidity: cells[4] as number, uidNext: cells[5] as number, highestModseq: cells[6] as number,
    total: cells[7] as number, unseen: cells[8] as number, deleted: cells[9] as number, sizeOctets: cells[10] as number,
  }
}

export function* mailboxesOf(account: number): Reading<MailboxRow[]> {
  const rows = yield* ask(`select ${MAILBOX_COLUMNS} from mailbox where account = $1 and retired_ms is null order by name`, account)
  return rows.map(mailboxRow)
}

export function* mailboxOf(account: number, mailbox: number): Reading<MailboxRow | undefined> {
  const [row] = yield* ask(`select ${MAILBOX_COLUMNS} from mailbox where account = $1 and mailbox = $2 and retired_ms is null`, account, mailbox)
  return row && mailboxRow(row)
}

export function* mailboxByName(account: number, name: string): Reading<MailboxRow | undefined> {
  const [row] = yield* ask(`select ${MAILBOX_COLUMNS} from mailbox where account = $1 and name = $2 and retired_ms is null`, account, name)
  return row && mailboxRow(row)
}

export function* subscriptionsOf(account: number): Reading<string[]> {
  const rows = yield* ask('select name from subscription where account = $1 order by name', account)
  return rows.map((cells) => cells[0] as string)
}

function viewRow(cells: Cells): ViewRow {
  return { uid: cells[0] as number, modseq: cells[1] as number, bits: cells[2] as number, keywords: cells[3] as string }
}

/** A mailbox that was deleted has no rows any more, whatever was in it. */
const LIVE = 'exists (select 1 from mailbox where mailbox.account = $1 and mailbox.mailbox = $2 and mailbox.retired_ms is null)'

export function* viewPage(account: number, mailbox: number, afterUid: number, limit: number): Reading<ViewRow[]> {
  const rows = yield* ask(
    `select uid, modseq, bits, keywords from placement
     where account = $1 and mailbox = $2 and uid > $3 and retired_ms is null and ${LIVE} order by uid limit $4`,
    account, mailbox, afterUid, Math.min(limit, PAGE_ROWS_MAX))
  return rows.map(viewRow)
}

export interface Changes {
  mailbox: MailboxRow | undefined
  rows: ViewRow[]
  expunged: number[]
  truncated: boolean
}

export function* changesSince(account: number, mailbox: number, modseq: number, limit: number): Reading<Changes> {
  const row = yield* mailboxOf(account, mailbox)
  const changes: Changes = { mailbox: row, rows: [], expunged: [], truncated: false }
  if (!row || row.highestModseq <= modseq) return changes
  const most = Math.min(limit, PAGE_ROWS_MAX)
  for (const [first, last] of yield* rangesToLookAt(account, row, modseq)) {
    const left = most - changes.rows.length - changes.expunged.length
    const found = yield* ask(
      `select uid, modseq, bits, keywords, retired_ms from placement
       where account = $1 and mailbox = $2 and uid >= $3 and uid <= $4 and ((retired_ms is null and modseq > $5) or retired_modseq > $5) order by uid limit $6`,
      account, mailbox, first, last, modseq, left + 1)
    if (found.length > left) return { mailbox: row, rows: [], expunged: [], truncated: true }
    for (const cells of found) {
      if (cells[4] === null) changes.rows.push(viewRow(cells))
      else changes.expunged.push(cells[0] as number)
    }
  }
  return changes
}

/** The change log says where something happened; when it says too much, the whole mailbox is looked at. */
function* rangesToLookAt(account: number, mailbox: MailboxRow, modseq: number): Reading<UidRange[]> {
  const whole: UidRange[] = [[1, mailbox.uidNext - 1]]
  const log = yield* ask('select mailbox, uids from change where account = $1 and modseq > $2 order by modseq limit $3', account, modseq, LOG_ROWS_MAX + 1)
  if (log.length > LOG_ROWS_MAX) return whole
  const ranges: UidRange[] = []
  for (const cells of log) {
    if (cells[0] === mailbox.mailbox && cells[1] !== null) ranges.push(...readRanges(cells[1] as string))
  }
  const joined = joinRanges(tidyRanges(ranges), GAP)
  if (joined.length <= RANGES_MAX) return joined
  return [[(joined[0] as UidRange)[0], (joined.at(-1) as UidRange)[1]]]
}

const MESSAGE_COLUMNS = `p.uid, p.modseq, p.bits, p.keywords, p.message, p.internal_date_ms, p.octets, m.prefix, m.envelope, m.structure, m.thread, p.saved_ms, p.retired_ms`

function messageRow(cells: Cells): MessageRow & { gone: boolean } {
  return {
    uid: cells[0] as number, modseq: cells[1] as number, bits: cells[2] as number, keywords: cells[3] as string,
    message: cells[4] as Sequence, internalDateMs: cells[5] as number, sizeOctets: cells[6] as number,
    prefix: cells[7] as Uint8Array, envelope: cells[8] as Uint8Array | null, structure: cells[9] as Uint8Array | null,
    thread: cells[10] as number, savedMs: cells[11] as number, gone: cells[12] !== null,
  }
}

/** Rows of these UIDs, expunged ones too (RFC 9051 §5.5: a session may still see them), in UID order. */
export function* messagesOf(account: number, mailbox: number, uids: readonly number[]): Reading<(MessageRow & { gone: boolean })[]> {
  const sorted = rangesOf([...uids].sort((a, b) => a - b).slice(0, PAGE_ROWS_MAX))
  const isMeant = rangeWalker(sorted)
  const found: (MessageRow & { gone: boolean })[] = []
  // A small gap: rows that nobody asked for carry texts with them.
  for (const [first, last] of joinRanges(sorted, 2)) {
    const rows = yield* ask(
      `select ${MESSAGE_COLUMNS} from placement p join message m on m.account = $1 and m.message = p.message
       where p.account = $1 and p.mailbox = $2 and p.uid >= $3 and p.uid <= $4 order by p.uid`,
      account, mailbox, first, last)
    for (const cells of rows) if (isMeant(cells[0] as number)) found.push(messageRow(cells))
  }
  return found
}

export function* quotaOf(account: number): Reading<{ octetsUsed: number; octetsMax: number | null; messages: number }> {
  const [row] = yield* ask('select octets, octets_max, messages from meta where account = $1', account)
  return { octetsUsed: (row?.[0] ?? 0) as number, octetsMax: (row?.[1] ?? null) as number | null, messages: (row?.[2] ?? 0) as number }
}

/** How far the database is: for a reader that wants to know whether a notice has reached it. */
export function* positionOf(database: number): Reading<{ epoch: number; sequence: Sequence } | undefined> {
  const [row] = yield* ask('select epoch, sequence from position where database_id = $1', database)
  return row && { epoch: row[0] as number, sequence: row[1] as Sequence }
}
