// Turns rows of the queue's outbox into arrivals, exactly once: the arrival carries the row as its
// origin and whoever receives it ignores an origin it has seen, so that a crash between making the
// arrival and striking the row out costs nothing. An original that cannot be read is reported about
// without its text; trouble that passes is tried again, row by row, while other rows go on.
import { isAscii } from 'node:buffer'
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { hexOf } from '../base/bytes.ts'
import { headerEndOf } from '../message/headers.ts'
import { generateMessageId } from '../message/message-id.ts'
import { QUEUE, printWorkId } from '../store/store.ts'
import type { Origin, OutboxRow, Store, WorkRow } from '../store/store.ts'
import { composeReport } from './report.ts'

/** One report on its way to the sender it is for; from the null sender. */
export interface OutgoingReport {
  to: string
  bytes: Uint8Array
  origin: Origin
  /** Its header is not ASCII. */
  smtputf8: boolean
}

/**
 * Makes an arrival of a report: a plan for a local account, or outside work. Resolves once it is
 * durable, or says why nobody can ever take it. Throws for what passes.
 */
export type DeliverReport = (report: OutgoingReport) => Promise<{ kept: true } | { kept: false; reason: string }>

export interface ReportsOptions {
  store: Pick<Store, 'queue' | 'submitQueue' | 'openBody' | 'onNotice'>
  clock: Clock
  random: Random
  log: Log
  hostname: () => string
  lifetimeMs: () => number
  deliverReport: DeliverReport
}

export interface Reports {
  stop(): Promise<void>
}

const ROWS_AT_ONCE = 50
/** Of the original, the most that goes back whole (RET=FULL), and the most that is looked at for its header. */
const RETURN_OCTETS_MAX = 1024 * 1024
const HEADER_OCTETS_MAX = 256 * 1024
const RETRY_MS = 30_000

export function startReports(options: ReportsOptions): Reports {
  const { store, clock, random, log } = options
  let stopping = false
  let wanted = false
  let running: Promise<void> | undefined
  let cancelTimer: (() => void) | undefined
  /** Rows that failed for now, and when they may be tried again (monotonic). At most `ROWS_AT_ONCE` are remembered. */
  const resting = new Map<string, number>()

  function wake(): void {
    if (stopping) return
    wanted = true
    running ??= run().finally(() => {
      running = undefined
      if (wanted) wake()
    })
  }

  async function run(): Promise<void> {
    try {
      while (wanted && !stopping) {
        wanted = false
        const rows = await store.queue.outbox(ROWS_AT_ONCE + resting.size)
        let done = 0
        for (const row of rows) {
          if (stopping) return
          if ((resting.get(keyOf(row)) ?? -Infinity) > clock.monotonicMs()) continue
          if (await send(row)) done++
        }
        if (done > 0) wanted = true // there may be more than a page
      }
    } catch (error) {
      log.error('the outbox of the queue could not be read; trying again', { error: errorSentence(error) })
      again()
    }
  }

  async function send(row: OutboxRow): Promise<boolean> {
    try {
      await deliver(row)
      resting.delete(keyOf(row))
      return true
    } catch (error) {
      log.error('a report could not be made; trying again', { error: errorSentence(error), report: row.report.kind, work: row.report.works.map(({ work }) => printWorkId(work)) })
      if (resting.size < ROWS_AT_ONCE) resting.set(keyOf(row), clock.monotonicMs() + RETRY_MS)
      again()
      return false
    }
  }

  async function deliver(row: OutboxRow): Promise<void> {
    const origin: Origin = { database: QUEUE, position: row.position, n: row.n }
    const works = await worksOf(row)
    const first = works[0]
    if (first && first.sender !== '') {
      const original = await readOriginal(first)
      const bytes = composeReport({
        report: row.report, works, original, hostname: options.hostname(), messageId: generateMessageId(options.hostname(), clock, random),
        boundaryToken: hexOf(random.bytes(12)), atMs: clock.nowMs(), lifetimeMs: options.lifetimeMs(),
      })
      const fate = await options.deliverReport({ to: first.sender, bytes, origin, smtputf8: !isAscii(bytes.subarray(0, headerEndOf(bytes))) })
      if (!fate.kept) log.warn('a report has no taker and ends here', { sender: first.sender, reason: fate.reason, report: row.report.kind, work: printWorkId(first.id) })
    } else {
      log.error('a report without anybody to report to', { report: row.report.kind, work: row.report.works.map(({ work }) => printWorkId(work)) })
    }
    await store.submitQueue({ kind: 'outbox-done', position: row.position, n: row.n })
  }

  async function worksOf(row: OutboxRow): Promise<WorkRow[]> {
    const arrival = row.report.works[0]?.work.arrival
    if (arrival === undefined) return []
    const named = new Set(row.report.works.filter(({ work }) => work.arrival === arrival).map(({ work }) => work.n))
    return (await store.queue.ofArrival(arrival)).filter((work) => named.has(work.id.n))
  }

  async function readOriginal(work: WorkRow): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
    try {
      const body = await store.openBody(work.id.arrival)
      try {
        const wanted = work.ret === 'FULL' && body.sizeOctets <= RETURN_OCTETS_MAX ? body.sizeOctets : Math.min(body.sizeOctets, HEADER_OCTETS_MAX)
        const bytes = await body.read(0, wanted)
        return { bytes, isWhole: bytes.length === body.sizeOctets }
      } finally {
        body.close()
      }
    } catch (error) {
      log.warn('a report goes out without the original, which cannot be read', { error: errorSentence(error), work: printWorkId(work.id) })
      return { bytes: new Uint8Array(0), isWhole: false }
    }
  }

  function again(): void {
    cancelTimer?.()
    if (!stopping) cancelTimer = clock.after(RETRY_MS, wake)
  }

  const stopNotices = store.onNotice(QUEUE, wake)
  wake()
  return {
    async stop() {
      stopping = true
      stopNotices()
      cancelTimer?.()
      await running
    },
  }
}

function keyOf(row: OutboxRow): string {
  return `${row.position}.${row.n}`
}
