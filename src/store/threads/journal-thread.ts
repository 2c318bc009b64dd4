// Entry of the journal worker: opens the journal (which makes it ours: a new epoch, the tail copied),
// tells what it found, and then runs the loop until it is told to stop.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { keepCompiled } from '../../base/compile-cache.ts'
import { nodeDisk } from '../../base/disk.ts'
import { Outage, errorSentence } from '../../base/errors.ts'
import type { Limits } from '../../base/limits.ts'
import { createLog, type LogLevel } from '../../base/log.ts'
import { systemRandom } from '../../base/random.ts'
import { stderrSink } from '../../base/stderr-sink.ts'
import { type MemberFacts, openJournal } from '../journal/journal.ts'
import type { Watermark } from '../journal/record.ts'
import { crashPointAt } from './crash-at.ts'
import { Gauges } from './gauges.ts'
import { runJournalLoop } from './journal-loop.ts'
import { countTurns } from './thread-beats.ts'

export interface JournalThreadData {
  dataDirectory: string
  mirrors: readonly string[]
  segmentSizeOctets: number
  acceptLoss: boolean
  dropFullMirrors: boolean
  gauges: SharedArrayBuffer
  limits: Limits
  logLevel: LogLevel
  crashAt: string | undefined
}

export type ToJournalThread =
  | { t: 'accounts'; port: MessagePort }
  | { t: 'attach'; front: number; port: MessagePort }
  | { t: 'log-level'; level: LogLevel }
  | { t: 'stop' }

export type FromJournalThread =
  | { t: 'ready'; through: number; watermark: Watermark; report: string[]; members: readonly MemberFacts[] }
  /** Somebody was dropped, has come back, or has got on with it. */
  | { t: 'members'; members: readonly MemberFacts[] }
  | { t: 'refused'; because: string }
  | { t: 'dead'; because: string }
  | { t: 'stopped' }

/** How long a stop waits for the account thread's facts and watermark. */
const LAST_WORDS_MS = 2000
/** Progress of a mirror that is being filled is told so often. */
const PROGRESS_MS = 500

/** Doors and readers hear of a member at once; the main thread of its progress now and then. */
function tellOfMembers(gauges: Gauges, tell: (message: FromJournalThread) => void): (members: readonly MemberFacts[]) => void {
  let states = ''
  let toldMs = -Infinity
  return (members) => {
    gauges.setMembers(members)
    const now = members.map(({ state, because }) => `${state} ${because}`).join('\n')
    if (now === states && systemClock.monotonicMs() - toldMs < PROGRESS_MS) return
    states = now
    toldMs = systemClock.monotonicMs()
    tell({ t: 'members', members })
  }
}

const port = parentPort
if (port) {
  const data = workerData as JournalThreadData
  const logging = { clock: systemClock, level: data.logLevel, sink: stderrSink }
  const log = createLog(logging, { thread: 'journal' })
  const tell = (message: FromJournalThread) => port.postMessage(message)
  const gauges = new Gauges(data.gauges)
  countTurns(gauges, 'journalBeats')
  try {
    const { journal, report } = openJournal({
      dataDirectory: data.dataDirectory, mirrors: data.mirrors, segmentSizeOctets: data.segmentSizeOctets, acceptLoss: data.acceptLoss,
      dropFullMirrors: data.dropFullMirrors, fillOctetsPerSecondMax: data.limits.mirror_fill_octets_per_second,
      disk: nodeDisk, clock: systemClock, random: systemRandom, log, crashPoint: crashPointAt(data.crashAt), onMembers: tellOfMembers(gauges, tell),
    })
    gauges.set('durableSequence', report.lastSequence)
    gauges.setMembers(journal.members)
    tell({ t: 'ready', through: report.lastSequence, watermark: report.watermark, report: [...report.sentences], members: journal.members })
    keepCompiled()
    let loop: ReturnType<typeof runJournalLoop> | undefined
    port.on('message', (message: ToJournalThread) => {
      switch (message.t) {
        case 'accounts':
          loop = runJournalLoop({
            journal, accounts: message.port, gauges, clock: systemClock, disk: nodeDisk, limits: data.limits, log,
            folders: [data.dataDirectory, ...data.mirrors],
            onDead: (error) => tell({ t: 'dead', because: errorSentence(error) }),
          })
          return
        case 'attach':
          loop?.attach(message.front, message.port)
          return
        case 'log-level':
          logging.level = message.level
          return
        case 'stop':
          // What the account thread said last comes over another channel, and may be behind this message.
          void Promise.race([loop?.accountsStopped, systemClock.sleep(LAST_WORDS_MS)]).then(() => {
            loop?.stop()
            try {
              journal.close()
            } catch (error) {
              log.error('sealing the journal failed; the next start will look at its end', { error: errorSentence(error) })
            }
            void Promise.race([loop?.settled(), systemClock.sleep(LAST_WORDS_MS)]).then(() => {
              tell({ t: 'stopped' })
              port.close()
            })
          })
      }
    })
  } catch (error) {
    const hint = error instanceof Outage && error.hint ? ` (${error.hint})` : ''
    tell({ t: 'refused', because: errorSentence(error) + hint })
    port.close()
  }
}
