// The front door of the queue: everything that leaves by SMTP. It picks what is due, attempts it,
// decides what follows, and hands the reports that are owed to whoever makes arrivals.
//
// Promises: an attempt is recorded before it is dialled (INV-5); every recipient ends as done, failed
// with a report where one is owed, or is tried again until its deadline; one dead destination delays
// nobody else; what nobody foresaw is temporary (INV-10). Leases live in memory: killed at any moment,
// the work is due again after its back-off. It changes nothing but through the store, and operators
// change the queue through the store too: it learns of that by the store's notice.
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { standardTimeouts } from '../clients/smtp-open.ts'
import type { SmtpTimeouts } from '../clients/smtp-open.ts'
import type { Resolver } from '../net/dns.ts'
import { aLabels } from '../net/mx.ts'
import { Sweeper } from '../net/sweeper.ts'
import type { Store } from '../store/store.ts'
import { standardBackoff } from './backoff.ts'
import { openSmtpCourier } from './courier.ts'
import { findHops } from './hops.ts'
import type { LaneRules } from './lanes.ts'
import type { OutcomeRules } from './outcome.ts'
import { ownAddresses } from './own-addresses.ts'
import type { QueueConfig } from './queue-config.ts'
import { startReports } from './reports.ts'
import type { DeliverReport } from './reports.ts'
import { chooseRoute } from './route.ts'
import { startScheduler } from './scheduler.ts'
import { rememberUnreachableHosts } from './unreachable-hosts.ts'
import { createWitness, startTicking } from './witness.ts'

export { queueConfigOf } from './queue-config.ts'
export type { QueueConfig } from './queue-config.ts'
export type { OutboundConfig, SmartHost } from './route.ts'
export type { DeliverReport, OutgoingReport } from './reports.ts'

export interface QueueOptions {
  store: Pick<Store, 'queue' | 'submitQueue' | 'openBody' | 'onNotice'>
  clock: Clock
  random: Random
  log: Log
  resolver: Resolver
  config: QueueConfig
  deliverReport: DeliverReport
  /** Aborted: as `close(0)`. */
  signal?: AbortSignal
  timeouts?: SmtpTimeouts
  /** The thread's sweeper for deadlines of connections; one of its own without it. */
  sweeper?: Sweeper
}

export interface Queue extends AsyncDisposable {
  /** Attempts under way. */
  readonly sessions: number
  /** From now on; what is under way ends as it began. */
  reconfigure(config: QueueConfig): void
  /** Begins nothing new, lets attempts end for `graceMs`, then breaks them off (they are due again after their back-off). */
  close(graceMs?: number): Promise<void>
}

/** Recipients that wait in memory for a free hand, together and for one destination. */
const READY_MAX = 1000
const READY_PER_LANE_MAX = 200
/** RFC 5321 §4.5.3.1.8: every server takes a hundred; many grow suspicious before. */
const BATCH_RECIPIENTS_MAX = 50
const COOLING_MS = 60_000
const GRACE_MS = 10_000

/** Starts at once. The store must have reached the end of the journal as it was at start. */
export function createQueue(options: QueueOptions): Queue {
  const { store, clock, random, log, resolver } = options
  let config = options.config
  const breakOff = new AbortController()
  const sweeper = options.sweeper ?? new Sweeper({ clock, onBug: (error) => log.error('a deadline of the queue failed', { error: errorSentence(error) }) })
  const unreachableHosts = rememberUnreachableHosts(clock)
  const isOurs = ownAddresses({ doors: () => config.ownDoors, clock })
  const lanes: LaneRules = { ...laneLimits(config), readyMax: READY_MAX, readyPerLaneMax: READY_PER_LANE_MAX, batchRecipientsMax: BATCH_RECIPIENTS_MAX, coolingMs: COOLING_MS }

  const scheduler = startScheduler({
    store, clock, random, log, lanes, signal: breakOff.signal,
    witness: createWitness(clock),
    rules: () => rulesOf(config),
    chooseRoute: (domain) => chooseRoute(domain, config.outbound),
    openCourier: (route) => openSmtpCourier(route, {
      store, log, sweeper, unreachableHosts, signal: breakOff.signal,
      timeouts: options.timeouts ?? standardTimeouts,
      helloName: aLabels(config.hostname) ?? config.hostname,
      ...(config.rootsPem === undefined ? {} : { rootsPem: config.rootsPem }),
      findHops: (of) => findHops(of, { resolver, random, hostname: config.hostname, isOurs, signal: breakOff.signal }),
    }),
  })
  const reports = startReports({ store, clock, random, log, hostname: () => config.hostname, lifetimeMs: () => config.limits.queue_lifetime_ms, deliverReport: options.deliverReport })

  const stopTicking = startTicking({ store, clock, log })

  let closing: Promise<void> | undefined
  const close = (graceMs = GRACE_MS): Promise<void> => closing ??= (async () => {
    stopTicking()
    const ended = Promise.all([scheduler.stop(), reports.stop()])
    const cancel = clock.after(graceMs, () => breakOff.abort(new Error('the server is stopping')))
    await ended
    cancel()
  })()
  const onAbort = () => void close(0)
  if (options.signal?.aborted) onAbort()
  else options.signal?.addEventListener('abort', onAbort, { once: true })

  return {
    get sessions() {
      return scheduler.sessions
    },
    reconfigure(next) {
      config = next
      Object.assign(lanes, laneLimits(next))
      scheduler.wake()
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

function laneLimits({ limits }: QueueConfig): Pick<LaneRules, 'perDestinationMax' | 'sessionsMax'> {
  return { perDestinationMax: limits.queue_per_destination_max, sessionsMax: limits.queue_attempts_max }
}

function rulesOf({ limits }: QueueConfig): OutcomeRules {
  return { lifetimeMs: limits.queue_lifetime_ms, delayNoticeMs: limits.queue_delay_notice_ms, backoff: standardBackoff }
}
