// What an SMTP client can say (RFC 5321 §4.1.1 and the extensions that are offered), understood.
import type { Mailbox } from './path.ts'

export type BodyType = '7BIT' | '8BITMIME' | 'BINARYMIME'

export interface MailParameters {
  /** Declared size in octets (RFC 1870). */
  size?: number
  body?: BodyType
  smtputf8?: true
  /** RFC 3461 §4.3. */
  ret?: 'FULL' | 'HDRS'
  /** RFC 3461 §4.4, decoded. */
  envid?: string
  /** RFC 4954 §5: who first submitted it; "" for <>. Never believed here. */
  auth?: string
}

export interface RcptParameters {
  /** RFC 3461 §4.1: "NEVER", or some of SUCCESS, FAILURE, DELAY in that order, joined by commas. */
  notify?: string
  /** RFC 3461 §4.2, decoded: "rfc822;user@example.org". */
  orcpt?: string
}

export type SmtpCommand =
  | { verb: 'EHLO' | 'HELO'; domain: string }
  /** `sender` undefined: the null path <>. */
  | { verb: 'MAIL'; sender: Mailbox | undefined; parameters: MailParameters }
  | { verb: 'RCPT'; recipient: Mailbox; parameters: RcptParameters }
  | { verb: 'BDAT'; octets: number; last: boolean }
  /** `initial` as it was written: base64, or "=" for an empty one (RFC 4954 §4). */
  | { verb: 'AUTH'; mechanism: string; initial: string | undefined }
  | { verb: 'VRFY' | 'EXPN' | 'HELP'; argument: string }
  | { verb: 'DATA' | 'RSET' | 'NOOP' | 'QUIT' | 'STARTTLS' }

/** Why a line was not understood. Known words, so that a door can choose its reply. */
export type CommandFault =
  | 'command-unknown'
  | 'argument-missing'
  | 'argument-syntax'
  | 'sender-syntax'
  | 'recipient-syntax'
  | 'path-too-long'
  | 'parameter-unknown'
  | 'parameter-syntax'
