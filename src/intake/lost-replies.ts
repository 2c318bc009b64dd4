// Arrivals whose 250 was perhaps never read (RFC 1047; STORE.md, Duplicates): the session ended without
// another command after it. A re-send from the same network with the same envelope and the same bytes
// within ten minutes is answered with the old id instead of being kept twice. Equal Message-IDs alone
// never make a duplicate. In memory: a crash forgets, and then one copy too many is right.
import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { latin1Of } from '../base/bytes.ts'
import { neighbourhoodOf, parseIp, printNetwork } from '../net/network.ts'
import type { Sequence } from '../store/store.ts'
import type { Envelope, Peer } from './envelope.ts'

const REMEMBERED_MS = 10 * 60_000
const REMEMBERED_MAX = 10_000

export class LostReplies {
  readonly #clock: Clock
  /** Oldest first. */
  readonly #arrivals = new Map<string, { arrival: Sequence; untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether looking is worth anything; spares the many messages the making of a key. */
  get isEmpty(): boolean {
    return this.#arrivals.size === 0
  }

  remember(key: string, arrival: Sequence): void {
    this.#arrivals.delete(key)
    this.#arrivals.set(key, { arrival, untilMs: this.#clock.monotonicMs() + REMEMBERED_MS })
    for (const [oldest, { untilMs }] of this.#arrivals) {
      if (this.#arrivals.size <= REMEMBERED_MAX && untilMs > this.#clock.monotonicMs()) break
      this.#arrivals.delete(oldest)
    }
  }

  find(key: string): Sequence | undefined {
    const found = this.#arrivals.get(key)
    if (!found) return undefined
    if (found.untilMs > this.#clock.monotonicMs()) return found.arrival
    this.#arrivals.delete(key)
    return undefined
  }
}

/** Same network, same envelope (in any order of recipients), same bytes. */
export function resendKey(peer: Peer, envelope: Envelope, sha256: Uint8Array): string {
  const ip = parseIp(peer.address)
  const network = ip.ok ? printNetwork(neighbourhoodOf(ip.value)) : peer.address
  const recipients = envelope.recipients.map(({ address }) => address).sort()
  const hash = createHash('sha256')
  hash.update(JSON.stringify([network, peer.via, peer.submitter?.account ?? null, envelope.sender.address, recipients]))
  hash.update(sha256)
  return latin1Of(hash.digest())
}
