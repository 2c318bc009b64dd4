// Entry of the account worker.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { keepCompiled } from '../../base/compile-cache.ts'
import { nodeDisk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Limits } from '../../base/limits.ts'
import { createLog, type LogLevel } from '../../base/log.ts'
import { stderrSink } from '../../base/stderr-sink.ts'
import { openJournalReader } from '../journal/journal-reader.ts'
import type { Watermark } from '../journal/record.ts'
import { runAccountsLoop } from './accounts-loop.ts'
import { crashPointAt } from './crash-at.ts'
import { Gauges } from './gauges.ts'
import { countTurns } from './thread-beats.ts'

export interface AccountsThreadData {
  dataDirectory: string
  mirrors: readonly string[]
  gauges: SharedArrayBuffer
  limits: Limits
  logLevel: LogLevel
  crashAt: string | undefined
  watermark: Watermark
  through: number
  journal: MessagePort
}

export type ToAccountsThread =
  | { t: 'attach'; front: number; port: MessagePort }
  | { t: 'log-level'; level: LogLevel }
  | { t: 'stop' }

export type FromAccountsThread =
  | { t: 'open' }
  | { t: 'refused'; because: string }
  | { t: 'dead'; because: string }
  | { t: 'stopped' }

const port = parentPort
if (port) {
  const data = workerData as AccountsThreadData
  const logging = { clock: systemClock, level: data.logLevel, sink: stderrSink }
  const log = createLog(logging, { thread: 'accounts' })
  const tell = (message: FromAccountsThread) => port.postMessage(message)
  const crashPoint = crashPointAt(data.crashAt)
  const gauges = new Gauges(data.gauges)
  countTurns(gauges, 'accountBeats')
  const loop = runAccountsLoop({
    dataDirectory: data.dataDirectory, disk: nodeDisk, journal: data.journal, gauges, clock: systemClock, log,
    watermark: data.watermark, through: data.through, limits: data.limits, crashPoint,
    reader: openJournalReader({ dataDirectory: data.dataDirectory, mirrors: data.mirrors, members: gauges, disk: nodeDisk, log, crashPoint }),
    onDead: (error) => tell({ t: 'dead', because: errorSentence(error) }),
  })
  loop.open.then(() => {
    tell({ t: 'open' })
    keepCompiled()
  }, (error: unknown) => tell({ t: 'refused', because: errorSentence(error) }))
  const stop = () => {
    void loop.stop().catch((error: unknown) => log.error('stopping was not clean; the next start replays what is missing', { error: errorSentence(error) })).finally(() => {
      tell({ t: 'stopped' })
      port.close()
    })
  }
  port.on('message', (message: ToAccountsThread) => {
    switch (message.t) {
      case 'attach':
        loop.attach(message.front, message.port)
        return
      case 'log-level':
        logging.level = message.level
        return
      case 'stop':
        stop()
    }
  })
}
