// What the main thread and a front thread (taking, reading, queue) say to each other.
import type { Config, DoorName } from '../config/config.ts'
import type { CertificatePair } from '../net/server-contexts.ts'
import type { ListenAddress } from '../net/listen-address.ts'
import type { FrontPorts } from '../store/threads/messages.ts'
import type { Goodbye } from './supervisor-messages.ts'

/** What a front thread does. Mail-taking and reading doors never share one. */
export type FrontKind = 'taking' | 'reading' | 'queue'

export interface DoorSocket {
  door: DoorName
  address: ListenAddress
  fd: number
}

export interface FrontThreadData {
  kind: FrontKind
  config: Config
  doors: DoorSocket[]
  certificates: CertificatePair[]
  ticketKeys: Uint8Array
  /** See decoy-key.ts. */
  decoyKey: Uint8Array
  /** See guard/known-logins.ts. */
  knownLogins: SharedArrayBuffer
  version: string
  /** Addresses on which our own SMTP door listens: mail is never sent there by MX (a loop). */
  ownAddresses: { host: string; port: number }[]
}

/** What there is once this process owns the data. */
export interface FrontStore {
  /** As configured; the gauges tell which of them take part. */
  mirrors: readonly string[]
  ports: FrontPorts
  gauges: SharedArrayBuffer
}

/** In this order: warm → accept → go. */
export type ToFront =
  /** Listen and greet; whoever comes waits until "go". */
  | { t: 'accept' }
  /** The data is ours: work. */
  | ({ t: 'go' } & FrontStore)
  | { t: 'reload'; config: Config; certificates: CertificatePair[] }
  /** Stop accepting ("closed" is the answer), say goodbye within `graceMs`, close the store's channels. */
  | { t: 'stop'; graceMs: number; goodbye?: Goodbye }
  /** The taking thread: the understudy has gone, what it took is looked for now. */
  | { t: 'adopt' }
  | { t: 'beat' }

export type FromFront =
  /** Everything is loaded; nothing listens yet. */
  | { t: 'warm' }
  | { t: 'accepting' }
  | { t: 'ready' }
  /** Not started. `unused`: sockets that it was given and has not listened on. */
  | { t: 'refused'; because: string; unused: readonly number[] }
  | { t: 'beat' }
  /** Its doors accept no more. */
  | { t: 'closed' }
  | { t: 'stopped' }
