// One attempt for the recipients of one batch. The order of durable steps is the design:
//   1. *attempt begun*, with the next time moved out, is durable before anything is dialled (INV-5);
//   2. the batch is handed to a courier, or shares the result of a destination that just failed;
//   3. *settled* with each recipient's outcome, decided purely (outcome.ts).
// Killed between 1 and 3 the work is due again after its back-off: twice is better than never.
// A settlement that the store cannot take is kept and tried again while the process lives.
import type { Clock } from '../base/clock.ts'
import { assert, errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { RecipientResult } from '../clients/delivery-result.ts'
import { ReplyUnknown, printWorkId } from '../store/store.ts'
import type { Settlement, Store, WorkRow } from '../store/store.ts'
import { decideOutcome, nextDueMs } from './outcome.ts'
import type { Moment, OutcomeRules } from './outcome.ts'
import { TICK_MINUTES, type Witness } from './witness.ts'

/** What a courier says about a batch: one result for each work, in order. */
export interface Delivery {
  results: RecipientResult[]
  /** No host of this destination could be reached at all: what waits for it need not try now. */
  unreachable: boolean
}

/** Carries batches to one destination, keeping its connection between them. */
export interface Courier {
  /** Never throws for what the world does; a bug may throw and counts as temporary. */
  deliver(works: readonly WorkRow[]): Promise<Delivery>
  close(): Promise<void>
}

export interface AttemptTools {
  store: Pick<Store, 'submitQueue'>
  clock: Clock
  random: Random
  log: Log
  witness: Witness
  rules: () => OutcomeRules
  /** Aborted when the process gives up waiting for sessions. */
  signal: AbortSignal
}

const SETTLE_WAIT_MS_MAX = 60_000
const CHANCE_STEPS = 1_000_000

/** `refused`: the store says that there is nothing to do (deleted or held meanwhile). Throws what the store throws: then nothing was dialled. */
export async function beginAttempt(works: readonly WorkRow[], tools: AttemptTools): Promise<'begun' | 'refused'> {
  const moment = momentOf(oldestOf(works), tools)
  const attempts = Math.max(...works.map((work) => work.attempts + 1))
  const outcome = await tools.store.submitQueue({ kind: 'attempt-begun', works: works.map((work) => work.id), dueMs: nextDueMs({ attempts }, moment, tools.rules()) })
  return outcome.end === 'done' ? 'begun' : 'refused'
}

/** Hands over and never throws: a courier's bug is a temporary failure of this batch (INV-10). */
export async function handOver(works: readonly WorkRow[], courier: Courier, log: Log): Promise<Delivery> {
  try {
    const delivery = await courier.deliver(works)
    assert(delivery.results.length === works.length, 'a courier answers for each recipient')
    return delivery
  } catch (error) {
    log.error('a delivery failed in an unforeseen way', { error: errorSentence(error), arrival: works[0] ? works[0].id.arrival : null })
    const result: RecipientResult = { end: 'temporary', reply: 'local error while sending', status: '4.3.0', remote: works[0]?.domain ?? '' }
    return { results: works.map(() => result), unreachable: false }
  }
}

export async function settleAttempt(works: readonly WorkRow[], results: readonly RecipientResult[], tools: AttemptTools): Promise<void> {
  const settlements = works.map((work, n) => {
    const result = results[n]
    assert(result, 'a result for each work')
    const settlement = decideOutcome({ ...work, attempts: work.attempts + 1 }, result, momentOf(work, tools), tools.rules())
    logOutcome(work, result, settlement, tools.log)
    return settlement
  })
  // A record leaves one report for each kind, so those of different senders stand in different records.
  const records = new Map<string, Settlement[]>()
  for (const settlement of settlements) {
    const key = settlement.report ? String(settlement.work.arrival) : 'no report'
    const record = records.get(key)
    if (record) record.push(settlement)
    else records.set(key, [settlement])
  }
  await Promise.all([...records.values()].map((record) => keepTrying(record, tools)))
}

async function keepTrying(settlements: Settlement[], { store, clock, log, signal }: AttemptTools): Promise<void> {
  for (let waitMs = 1000; ; waitMs = Math.min(waitMs * 2, SETTLE_WAIT_MS_MAX)) {
    try {
      const outcome = await store.submitQueue({ kind: 'settled', settlements })
      if (outcome.end === 'refused') log.warn('the queue refused a settlement', { reason: outcome.reason, works: settlements.map(({ work }) => printWorkId(work)) })
      return
    } catch (error) {
      // Appended but not known to be applied: a second one could report twice. The journal has it.
      if (error instanceof ReplyUnknown) return
      log.error('a settlement could not be kept; trying again', { error: errorSentence(error), works: settlements.map(({ work }) => printWorkId(work)) })
    }
    try {
      await clock.sleep(waitMs, signal)
    } catch {
      return // the process ends: the work comes back after its back-off
    }
  }
}

/** The least of two counts: what this process has seen of the clock, and what all have lived. Late is the safe side. */
function momentOf(work: Pick<WorkRow, 'createdMs' | 'livedMinutes'>, { clock, random, witness }: AttemptTools): Moment {
  const livedMs = (work.livedMinutes + TICK_MINUTES) * 60_000
  return { nowMs: clock.nowMs(), ageMs: Math.min(witness.ageMs(work.createdMs), livedMs), chance: random.int(CHANCE_STEPS) / CHANCE_STEPS }
}

function oldestOf(works: readonly WorkRow[]): WorkRow {
  const oldest = works.reduce<WorkRow | undefined>((oldest, work) => (!oldest || work.createdMs < oldest.createdMs ? work : oldest), undefined)
  assert(oldest, 'a batch has recipients')
  return oldest
}

function logOutcome(work: WorkRow, result: RecipientResult, { outcome, report }: Settlement, log: Log): void {
  const fields = { work: printWorkId(work.id), recipient: work.recipient, remote: result.remote, reply: result.reply, status: result.status, attempts: work.attempts + 1, report }
  if (outcome.end === 'done') log.info('sent', fields)
  else if (outcome.end === 'retry') log.info('deferred', { ...fields, due: new Date(outcome.dueMs).toISOString() })
  else if (work.sender === '') log.warn('a report could not be delivered and ends here', fields) // double bounce
  else log.info('failed', fields)
}
