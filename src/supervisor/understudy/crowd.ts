// Who may come in at the understudy's door: so many at once, so many from one address, and so many new ones from
// it in a minute. IPv6: one /64 is one customer. Pure but for the clock. Its own memory is bounded too.
import type { Clock } from '../../base/clock.ts'
import { isLoopback, neighbourhoodOf, parseIp, printIp } from '../../net/network.ts'

export interface CrowdLimits {
  connectionsMax: number
  connectionsPerAddressMax: number
  arrivalsPerMinuteMax: number
}

const MINUTE_MS = 60_000
/** Addresses that are counted in one minute; more are let in uncounted, and still bounded by the others. */
const ADDRESSES_MAX = 50_000

export class Crowd {
  readonly #limits: CrowdLimits
  readonly #clock: Clock
  readonly #inside = new Map<string, number>()
  #count = 0
  readonly #arrivals = new Map<string, number>()
  #minuteFromMs: number

  constructor(limits: CrowdLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#minuteFromMs = clock.monotonicMs()
  }

  get inside(): number {
    return this.#count
  }

  judge(address: string): 'go' | 'too-many' | 'too-many-from-you' {
    const { connectionsMax, connectionsPerAddressMax, arrivalsPerMinuteMax } = this.#limits
    if (this.#count >= connectionsMax) return 'too-many'
    const key = keyOf(address)
    if ((this.#inside.get(key) ?? 0) >= connectionsPerAddressMax) return 'too-many-from-you'
    if (key === 'loopback') return 'go' // this machine's own programs
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#minuteFromMs >= MINUTE_MS) {
      this.#minuteFromMs = nowMs
      this.#arrivals.clear()
    }
    const arrivals = this.#arrivals.get(key) ?? 0
    if (arrivals >= arrivalsPerMinuteMax) return 'too-many-from-you'
    if (arrivals > 0 || this.#arrivals.size < ADDRESSES_MAX) this.#arrivals.set(key, arrivals + 1)
    return 'go'
  }

  /** The answer is called once, when that one has gone. */
  enter(address: string): () => void {
    const key = keyOf(address)
    this.#count += 1
    this.#inside.set(key, (this.#inside.get(key) ?? 0) + 1)
    return () => {
      this.#count -= 1
      const left = (this.#inside.get(key) ?? 1) - 1
      if (left > 0) this.#inside.set(key, left)
      else this.#inside.delete(key)
    }
  }
}

function keyOf(address: string): string {
  const ip = parseIp(address)
  if (!ip.ok) return address
  if (isLoopback(ip.value)) return 'loopback'
  return ip.value.family === 4 ? address : printIp(neighbourhoodOf(ip.value).address)
}
