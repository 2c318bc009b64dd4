// The fields that a server writes above a message: Received (RFC 5321 §4.4), Return-Path and
// Delivered-To. Whatever a client said of itself is cleaned before it is printed, so that it can neither
// begin a field of its own nor look like our words.
import { foldWords } from './encoded-word.ts'
import { printMailDate } from './date.ts'

export interface SessionProtocol {
  /** EHLO, not HELO. */
  isExtended: boolean
  isTls: boolean
  isAuthenticated: boolean
  /** MAIL had SMTPUTF8 (RFC 6531 §4.3). */
  isUtf8?: boolean
  isLmtp?: boolean
}

/** The keyword behind "with": ESMTPSA and its relatives (RFC 3848, RFC 6531 §4.3). */
export function protocolKeyword({ isExtended, isTls, isAuthenticated, isUtf8 = false, isLmtp = false }: SessionProtocol): string {
  if (!isExtended && !isLmtp) return 'SMTP'
  const base = isUtf8 ? (isLmtp ? 'UTF8LMTP' : 'UTF8SMTP') : isLmtp ? 'LMTP' : 'ESMTP'
  return `${base}${isTls ? 'S' : ''}${isAuthenticated ? 'A' : ''}`
}

export interface ReceivedFacts {
  /** Who sent it; absent where the client is not to be shown (submission). */
  from?: {
    /** As said in HELO or EHLO. */
    helo: string
    /** IP address, without brackets. */
    address: string
    /** Name that its address resolves to and that resolves back. */
    hostname?: string | undefined
  } | undefined
  /** Our name. */
  by: string
  protocol: string
  id: string
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`, shown as a comment. */
  tls?: string | undefined
  /** The recipient, when there is only one (RFC 5321 §7.2: more would tell each of the others). */
  recipient?: string | undefined
  atMs: number
  zoneMinutes?: number
}

/** The whole field, folded, CRLF included. Non-ASCII only where an address or name has it (RFC 6531 §3.7.3). */
export function printReceived(facts: ReceivedFacts): string {
  const words: string[] = []
  if (facts.from) {
    const { helo, address, hostname } = facts.from
    const literal = printAddressLiteral(address)
    words.push('from', cleanDomain(helo), hostname ? `(${cleanDomain(hostname)} ${literal})` : `(${literal})`)
  }
  words.push('by', cleanDomain(facts.by), 'with', cleanAtom(facts.protocol), 'id', cleanAtom(facts.id))
  if (facts.tls) words.push(`(${facts.tls.replace(/[^A-Za-z0-9 ._+-]/g, '?')})`)
  if (facts.recipient !== undefined) words.push('for', `<${cleanPath(facts.recipient)}>`)
  words[words.length - 1] += ';'
  words.push(printMailDate(facts.atMs, facts.zoneMinutes ?? 0))
  return foldWords('Received:', words)
}

/** `[192.0.2.1]`, `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3). */
export function printAddressLiteral(address: string): string {
  const bare = address.replace(/%.*$/, '').replace(/[^0-9A-Fa-f:.]/g, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)
  if (mapped) return `[${mapped[1]}]`
  return bare.includes(':') ? `[IPv6:${bare}]` : `[${bare}]`
}

/** `Return-Path: <path>` (RFC 5321 §4.4); an empty path for notifications. */
export function printReturnPath(path: string): string {
  return `Return-Path: <${cleanPath(path)}>\r\n`
}

export function printDeliveredTo(address: string): string {
  return `Delivered-To: ${cleanPath(address)}\r\n`
}

/** Letters of a name, or of an address literal; "unknown" when nothing is left. */
function cleanDomain(name: string): string {
  const clean = name.slice(0, 255).replace(/[^\p{L}\p{N}\p{M}._:[\]-]/gu, '')
  return clean === '' ? 'unknown' : clean
}

function cleanAtom(text: string): string {
  return text.replace(/[^A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]/g, '') || 'unknown'
}

function cleanPath(path: string): string {
  // eslint-disable-next-line no-control-regex
  return path.replace(/[\x00-\x1f\x7f<>]/g, '')
}
