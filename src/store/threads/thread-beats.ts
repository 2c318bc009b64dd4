// Does the loop of the journal thread and of the account thread still turn? Each counts its turns where everybody
// can see it; the main thread looks. Time is counted in looks, so that a process which was halted as a whole
// (SIGSTOP, a machine that slept) does not take its threads for stuck when it wakes up.
import type { Clock } from '../../base/clock.ts'
import type { GaugeName, Gauges } from './gauges.ts'

type BeatName = Extract<GaugeName, 'journalBeats' | 'accountBeats'>

const TURN_MS = 1000
const LOOK_MS = 2000
/** Looks in a row without a turn after which a thread counts as stuck: half a minute for one flush of a slow disk, two for the check of a large database. */
const LOOKS_MAX: Record<BeatName, number> = { journalBeats: 15, accountBeats: 60 }

/** In the thread itself. */
export function countTurns(gauges: Gauges, name: BeatName): void {
  setInterval(() => gauges.set(name, gauges.get(name) + 1), TURN_MS).unref()
}

/** In the main thread. */
export function watchTurns(gauges: Gauges, clock: Clock): { healthy(): boolean; close(): void } {
  const names: BeatName[] = ['journalBeats', 'accountBeats']
  const seen = names.map((name) => ({ name, value: gauges.get(name), looks: 0 }))
  let cancel = () => {}
  const look = () => {
    for (const each of seen) {
      const value = gauges.get(each.name)
      each.looks = value === each.value ? each.looks + 1 : 0
      each.value = value
    }
    cancel = clock.after(LOOK_MS, look)
  }
  look()
  return {
    healthy: () => seen.every(({ name, looks }) => looks < LOOKS_MAX[name]),
    close: () => cancel(),
  }
}
