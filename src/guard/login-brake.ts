// Slows down whoever guesses passwords. Failed logins are counted for each neighbour and for each account, with the
// past fading away. A neighbour with too many is sent away for a while, whatever it tries. An account that too many
// fail at is slow for strangers, but never for an address from which somebody has logged in to it before: its owner is
// not locked out by others. Kept in memory, bounded; a restart forgets it.
import type { Clock } from '../base/clock.ts'
import { isThisMachine, neighbourKey } from './networks.ts'
import { createRate } from './rates.ts'

export interface LoginBrakeLimits {
  /** Failed logins of one neighbour in an hour, past which it is banned. */
  login_failures_per_address_max: number
  /** Failed logins at one account in an hour, past which addresses that it does not know have to wait. */
  login_failures_per_account_max: number
  /** How long a ban lasts. */
  login_ban_ms: number
}

export interface LoginBrake {
  /** Before a password is looked at: may this one try? */
  mayTry(remoteAddress: string, user: string): boolean
  /** At the door: is it banned, whatever it wants to try? */
  isBanned(remoteAddress: string): boolean
  failed(remoteAddress: string, user: string): void
  /** `charged`: it was counted as failed beforehand, since its failure would not have been seen. */
  succeeded(remoteAddress: string, user: string, charged?: boolean): void
}

const HOUR_MS = 3600_000
const REMEMBERED_MAX = 50_000

export function createLoginBrake(clock: Clock, limits: () => LoginBrakeLimits): LoginBrake {
  const rate = createRate(clock, HOUR_MS)
  /** Until when, by neighbour. */
  const banned = new Map<string, number>()
  /** "neighbour user" of logins that were right. */
  const known = new Set<string>()
  const remember = <T>(map: { size: number; delete(key: T): boolean; keys(): IterableIterator<T> }) => {
    if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value as T)
  }
  const isBanned = (neighbour: string): boolean => {
    const untilMs = banned.get(neighbour)
    if (untilMs === undefined) return false
    if (untilMs > clock.monotonicMs()) return true
    banned.delete(neighbour)
    return false
  }
  return {
    isBanned: (remoteAddress) => isBanned(neighbourKey(remoteAddress)),
    mayTry(remoteAddress, user) {
      const neighbour = neighbourKey(remoteAddress)
      if (isBanned(neighbour)) return false
      if (known.has(`${neighbour} ${user}`) || isThisMachine(remoteAddress)) return true
      const max = limits().login_failures_per_account_max
      return rate.level(`account ${user}`, max) + 1 <= max
    },
    failed(remoteAddress, user) {
      if (isThisMachine(remoteAddress)) return
      const { login_failures_per_address_max, login_failures_per_account_max, login_ban_ms } = limits()
      const neighbour = neighbourKey(remoteAddress)
      rate.take(`account ${user}`, login_failures_per_account_max)
      if (rate.take(`from ${neighbour}`, login_failures_per_address_max)) return
      banned.delete(neighbour)
      banned.set(neighbour, clock.monotonicMs() + login_ban_ms)
      remember(banned)
    },
    succeeded(remoteAddress, user, charged = false) {
      if (charged) {
        rate.give(`account ${user}`)
        rate.give(`from ${neighbourKey(remoteAddress)}`)
      }
      const key = `${neighbourKey(remoteAddress)} ${user}`
      known.delete(key)
      known.add(key)
      remember(known)
    },
  }
}
