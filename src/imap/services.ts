// What the IMAP door is handed when it is built. Nothing in this room reaches for anything else.
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { PeerLogins, MemoryBudget } from '../guard/guard.ts'
import type { Store } from '../store/store.ts'
import type { PartTrees } from './part-trees.ts'
import type { ViewKeeper } from './view-keeper.ts'

export interface ImapServices {
  readonly store: Store
  readonly logins: PeerLogins
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
