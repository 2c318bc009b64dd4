// What the supervisor and the server process say to each other, over the channel that the process was started with.
import type { JournalMember } from '../admin/admin.ts'
import type { DoorName } from '../config/config.ts'
import type { CertificatePair } from '../net/server-contexts.ts'
import type { SocketPlace } from '../base/inherited-socket.ts'

export interface HandedSocket {
  readonly door: DoorName
  /** In the server process; all of one socket. */
  readonly fds: readonly number[]
  readonly place: SocketPlace | undefined
}

/** The first message: what this process is for. */
export interface Hello {
  readonly t: 'hello'
  /** A successor becomes warm and waits for "accept" and "own" before it touches the data. */
  readonly role: 'first' | 'successor'
  /** The first server of this supervisor: what is printed for a person is printed once. */
  readonly isFirst: boolean
  /** After two deaths in a row: look at the databases before they are opened. */
  readonly check: 'none' | 'quick'
  readonly sockets: readonly HandedSocket[]
  readonly certificates: CertificatePair[] | undefined
}

/** What is said to those who are inside when a server leaves. */
export interface Goodbye {
  /** After "421 4.3.2". */
  readonly smtp: string
  /** After "* BYE". */
  readonly imap: string
}

export type ToServer =
  | Hello
  | { t: 'beat' }
  /** The old one accepts no more: listen, and greet. */
  | { t: 'accept' }
  /** The old one has ended: take the data. */
  | { t: 'own' }
  | { t: 'stop'; goodbye?: Goodbye }
  | { t: 'reload' }
  /** The understudy has gone: what it took is to be adopted. */
  | { t: 'adopt' }

/** What the status page and the incidents are made from. Everything as it is now. */
export interface ServerFacts {
  /** All threads turn. */
  readonly healthy: boolean
  /** Why new mail is put off; null when it is taken. */
  readonly refusing: string | null
  /** What an operator has asked to wait. */
  readonly paused: readonly ('smtp' | 'submission' | 'queue')[]
  /** Since the start of the process. */
  readonly messagesTaken: number
  readonly logins: number
  readonly members: readonly JournalMember[]
  /** Accounts whose database is being made again or cannot be opened. */
  readonly accountsInTrouble: number
}

export type FromServer =
  | { t: 'warm' }
  | { t: 'ready' }
  /** Its doors accept no more. */
  | { t: 'closed' }
  | { t: 'beat'; facts: ServerFacts | undefined }
  /** Somebody asked the server to stop for good. */
  | { t: 'stop-wished' }
