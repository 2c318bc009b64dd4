// Starts and stops the two threads that the store lives in, and connects fronts to them.
// The main thread calls this; it holds the owner lock for as long as they run.
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import { Outage } from '../../base/errors.ts'
import type { Limits } from '../../base/limits.ts'
import type { Log, LogLevel } from '../../base/log.ts'
import type { AccountsThreadData, FromAccountsThread, ToAccountsThread } from './accounts-thread.ts'
import type { MemberFacts } from '../journal/journal.ts'
import { Gauges, OPEN, STOPPING } from './gauges.ts'
import type { FromJournalThread, JournalThreadData, ToJournalThread } from './journal-thread.ts'
import type { FrontPorts } from './messages.ts'
import { watchTurns } from './thread-beats.ts'

export interface StoreThreadsOptions {
  dataDirectory: string
  mirrors: readonly string[]
  segmentSizeOctets: number
  acceptLoss: boolean
  /** A mirror without room is dropped, instead of everything being refused. */
  dropFullMirrors?: boolean
  limits: Limits
  clock: Clock
  log: Log
  logLevel: LogLevel
  crashAt?: string | undefined
  /** The journal or a flush has failed, or a thread has died: the process must end (74 or 70). */
  onDead: (because: string, exitCode: 70 | 74) => void
}

export interface StoreThreads {
  readonly gauges: Gauges
  /** What recovery found, as sentences for the log. */
  readonly report: readonly string[]
  /** The copies of the journal, the data folder first, as they are now. */
  members(): readonly MemberFacts[]
  /** Channels for a new front. The ports are handed to its thread. */
  connect(): FrontPorts
  /** Do both threads still turn? */
  healthy(): boolean
  /** Takes effect at once in both threads. */
  setLogLevel(level: LogLevel): void
  /** After every front has closed its ports. */
  stop(): Promise<void>
}

function next<Message extends { t: string }>(worker: Worker, wanted: readonly Message['t'][]): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: Message) => {
      if (!wanted.includes(message.t)) return
      worker.off('message', onMessage)
      worker.off('error', reject)
      resolve(message)
    }
    worker.on('message', onMessage)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Outage('a thread of the store ended before it was ready', { operation: 'start' })))
  })
}

export async function startStoreThreads(options: StoreThreadsOptions): Promise<StoreThreads> {
  const gauges = new Gauges()
  let stopping = false

  const watch = (worker: Worker, name: string) => {
    worker.on('message', (message: FromJournalThread | FromAccountsThread) => {
      if (message.t === 'dead') options.onDead(`${name}: ${message.because}`, 74)
    })
    worker.on('error', (error) => options.onDead(`the ${name} thread failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, 70))
    worker.on('exit', () => {
      if (!stopping) options.onDead(`the ${name} thread has ended`, 70)
    })
  }

  const journal = new Worker(new URL('./journal-thread.ts', import.meta.url), {
    name: 'journal',
    workerData: {
      dataDirectory: options.dataDirectory, mirrors: options.mirrors, segmentSizeOctets: options.segmentSizeOctets, acceptLoss: options.acceptLoss, dropFullMirrors: options.dropFullMirrors ?? false,
      gauges: gauges.shared, limits: options.limits, logLevel: options.logLevel, crashAt: options.crashAt,
    } satisfies JournalThreadData,
  })
  const opened = await next<FromJournalThread>(journal, ['ready', 'refused'])
  if (opened.t !== 'ready') {
    await journal.terminate()
    throw new Outage(opened.t === 'refused' ? opened.because : 'the journal did not open', { operation: 'start' })
  }
  watch(journal, 'journal')
  let members = opened.members
  journal.on('message', (message: FromJournalThread) => {
    if (message.t === 'members') members = message.members
  })

  const between = new MessageChannel()
  const tellJournal = (message: ToJournalThread, transfer: MessagePort[] = []) => journal.postMessage(message, transfer)
  tellJournal({ t: 'accounts', port: between.port1 }, [between.port1])
  const accounts = new Worker(new URL('./accounts-thread.ts', import.meta.url), {
    name: 'accounts',
    workerData: {
      dataDirectory: options.dataDirectory, mirrors: options.mirrors, gauges: gauges.shared, limits: options.limits, logLevel: options.logLevel, crashAt: options.crashAt,
      watermark: opened.watermark, through: opened.through, journal: between.port2,
    } satisfies AccountsThreadData,
    transferList: [between.port2],
  })
  const tellAccounts = (message: ToAccountsThread, transfer: MessagePort[] = []) => accounts.postMessage(message, transfer)
  const ready = await next<FromAccountsThread>(accounts, ['open', 'refused'])
  if (ready.t !== 'open') {
    stopping = true
    await Promise.all([journal.terminate(), accounts.terminate()])
    throw new Outage(ready.t === 'refused' ? ready.because : 'the databases did not open', { operation: 'start' })
  }
  watch(accounts, 'accounts')
  gauges.set('state', OPEN)

  let front = 0
  const beats = watchTurns(gauges, options.clock)
  return {
    healthy: () => beats.healthy(),
    gauges,
    report: opened.report,
    members: () => members,
    connect() {
      const toJournal = new MessageChannel()
      const toAccounts = new MessageChannel()
      front += 1
      tellAccounts({ t: 'attach', front, port: toAccounts.port1 }, [toAccounts.port1])
      tellJournal({ t: 'attach', front, port: toJournal.port1 }, [toJournal.port1])
      return { front, journal: toJournal.port2, accounts: toAccounts.port2 }
    },
    setLogLevel(level) {
      tellJournal({ t: 'log-level', level })
      tellAccounts({ t: 'log-level', level })
    },
    async stop() {
      stopping = true
      beats.close()
      gauges.set('state', STOPPING)
      // The accounts first: their last facts and watermark still go into the journal, which is then sealed.
      const settled = next<FromAccountsThread>(accounts, ['stopped'])
      tellAccounts({ t: 'stop' })
      await settled
      const sealed = next<FromJournalThread>(journal, ['stopped'])
      tellJournal({ t: 'stop' })
      await sealed
    },
  }
}
