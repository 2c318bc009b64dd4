// Entry of the thread that checks and repairs beside a running server: a store client of its own, as a front has one,
// so that what it reads holds up nobody. Lives for one job.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { nodeDisk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Limits } from '../base/limits.ts'
import { createLog, type LogLevel } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { stderrSink } from '../base/stderr-sink.ts'
import { carryOutRepair, type Progress, type RepairReport, type RepairWish } from '../repair/repair.ts'
import { openJournalReader } from '../store/journal/journal-reader.ts'
import { LargeStore } from '../store/journal/large-writer.ts'
import { Gauges } from '../store/threads/gauges.ts'
import type { FrontPorts } from '../store/threads/messages.ts'
import { StoreClient } from '../store/threads/store-client.ts'

export interface RepairThreadData {
  wish: RepairWish
  dataDirectory: string
  mirrors: readonly string[]
  gauges: SharedArrayBuffer
  ports: FrontPorts
  limits: Limits
  startedMs: number
  logLevel: LogLevel
}

export type FromRepairThread = { t: 'progress'; progress: Progress } | { t: 'done'; report: RepairReport } | { t: 'failed'; because: string }

/** Progress is told no more often. */
const TOLD_EVERY_MS = 100

async function work(data: RepairThreadData, tell: (message: FromRepairThread) => void, signal: AbortSignal): Promise<void> {
  const { dataDirectory, mirrors, wish } = data
  const log = createLog({ clock: systemClock, level: data.logLevel, sink: stderrSink }, { thread: 'repair' })
  const gauges = new Gauges(data.gauges)
  const place = { dataDirectory, mirrors, members: gauges }
  const reader = openJournalReader({ ...place, disk: nodeDisk, log })
  const client = await StoreClient.connect({ ports: data.ports, gauges, limits: data.limits, disk: nodeDisk, clock: systemClock, log, reader, large: new LargeStore({ ...place, random: systemRandom }) })
  const inspection = await client.inspect({ dataDirectory, mirrors, startedMs: data.startedMs })
  let toldMs = 0
  try {
    const report = await carryOutRepair(wish, {
      inspection, clock: systemClock, signal,
      onProgress(progress) {
        if (systemClock.monotonicMs() - toldMs < TOLD_EVERY_MS) return
        toldMs = systemClock.monotonicMs()
        tell({ t: 'progress', progress })
      },
    })
    tell({ t: 'done', report })
  } finally {
    inspection.close()
    client.close()
    reader.close()
  }
}

const port = parentPort
if (port) {
  const stop = new AbortController()
  port.once('message', () => stop.abort(new Error('the server is stopping')))
  const tell = (message: FromRepairThread) => port.postMessage(message)
  void work(workerData as RepairThreadData, tell, stop.signal)
    .catch((error: unknown) => tell({ t: 'failed', because: errorSentence(error) }))
    .finally(() => port.close())
}
