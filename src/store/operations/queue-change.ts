// Changes of outbound work: by attempts, and by operators.
import type { Outcome, QueueChange } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { done, type Context } from './context.ts'
import { applyOutboxDone } from './outbox-done.ts'
import { applySettled } from './settled.ts'
import { refuseUnless } from './work-row.ts'

type Result = Outcome<Record<string, never>>

export async function applyQueueChange(tx: Tx, context: Context, change: QueueChange): Promise<Result> {
  switch (change.kind) {
    case 'attempt-begun': return attemptBegun(tx, context, change)
    case 'settled': return applySettled(tx, context, change)
    case 'work-state': return workStateChange(tx, context, change)
    case 'work-retry': return workRetry(tx, change)
    case 'outbox-done': return applyOutboxDone(tx, context, change)
    case 'tick': return tick(tx, context, change)
  }
}

/** INV-5: stands in the journal before anybody dials, with the next time moved out, so that a crash in the middle is an attempt that failed. */
async function attemptBegun(tx: Tx, context: Context, change: QueueChange & { kind: 'attempt-begun' }): Promise<Result> {
  const refusal = await refuseUnless(tx, change.works, ['waiting'])
  if (refusal) return refusal
  for (const { arrival, n } of change.works) {
    await tx.run('update work set attempts = attempts + 1, last_attempt_ms = $3, due_ms = $4 where arrival = $1 and n = $2', arrival, n, context.timeMs, change.dueMs)
  }
  return done({})
}

async function workStateChange(tx: Tx, context: Context, change: QueueChange & { kind: 'work-state' }): Promise<Result> {
  const refusal = await refuseUnless(tx, change.works, ['waiting', 'held'])
  if (refusal) return refusal
  const endedMs = change.state === 'deleted' ? context.timeMs : null
  for (const { arrival, n } of change.works) {
    await tx.run('update work set state = $3, ended_ms = $4 where arrival = $1 and n = $2', arrival, n, change.state, endedMs)
  }
  return done({})
}

async function workRetry(tx: Tx, change: QueueChange & { kind: 'work-retry' }): Promise<Result> {
  const refusal = await refuseUnless(tx, change.works, ['waiting'])
  if (refusal) return refusal
  for (const { arrival, n } of change.works) {
    await tx.run('update work set due_ms = $3 where arrival = $1 and n = $2', arrival, n, change.dueMs)
  }
  return done({})
}

/** Ages of mail are counted in time that some server has lived through, so that a clock that was set ends nothing (STORE.md, Clock). */
async function tick(tx: Tx, context: Context, change: QueueChange & { kind: 'tick' }): Promise<Result> {
  const changed = await tx.run('update lived set minutes = minutes + $2 where database_id = $1', context.database, change.minutes)
  if (changed === 0) await tx.run('insert into lived (database_id, minutes) values ($1, $2)', context.database, change.minutes)
  return done({})
}
