// Who has come in and has neither brought a message nor logged in, in the order in which they came. When the doors are
// nearly full the oldest of them have to go: slow lorises, half-open connections and messages that never end would
// otherwise keep the places for as long as a patient server has to wait. Those who come and do something are not
// touched, and while there is room nobody is.
import type { Clock } from '../base/clock.ts'

/** Of those that one arrival makes leave. More than one, so that room is made faster than it is taken. */
const AT_ONCE = 4

export interface Newcomers {
  /** `leave` is called at most once, if it has to go. The answer is to be called when it has proven itself, or has gone. */
  add(leave: () => void): () => void
  /** Somebody has come and there is little room. */
  makeRoom(): void
  readonly count: number
}

export function createNewcomers(clock: Clock, patienceMs: () => number): Newcomers {
  const waiting = new Set<{ sinceMs: number; leave: () => void }>()
  return {
    add(leave) {
      const one = { sinceMs: clock.monotonicMs(), leave }
      waiting.add(one)
      return () => void waiting.delete(one)
    },
    makeRoom() {
      const untilMs = clock.monotonicMs() - patienceMs()
      let left = AT_ONCE
      for (const one of waiting) {
        if (left === 0 || one.sinceMs > untilMs) return
        left -= 1
        waiting.delete(one)
        one.leave()
      }
    },
    get count() {
      return waiting.size
    },
  }
}
