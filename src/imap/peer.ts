// What a session needs of the connection it speaks on: `net/connection.ts` has it, and a test has it without
// sockets. Writes of one turn leave together; `drained` is awaited between the pages of anything long.

export interface Peer {
  readonly remoteAddress: string
  /** TLS is in use. */
  readonly secure: boolean
  readonly isOpen: boolean
  /** The bytes must not be changed afterwards. */
  write(bytes: Uint8Array): void
  /** More may be written: true; the client has gone: false. */
  drained(): Promise<boolean>
  pause(): void
  resume(): void
  /** The client is sent away after so long without a word from it. */
  setIdle(ms: number): void
  /** Can TLS be started here (STARTTLS)? */
  readonly canStartTls: boolean
  /** False: the handshake failed and the connection is gone. */
  startTls(): Promise<boolean>
  /** What TLS offers to bind a login to (RFC 5929, 9266), by name, for SCRAM-…-PLUS. Empty without TLS. */
  channelBindings(): ReadonlyMap<string, Uint8Array>
  /** Sends what was written and hangs up. */
  end(): void
}

/** The client has gone: nothing more can be said to it. Ends the session quietly. */
export class PeerGone extends Error {
  override name = 'PeerGone'
}
