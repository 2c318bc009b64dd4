// What one database says of itself: SQLite's own check, counters against a recount (INV-11), numbers against the rows
// that have them (INV-4), messages that nothing leads to. Readings only; each sees one moment.
import { DELETED, SEEN } from '../flags.ts'
import { FIRST_ACCOUNT, type DatabaseId } from '../ids.ts'
import { ask, type Cells, type Reading } from '../tx.ts'
import type { Fault } from './fault.ts'

/** Problems of one kind that are told of one database; one is enough to know. */
const TOLD_MAX = 20

export interface SelfCheck {
  readonly faults: readonly Fault[]
  readonly position: { readonly epoch: number; readonly sequence: number } | undefined
}

export function* checkDatabase(database: DatabaseId, path: string, how: 'quick' | 'full'): Reading<SelfCheck> {
  const faults: Fault[] = []
  // Both walk every page; the long one also compares each index with its table.
  const said = yield* ask(how === 'quick' ? `pragma quick_check(${TOLD_MAX})` : `pragma integrity_check(${TOLD_MAX})`)
  const [bad] = said.map(([sentence]) => String(sentence)).filter((sentence) => sentence !== 'ok')
  if (bad !== undefined) return { faults: [{ code: 'database-damaged', database, path, because: bad }], position: undefined }
  const [row] = yield* ask('select epoch, sequence from position where database_id = $1', database)
  if (database >= FIRST_ACCOUNT) {
    faults.push(...(yield* checkCounters(database)))
    if (how === 'full') faults.push(...(yield* checkNumbers(database)), ...(yield* checkLinks(database)))
  }
  return { faults, position: row && { epoch: Number(row[0]), sequence: Number(row[1]) } }
}

/** `bits` of placement: see flags.ts; unseen lacks \Seen (1), deleted has \Deleted. */
export const RECOUNT_MAILBOXES = `select m.mailbox, m.total, m.unseen, m.deleted, m.octets,
    coalesce(p.total, 0), coalesce(p.unseen, 0), coalesce(p.deleted, 0), coalesce(p.octets, 0)
  from mailbox m left join (
    select mailbox, count(*) as total, cast(sum(case when (bits & $2) = 0 then 1 else 0 end) as bigint) as unseen,
      cast(sum(case when (bits & $3) <> 0 then 1 else 0 end) as bigint) as deleted, cast(sum(octets) as bigint) as octets
    from placement where account = $1 and retired_ms is null group by mailbox) p on p.mailbox = m.mailbox
  where m.account = $1 and m.retired_ms is null
    and (m.total <> coalesce(p.total, 0) or m.unseen <> coalesce(p.unseen, 0) or m.deleted <> coalesce(p.deleted, 0) or m.octets <> coalesce(p.octets, 0))
  order by m.mailbox`

export const RECOUNT_ACCOUNT = `select cast(coalesce(sum(total), 0) as bigint), cast(coalesce(sum(octets), 0) as bigint) from mailbox where account = $1 and retired_ms is null`

function* checkCounters(database: DatabaseId): Reading<Fault[]> {
  const faults: Fault[] = []
  const differ = (because: string) => faults.push({ code: 'counters-differ', database, because })
  const rows = yield* ask(RECOUNT_MAILBOXES, database, SEEN, DELETED)
  for (const row of rows.slice(0, TOLD_MAX)) differ(`mailbox ${row[0]}: total ${row[1]}, unseen ${row[2]}, deleted ${row[3]}, octets ${row[4]}; counted ${row.slice(5).join(', ')}`)
  if (rows.length > 0) return faults // the account's own are sums of these
  const [sums] = yield* ask(RECOUNT_ACCOUNT, database)
  const [meta] = yield* ask('select messages, octets from meta where account = $1', database)
  if (meta && sums && (meta[0] !== sums[0] || meta[1] !== sums[1])) differ(`the account counts ${meta[0]} messages and ${meta[1]} octets; its mailboxes ${sums[0]} and ${sums[1]}`)
  return faults
}

function* checkNumbers(database: DatabaseId): Reading<Fault[]> {
  const faults: Fault[] = []
  const differ = (because: string) => faults.push({ code: 'numbers-differ', database, because })
  const say = (rows: readonly Cells[], words: (row: Cells) => string) => rows.forEach((row) => differ(words(row)))
  say(yield* ask(`select p.mailbox, p.uid, m.uid_next from placement p join mailbox m on m.account = p.account and m.mailbox = p.mailbox
    where p.account = $1 and p.uid >= m.uid_next order by p.mailbox, p.uid limit ${TOLD_MAX}`, database), (row) => `mailbox ${row[0]}: UID ${row[1]} is not below UIDNEXT ${row[2]}`)
  say(yield* ask(`select p.mailbox, p.uid, p.modseq from placement p join meta t on t.account = p.account
    where p.account = $1 and (p.modseq > t.modseq or coalesce(p.retired_modseq, 0) > t.modseq) order by p.mailbox, p.uid limit ${TOLD_MAX}`, database), (row) => `mailbox ${row[0]}, UID ${row[1]}: its MODSEQ ${row[2]} was never given out`)
  const [log] = yield* ask('select count(distinct c.modseq), coalesce(max(c.modseq), 0) from change c where c.account = $1', database)
  const [meta] = yield* ask('select modseq from meta where account = $1', database)
  if (log && meta && (log[0] !== meta[0] || log[1] !== meta[0])) differ(`the change log has ${log[0]} numbers up to ${log[1]}, and ${meta[0]} were given out`)
  return faults
}

function* checkLinks(database: DatabaseId): Reading<Fault[]> {
  const faults: Fault[] = []
  const homeless = yield* ask(`select m.message from message m where m.account = $1
    and not exists (select 1 from placement p where p.account = m.account and p.message = m.message) order by m.message limit ${TOLD_MAX}`, database)
  for (const [message] of homeless) faults.push({ code: 'message-in-no-mailbox', database, sequence: Number(message) })
  const lost = yield* ask(`select p.mailbox, p.uid from placement p where p.account = $1
    and not exists (select 1 from message m where m.account = p.account and m.message = p.message) order by p.mailbox, p.uid limit ${TOLD_MAX}`, database)
  for (const [mailbox, uid] of lost) faults.push({ code: 'numbers-differ', database, because: `mailbox ${mailbox}, UID ${uid}: there is no such message` })
  return faults
}

/** Sequences of the messages of an account, behind `after`, in order. */
export function* messagesPage(database: DatabaseId, after: number, limit: number): Reading<{ sequence: number; octets: number }[]> {
  const rows = yield* ask('select message, octets from message where account = $1 and message > $2 order by message limit $3', database, after, limit)
  return rows.map(([message, octets]) => ({ sequence: Number(message), octets: Number(octets) }))
}

/** Arrivals of which the queue still has work. */
export function* workArrivals(after: number, limit: number): Reading<number[]> {
  const rows = yield* ask('select distinct arrival from work where ended_ms is null and arrival > $1 order by arrival limit $2', after, limit)
  return rows.map(([arrival]) => Number(arrival))
}

export function* accountsInDirectory(): Reading<number[]> {
  return (yield* ask('select account from account order by account')).map(([account]) => Number(account))
}
