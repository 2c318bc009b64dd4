// Slows down whoever guesses passwords. Failed logins are counted for each neighbour, its network and each account,
// with the past fading away within an hour. After a few, each further failure is answered late; with too many the
// neighbour (or the network) is sent away for a while, whatever it tries. An account that too many fail at makes
// strangers wait. None of this ever keeps somebody from an account to which somebody has logged in from the same
// neighbour before (guard/known-logins.ts): its owner is not locked out by what others do, and not by an old password
// in a forgotten telephone either. The counts are those of one thread, in memory and bounded; a restart forgets them,
// but not who is known.
import type { Clock } from '../base/clock.ts'
import type { KnownLogins } from './known-logins.ts'
import { isThisMachine, neighbourKey, networkKey } from './networks.ts'
import { createRate } from './rates.ts'

export interface LoginBrakeLimits {
  /** Failed logins of one neighbour in an hour, past which it is banned. */
  login_failures_per_address_max: number
  /** The same of one network. */
  login_failures_per_network_max: number
  /** Failed logins at one account in an hour, past which addresses that it does not know have to wait. */
  login_failures_per_account_max: number
  /** How long a ban lasts. */
  login_ban_ms: number
  /** How late a failure is answered, once a neighbour has had some. */
  login_slow_ms: number
}

export interface LoginBrake {
  /** Before a password is looked at: may this one try? */
  mayTry(remoteAddress: string, user: string): boolean
  /** At the door: is there nobody whom it could still let in from there? */
  isBanned(remoteAddress: string): boolean
  /** How long the answer has to wait. */
  failed(remoteAddress: string, user: string): number
  succeeded(remoteAddress: string, user: string): void
}

const HOUR_MS = 3600_000
const BANNED_MAX = 50_000
/** Anybody may mistype so often in an hour and is told at once. */
const AT_ONCE = 3
/** Whoever guesses names may say long ones. */
const NAME_LENGTH_MAX = 320

const accountKey = (user: string) => `account ${user.slice(0, NAME_LENGTH_MAX)}`

export function createLoginBrake(clock: Clock, limits: () => LoginBrakeLimits, known: KnownLogins): LoginBrake {
  const rate = createRate(clock, HOUR_MS)
  /** Until when, by neighbour or network. */
  const banned = new Map<string, number>()
  const isBanned = (key: string): boolean => {
    const untilMs = banned.get(key)
    if (untilMs === undefined) return false
    if (untilMs > clock.monotonicMs()) return true
    banned.delete(key)
    return false
  }
  const ban = (key: string) => {
    banned.delete(key)
    banned.set(key, clock.monotonicMs() + limits().login_ban_ms)
    if (banned.size > BANNED_MAX) banned.delete(banned.keys().next().value as string)
  }
  const isEitherBanned = (remoteAddress: string) => isBanned(neighbourKey(remoteAddress)) || isBanned(networkKey(remoteAddress))
  return {
    isBanned: (remoteAddress) => isEitherBanned(remoteAddress) && !known.knowsNeighbour(neighbourKey(remoteAddress)),
    mayTry(remoteAddress, user) {
      if (isThisMachine(remoteAddress) || known.knows(neighbourKey(remoteAddress), user)) return true
      const max = limits().login_failures_per_account_max
      return !isEitherBanned(remoteAddress) && rate.level(accountKey(user), max) + 1 <= max
    },
    failed(remoteAddress, user) {
      if (isThisMachine(remoteAddress)) return 0
      const { login_failures_per_address_max, login_failures_per_network_max, login_failures_per_account_max, login_slow_ms } = limits()
      const [neighbour, network] = [neighbourKey(remoteAddress), networkKey(remoteAddress)]
      rate.take(accountKey(user), login_failures_per_account_max)
      if (!rate.take(`from ${neighbour}`, login_failures_per_address_max)) ban(neighbour)
      if (!rate.take(`from ${network}`, login_failures_per_network_max)) ban(network)
      return rate.level(`from ${neighbour}`, login_failures_per_address_max) > AT_ONCE ? login_slow_ms : 0
    },
    succeeded(remoteAddress, user) {
      if (!isThisMachine(remoteAddress)) known.add(neighbourKey(remoteAddress), user)
    },
  }
}
