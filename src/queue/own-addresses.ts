// Whether an address and port is one of our own doors for mail from strangers: what DNS would send
// there comes back to us, and is a loop. Names behind NAT are known by the host's name instead (mx.ts).
import { networkInterfaces } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { plainAddress } from '../net/network.ts'

/** Addresses of a machine change seldom. */
const LOOK_AGAIN_MS = 60_000

export function systemAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => plainAddress(address)))
}

export function ownAddresses(options: { doors: () => readonly { host: string; port: number }[]; clock: Clock; machineAddresses?: () => string[] }): (address: string, port: number) => boolean {
  const look = options.machineAddresses ?? systemAddresses
  let known = new Set<string>()
  let lookAgainMs = -Infinity
  const isThisMachine = (address: string): boolean => {
    if (address.startsWith('127.') || address === '::1') return true
    if (options.clock.monotonicMs() >= lookAgainMs) {
      known = new Set(look())
      lookAgainMs = options.clock.monotonicMs() + LOOK_AGAIN_MS
    }
    return known.has(address)
  }
  return (address, port) => options.doors().some((door) => door.port === port
    && (plainAddress(door.host) === address || ((door.host === '::' || (door.host === '0.0.0.0' && !address.includes(':'))) && isThisMachine(address))))
}
