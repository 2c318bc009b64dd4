// What follows from an attempt: history + result + moment → done, retry at, or given up, and which
// report the sender is owed (RFC 3461). Pure: no clock, no dice, no store, so that a year of retries
// is one table in a test. What it decides is written into the record as it stands.
import type { RecipientResult } from '../clients/delivery-result.ts'
import type { Settlement, WorkRow } from '../store/store.ts'
import { owesReport } from '../wire/smtp/owed-report.ts'
import { attemptsWithin, backoffMs, standardBackoff } from './backoff.ts'
import type { BackoffRules } from './backoff.ts'

export interface OutcomeRules {
  /** A recipient older than this is given up. */
  lifetimeMs: number
  /** The sender is told of a delay once it is older than this. */
  delayNoticeMs: number
  backoff: BackoffRules
}

export const standardRules: OutcomeRules = { lifetimeMs: 5 * 24 * 3600_000, delayNoticeMs: 4 * 3600_000, backoff: standardBackoff }

export interface Moment {
  /** Wall time: what is stored as due is read against it. */
  nowMs: number
  /** Age of the work as witnessed (witness.ts). */
  ageMs: number
  /** In [0, 1). */
  chance: number
}

/** What outcome needs of a row: how often it was tried (this attempt included) and what its sender asked for. */
export type WorkHistory = Pick<WorkRow, 'id' | 'sender' | 'notify' | 'attempts' | 'delayNotified'>

export function decideOutcome(work: WorkHistory, result: RecipientResult, moment: Moment, rules: OutcomeRules = standardRules): Settlement {
  const { reply, remote } = result
  switch (result.end) {
    case 'delivered':
      return withReport({ work: work.id, outcome: { end: 'done', reply, remote } },
        // The next server reports for itself if it knows how (RFC 3461 §5.2.2); if not, "relayed" is all we can say (§5.2.3).
        !result.reportsPassedOn && owesReport(work, 'SUCCESS') ? 'relayed' : undefined)
    case 'permanent':
      return withReport({ work: work.id, outcome: { end: 'failed', reply, remote, status: result.status } },
        owesReport(work, 'FAILURE') ? 'failed' : undefined)
    case 'temporary':
      return outlived(work, moment, rules) ? givenUp(work, result) : retried(work, result, moment, rules)
  }
}

/** The latest moment at which work that has no settlement comes back (attempt begun, INV-5). */
export function nextDueMs(work: Pick<WorkHistory, 'attempts'>, moment: Moment, rules: OutcomeRules = standardRules): number {
  const waitMs = backoffMs(work.attempts, moment.chance, rules.backoff)
  const leftMs = rules.lifetimeMs - moment.ageMs
  // The last attempt is made at the deadline, not one back-off before it.
  return moment.nowMs + (leftMs > 0 ? Math.max(1000, Math.min(waitMs, leftMs)) : waitMs)
}

function retried(work: WorkHistory, { reply, remote, status }: RecipientResult, moment: Moment, rules: OutcomeRules): Settlement {
  const late = !work.delayNotified && moment.ageMs >= rules.delayNoticeMs
  const told = late && owesReport(work, 'DELAY')
  return withReport(
    { work: work.id, outcome: { end: 'retry', dueMs: nextDueMs(work, moment, rules), reply, remote, delayNotice: told, status } },
    told ? 'delayed' : undefined)
}

function givenUp(work: WorkHistory, { reply, remote }: RecipientResult): Settlement {
  // 4.4.7: delivery time expired (RFC 3463 §3.5). The reply stays the last that was heard.
  return withReport({ work: work.id, outcome: { end: 'failed', reply, remote, status: '4.4.7' } },
    owesReport(work, 'FAILURE') ? 'failed' : undefined)
}

/**
 * Age alone does not give mail up: it must also have been tried as often as the first eighth of its life
 * allows. A server that was off for a week, or whose clock woke up in another year, tries again first.
 */
function outlived(work: WorkHistory, moment: Moment, rules: OutcomeRules): boolean {
  return moment.ageMs >= rules.lifetimeMs && work.attempts >= attemptsBeforeGivingUp(rules)
}

export function attemptsBeforeGivingUp(rules: OutcomeRules): number {
  return attemptsWithin(rules.lifetimeMs / 8, rules.backoff)
}

function withReport(settlement: Settlement, report: Settlement['report']): Settlement {
  return report ? { ...settlement, report } : settlement
}
