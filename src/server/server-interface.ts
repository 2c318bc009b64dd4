// What the commands ask of whoever builds the server (src/server.ts): a running server, or the data
// opened by this process alone. The commands themselves know nothing of threads, doors or the store's inside.
import type { Clock } from '../base/clock.ts'
import type { Parsed } from '../base/errors.ts'
import type { SocketPlace } from '../base/inherited-socket.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { ExitCode, ListenerFacts, Office } from '../admin/admin.ts'
import type { Config, DoorName } from '../config/config.ts'
import type { CertificatePair } from '../net/server-contexts.ts'
import type { Goodbye, ServerFacts } from './supervisor-messages.ts'

/** A listening socket that was opened by somebody else (the supervisor, systemd). */
export interface InheritedSocket {
  readonly door: DoorName
  /** All of one socket: one for each thread that comes to listen on it, one after the other. */
  readonly fds: readonly number[]
  /** Where it listens; undefined when the machine does not say. */
  readonly place: SocketPlace | undefined
}

/** A planned restart: this process takes over from one that still owns the data. */
export interface Succession {
  /** Everything is loaded: the old one may begin to leave. */
  warm(): void
  /** Resolves when the old one accepts no more. */
  readonly mayAccept: Promise<void>
  /** Resolves when the old one has ended. */
  readonly mayOwn: Promise<void>
}

export interface ServeOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly version: string
  /** When a door is here, its addresses in the config are not bound. */
  readonly inherited: readonly InheritedSocket[]
  /** Start although a mirror that was not dropped is missing. */
  readonly acceptLoss: boolean
  /** Undefined when there is nobody to take over from. */
  readonly succession?: Succession
  /** "quick": look at the databases before they are opened; it has died twice in a row. */
  readonly check?: 'none' | 'quick'
  /** The operator's certificates as somebody with more rights has read them, in case this process cannot. */
  readonly certificates?: CertificatePair[]
  /** Aborted when the server is to stop before it has started. */
  readonly signal: AbortSignal
}

export interface Server {
  /** What the operator's room works with. */
  readonly office: Omit<Office, 'server'>
  /** Real addresses and ports, all of them listening. */
  readonly listeners: readonly ListenerFacts[]
  /** Takes over a config in which only what can change at run time differs; reads certificates again. Ends no session. */
  reload(next: Config): Promise<Parsed<void>>
  /** Stops accepting (`onClosed`), gives sessions a short grace, says goodbye, seals, lets go of the data. */
  stop(onClosed?: () => void, goodbye?: Goodbye): Promise<void>
  /** Resolves when the server can no longer keep its promises (a failed write: exit 74). Nothing was acknowledged after it. */
  readonly failed: Promise<{ exit: ExitCode; reason: string }>
  /** The understudy has gone: what it took is looked for now. */
  adopt(): void
  /** For whoever watches from outside. */
  facts(): Omit<ServerFacts, 'healthy'>
  /** Do all threads still turn? Asked before each sign of life to the service manager. */
  healthy(): boolean
}

/** The data directory, owned by this process: lock, replay, ready. */
export interface Owner {
  readonly office: Omit<Office, 'server'>
  close(): Promise<void>
}

/** Codes of a refusal: "already-owned", "port-taken" (reason: "DOOR ADDRESS:PORT"), any other with its sentence. */
export interface Builder {
  serve(config: Config, options: ServeOptions): Promise<Parsed<Server>>
  openOwner(config: Config, options: Pick<ServeOptions, 'clock' | 'random' | 'log'>): Promise<Parsed<Owner>>
}
