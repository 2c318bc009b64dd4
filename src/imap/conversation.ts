// What a command sees of its session: services, state, and the way to speak. A command writes untagged
// responses to `out` and returns its tagged answer; it never touches the connection.
import type { ResponseBuffer } from '../wire/imap/print.ts'
import type { Peer } from './peer.ts'
import type { ImapServices } from './services.ts'
import type { Enabled, SelectedMailbox, SessionState, User } from './session-state.ts'

export interface Conversation {
  readonly services: ImapServices
  readonly peer: Peer
  readonly out: ResponseBuffer
  readonly enabled: Enabled
  readonly state: SessionState
  /** The tag of the command under way. */
  readonly tag: string
  /** Passwords may be sent here. */
  readonly loginAllowed: boolean

  /**
   * Call between the pieces of a long answer: hands over what has gathered once it is enough for a write, and
   * waits for a client that does not read. Throws `PeerGone`.
   */
  breathe(): Promise<void>
  /** Hands over what has gathered, now. */
  flush(): Promise<void>
  /** The client shows that it knows CONDSTORE; told at once how far the mailbox in use is (RFC 7162 §3.1.2). */
  enableCondstore(): void
  /** A login was right. */
  authenticated(user: User): void
  /** A login was wrong; after some of them the session ends. */
  loginFailed(): void
  /** After this command's answer TLS begins. */
  upgradeToTls(): void
  /** The mailbox in use changes; the one before is left. */
  select(user: User, selected: SelectedMailbox | undefined): void
  /** The session ends after this command's answer. */
  leave(): void
  /** From the next line on the client's lines go to this, until it says it is done. */
  converse(lines: LineConsumer): void
}

/** AUTHENTICATE and IDLE: a command that goes on over several lines. */
export interface LineConsumer {
  /** The tag of the command, for the log of what is under way. */
  readonly what: 'authenticate' | 'idle'
  /** A line from the client; undefined when it was too long. An answer ends the command. */
  take(line: Uint8Array | undefined): Promise<import('./answer.ts').Answer | undefined>
  /** The session goes away. */
  close(): void
}
