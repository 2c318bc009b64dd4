// What became of attempts: each recipient is done, tried again later, or given up; reports that are owed to the
// sender become rows of the outbox, one for each kind of report. Never refused: the next server has
// answered already. Work that has ended before keeps its end and owes nothing twice.
import type { Outcome, OutboxRow, QueueChange, Settlement, WorkState } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, safeText, type Context } from './context.ts'
import { workState } from './work-row.ts'

type Report = OutboxRow['report']

export async function applySettled(tx: Tx, context: Context, change: QueueChange & { kind: 'settled' }): Promise<Outcome<Record<string, never>>> {
  const reports = new Map<Report['kind'], Report>()
  for (const settlement of change.settlements) {
    const { work, outcome } = settlement
    const before = await workState(tx, work)
    if (before === undefined || before === 'done' || before === 'failed') continue
    const after: WorkState = outcome.end === 'retry' ? before : outcome.end
    // The operator deleted it while the attempt was under way: it stays deleted unless it was delivered after all.
    const state: WorkState = before === 'deleted' && outcome.end !== 'done' ? 'deleted' : after
    const delayed = outcome.end === 'retry' && outcome.delayNotice ? 1 : 0
    const ended = outcome.end === 'retry' ? null : context.timeMs
    await tx.run(
      `update work set state = $3, last_reply = $4, last_remote = $5, delay_notified = case when delay_notified = 1 then 1 else cast($6 as bigint) end,
         due_ms = coalesce(cast($7 as bigint), due_ms), ended_ms = coalesce(ended_ms, cast($8 as bigint))
       where arrival = $1 and n = $2`,
      work.arrival, work.n, state, safeText(outcome.reply), safeText(outcome.remote), delayed, outcome.end === 'retry' ? outcome.dueMs : null, ended)
    if (settlement.report === undefined || before === 'deleted') continue
    const report = reports.get(settlement.report) ?? { kind: settlement.report, works: [] }
    reports.set(settlement.report, report)
    report.works.push({ work, reply: outcome.reply, remote: outcome.remote, status: statusOf(settlement) })
  }
  let n = 0
  for (const report of reports.values()) {
    await tx.run('insert into outbox (database_id, position, n, created_ms, report) values ($1, $2, $3, $4, $5)',
      context.database, context.sequence, n, context.timeMs, JSON.stringify(report))
    n += 1
  }
  return done({})
}

/** The enhanced status code (RFC 3463): the one decided with the outcome, the one in the reply, or the plainest of its class. */
function statusOf({ outcome }: Settlement): string {
  if (outcome.end !== 'done' && outcome.status !== undefined) return outcome.status
  const inReply = /^[245]\d\d[ -]([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(outcome.reply)?.[1]
  return inReply ?? (outcome.end === 'done' ? '2.0.0' : '4.0.0')
}
