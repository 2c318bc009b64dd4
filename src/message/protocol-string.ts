// Strings of the IMAP protocol (RFC 3501 §4.3, RFC 9051 §4.3): quoted where they may be, a literal
// where they must be, so that an answer parses whatever a message holds. NUL is never sent.
import type { ByteString } from './byte-string.ts'

const NEEDS_CARE = /[^\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]/
const LITERAL_ONLY = /[\r\n\x80-\xff]/

/** Longer strings go as literals: some clients keep a short buffer for quoted ones. */
const QUOTED_OCTETS_MAX = 1000

/** `"quoted"` or `{n}CRLF…` */
export function imapString(text: ByteString): ByteString {
  if (text.length <= QUOTED_OCTETS_MAX && !NEEDS_CARE.test(text)) return `"${text}"`
  const clean = text.includes('\0') ? text.replaceAll('\0', '') : text
  if (clean.length > QUOTED_OCTETS_MAX || LITERAL_ONLY.test(clean)) return `{${clean.length}}\r\n${clean}`
  return `"${clean.replace(/["\\]/g, '\\$&')}"`
}

/** `NIL` for what is absent. */
export function imapNstring(text: ByteString | undefined): ByteString {
  return text === undefined ? 'NIL' : imapString(text)
}
