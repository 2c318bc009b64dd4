// Addresses that could not be connected to a moment ago, shared by all destinations: many domains live
// on one host, and its silence (30 seconds each time) need not be waited for by each of them.
import type { Clock } from '../base/clock.ts'
import type { Hop } from './hops.ts'

const REMEMBERED_MS = 60_000
const ADDRESSES_MAX = 10_000

export interface UnreachableHosts {
  note(hop: Hop, sentence: string): void
  /** Why it could not be connected to, if that was a moment ago. */
  recall(hop: Hop): string | undefined
}

export function rememberUnreachableHosts(clock: Clock): UnreachableHosts {
  const known = new Map<string, { untilMs: number; sentence: string }>()
  const key = ({ address, port }: Hop) => `${address} ${port}`
  return {
    note(hop, sentence) {
      known.delete(key(hop)) // to the end: the oldest goes first
      known.set(key(hop), { untilMs: clock.monotonicMs() + REMEMBERED_MS, sentence })
      if (known.size > ADDRESSES_MAX) for (const oldest of known.keys()) return void known.delete(oldest)
    },
    recall(hop) {
      const note = known.get(key(hop))
      if (!note || note.untilMs > clock.monotonicMs()) return note?.sentence
      known.delete(key(hop))
      return undefined
    },
  }
}
