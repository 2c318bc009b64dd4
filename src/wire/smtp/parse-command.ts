// One command line, without its CRLF, understood (RFC 5321 §4.1.1). Promises an answer for any bytes.
// A refusal's `code` is a `CommandFault`. Knows nothing of the session: order and policy are judged there.
import { refuse, understood, type Parsed, type Refused } from '../../base/errors.ts'
import type { CommandFault, SmtpCommand } from './command.ts'
import { parseMailParameters, parseRcptParameters } from './parameters.ts'
import { parsePath } from './path.ts'
import { COLON, SPACE, asciiText, utf8Text } from './scan.ts'

const TAB = 9
/** Octets of a greeting's domain that are kept; longer ones are no names. */
const GREETING_OCTETS_MAX = 255
const MECHANISM_OCTETS_MAX = 20

function fault(code: CommandFault, reason: string): Refused {
  return refuse(code, reason)
}

/** Four letters as one number, capitals or not. */
function verbKey(a: number, b: number, c: number, d: number): number {
  return (((a | 32) << 24) | ((b | 32) << 16) | ((c | 32) << 8) | (d | 32)) >>> 0
}
function keyOf(verb: string): number {
  return verbKey(verb.charCodeAt(0), verb.charCodeAt(1), verb.charCodeAt(2), verb.charCodeAt(3))
}
const EHLO = keyOf('EHLO')
const HELO = keyOf('HELO')
const MAIL = keyOf('MAIL')
const RCPT = keyOf('RCPT')
const DATA = keyOf('DATA')
const BDAT = keyOf('BDAT')
const RSET = keyOf('RSET')
const NOOP = keyOf('NOOP')
const QUIT = keyOf('QUIT')
const VRFY = keyOf('VRFY')
const EXPN = keyOf('EXPN')
const HELP = keyOf('HELP')
const AUTH = keyOf('AUTH')
const STAR = keyOf('STAR')

export function parseCommand(line: Uint8Array, options: { pathOctetsMax: number }): Parsed<SmtpCommand> {
  let end = line.length
  while (end > 0 && (line[end - 1] === SPACE || line[end - 1] === TAB)) end -= 1 // RFC 5321 §4.1.1: trailing white space is tolerated
  const unknown = fault('command-unknown', 'unknown command')
  if (end < 4) return unknown
  const text = end === line.length ? line : line.subarray(0, end)
  const key = verbKey(text[0] as number, text[1] as number, text[2] as number, text[3] as number)
  if (key === STAR && end >= 8) {
    if (asciiText(text, 0, 8).toUpperCase() !== 'STARTTLS' || (end > 8 && text[8] !== SPACE)) return unknown
    return end === 8 ? understood({ verb: 'STARTTLS' }) : fault('argument-syntax', 'STARTTLS takes no argument (RFC 3207 §4)')
  }
  if (end > 4 && text[4] !== SPACE) return unknown
  switch (key) {
    case MAIL: return parseMail(text, options)
    case RCPT: return parseRcpt(text, options)
    case DATA: return bare('DATA', text)
    case RSET: return bare('RSET', text)
    case QUIT: return bare('QUIT', text)
    case NOOP: return understood({ verb: 'NOOP' }) // may say anything (RFC 5321 §4.1.1.9)
    case EHLO: return parseGreeting('EHLO', text)
    case HELO: return parseGreeting('HELO', text)
    case BDAT: return parseBdat(text)
    case AUTH: return parseAuth(text)
    case VRFY: return parseWord('VRFY', text)
    case EXPN: return parseWord('EXPN', text)
    case HELP: return understood({ verb: 'HELP', argument: utf8Text(text, 5, text.length)?.trim() ?? '' })
    default: return unknown
  }
}

function bare(verb: 'DATA' | 'RSET' | 'QUIT', text: Uint8Array): Parsed<SmtpCommand> {
  return text.length === 4 ? understood({ verb }) : fault('argument-syntax', `${verb} takes no argument`)
}

function parseGreeting(verb: 'EHLO' | 'HELO', text: Uint8Array): Parsed<SmtpCommand> {
  const domain = argumentOf(text)
  if (domain === undefined) return fault('argument-missing', `${verb} needs the name of your host`)
  // The names that clients give are often wrong (spaces, underscores, bare numbers) and decide nothing: only what could harm a header is refused.
  if (domain.length > GREETING_OCTETS_MAX || /[\p{Cc}\s()<>"\\\u2028\u2029]/u.test(domain)) return fault('argument-syntax', `${verb} needs the name of your host`)
  return understood({ verb, domain })
}

function parseWord(verb: 'VRFY' | 'EXPN', text: Uint8Array): Parsed<SmtpCommand> {
  const argument = argumentOf(text)
  return argument === undefined ? fault('argument-missing', `${verb} needs an argument`) : understood({ verb, argument })
}

/** What stands behind the verb, or undefined when there is nothing (or no UTF-8). */
function argumentOf(text: Uint8Array): string | undefined {
  return utf8Text(text, 5, text.length)?.trim() || undefined
}

/** Position behind "FROM:" or "TO:", any case, or undefined. Spaces around the word are tolerated. */
function behindWord(text: Uint8Array, word: 'FROM' | 'TO'): number | undefined {
  let at = 4
  while (text[at] === SPACE) at += 1
  for (let n = 0; n < word.length; n += 1) if (((text[at + n] ?? 0) & ~32) !== word.charCodeAt(n)) return undefined
  at += word.length
  while (text[at] === SPACE) at += 1
  return text[at] === COLON ? at + 1 : undefined
}

function parseMail(text: Uint8Array, options: { pathOctetsMax: number }): Parsed<SmtpCommand> {
  const at = behindWord(text, 'FROM')
  if (at === undefined) return fault('argument-syntax', 'expected MAIL FROM:<user@domain>')
  const path = parsePath(text, at, options)
  if (!path.ok) return path.code === 'path-too-long' ? path : fault('sender-syntax', path.reason)
  const sender = path.value.mailbox
  if (sender?.domain === '') return fault('sender-syntax', 'expected user@domain')
  const parameters = parseMailParameters(text, path.value.end)
  return parameters.ok ? understood({ verb: 'MAIL', sender, parameters: parameters.value }) : parameters
}

function parseRcpt(text: Uint8Array, options: { pathOctetsMax: number }): Parsed<SmtpCommand> {
  const at = behindWord(text, 'TO')
  if (at === undefined) return fault('argument-syntax', 'expected RCPT TO:<user@domain>')
  const path = parsePath(text, at, options)
  if (!path.ok) return path.code === 'path-too-long' ? path : fault('recipient-syntax', path.reason)
  const recipient = path.value.mailbox
  if (!recipient) return fault('recipient-syntax', 'the null path receives no mail')
  const parameters = parseRcptParameters(text, path.value.end)
  return parameters.ok ? understood({ verb: 'RCPT', recipient, parameters: parameters.value }) : parameters
}

/** RFC 3030 §2: BDAT SP chunk-size [SP LAST]. */
function parseBdat(text: Uint8Array): Parsed<SmtpCommand> {
  const match = /^ +([0-9]{1,15})(?: +(LAST))?$/i.exec(asciiText(text, 4, text.length))
  if (!match) return fault('argument-syntax', 'expected BDAT octets [LAST] (RFC 3030 §2)')
  return understood({ verb: 'BDAT', octets: Number(match[1]), last: match[2] !== undefined })
}

/** RFC 4954 §4: AUTH mechanism [initial-response]. */
function parseAuth(text: Uint8Array): Parsed<SmtpCommand> {
  const argument = asciiText(text, 4, text.length).trim()
  if (argument === '') return fault('argument-missing', 'AUTH needs a mechanism')
  const [mechanism = '', initial, ...more] = argument.split(/ +/)
  if (more.length > 0 || mechanism.length > MECHANISM_OCTETS_MAX || !/^[A-Za-z0-9_-]+$/.test(mechanism) || !/^[A-Za-z0-9+/=]*$/.test(initial ?? '')) return fault('argument-syntax', 'expected AUTH mechanism [initial-response]')
  return understood({ verb: 'AUTH', mechanism: mechanism.toUpperCase(), initial })
}
