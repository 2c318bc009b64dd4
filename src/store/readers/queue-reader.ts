// `QueueReader` over either engine.
import { latin1Of } from '../../base/bytes.ts'
import { QUEUE, type AccountId, type Sequence, type WorkId } from '../ids.ts'
import type { OutboxRow, WorkRow, WorkState } from '../operations.ts'
import type { QueueReader } from '../store.ts'
import { ask, type Cells, type Reading } from '../tx.ts'
import { PAGE_ROWS_MAX } from './account-readings.ts'
import type { RunReading } from './account-reader.ts'

const COLUMNS = `w.arrival, w.n, a.sender, w.recipient, w.domain, w.notify, w.orcpt, a.envid, a.ret, a.smtputf8, a.body_type, a.octets, a.relay_prefix,
  a.submitter, a.message_id, w.state, a.created_ms, w.due_ms, w.attempts, w.last_attempt_ms, w.last_reply, w.last_remote, w.delay_notified,
  coalesce((select minutes from lived where database_id = 1), 0) - a.lived_minutes`
const FROM = 'from work w join work_arrival a on a.arrival = w.arrival'

function workRow(cells: Cells): WorkRow {
  return {
    id: { arrival: cells[0] as Sequence, n: cells[1] as number },
    sender: cells[2] as string, recipient: cells[3] as string, domain: cells[4] as string, notify: cells[5] as string | null,
    orcpt: cells[6] as string | null, envid: cells[7] as string | null, ret: cells[8] as WorkRow['ret'], smtputf8: cells[9] === 1,
    bodyType: cells[10] as WorkRow['bodyType'], size: cells[11] as number, relayPrefix: latin1Of(cells[12] as Uint8Array),
    submitter: cells[13] as AccountId | null, messageId: cells[14] as string | null, state: cells[15] as WorkState,
    createdMs: cells[16] as number, dueMs: cells[17] as number, attempts: cells[18] as number, lastAttemptMs: cells[19] as number | null,
    lastReply: cells[20] as string | null, lastRemote: cells[21] as string | null, delayNotified: cells[22] === 1, livedMinutes: cells[23] as number,
  }
}

/** Texts of one statement for each power of two of names: the last name is given again until it is full. */
function* due(nowMs: number, limit: number, without: readonly string[]): Reading<WorkRow[]> {
  const names = [...without]
  const last = names.at(-1)
  if (last !== undefined) while ((names.length & (names.length - 1)) !== 0) names.push(last)
  const elsewhere = last === undefined ? '' : ` and w.domain not in (${names.map((_, n) => `$${n + 3}`).join(', ')})`
  const rows = yield* ask(
    `select ${COLUMNS} ${FROM} where w.state = 'waiting' and w.due_ms <= $1${elsewhere} order by w.due_ms, w.arrival, w.n limit $2`,
    nowMs, Math.min(limit, PAGE_ROWS_MAX), ...names)
  return rows.map(workRow)
}

function* nextDueMs(): Reading<number | undefined> {
  const [row] = yield* ask("select due_ms from work where state = 'waiting' order by due_ms, arrival, n limit 1")
  return row?.[0] as number | undefined
}

function* list(limit: number, after: WorkId): Reading<WorkRow[]> {
  const rows = yield* ask(`select ${COLUMNS} ${FROM} where w.ended_ms is null and (w.arrival, w.n) > ($1, $2) order by w.arrival, w.n limit $3`, after.arrival, after.n, Math.min(limit, PAGE_ROWS_MAX))
  return rows.map(workRow)
}

function* get({ arrival, n }: WorkId): Reading<WorkRow | undefined> {
  const [row] = yield* ask(`select ${COLUMNS} ${FROM} where w.arrival = $1 and w.n = $2`, arrival, n)
  return row && workRow(row)
}

export function* worksOfArrival(arrival: Sequence): Reading<WorkRow[]> {
  const rows = yield* ask(`select ${COLUMNS} ${FROM} where w.arrival = $1 order by w.n`, arrival)
  return rows.map(workRow)
}

/** Reports owed by one database, the oldest first. */
export function* outboxOf(database: number, limit: number): Reading<OutboxRow[]> {
  const rows = yield* ask('select position, n, created_ms, report from outbox where database_id = $1 and done_ms is null order by position, n limit $2', database, Math.min(limit, PAGE_ROWS_MAX))
  return rows.map((cells) => ({
    database, position: cells[0] as Sequence, n: cells[1] as number, createdMs: cells[2] as number, report: JSON.parse(cells[3] as string) as OutboxRow['report'],
  }))
}

function* counts(): Reading<{ waiting: number; held: number }> {
  const rows = yield* ask('select state, count(*) from work where ended_ms is null group by state order by state')
  const found = new Map(rows.map((cells) => [cells[0], cells[1] as number]))
  return { waiting: found.get('waiting') ?? 0, held: found.get('held') ?? 0 }
}

export function queueReader(run: RunReading): QueueReader {
  return {
    due: (nowMs, limit, without) => run(due(nowMs, limit, without ?? [])),
    nextDueMs: () => run(nextDueMs()),
    list: (limit, after) => run(list(limit, after ?? { arrival: -1 as Sequence, n: 0 })),
    get: (work) => run(get(work)),
    ofArrival: (arrival) => run(worksOfArrival(arrival)),
    outbox: (limit) => run(outboxOf(QUEUE, limit)),
    counts: () => run(counts()),
  }
}
