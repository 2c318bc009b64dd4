// The paths of MAIL and RCPT: <user@domain>, <>, <postmaster>, with source routes and in their odder
// spellings (RFC 5321 §4.1.2, §4.1.3; RFC 6531 §3.3). Promises that what it lets through can stand
// in a header, a log line and a command again: no control octet, no space outside quotes, valid UTF-8.
//
// More than the RFC allows: dots anywhere in a local part ("taro..yamada.@docomo.ne.jp"), since
// Japanese carriers gave out such addresses and people still have them; a missing pair of angle brackets.
import { isIPv4, isIPv6 } from 'node:net'
import { refuse, understood, type Parsed } from '../../base/errors.ts'
import {
  AT, BACKSLASH, BRACKET, BRACKET_END, COLON, COMMA, DOT, GREATER, HYPHEN, LESS, QUOTE, SPACE, asciiText, isAscii, isAtomOctet, isNameOctet, utf8Text,
} from './scan.ts'

/** An address of the envelope. */
export interface Mailbox {
  /** As it was written, but without quotes that nothing needs. */
  local: string
  /** As it was written; an address literal with its brackets; "" for the bare postmaster of RCPT. */
  domain: string
  /** False: it may go only where SMTPUTF8 is spoken. */
  ascii: boolean
}

export function addressOf(mailbox: Mailbox): string {
  return mailbox.domain === '' ? mailbox.local : `${mailbox.local}@${mailbox.domain}`
}

/** RFC 5321 §4.5.3.1.2 says 255; a label has 63 (RFC 1035 §2.3.4). */
const DOMAIN_OCTETS_MAX = 255
const LABEL_OCTETS_MAX = 63

export interface PathEnd {
  /** Undefined for the null path <>. */
  mailbox: Mailbox | undefined
  /** Where the rest of the line begins. */
  end: number
}

/** A path that begins at `from` (spaces before it are passed over). */
export function parsePath(bytes: Uint8Array, from: number, options: { pathOctetsMax: number }): Parsed<PathEnd> {
  let at = from
  while (bytes[at] === SPACE) at += 1 // "MAIL FROM: <a@b>" is wrong and common
  const bracketed = bytes[at] === LESS
  if (bracketed) at += 1
  const begin = at
  if (bracketed && bytes[at] === GREATER) return understood({ mailbox: undefined, end: at + 1 })
  if (bytes[at] === AT && bracketed) {
    // A source route: accepted and ignored (RFC 5321 §4.1.1.3, appendix C).
    const routeEnd = endOfRoute(bytes, at)
    if (routeEnd === undefined) return refuse('path-syntax', 'a source route reads @one,@two:user@domain')
    at = routeEnd
  }
  const mailbox = mailboxAt(bytes, at)
  if (!mailbox.ok) return mailbox
  at = mailbox.value.end
  if (at - begin > options.pathOctetsMax) return refuse('path-too-long', 'the path is too long (RFC 5321 §4.5.3.1.3)')
  if (bracketed) {
    if (bytes[at] !== GREATER) return refuse('path-syntax', 'expected <user@domain>')
    at += 1
  }
  if (at < bytes.length && bytes[at] !== SPACE) return refuse('path-syntax', 'expected <user@domain>')
  return understood({ mailbox: mailbox.value.mailbox, end: at })
}

/** An address that fills all of `bytes`, without angle brackets. */
export function parseMailbox(bytes: Uint8Array): Parsed<Mailbox> {
  const found = mailboxAt(bytes, 0)
  if (!found.ok) return found
  if (found.value.end !== bytes.length) return refuse('path-syntax', 'expected user@domain and nothing more')
  return understood(found.value.mailbox)
}

function endOfRoute(bytes: Uint8Array, from: number): number | undefined {
  let at = from
  for (;;) {
    if (bytes[at] !== AT) return undefined
    const end = bytes[at + 1] === BRACKET ? endOfLiteral(bytes, at + 1) : endOfDomain(bytes, at + 1)
    if (end === undefined) return undefined
    at = end
    if (bytes[at] === COLON) return at + 1
    if (bytes[at] !== COMMA) return undefined
    at += 1
  }
}

function mailboxAt(bytes: Uint8Array, from: number): Parsed<{ mailbox: Mailbox; end: number }> {
  const localEnd = bytes[from] === QUOTE ? endOfQuoted(bytes, from) : endOfDots(bytes, from)
  if (localEnd === undefined || localEnd === from) return refuse('path-syntax', 'expected user@domain')
  const writtenLocal = utf8Text(bytes, from, localEnd)
  if (writtenLocal === undefined) return refuse('path-syntax', 'the address is no UTF-8')
  if (hasControl(writtenLocal)) return refuse('path-syntax', 'a control character in the address')
  const local = bytes[from] === QUOTE ? withoutNeedlessQuotes(writtenLocal) : writtenLocal
  if (local === '""') return refuse('path-syntax', 'the local part is empty')
  if (bytes[localEnd] !== AT) {
    // RFC 5321 §4.1.1.3: "RCPT TO:<Postmaster>" has no domain.
    if (local.toLowerCase() === 'postmaster') return understood({ mailbox: { local, domain: '', ascii: true }, end: localEnd })
    return refuse('path-syntax', 'expected user@domain')
  }
  const domainFrom = localEnd + 1
  const literal = bytes[domainFrom] === BRACKET
  const domainEnd = literal ? endOfLiteral(bytes, domainFrom) : endOfDomain(bytes, domainFrom)
  if (domainEnd === undefined) return refuse('domain-syntax', literal ? 'no such address literal (RFC 5321 §4.1.3)' : 'no such domain name')
  // A final dot is no part of a domain in mail, but some write it.
  const textEnd = !literal && bytes[domainEnd - 1] === DOT ? domainEnd - 1 : domainEnd
  const domain = utf8Text(bytes, domainFrom, textEnd)
  if (domain === undefined || hasControl(domain)) return refuse('domain-syntax', 'the domain is no UTF-8')
  return understood({ mailbox: { local, domain, ascii: isAscii(local) && isAscii(domain) }, end: domainEnd })
}

/** Control characters and line ends beyond ASCII; those of ASCII have been refused octet by octet. */
function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit > 127 && (unit < 160 || unit === 0x2028 || unit === 0x2029)) return true
  }
  return false
}

/** Atoms and dots in any order. */
function endOfDots(bytes: Uint8Array, from: number): number {
  let at = from
  while (isAtomOctet(bytes[at]) || bytes[at] === DOT) at += 1
  return at
}

function endOfQuoted(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from + 1; at < bytes.length; at += 1) {
    const octet = bytes[at] as number
    if (octet === QUOTE) return at + 1
    if (octet === BACKSLASH) at += 1
    const said = bytes[at]
    if (said === undefined || said < 32 || said === 127) return undefined
  }
  return undefined
}

/** RFC 5321 §4.1.2: quotes and backslashes should stand only where they are needed, and mean nothing themselves. */
function withoutNeedlessQuotes(quoted: string): string {
  const value = quoted.slice(1, -1).replace(/\\(.)/gsu, '$1')
  const needless = /^[^\s"(),:;<>@[\\\]\p{Cc}]+$/u.test(value) && !/^\.|\.\.|\.$/.test(value)
  return needless ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}

function endOfDomain(bytes: Uint8Array, from: number): number | undefined {
  let at = from
  let labelFrom = from
  for (; ; at += 1) {
    const octet = bytes[at]
    if (isNameOctet(octet)) continue
    const labelOctets = at - labelFrom
    const last = octet !== DOT
    if (labelOctets === 0) {
      if (last && at > from) break // behind a final dot
      return undefined
    }
    if (labelOctets > LABEL_OCTETS_MAX || bytes[labelFrom] === HYPHEN || bytes[at - 1] === HYPHEN) return undefined
    labelFrom = at + 1
    if (last) break
  }
  return at - from > DOMAIN_OCTETS_MAX ? undefined : at
}

function endOfLiteral(bytes: Uint8Array, from: number): number | undefined {
  let at = from + 1
  while (at < bytes.length && bytes[at] !== BRACKET_END && at - from <= DOMAIN_OCTETS_MAX) {
    const octet = bytes[at] as number
    if (octet <= SPACE || octet > 126 || octet === BACKSLASH || octet === BRACKET) return undefined
    at += 1
  }
  if (bytes[at] !== BRACKET_END) return undefined
  const inside = asciiText(bytes, from + 1, at)
  if (isIPv4(inside) || (/^ipv6:/i.test(inside) && isIPv6(inside.slice(5)) && !inside.includes('%'))) return at + 1
  return undefined // other tags (RFC 5321 §4.1.3, General-address-literal): none is in use
}
