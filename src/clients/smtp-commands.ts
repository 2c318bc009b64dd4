// The MAIL and RCPT commands of one message for one server: which parameters are said depends on what
// the server offers, and what it cannot carry at all is refused here, before anything is sent. Pure.
import { domainToASCII } from 'node:url'
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { printXtext } from '../wire/smtp/xtext.ts'
import type { SmtpCapabilities } from './smtp-capabilities.ts'

export interface OutgoingRecipient {
  /** Without angle brackets. */
  address: string
  /** RFC 3461 NOTIFY as it was given: "NEVER" or a list. */
  notify?: string
  /** RFC 3461 ORCPT, decoded: "rfc822;user@example.org". */
  orcpt?: string
}

export interface OutgoingEnvelope {
  /** Without angle brackets; "" is the null sender. */
  sender: string
  ret?: 'FULL' | 'HDRS'
  /** Decoded. */
  envid?: string
  smtpUtf8: boolean
  bodyType: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** Everything that is sent. */
  sizeOctets: number
}

const NOT_ASCII = /[^\u0000-\u007f]/
const UNSAFE = /[\u0000-\u001f\u007f<>]/

/**
 * The address as this server can read it. A domain in Unicode becomes A-labels where SMTPUTF8 is not
 * offered; a local part in Unicode has no other spelling and is refused (RFC 6531 §3.5, X.6.7).
 */
export function pathFor(address: string, { smtpUtf8 }: SmtpCapabilities): Parsed<string> {
  const at = address.lastIndexOf('@')
  const quoted = at > 1 && address.startsWith('"')
  if (UNSAFE.test(quoted ? address.slice(0, at).replace(/[<>]/g, '') + address.slice(at) : address)) return refuse('5.1.3', 'the address holds characters that cannot be sent')
  if (smtpUtf8 || !NOT_ASCII.test(address)) return understood(address)
  const local = address.slice(0, at)
  if (at < 0 || NOT_ASCII.test(local)) return refuse('5.6.7', 'the address is not in ASCII and the next server does not offer SMTPUTF8')
  const ascii = domainToASCII(address.slice(at + 1))
  return ascii === '' ? refuse('5.1.3', 'the domain has no spelling in ASCII') : understood(`${local}@${ascii}`)
}

export function needsUtf8(address: string): boolean {
  return NOT_ASCII.test(address)
}

/** `bodyType` is what is really sent now. `path` comes from `pathFor`. */
export function printMail(path: string, envelope: OutgoingEnvelope, can: SmtpCapabilities, how: { utf8: boolean; bodyType: OutgoingEnvelope['bodyType'] }): string {
  let command = `MAIL FROM:<${path}>`
  if (can.size) command += ` SIZE=${envelope.sizeOctets}`
  if (how.bodyType === 'BINARYMIME') command += ' BODY=BINARYMIME'
  else if (how.bodyType === '8BITMIME' && can.eightBitMime) command += ' BODY=8BITMIME'
  if (how.utf8 && can.smtpUtf8) command += ' SMTPUTF8'
  if (can.dsn) {
    if (envelope.ret) command += ` RET=${envelope.ret}`
    if (envelope.envid) command += ` ENVID=${printXtext(envelope.envid)}`
  }
  return command
}

export function printRcpt(path: string, recipient: OutgoingRecipient, can: SmtpCapabilities): string {
  let command = `RCPT TO:<${path}>`
  if (can.dsn) {
    if (recipient.notify) command += ` NOTIFY=${recipient.notify}`
    if (recipient.orcpt) command += ` ORCPT=${printOrcpt(recipient.orcpt)}`
  }
  return command
}

/** The type stands plain before ";", the address is encoded; one that is not ASCII goes as utf-8-addr-xtext (RFC 6533 §3). */
function printOrcpt(orcpt: string): string {
  const semicolon = orcpt.indexOf(';')
  const type = semicolon < 0 ? 'rfc822' : orcpt.slice(0, semicolon)
  const address = orcpt.slice(semicolon + 1)
  if (!NOT_ASCII.test(address)) return `${type};${printXtext(address)}`
  let encoded = ''
  for (const character of address) encoded += NOT_ASCII.test(character) || character === '\\' ? `\\x{${character.codePointAt(0)!.toString(16).toUpperCase()}}` : printXtext(character)
  return `utf-8;${encoded}`
}
