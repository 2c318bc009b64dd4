// Entry of the understudy's process. The supervisor starts it with the listening sockets as descriptors and a
// channel; over that it is told what to do (messages.ts). It lives exactly as long as its supervisor: when the
// channel closes it says 421 to everybody and ends, and before each 250 it makes sure that its parent has not
// changed (a process that was stopped meanwhile has not yet heard that the channel is closed).
//
// Exit codes: 0 stopped as told, or the supervisor has gone; 64 started by hand; 71 no door could be opened;
// 74 the journal failed (the next one finds out what the disk holds).
import { systemClock } from '../../base/clock.ts'
import { keepCompiled } from '../../base/compile-cache.ts'
import { nodeDisk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import { createLog } from '../../base/log.ts'
import { systemRandom } from '../../base/random.ts'
import { stderrSink } from '../../base/stderr-sink.ts'
import { crashPointAt } from '../../store/threads/crash-at.ts'
import type { FromUnderstudy, ToUnderstudy, UnderstudyStart } from './messages.ts'
import { Understudy } from './understudy.ts'

const parent = process.ppid
const send = process.send?.bind(process)
if (!send) {
  process.stderr.write('The understudy is started by the supervisor of "daruma serve", not by hand.\n')
  process.exit(64)
}

// A terminal sends these to all processes of a group; when this one ends is for the supervisor to say.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})

const tell = (message: FromUnderstudy): void => void send(message, undefined, undefined, () => {})
let understudy: Understudy | undefined

/** Once what was written has been given to the system. */
function endSoon(code: number): void {
  setImmediate(() => process.exit(code))
}

function begin(start: UnderstudyStart): void {
  const log = createLog({ clock: systemClock, level: start.logLevel, sink: stderrSink }, { process: 'understudy' })
  process.on('uncaughtException', (error) => {
    log.error('the understudy has failed', { error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
    understudy?.abandon()
    endSoon(70)
  })
  understudy = new Understudy({
    start, clock: systemClock, random: systemRandom, disk: nodeDisk, log, tell,
    // For the torture, and a name of its own: the server process has the other.
    crashPoint: crashPointAt(process.env['DARUMA_UNDERSTUDY_CRASH_AT']),
    mayAcknowledge: () => process.ppid === parent,
    onDead: () => {
      understudy?.abandon()
      endSoon(74)
    },
  })
  understudy.begin().then((listening) => {
    if (!listening) endSoon(71)
    keepCompiled()
  }, (error: unknown) => {
    log.error('the understudy cannot start', { error: errorSentence(error), stack: error instanceof Error ? error.stack : undefined })
    tell({ t: 'refused', because: errorSentence(error) })
    endSoon(71)
  })
}

process.on('disconnect', () => {
  understudy?.abandon()
  endSoon(0)
})

process.on('message', (message: ToUnderstudy) => {
  switch (message.t) {
    case 'start':
      if (!understudy) begin(message)
      return
    case 'beat':
      return tell({ t: 'beat', taken: understudy?.taken ?? 0, sessions: understudy?.sessions ?? 0 })
    case 'stop':
      void Promise.resolve(understudy?.stop(message.graceMs)).finally(() => send({ t: 'stopped' } satisfies FromUnderstudy, undefined, undefined, () => process.exit(0)))
  }
})
