// What a session has said about a message before its bytes come, and where it will go.
import type { AccountId, AccountRow } from '../store/store.ts'
import type { MailParameters, RcptParameters } from '../wire/smtp/command.ts'
import type { Mailbox } from '../wire/smtp/path.ts'

/** How the message comes in. */
export interface Peer {
  /** "smtp" from strangers, "submission" from our own. */
  via: 'smtp' | 'submission'
  address: string
  helo: string
  isExtended: boolean
  /** "TLSv1.3 TLS_AES_256_GCM_SHA384", when it came under TLS. */
  tls: string | undefined
  /** Who has logged in. */
  submitter: AccountRow | undefined
}

export interface EnvelopeSender {
  /** Without angle brackets; "" for the null path. */
  address: string
  parameters: MailParameters
}

export interface EnvelopeRecipient {
  /** As it was said. */
  address: string
  parameters: RcptParameters
  accounts: readonly AccountId[]
  /** Addresses elsewhere. */
  outside: readonly string[]
}

export interface Envelope {
  sender: EnvelopeSender
  recipients: readonly EnvelopeRecipient[]
}

export type { Mailbox, MailParameters, RcptParameters }
