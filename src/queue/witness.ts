// How old something is as this process has lived through it. Deadlines of the queue go by it, so that
// a clock that jumps (a dead battery, a wrong time server, a mistyped date) never gives up mail that
// is an hour old. Wall time is cut into eras: within one it ran on with the monotonic clock, small
// steps followed; a jump begins a new one. A time that could belong to several eras is taken for the
// youngest, and a pause of the machine (suspend) is not counted: late is the safe side.
//
// Across restarts the ticks count that each process puts into the journal (`startTicking`): mail is never taken
// for older than all servers have lived since it came, whatever the clock says after a start.
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/store.ts'

/** A tick is recorded so often; what a process had lived since its last one is lost with it. */
export const TICK_MINUTES = 15

/** A difference up to this is drift or a leap and is followed; beyond it is a jump. */
const FOLLOWED_MS = 10 * 60_000
/** Jumps remembered; what is older is taken for younger than it is. */
const ERAS_MAX = 32

interface Era {
  wallMs: number
  monotonicMs: number
  /** Wall time when it ended; the last one goes on. */
  endWallMs: number
  /** How far the wall clock has drifted from the monotonic one in it. */
  driftMs: number
}

export interface Witness {
  /** Time lived since the wall clock showed `wallMs`; never negative. */
  ageMs(wallMs: number): number
  /** Looks at the clocks; true when the wall clock has jumped since the last look. */
  observe(): boolean
}

export function createWitness(clock: Clock): Witness {
  const begin = (): Era => ({ wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), endWallMs: Infinity, driftMs: 0 })
  const eras: Era[] = [begin()]

  function observe(): boolean {
    const era = eras[eras.length - 1]!
    const expectedMs = era.wallMs + (clock.monotonicMs() - era.monotonicMs) + era.driftMs
    const stepMs = clock.nowMs() - expectedMs
    if (Math.abs(stepMs) <= FOLLOWED_MS) {
      era.driftMs += stepMs
      return false
    }
    era.endWallMs = expectedMs
    eras.push(begin())
    if (eras.length > ERAS_MAX) eras.splice(1, 1) // the first one knows how wall time before us reads
    return true
  }

  return {
    observe,
    ageMs(wallMs) {
      observe()
      const lived = clock.monotonicMs()
      let youngest = Infinity
      eras.forEach((era, index) => {
        const before = index === 0 && wallMs < era.wallMs // an earlier process wrote it
        if (!before && (wallMs < era.wallMs || wallMs > era.endWallMs)) return
        const age = lived - era.monotonicMs + era.wallMs - wallMs + era.driftMs
        if (age < -FOLLOWED_MS) return // it has not yet happened in this era
        youngest = Math.min(youngest, Math.max(0, age))
      })
      return youngest === Infinity ? 0 : youngest
    },
  }
}

/** Records a tick for each quarter of an hour that this process lives. Returns the way to stop it. */
export function startTicking({ store, clock, log }: { store: Pick<Store, 'submitQueue'>; clock: Clock; log: Log }): () => void {
  let stopped = false
  let cancel: () => void
  const next = () => {
    cancel = clock.after(TICK_MINUTES * 60_000, () => {
      store.submitQueue({ kind: 'tick', minutes: TICK_MINUTES }).catch((error: unknown) => log.debug('a tick could not be recorded', { error: errorSentence(error) }))
      if (!stopped) next()
    })
  }
  next()
  return () => {
    stopped = true
    cancel()
  }
}
