// What operations of the queue need to know of one recipient's work.
import type { WorkId } from '../ids.ts'
import { printWorkId } from '../ids.ts'
import type { Outcome, WorkState } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { refused } from './context.ts'

export async function workState(tx: Tx, work: WorkId): Promise<WorkState | undefined> {
  const row = await tx.get<{ state: WorkState }>('select state from work where arrival = $1 and n = $2', work.arrival, work.n)
  return row?.state
}

/** A refusal when one of the works is not in one of `states`. Asked before anything is written. */
export async function refuseUnless(tx: Tx, works: readonly WorkId[], states: readonly WorkState[]): Promise<Outcome<never> | undefined> {
  for (const work of works) {
    const state = await workState(tx, work)
    if (state === undefined) return refused('no-such-thing', `there is no outbound work ${printWorkId(work)}`)
    if (!states.includes(state)) {
      return refused('not-allowed', state === 'held' ? `${printWorkId(work)} is on hold: release it first` : `${printWorkId(work)} is no longer waiting (${state})`)
    }
  }
  return undefined
}
