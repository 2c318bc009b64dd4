// What the supervisor and the understudy say to each other, over the channel that it was started with.
import type { LogLevel } from '../../base/log.ts'
import type { Limits } from '../../base/limits.ts'
import type { DoorName } from '../../config/config.ts'
import type { ListenAddress } from '../../net/listen-address.ts'
import type { CertificatePair } from '../../net/server-contexts.ts'

export interface UnderstudyStart {
  readonly t: 'start'
  /** The intake directory. */
  readonly intake: string
  readonly segmentSizeOctets: number
  /** `fd`: in the understudy's process. */
  readonly doors: readonly { readonly door: DoorName; readonly address: ListenAddress; readonly fd: number }[]
  readonly certificates: CertificatePair[]
  readonly hostname: string
  readonly version: string
  readonly logLevel: LogLevel
  readonly limits: Limits
  readonly proxies: readonly string[]
  /** Keep mail, or put everything off. */
  readonly mode: 'take' | 'defer'
  /** When we are back (ISO 8601), during maintenance. */
  readonly until?: string
}

export type ToUnderstudy =
  | UnderstudyStart
  | { t: 'stop'; graceMs: number }
  | { t: 'beat' }

export type FromUnderstudy =
  /** All doors listen, and what comes can be kept. */
  | { t: 'ready' }
  | { t: 'refused'; because: string }
  | { t: 'beat'; taken: number; sessions: number }
  | { t: 'stopped' }
