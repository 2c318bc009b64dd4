// An arrival in the queue's database: files its outbound work, due at once.
import { bytesOfLatin1 } from '../../base/bytes.ts'
import type { ArrivalMeta, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, safeText, type Context } from './context.ts'
import { originIsNew } from './origin.ts'

export async function applyQueueArrival(tx: Tx, context: Context, arrival: ArrivalMeta, bodyOctets: number): Promise<Outcome<'filed' | 'ignored'>> {
  if (arrival.work.length === 0) return done('ignored')
  if (arrival.origin && !(await originIsNew(tx, context, arrival.origin))) return done('ignored')
  await tx.run(
    `insert into work_arrival (arrival, sender, envid, ret, smtputf8, body_type, octets, relay_prefix, submitter, message_id, created_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    context.sequence, safeText(arrival.sender), arrival.envid === undefined ? null : safeText(arrival.envid), arrival.ret ?? null,
    arrival.smtputf8 ? 1 : 0, arrival.bodyType ?? '7BIT', bodyOctets, bytesOfLatin1(arrival.relayPrefix ?? ''), arrival.submitter ?? null,
    arrival.facts.messageId === undefined ? null : safeText(arrival.facts.messageId), context.timeMs)
  for (const [n, work] of arrival.work.entries()) {
    await tx.run(
      `insert into work (arrival, n, recipient, domain, notify, orcpt, state, due_ms, attempts, delay_notified)
       values ($1, $2, $3, $4, $5, $6, 'waiting', $7, 0, 0)`,
      context.sequence, n, safeText(work.recipient), safeText(work.domain), work.notify ?? null,
      work.orcpt === undefined ? null : safeText(work.orcpt), context.timeMs)
  }
  return done('filed')
}
