// Who may come in by a door, before anything is set up for them: judged by how many are inside, all together, from one
// neighbour, from one network; by how often they come; and by how hard pressed the server is. It costs some looks
// into maps. This machine itself has no network, and may come as often as it likes.
import type { Clock } from '../base/clock.ts'
import { isThisMachine, neighbourKey, networkKey } from './networks.ts'
import { createRate } from './rates.ts'

export interface AdmissionLimits {
  connectionsMax: number
  connectionsPerAddressMax: number
  connectionsPerNetworkMax: number
  arrivalsPerMinuteMax: number
  networkArrivalsPerMinuteMax: number
}

export type AdmissionAnswer = 'go' | 'too-many' | 'too-many-from-you' | 'too-often' | 'hard-pressed'

export interface AdmissionAsk {
  /** Places that this one may not take, since they are for others. */
  keepFree?: number
  /** Connections at one moment from its address and its network, where they are fewer than for others. Not for this machine. */
  perAddressMax?: number
  perNetworkMax?: number
  /** A stranger is sent away while the server is hard pressed; others are let in. */
  hardPressed?: boolean
}

export interface Admission {
  judge(remoteAddress: string, ask?: AdmissionAsk): AdmissionAnswer
  /** Somebody was let in; the answer is to be called once, when the connection has gone. */
  enter(remoteAddress: string): () => void
  readonly inside: number
  setLimits(limits: AdmissionLimits): void
}

export function createAdmission(given: AdmissionLimits, clock: Clock): Admission {
  let limits = given
  let inside = 0
  const counts = new Map<string, number>()
  const rate = createRate(clock, 60_000)
  const add = (key: string, n: 1 | -1) => {
    const now = (counts.get(key) ?? 0) + n
    if (now > 0) counts.set(key, now)
    else counts.delete(key)
  }
  return {
    judge(remoteAddress, { keepFree = 0, hardPressed = false, perAddressMax = Infinity, perNetworkMax = Infinity } = {}) {
      if (inside >= limits.connectionsMax - keepFree) return 'too-many'
      if (hardPressed) return 'hard-pressed'
      const neighbour = neighbourKey(remoteAddress)
      if ((counts.get(neighbour) ?? 0) >= limits.connectionsPerAddressMax) return 'too-many-from-you'
      if (isThisMachine(remoteAddress)) return 'go'
      const network = networkKey(remoteAddress)
      if ((counts.get(neighbour) ?? 0) >= perAddressMax) return 'too-many-from-you'
      if ((counts.get(network) ?? 0) >= Math.min(limits.connectionsPerNetworkMax, perNetworkMax)) return 'too-many-from-you'
      // Who is turned away is not counted: it would never get in again.
      return rate.take(neighbour, limits.arrivalsPerMinuteMax) && rate.take(network, limits.networkArrivalsPerMinuteMax) ? 'go' : 'too-often'
    },
    enter(remoteAddress) {
      const keys = isThisMachine(remoteAddress) ? [neighbourKey(remoteAddress)] : [neighbourKey(remoteAddress), networkKey(remoteAddress)]
      inside += 1
      for (const key of keys) add(key, 1)
      let gone = false
      return () => {
        if (gone) return
        gone = true
        inside -= 1
        for (const key of keys) add(key, -1)
      }
    },
    get inside() {
      return inside
    },
    setLimits(next) {
      limits = next
    },
  }
}
