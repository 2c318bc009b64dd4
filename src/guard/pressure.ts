// How hard pressed is this thread? Judged by what waits for the journal (how many messages, how long the oldest), by
// how late the thread's own timers come, and by the memory of the process. Hard pressed, strangers are sent away at
// the door (421, which costs nothing), and further messages of strangers inside are put off at MAIL (451). People who
// have logged in are never asked. It is well again as soon as what waited has been kept.
import type { Clock } from '../base/clock.ts'

export interface PressureLimits {
  /** Messages handed to the store and not answered, of one thread. */
  messages_in_flight_max: number
  /** How long the oldest of them may wait before strangers are sent away. */
  writer_delay_ms: number
  /** How late a timer may come. */
  loop_delay_ms: number
  /** Octets of the whole process; beyond it strangers are sent away. */
  process_memory_octets_max: number
}

export type PressureWord = 'messages' | 'writer' | 'loop' | 'memory'

export interface Pressure {
  /** Why strangers are sent away now; undefined: they are welcome. */
  now(): PressureWord | undefined
  /** A message is handed to the store. To be called back once it is answered. */
  begin(): () => void
  readonly inFlight: number
  close(): void
}

export interface PressureOptions {
  readonly clock: Clock
  /** What a reload changes counts at once. */
  readonly limits: () => PressureLimits
  readonly memoryOctets: () => number
}

const TICK_MS = 50
const MEMORY_LOOK_MS = 1000

export function createPressure({ clock, limits, memoryOctets }: PressureOptions): Pressure {
  /** In the order in which they began. */
  const begun = new Set<{ atMs: number }>()
  let lateMs = 0
  let lateBeforeMs = 0
  let expectedMs = clock.monotonicMs() + TICK_MS
  let memory = 0
  let memoryLookMs = -Infinity
  let cancel = () => {}
  const tick = () => {
    const nowMs = clock.monotonicMs()
    // Late twice in a row, or it was the process that was halted as a whole. Half of the last: it is forgotten after some ticks.
    const lateNowMs = Math.max(0, nowMs - expectedMs)
    lateMs = Math.max(Math.min(lateNowMs, lateBeforeMs), lateMs / 2)
    lateBeforeMs = lateNowMs
    if (nowMs - memoryLookMs >= MEMORY_LOOK_MS) {
      memoryLookMs = nowMs
      try {
        memory = memoryOctets()
      } catch {
        // The system reads it from a file: without a descriptor left, what was known a moment ago has to do.
      }
    }
    expectedMs = nowMs + TICK_MS
    cancel = clock.after(TICK_MS, tick)
  }
  tick()
  return {
    now() {
      const { messages_in_flight_max, writer_delay_ms, loop_delay_ms, process_memory_octets_max } = limits()
      if (begun.size >= messages_in_flight_max) return 'messages'
      const [oldest] = begun
      if (oldest && clock.monotonicMs() - oldest.atMs > writer_delay_ms) return 'writer'
      if (lateMs > loop_delay_ms) return 'loop'
      return memory > process_memory_octets_max ? 'memory' : undefined
    },
    begin() {
      const one = { atMs: clock.monotonicMs() }
      begun.add(one)
      return () => void begun.delete(one)
    },
    get inFlight() {
      return begun.size
    },
    close: () => cancel(),
  }
}
