// What the IMAP door is handed when it is built. Nothing in this room reaches for anything else.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { AccountRow, Store } from '../store/store.ts'
import type { PartTrees } from './part-trees.ts'
import type { ViewKeeper } from './view-keeper.ts'

export type LoginAnswer =
  | { readonly end: 'in'; readonly account: AccountRow }
  | { readonly end: 'refused' | 'suspended' | 'busy' }

export interface ScramKeys {
  iterations: number
  salt: Uint8Array
  storedKey: Uint8Array
  serverKey: Uint8Array
}

/** Who is it? `guard` has the one maker. */
export interface Logins {
  plain(user: string, password: string): Promise<LoginAnswer>
  scram(user: string): ScramKeys
  account(user: string): LoginAnswer
}

export interface ImapServices {
  readonly store: Store
  readonly logins: Logins
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly limits: Limits
  /** Passwords without TLS: from the loopback addresses, or from nowhere. */
  readonly plaintextLogin: 'never' | 'loopback'
  /** SCRAM is offered. */
  readonly scram: boolean
  /** Shown by ID. */
  readonly version: string
  readonly views: ViewKeeper
  readonly trees: PartTrees
  /** Message bytes that sessions of this thread hold at this moment, of `memory_message_octets_max`. */
  readonly memory: MemoryBudget
}

/** Shared by whoever holds whole messages in memory. */
export interface MemoryBudget {
  /** False: there is no room, use a file. */
  reserve(octets: number): boolean
  release(octets: number): void
}

export function memoryBudget(octetsMax: number): MemoryBudget {
  let used = 0
  return {
    reserve(octets) {
      if (used + octets > octetsMax) return false
      used += octets
      return true
    },
    release(octets) {
      used -= octets
    },
  }
}
