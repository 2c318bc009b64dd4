// The whole store in one thread: for commands on a stopped server, and for tests. The same loops and the same
// client as in the server, joined by the same channels; only the threads are missing.
import { MessageChannel } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { nodeDisk, type Disk } from '../base/disk.ts'
import { Outage, refuse, understood, type Parsed } from '../base/errors.ts'
import { defaultLimits, type Limits } from '../base/limits.ts'
import { silentLog, type Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { openJournal, SEGMENT_SIZE_OCTETS } from './journal/journal.ts'
import { openJournalReader } from './journal/journal-reader.ts'
import { LargeStore } from './journal/large-writer.ts'
import { takeOwnerLock } from './owner-lock.ts'
import { runAccountsLoop } from './threads/accounts-loop.ts'
import { Gauges, OPEN, STOPPING } from './threads/gauges.ts'
import { runJournalLoop } from './threads/journal-loop.ts'
import { StoreClient } from './threads/store-client.ts'

export interface InlineStoreOptions {
  dataDirectory: string
  clock: Clock
  random: Random
  log?: Log
  limits?: Limits
  disk?: Disk
  mirrors?: readonly string[]
  segmentSizeOctets?: number
  acceptLoss?: boolean
}

export interface InlineStore {
  readonly store: StoreClient
  /** Applies what is left, flushes, seals, lets go of the data directory. */
  close(): Promise<void>
}

/** Becomes the owner of the data directory, or says who is. */
export async function openInlineStore(options: InlineStoreOptions): Promise<Parsed<InlineStore>> {
  const { dataDirectory, clock, random } = options
  const log = options.log ?? silentLog
  const limits = options.limits ?? defaultLimits
  const disk = options.disk ?? nodeDisk
  const mirrors = options.mirrors ?? []
  const lock = takeOwnerLock(dataDirectory)
  if (!lock.ok) return lock
  try {
    const { journal, report } = openJournal({
      dataDirectory, mirrors, disk, clock, random, log, segmentSizeOctets: options.segmentSizeOctets ?? SEGMENT_SIZE_OCTETS, acceptLoss: options.acceptLoss ?? false,
    })
    const gauges = new Gauges()
    gauges.set('durableSequence', report.lastSequence)
    const onDead = (error: unknown) => log.error('the store has failed', { error: String(error) })
    const between = new MessageChannel()
    const journalLoop = runJournalLoop({ journal, accounts: between.port1, gauges, clock, disk, folders: [dataDirectory, ...mirrors], limits, log, onDead })
    const openReader = () => openJournalReader({ dataDirectory, mirrors, disk, log })
    const accountsLoop = runAccountsLoop({
      dataDirectory, disk, reader: openReader(), journal: between.port2, gauges, clock, log, watermark: report.watermark, through: report.lastSequence, snapshotRecords: limits.snapshot_records, onDead,
    })
    const toJournal = new MessageChannel()
    const toAccounts = new MessageChannel()
    accountsLoop.attach(1, toAccounts.port1)
    journalLoop.attach(1, toJournal.port1)
    await accountsLoop.open
    gauges.set('state', OPEN)
    const store = await StoreClient.connect({
      ports: { front: 1, journal: toJournal.port2, accounts: toAccounts.port2 },
      gauges, limits, disk, log, reader: openReader(), large: new LargeStore({ dataDirectory, mirrors, random }),
    })
    return understood({
      store,
      async close() {
        gauges.set('state', STOPPING)
        store.close()
        await accountsLoop.stop()
        // What the accounts said last (facts, watermark) is on its way through a channel: one turn lets it in.
        await new Promise((resolve) => setImmediate(resolve))
        journalLoop.stop()
        journal.close()
        between.port1.close()
        lock.value.release()
      },
    })
  } catch (error) {
    lock.value.release()
    if (error instanceof Outage) return refuse('store-failed', `${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    throw error
  }
}
