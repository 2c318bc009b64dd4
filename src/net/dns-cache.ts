// Remembers what DNS said for as long as it may: answers by their TTL, "there is none" by the zone's
// SOA (RFC 2308 §5), trouble for a moment, so that one dead domain with a thousand letters is not
// asked a thousand times (RFC 9520 §3.2). Bounded; the oldest goes first. Counts down what is left.
import type { Clock } from '../base/clock.ts'
import type { DnsAnswer } from './dns.ts'
import type { DnsType } from './dns-message.ts'

const entriesMaxDefault = 20_000
/** A TTL may be of years; an operator who moves his server expects a day. */
const answerSecondsMax = 24 * 3600
const noSecondsMax = 3 * 3600
const troubleSeconds = 5

export class DnsCache {
  readonly #clock: Clock
  readonly #entriesMax: number
  readonly #entries = new Map<string, { answer: DnsAnswer<DnsType>; untilMs: number }>()

  constructor(clock: Clock, entriesMax = entriesMaxDefault) {
    this.#clock = clock
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): DnsAnswer<DnsType> | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    const leftMs = entry.untilMs - this.#clock.monotonicMs()
    if (leftMs <= 0) {
      this.#entries.delete(key)
      return undefined
    }
    return entry.answer.kind === 'trouble' ? entry.answer : { ...entry.answer, ttlSeconds: Math.ceil(leftMs / 1000) }
  }

  put(key: string, answer: DnsAnswer<DnsType>): void {
    const seconds = answer.kind === 'trouble' ? troubleSeconds : Math.min(answer.ttlSeconds, answer.kind === 'answers' ? answerSecondsMax : noSecondsMax)
    this.#entries.delete(key)
    if (seconds <= 0) return
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#entriesMax) break
      this.#entries.delete(oldest)
    }
    this.#entries.set(key, { answer, untilMs: this.#clock.monotonicMs() + seconds * 1000 })
  }

  clear(): void {
    this.#entries.clear()
  }
}
