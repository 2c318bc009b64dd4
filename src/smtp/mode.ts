// What the next octets of a session are:
//   command   a line
//   login     a line of a SASL exchange
//   data      a message up to its dot          ┐ then `finish`: busy until intake has answered
//   chunk     so many octets of a message      ┘
//   swallow   so many octets of nothing
import type { SaslContext, SaslState } from '../wire/sasl/sasl.ts'
import type { Reply } from '../wire/smtp/reply.ts'
import type { ChunkTransfer, DataTransfer } from './transfer.ts'

export type Mode =
  | { is: 'command' }
  | { is: 'login'; state: SaslState; context: SaslContext }
  | { is: 'data'; transfer: DataTransfer }
  | { is: 'chunk'; transfer: ChunkTransfer; octets: number; last: boolean }
  | { is: 'swallow'; left: number; then: Reply }

/** What it is busy with. */
export type Waiting = 'no' | 'message' | 'login' | 'tls' | 'room'

export const COMMAND: Mode = { is: 'command' }
