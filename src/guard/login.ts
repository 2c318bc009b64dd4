// Who is it? The one place where doors have a name and password (or a SCRAM exchange) judged.
// The time and the outcome of a failed login tell nothing about whether the account exists.
// A password that was right is remembered for five minutes as a keyed hash, so that a mail program
// that logs in for every look costs one argon2id in five minutes; a new password forgets it at once.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { KnownLogins } from './known-logins.ts'
import { createLoginBrake, type LoginBrakeLimits } from './login-brake.ts'
import { addressKey, nobodysCredential, verifyPassword, type AccountRow, type Directory } from '../store/store.ts'

export type LoginAnswer =
  | { end: 'in'; account: AccountRow }
  /** Wrong name or wrong password: the same answer for both. */
  | { end: 'refused' }
  /** The account is there and the password right, but an operator has suspended it. */
  | { end: 'suspended' }
  /** Too many logins are being judged at this moment: ask again (temporary). */
  | { end: 'busy' }

export interface ScramKeys {
  iterations: number
  salt: Uint8Array
  storedKey: Uint8Array
  serverKey: Uint8Array
}

export interface LoginJudge {
  plain(user: string, password: string): Promise<LoginAnswer>
  /** Keys for a SCRAM exchange. Unknown users get keys that nothing matches, always the same for the same name. */
  scram(user: string): ScramKeys
  /** After a SCRAM exchange whose proof was right. */
  account(user: string): LoginAnswer
}

/** The same for whoever comes from one address: failed logins count against it (guard/login-brake.ts). */
export interface PeerLogins extends Omit<LoginJudge, 'scram'> {
  /** Undefined: it may not try now (as `busy`). To be followed by `account` when the proof was right, by `wrongProof` when it was not. */
  scram(user: string): ScramKeys | undefined
  /** Resolves when it may be told. */
  wrongProof(user: string): Promise<void>
}

export interface LoginJudges {
  from(remoteAddress: string): PeerLogins
  /** At the door, before anything was said. */
  isBanned(remoteAddress: string): boolean
}

export const loginLimits = {
  /** argon2id computations under way or waiting at one moment in one thread; each takes 19 MiB. */
  judged_at_once_max: 4,
  waiting_max: 200,
  remembered_ms: 5 * 60_000,
  remembered_max: 10_000,
} as const

export interface LoginJudgeOptions {
  directory: Directory
  clock: Clock
  random: Random
  /** Secret, the same in all threads and for the life of the data: what a SCRAM exchange tells of nobody comes from it. */
  decoyKey: Uint8Array
}

export function createLoginJudges(options: LoginJudgeOptions & { limits: () => LoginBrakeLimits; known: KnownLogins }): LoginJudges {
  const { clock, limits, known } = options
  const judge = createLoginJudge(options)
  const brake = createLoginBrake(clock, limits, known)
  const failed = async (remoteAddress: string, key: string) => {
    const waitMs = brake.failed(remoteAddress, key)
    if (waitMs > 0) await clock.sleep(waitMs)
  }
  return {
    isBanned: (remoteAddress) => brake.isBanned(remoteAddress),
    from: (remoteAddress) => ({
      async plain(user, password) {
        const key = addressKey(user)
        if (!brake.mayTry(remoteAddress, key)) return { end: 'busy' }
        const answer = await judge.plain(user, password)
        if (answer.end === 'refused') await failed(remoteAddress, key)
        if (answer.end === 'in' || answer.end === 'suspended') brake.succeeded(remoteAddress, key)
        return answer
      },
      // Refused before the exchange: its end tells whether the proof was right, whatever is said afterwards.
      scram: (user) => (brake.mayTry(remoteAddress, addressKey(user)) ? judge.scram(user) : undefined),
      wrongProof: (user) => failed(remoteAddress, addressKey(user)),
      account(user) {
        const answer = judge.account(user)
        if (answer.end !== 'refused') brake.succeeded(remoteAddress, addressKey(user))
        return answer
      },
    }),
  }
}

export function createLoginJudge(options: LoginJudgeOptions): LoginJudge {
  const { directory, clock, decoyKey } = options
  const key = options.random.bytes(32)
  const remembered = new Map<string, { hash: Uint8Array; credential: string; untilMs: number }>()
  const waiting: (() => void)[] = []
  let judging = 0

  const hashOf = (user: string, password: string) => createHmac('sha256', key).update(user).update('\0').update(password).digest()

  async function turn<T>(act: () => Promise<T>): Promise<T> {
    if (judging >= loginLimits.judged_at_once_max) await new Promise<void>((resolve) => waiting.push(resolve))
    else judging += 1
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next) next() // the place is handed on, `judging` stays
      else judging -= 1
    }
  }

  function standing(account: AccountRow): LoginAnswer {
    return account.suspended ? { end: 'suspended' } : { end: 'in', account }
  }

  return {
    async plain(user, password) {
      const account = directory.accountByKey(addressKey(user))
      const known = remembered.get(user)
      if (account && known && known.untilMs > clock.monotonicMs() && known.credential === account.credential.argon2) {
        if (timingSafeEqual(known.hash, hashOf(user, password))) return standing(account)
      }
      if (waiting.length >= loginLimits.waiting_max) return { end: 'busy' }
      const right = await turn(() => verifyPassword(account?.credential ?? nobodysCredential, password))
      if (!right || !account) return { end: 'refused' }
      // The directory may have changed while the hash was computed.
      const now = directory.account(account.account)
      if (!now || now.credential.argon2 !== account.credential.argon2) return { end: 'refused' }
      remembered.delete(user)
      remembered.set(user, { hash: hashOf(user, password), credential: account.credential.argon2, untilMs: clock.monotonicMs() + loginLimits.remembered_ms })
      if (remembered.size > loginLimits.remembered_max) {
        const oldest = remembered.keys().next().value
        if (oldest !== undefined) remembered.delete(oldest)
      }
      return standing(now)
    },

    scram(user) {
      const text = directory.accountByKey(addressKey(user))?.credential.scram
      const [iterations, salt, storedKey, serverKey] = text?.split(':') ?? []
      if (iterations && salt && storedKey && serverKey) {
        return { iterations: Number(iterations), salt: Buffer.from(salt, 'base64'), storedKey: Buffer.from(storedKey, 'base64'), serverKey: Buffer.from(serverKey, 'base64') }
      }
      const made = (what: string) => createHmac('sha256', decoyKey).update(what).update('\0').update(addressKey(user)).digest()
      return { iterations: 4096, salt: made('salt').subarray(0, 16), storedKey: made('stored'), serverKey: made('server') }
    },

    account(user) {
      const account = directory.accountByKey(addressKey(user))
      return account ? standing(account) : { end: 'refused' }
    },
  }
}
