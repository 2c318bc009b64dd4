// What a conversation needs of whoever it talks with. A connection is one; in tests, a script.
import type { ByteSource } from '../net/line-reader.ts'
import type { ChannelBindingName } from '../net/tls-facts.ts'

export interface PeerTls {
  readonly protocol: string
  readonly cipher: string
  bindings(): readonly ChannelBindingName[]
  channelBinding(name: ChannelBindingName): Uint8Array | undefined
}

export interface SmtpPeer extends ByteSource {
  readonly remoteAddress: string
  readonly isOpen: boolean
  readonly tls: PeerTls | undefined
  readonly canStartTls: boolean
  /** In order, at the end of this turn of the loop: all replies of a batch leave together. */
  write(text: string): void
  /** Nothing heard and nothing sent for so long: `Conversation.onIdle`. */
  setIdle(ms: number): void
  /** Refused: the connection is gone. */
  startTls(): Promise<{ ok: true; discardedOctets: number } | { ok: false }>
  /** Sends what was written, then hangs up. */
  end(): void
  /** At once, without another octet. */
  destroy(sentence: string): void
}
