// How often somebody may come: so many in a period, counted for each key, with the past fading away evenly (a leaky
// bucket). Bounded: the keys that have been quiet longest are forgotten when there are too many.
import type { Clock } from '../base/clock.ts'

const KEYS_MAX = 50_000

export interface Rate {
  /** Counts one more, unless that would be more than `max` in the period: then false, and it is not counted. */
  take(key: string, max: number): boolean
  /** What is counted now. */
  level(key: string, max: number): number
  readonly keys: number
}

export function createRate(clock: Clock, periodMs: number): Rate {
  const levels = new Map<string, { level: number; atMs: number }>()
  const levelOf = (key: string, max: number): number => {
    const known = levels.get(key)
    return known ? Math.max(0, known.level - ((clock.monotonicMs() - known.atMs) / periodMs) * max) : 0
  }
  return {
    take(key, max) {
      const level = levelOf(key, max)
      if (level + 1 > max) return false
      // Back to the end of the map: its beginning is who was quiet longest.
      levels.delete(key)
      levels.set(key, { level: level + 1, atMs: clock.monotonicMs() })
      if (levels.size > KEYS_MAX) levels.delete(levels.keys().next().value as string)
      return true
    },
    level: levelOf,
    get keys() {
      return levels.size
    },
  }
}
