// Picks what is due and keeps hands busy with it: wakes on the clock, on the store's notice about the
// queue, and when a session ends. One dead destination delays nobody else (lanes.ts).
//
// Promises: a work is in at most one attempt at a time; waits, memory and sessions are bounded; an
// outage of the store stops the picking for some seconds and nothing else. It never judges replies
// (outcome.ts) and knows no network (couriers are handed in).
//
// Waits are stored as wall time. While the process lives a clock that jumps ahead costs one early
// attempt; what a jump back leaves due too far ahead (at start, and once an hour) is brought within
// one back-off step, as STORE.md, Clock asks.
import { errorSentence } from '../base/errors.ts'
import { QUEUE } from '../store/store.ts'
import type { Store, WorkId, WorkRow } from '../store/store.ts'
import { beginAttempt, handOver, settleAttempt } from './attempt.ts'
import type { AttemptTools, Courier } from './attempt.ts'
import { backoffLongestMs, backoffMs } from './backoff.ts'
import { Lanes } from './lanes.ts'
import type { Batch, Lane, LaneRules } from './lanes.ts'
import type { Route } from './route.ts'

/** Rows asked for at once, beyond those that are leased. */
const PAGE_ROWS = 200
/** No page of the store is longer. */
const PAGE_ROWS_MAX = 2000
/** Recipients settled in one record when their destination is cooling. */
const SHARED_RESULT_MAX = 500
/** How long picking rests after an outage of the store. */
const OUTAGE_REST_MS = 5000
/** Picking looks again after so long even if nobody calls. */
const LOOK_AGAIN_MS = 60_000
const SWEEP_MS = 3600_000
const SWEEP_ROWS = 500

export interface SchedulerOptions extends AttemptTools {
  store: Pick<Store, 'submitQueue' | 'queue' | 'onNotice'>
  lanes: LaneRules
  chooseRoute: (domain: string) => Route
  openCourier: (route: Route) => Courier
}

export interface Scheduler {
  /** Looks for due work now. */
  wake(): void
  readonly sessions: number
  /** Takes nothing new; resolves when the last session has ended. */
  stop(): Promise<void>
}

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { store, clock, log, random, witness } = options
  const lanes = new Lanes(options.lanes)
  let stopping = false
  let picking = false
  let wanted = false
  let cancelTimer: (() => void) | undefined
  let onIdle: (() => void) | undefined
  let nextSweepMs = clock.monotonicMs()

  function wake(): void {
    if (stopping) return
    if (picking) wanted = true
    else void pick()
  }

  async function pick(): Promise<void> {
    picking = true
    let nextLookMs = LOOK_AGAIN_MS
    try {
      if (witness.observe()) {
        log.warn('the clock has jumped: waits in the queue are checked')
        nextSweepMs = clock.monotonicMs()
      }
      if (clock.monotonicMs() >= nextSweepMs) {
        nextSweepMs = clock.monotonicMs() + SWEEP_MS
        await bringBackStrays()
      }
      do {
        wanted = false
        await fill()
      } while (wanted && !stopping)
      const nextMs = await store.queue.nextDueMs()
      const waitMs = nextMs === undefined ? LOOK_AGAIN_MS : nextMs - clock.nowMs()
      // Past due and still there: a lane is full or a session has it, and its end wakes us.
      if (waitMs > 0) nextLookMs = Math.min(waitMs, LOOK_AGAIN_MS)
    } catch (error) {
      log.error('the queue could not be read; trying again', { error: errorSentence(error) })
      nextLookMs = OUTAGE_REST_MS
      wanted = false
    } finally {
      picking = false
    }
    if (stopping) return
    if (wanted) return wake()
    cancelTimer?.()
    cancelTimer = clock.after(nextLookMs, wake)
  }

  /** Fills the lanes with what is due and starts sessions, until nothing more fits. */
  async function fill(): Promise<void> {
    lanes.endCooling(clock.monotonicMs())
    let limit = Math.min(PAGE_ROWS + lanes.leased, PAGE_ROWS_MAX)
    while (lanes.hasRoom && !stopping) {
      const rows = await store.queue.due(clock.nowMs(), limit, lanes.fullDomains())
      let taken = 0
      for (const row of rows) if (lanes.offer(row, options.chooseRoute(row.domain))) taken++
      startSessions()
      if (rows.length < limit) return
      // All that came first is leased or has no room: look further, as far as a page goes.
      if (taken === 0 && limit === PAGE_ROWS_MAX) return
      limit = taken > 0 ? Math.min(PAGE_ROWS + lanes.leased, PAGE_ROWS_MAX) : PAGE_ROWS_MAX
    }
  }

  function startSessions(): void {
    while (!stopping) {
      const lane = lanes.beginSession()
      if (!lane) return
      void runSession(lane)
    }
  }

  async function runSession(lane: Lane): Promise<void> {
    const courier = options.openCourier(lane.route)
    let failed = false
    try {
      while (!stopping) {
        const batch = lanes.takeBatch(lane)
        if (!batch) break
        await runBatch(lane, batch, courier)
        if (lanes.shouldYield(lane)) break
      }
    } catch (error) {
      failed = true
      log.error('an attempt could not be recorded, so nothing was dialled', { error: errorSentence(error), destination: lane.key })
    }
    await courier.close().catch((error: unknown) => log.warn('closing a connection failed', { error: errorSentence(error) }))
    lanes.endSession(lane)
    if (stopping) {
      if (lanes.sessions === 0) onIdle?.()
    } else if (failed) {
      cancelTimer?.()
      cancelTimer = clock.after(OUTAGE_REST_MS, wake)
    } else {
      startSessions()
      wake()
    }
  }

  async function runBatch(lane: Lane, first: Batch, courier: Courier): Promise<void> {
    const shared = lane.cooling && lane.cooling.untilMs > clock.monotonicMs() ? lane.cooling.result : undefined
    const batches = shared ? [first, ...takeMore(lane, SHARED_RESULT_MAX - first.works.length)] : [first]
    try {
      const works: WorkRow[] = []
      for (const batch of batches) works.push(...await stillWanted(batch))
      if (works.length === 0 || await beginAttempt(works, options) === 'refused') return
      if (shared) return await settleAttempt(works, works.map(() => shared), options)
      const delivery = await handOver(works, courier, log)
      const answer = delivery.results[0]
      if (!delivery.unreachable) lanes.succeeded(lane, clock.monotonicMs())
      else if (answer) lanes.unreachable(lane, answer, clock.monotonicMs())
      await settleAttempt(works, delivery.results, options)
    } finally {
      for (const batch of batches) lanes.release(batch.works)
    }
  }

  /** The rows as they are now: an operator may have held or deleted some while they waited here. */
  async function stillWanted(batch: Batch): Promise<WorkRow[]> {
    const taken = new Set(batch.works.map((work) => work.id.n))
    return (await store.queue.ofArrival(batch.arrival)).filter((row) => row.state === 'waiting' && taken.has(row.id.n))
  }

  function takeMore(lane: Lane, count: number): Batch[] {
    const more: Batch[] = []
    for (let taken = 0; taken < count;) {
      const batch = lanes.takeBatch(lane)
      if (!batch) break
      more.push(batch)
      taken += batch.works.length
    }
    return more
  }

  /** Whatever is due later than any back-off reaches was written under a wrong clock. */
  async function bringBackStrays(): Promise<void> {
    const { backoff } = options.rules()
    let after: WorkId | undefined
    while (!stopping) {
      const rows = await store.queue.list(SWEEP_ROWS, after)
      const nowMs = clock.nowMs()
      const strays = rows.filter((row) => row.state === 'waiting' && row.dueMs > nowMs + backoffLongestMs(backoff))
      if (strays.length > 0) {
        log.warn('waits that were too long were shortened', { count: strays.length })
        await store.submitQueue({ kind: 'work-retry', works: strays.map((row) => row.id), dueMs: nowMs + backoffMs(1, random.int(1000) / 1000, backoff) })
      }
      after = rows.at(-1)?.id
      if (rows.length < SWEEP_ROWS) return
    }
  }

  const stopNotices = store.onNotice(QUEUE, () => {
    if (lanes.hasRoom) wake()
  })
  wake()

  return {
    wake,
    get sessions() {
      return lanes.sessions
    },
    stop() {
      stopping = true
      stopNotices()
      cancelTimer?.()
      return lanes.sessions === 0 ? Promise.resolve() : new Promise((resolve) => (onIdle = resolve))
    },
  }
}
