// xtext, by which RFC 3461 §4 puts any text into a parameter of MAIL or RCPT: "+" and two capital
// hexadecimal digits stand for an octet; and the form that RFC 6533 §3 has for addresses beyond ASCII.
import { refuse, understood, type Parsed } from '../../base/errors.ts'
import { EQUALS, PLUS, asciiText } from './scan.ts'

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1
  if (octet >= 48 && octet <= 57) return octet - 48
  if (octet >= 65 && octet <= 70) return octet - 55
  if (octet >= 97 && octet <= 102) return octet - 87 // small letters are wrong and harmless
  return -1
}

/** Printable ASCII only: what it says ends up in a report's fields (RFC 3461 §4.2, §4.4). */
export function parseXtext(bytes: Uint8Array): Parsed<string> {
  const out = new Uint8Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at += 1) {
    let octet = bytes[at] as number
    if (octet < 33 || octet > 126 || octet === EQUALS) return refuse('xtext-syntax', 'no xtext (RFC 3461 §4)')
    if (octet === PLUS) {
      const high = hexDigit(bytes[at + 1])
      const low = hexDigit(bytes[at + 2])
      if (high < 0 || low < 0) return refuse('xtext-syntax', 'in xtext "+" is followed by two hexadecimal digits (RFC 3461 §4)')
      octet = high * 16 + low
      at += 2
      if (octet < 32 || octet > 126) return refuse('xtext-syntax', 'what the xtext stands for is not printable (RFC 3461 §4)')
    }
    out[length] = octet
    length += 1
  }
  return understood(asciiText(out, 0, length))
}

export function printXtext(text: string): string {
  return text.replace(/[^!-~]|[+=]/g, (letter) => `+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** utf-8-addr-xtext and utf-8-addr-unitext of RFC 6533 §3: \x{…} stands for a code point. */
export function parseUtf8AddressText(text: string): Parsed<string> {
  let bad = false
  const value = text.replace(/\\(?:x\{([0-9A-Fa-f]{2,6})\})?/g, (_, digits: string | undefined) => {
    const point = digits === undefined ? 0 : Number.parseInt(digits, 16)
    if (point < 32 || point === 127 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) bad = true
    return bad ? '' : String.fromCodePoint(point)
  })
  return bad ? refuse('xtext-syntax', 'no address text (RFC 6533 §3)') : understood(value)
}
