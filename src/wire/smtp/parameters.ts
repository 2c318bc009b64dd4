// The parameters behind the path of MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param): SIZE (RFC 1870),
// BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH (RFC 4954).
// An unknown one is refused, since the client must not have sent it; so is one that stands twice.
import { refuse, understood, type Parsed, type Refused } from '../../base/errors.ts'
import type { CommandFault, MailParameters, RcptParameters } from './command.ts'
import { parseMailbox } from './path.ts'
import { EQUALS, SPACE, asciiText, isValueOctet, utf8Text } from './scan.ts'
import { parseUtf8AddressText, parseXtext } from './xtext.ts'

/** RFC 3461 §4.4, §4.2. */
const ENVID_OCTETS_MAX = 100
const ORCPT_OCTETS_MAX = 500

function fault(code: CommandFault, reason: string): Refused {
  return refuse(code, reason)
}

/** Undefined: the parameter was taken. */
type Take<P> = (parameters: P, value: Uint8Array | undefined) => Refused | undefined

function parseParameters<P extends object>(text: Uint8Array, from: number, takers: ReadonlyMap<string, Take<P>>): Parsed<P> {
  const parameters = {} as P
  let seen: Set<string> | undefined
  let at = from
  for (;;) {
    while (text[at] === SPACE) at += 1
    if (at >= text.length) return understood(parameters)
    const nameFrom = at
    while (at < text.length && text[at] !== SPACE && text[at] !== EQUALS) at += 1
    const name = asciiText(text, nameFrom, at).toUpperCase()
    let value: Uint8Array | undefined
    if (text[at] === EQUALS) {
      const valueFrom = at + 1
      at = valueFrom
      while (isValueOctet(text[at])) at += 1
      if (at === valueFrom || (at < text.length && text[at] !== SPACE)) return fault('parameter-syntax', `the value of ${printable(name)} cannot be read`)
      value = text.subarray(valueFrom, at)
    }
    const take = takers.get(name)
    if (!take) return fault('parameter-unknown', `unknown parameter ${printable(name)}`)
    seen ??= new Set()
    if (seen.has(name)) return fault('parameter-syntax', `${name} stands twice`)
    seen.add(name)
    const refused = take(parameters, value)
    if (refused) return refused
  }
}

/** A peer's word as it may be said back. */
function printable(name: string): string {
  return name.slice(0, 30).replace(/[^A-Z0-9-]/g, '?')
}

const upper = (value: Uint8Array | undefined): string => (value ? asciiText(value, 0, value.length).toUpperCase() : '')

const mailTakers: ReadonlyMap<string, Take<MailParameters>> = new Map<string, Take<MailParameters>>([
  ['SIZE', (parameters, value) => {
    const digits = upper(value)
    if (!/^[0-9]{1,20}$/.test(digits)) return fault('parameter-syntax', 'SIZE is a number of octets (RFC 1870 §3)')
    parameters.size = Number(digits)
    return undefined
  }],
  ['BODY', (parameters, value) => {
    const body = upper(value)
    if (body !== '7BIT' && body !== '8BITMIME' && body !== 'BINARYMIME') return fault('parameter-syntax', 'BODY is 7BIT, 8BITMIME or BINARYMIME')
    parameters.body = body
    return undefined
  }],
  ['SMTPUTF8', (parameters, value) => {
    if (value) return fault('parameter-syntax', 'SMTPUTF8 takes no value (RFC 6531 §3.4)')
    parameters.smtputf8 = true
    return undefined
  }],
  ['RET', (parameters, value) => {
    const ret = upper(value)
    if (ret !== 'FULL' && ret !== 'HDRS') return fault('parameter-syntax', 'RET is FULL or HDRS (RFC 3461 §4.3)')
    parameters.ret = ret
    return undefined
  }],
  ['ENVID', (parameters, value) => {
    if (!value || value.length > ENVID_OCTETS_MAX) return fault('parameter-syntax', 'ENVID has 1 to 100 octets (RFC 3461 §4.4)')
    const envid = parseXtext(value)
    if (!envid.ok) return fault('parameter-syntax', envid.reason)
    parameters.envid = envid.value
    return undefined
  }],
  ['AUTH', (parameters, value) => {
    if (!value) return fault('parameter-syntax', 'AUTH is an address or <> (RFC 4954 §5)')
    const address = parseXtext(value)
    if (!address.ok) return fault('parameter-syntax', address.reason)
    parameters.auth = address.value === '<>' ? '' : address.value
    return undefined
  }],
])

const rcptTakers: ReadonlyMap<string, Take<RcptParameters>> = new Map<string, Take<RcptParameters>>([
  ['NOTIFY', (parameters, value) => {
    const words = upper(value).split(',')
    if (words.length === 1 && words[0] === 'NEVER') {
      parameters.notify = 'NEVER'
      return undefined
    }
    const asked = NOTIFY_WORDS.filter((word) => words.includes(word))
    if (asked.length === 0 || words.some((word) => !(NOTIFY_WORDS as readonly string[]).includes(word))) return fault('parameter-syntax', 'NOTIFY is NEVER, or a list of SUCCESS, FAILURE, DELAY (RFC 3461 §4.1)')
    parameters.notify = asked.join(',')
    return undefined
  }],
  ['ORCPT', (parameters, value) => {
    if (!value || value.length > ORCPT_OCTETS_MAX) return fault('parameter-syntax', 'ORCPT has 1 to 500 octets (RFC 3461 §4.2)')
    const orcpt = parseOrcpt(value)
    if (!orcpt.ok) return fault('parameter-syntax', orcpt.reason)
    parameters.orcpt = orcpt.value
    return undefined
  }],
])

const NOTIFY_WORDS = ['SUCCESS', 'FAILURE', 'DELAY'] as const

/** "rfc822;" xtext, or "utf-8;" and an address in one of the forms of RFC 6533 §3. */
function parseOrcpt(value: Uint8Array): Parsed<string> {
  const semicolon = value.indexOf(59)
  const type = semicolon > 0 ? asciiText(value, 0, semicolon) : ''
  if (!/^[A-Za-z0-9-]+$/.test(type) || semicolon === value.length - 1) return refuse('orcpt-syntax', 'ORCPT reads type;address (RFC 3461 §4.2)')
  const address = value.subarray(semicolon + 1)
  if (type.toLowerCase() !== 'utf-8') {
    const decoded = parseXtext(address)
    return decoded.ok ? understood(`${type};${decoded.value}`) : decoded
  }
  const text = utf8Text(address, 0, address.length)
  if (text === undefined) return refuse('orcpt-syntax', 'the address is no UTF-8')
  const plain = text.replace(/\+([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(plain)) return refuse('orcpt-syntax', 'a control character in the address')
  const decoded = parseUtf8AddressText(plain)
  if (!decoded.ok) return decoded
  return parseMailbox(Buffer.from(decoded.value)).ok ? understood(`${type};${decoded.value}`) : refuse('orcpt-syntax', 'no address behind utf-8;')
}

export function parseMailParameters(text: Uint8Array, from: number): Parsed<MailParameters> {
  return parseParameters(text, from, mailTakers)
}

export function parseRcptParameters(text: Uint8Array, from: number): Parsed<RcptParameters> {
  return parseParameters(text, from, rcptTakers)
}
