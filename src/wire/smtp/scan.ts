// A place in a command line, moving to the right. The words of the SMTP grammar (RFC 5321 §4.1.2)
// that paths and parameters are made of. Works on bytes; gives text only for what was understood.

export const AT = 64
export const COLON = 58
export const COMMA = 44
export const DOT = 46
export const QUOTE = 34
export const BACKSLASH = 92
export const LESS = 60
export const GREATER = 62
export const BRACKET = 91
export const BRACKET_END = 93
export const EQUALS = 61
export const PLUS = 43
export const SPACE = 32
export const HYPHEN = 45

const ATOM = 1
const NAME = 2
const DIGIT = 4
const VALUE = 8
const octetClass = new Uint8Array(256)
function mark(letters: string, bit: number): void {
  for (const letter of letters) octetClass[letter.charCodeAt(0)] = (octetClass[letter.charCodeAt(0)] as number) | bit
}
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
mark(LETTERS + '0123456789' + "!#$%&'*+-/=?^_`{|}~", ATOM)
mark(LETTERS + '0123456789-_', NAME) // the underscore is in no RFC and in real host names
mark('0123456789', DIGIT)
for (let octet = 33; octet < 127; octet += 1) if (octet !== EQUALS) octetClass[octet] = (octetClass[octet] as number) | VALUE
// UTF-8 counts as a letter everywhere (RFC 6531 §3.3); whether it was allowed is judged afterwards.
for (let octet = 128; octet < 256; octet += 1) octetClass[octet] = ATOM | NAME | VALUE

export function isAtomOctet(octet: number | undefined): boolean {
  return octet !== undefined && ((octetClass[octet] as number) & ATOM) !== 0
}
export function isNameOctet(octet: number | undefined): boolean {
  return octet !== undefined && ((octetClass[octet] as number) & NAME) !== 0
}
export function isDigitOctet(octet: number | undefined): boolean {
  return octet !== undefined && ((octetClass[octet] as number) & DIGIT) !== 0
}
/** May stand in the value of a MAIL or RCPT parameter (RFC 5321 §4.1.2, esmtp-value). */
export function isValueOctet(octet: number | undefined): boolean {
  return octet !== undefined && ((octetClass[octet] as number) & VALUE) !== 0
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of octets, or undefined when they are no UTF-8. */
export function utf8Text(bytes: Uint8Array, from: number, to: number): string | undefined {
  let ascii = true
  for (let at = from; at < to; at += 1) {
    if ((bytes[at] as number) > 127) {
      ascii = false
      break
    }
  }
  if (ascii) return asciiText(bytes, from, to)
  try {
    return utf8.decode(bytes.subarray(from, to))
  } catch {
    return undefined // not thrown on: input is an answer, not an exception
  }
}

/** Text of octets that are known to be ASCII. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  if (to <= from) return '' // "HELP" alone, at the very end of its buffer: there is nothing behind it to look at
  if (Buffer.isBuffer(bytes)) return bytes.toString('latin1', from, to)
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return false
  return true
}
