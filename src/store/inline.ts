// The whole store in one thread: for commands on a stopped server, and for tests. The same loops and the same
// client as in the server, joined by the same channels; only the threads are missing.
import { MessageChannel } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { nodeAsyncDisk, nodeDisk, type AsyncDisk, type Disk } from '../base/disk.ts'
import { Outage, refuse, understood, type Parsed } from '../base/errors.ts'
import { defaultLimits, type Limits } from '../base/limits.ts'
import { silentLog, type Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { openJournal, SEGMENT_SIZE_OCTETS } from './journal/journal.ts'
import { openJournalReader, type JournalReader } from './journal/journal-reader.ts'
import { LargeStore } from './journal/large-writer.ts'
import { takeOwnerLock } from './owner-lock.ts'
import { runAccountsLoop, type AccountsLoopOptions } from './threads/accounts-loop.ts'
import { Gauges, OPEN, STOPPING } from './threads/gauges.ts'
import { runJournalLoop } from './threads/journal-loop.ts'
import { StoreClient } from './threads/store-client.ts'

export interface InlineStoreOptions {
  dataDirectory: string
  clock: Clock
  random: Random
  log?: Log
  limits?: Limits
  /** Journal and large messages. */
  disk?: Disk
  asyncDisk?: AsyncDisk
  mirrors?: readonly string[]
  segmentSizeOctets?: number
  acceptLoss?: boolean
  /** The journal or a flush has failed: nothing more is kept, whoever waits is answered as unknown. */
  onDead?: (error: unknown) => void
  /** See `StoreClientOptions`. */
  onDirectoryChanged?: () => void
  /** For tests that simulate a crash: the disk of the databases, and what happens to their files. */
  databases?: Pick<AccountsLoopOptions, 'disk' | 'committed' | 'flushFile' | 'flushFolder' | 'crashPoint' | 'applyLimits'>
}

export interface InlineStore {
  readonly store: StoreClient
  /** Applies what is left, flushes, seals, lets go of the data directory. */
  close(): Promise<void>
  /** As after a crash: nothing is applied, flushed or sealed any more. For tests. */
  abandon(): Promise<void>
}

/** Becomes the owner of the data directory, or says who is. */
export async function openInlineStore(options: InlineStoreOptions): Promise<Parsed<InlineStore>> {
  const lock = takeOwnerLock(options.dataDirectory)
  if (!lock.ok) return lock
  let opened: Opened | undefined
  try {
    opened = openLoops(options)
    const { accountsLoop, journalLoop, journal, between, gauges } = opened
    await accountsLoop.open
    gauges.set('state', OPEN)
    const store = await opened.connect()
    const abandon = opened.abandon
    return understood({
      store,
      async close() {
        gauges.set('state', STOPPING)
        store.close()
        await accountsLoop.stop()
        await journalLoop.accountsStopped
        journalLoop.stop()
        await journalLoop.settled()
        journal.close()
        between.port1.close()
        opened?.closeReaders()
        lock.value.release()
      },
      async abandon() {
        store.close()
        await abandon()
        lock.value.release()
      },
    })
  } catch (error) {
    await opened?.abandon()
    lock.value.release()
    if (error instanceof Outage) return refuse('store-failed', `${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    throw error
  }
}

type Opened = ReturnType<typeof openLoops>

function openLoops(options: InlineStoreOptions) {
  const { dataDirectory, clock, random } = options
  const log = options.log ?? silentLog
  const limits = options.limits ?? defaultLimits
  const disk = options.disk ?? nodeDisk
  const asyncDisk = options.asyncDisk ?? nodeAsyncDisk
  const mirrors = options.mirrors ?? []
  const gauges = new Gauges()
  const { journal, report } = openJournal({
    dataDirectory, mirrors, disk, clock, random, log, segmentSizeOctets: options.segmentSizeOctets ?? SEGMENT_SIZE_OCTETS, acceptLoss: options.acceptLoss ?? false,
    onMembers: (members) => gauges.setMembers(members),
  })
  gauges.setMembers(journal.members)
  gauges.set('durableSequence', report.lastSequence)
  let store: StoreClient | undefined
  const onDead = (error: unknown) => {
    log.error('the store has failed', { error: String(error) })
    // Nobody else ends this process: those who wait must not wait for ever.
    store?.close()
    options.onDead?.(error)
  }
  const between = new MessageChannel()
  const journalLoop = runJournalLoop({ journal, accounts: between.port1, gauges, clock, disk, folders: [dataDirectory, ...mirrors], limits, log, onDead })
  const readers: JournalReader[] = []
  const openReader = () => {
    const reader = openJournalReader({ dataDirectory, mirrors, members: gauges, disk, asyncDisk, log })
    readers.push(reader)
    return reader
  }
  const accountsLoop = runAccountsLoop({
    dataDirectory, disk, reader: openReader(), journal: between.port2, gauges, clock, log, watermark: report.watermark, through: report.lastSequence,
    limits, onDead, ...options.databases,
  })
  const toJournal = new MessageChannel()
  const toAccounts = new MessageChannel()
  accountsLoop.attach(1, toAccounts.port1)
  journalLoop.attach(1, toJournal.port1)
  return {
    journal, journalLoop, accountsLoop, between, gauges,
    async connect() {
      store = await StoreClient.connect({
        ports: { front: 1, journal: toJournal.port2, accounts: toAccounts.port2 },
        gauges, limits, disk, clock, log, reader: openReader(), large: new LargeStore({ dataDirectory, mirrors, members: gauges, random, asyncDisk }),
        ...(options.onDirectoryChanged ? { onDirectoryChanged: options.onDirectoryChanged } : {}),
      })
      return store
    },
    closeReaders() {
      for (const reader of readers) reader.close()
    },
    async abandon() {
      journalLoop.abandon()
      await accountsLoop.abandon()
      for (const reader of readers) reader.close()
      for (const port of [between.port1, toJournal.port1, toAccounts.port1]) port.close()
    },
  }
}
