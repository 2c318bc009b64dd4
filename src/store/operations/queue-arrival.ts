// An arrival in the queue's database: files its outbound work, due at once, and the report of success that is owed
// for recipients of this server.
import { bytesOfLatin1 } from '../../base/bytes.ts'
import type { ArrivalMeta, Outcome, OutboxRow } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, safeText, type Context } from './context.ts'
import { originIsNew } from './origin.ts'

export async function applyQueueArrival(tx: Tx, context: Context, arrival: ArrivalMeta, bodyOctets: number): Promise<Outcome<'filed' | 'ignored'>> {
  if (arrival.work.length === 0) return done('ignored')
  if (arrival.origin && !(await originIsNew(tx, context, arrival.origin))) return done('ignored')
  await tx.run(
    `insert into work_arrival (arrival, sender, envid, ret, smtputf8, body_type, octets, relay_prefix, submitter, message_id, created_ms, lived_minutes)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce((select minutes from lived where database_id = $12), 0))`,
    context.sequence, safeText(arrival.sender), arrival.envid === undefined ? null : safeText(arrival.envid), arrival.ret ?? null,
    arrival.smtputf8 ? 1 : 0, arrival.bodyType ?? '7BIT', bodyOctets, bytesOfLatin1(arrival.relayPrefix ?? ''), arrival.submitter ?? null,
    arrival.facts.messageId === undefined ? null : safeText(arrival.facts.messageId), context.timeMs, context.database)
  const report: OutboxRow['report'] = { kind: 'delivered', works: [] }
  for (const [n, work] of arrival.work.entries()) {
    const isHere = work.deliveredHere === true
    await tx.run(
      `insert into work (arrival, n, recipient, domain, notify, orcpt, state, due_ms, attempts, delay_notified, ended_ms)
       values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9)`,
      context.sequence, n, safeText(work.recipient), safeText(work.domain), work.notify ?? null,
      work.orcpt === undefined ? null : safeText(work.orcpt), isHere ? 'done' : 'waiting', context.timeMs, isHere ? context.timeMs : null)
    // 2.1.5: the destination address is valid (RFC 3463 §3.2).
    if (isHere) report.works.push({ work: { arrival: context.sequence, n }, reply: '', remote: '', status: '2.1.5' })
  }
  if (report.works.length > 0) {
    await tx.run('insert into outbox (database_id, position, n, created_ms, report) values ($1, $2, 0, $3, $4)',
      context.database, context.sequence, context.timeMs, JSON.stringify(report))
  }
  return done('filed')
}
