// Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 once the client has enabled it
// (RFC 6855), on our side a string of Unicode. Both ways round-trip.
import { latin1Of } from '../../base/bytes.ts'
import { refuse, understood } from '../../base/errors.ts'
import type { Parsed } from '../../base/errors.ts'

const AMPERSAND = 0x26
const MINUS = 0x2d
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,'
const values = new Int8Array(256).fill(-1)
for (let i = 0; i < 64; i += 1) values[BASE64.charCodeAt(i)] = i

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}

/**
 * @param accept the client has said ENABLE UTF8=ACCEPT: "&" is a character like any other.
 * Without it, bytes above 127 are still read as UTF-8: many clients send them, and no other meaning is possible.
 */
export function parseMailboxName(bytes: Uint8Array, accept: boolean): Parsed<string> {
  const name = decode(bytes, accept)
  if (!name.ok) return name
  for (let i = 0; i < name.value.length; i += 1) {
    if (isControl(name.value.charCodeAt(i))) return refuse('mailbox-name', 'control characters are not allowed in a mailbox name')
  }
  return name
}

function decode(bytes: Uint8Array, accept: boolean): Parsed<string> {
  let plain = true
  for (const byte of bytes) {
    if (byte === AMPERSAND || byte > 0x7e) {
      plain = false
      break
    }
  }
  if (plain) return understood(latin1Of(bytes))
  if (accept || !bytes.includes(AMPERSAND)) {
    const text = utf8(bytes)
    return text === undefined ? refuse('mailbox-name', 'the mailbox name is not UTF-8') : understood(text)
  }
  let name = ''
  let at = 0
  while (at < bytes.length) {
    const shift = bytes.indexOf(AMPERSAND, at)
    const upTo = shift < 0 ? bytes.length : shift
    if (upTo > at) {
      const text = utf8(bytes.subarray(at, upTo))
      if (text === undefined) return refuse('mailbox-name', 'the mailbox name is neither modified UTF-7 nor UTF-8')
      name += text
    }
    if (shift < 0) break
    const end = bytes.indexOf(MINUS, shift)
    if (end < 0) return refuse('mailbox-name', 'modified UTF-7: "&" without "-" (RFC 3501 §5.1.3)')
    if (end === shift + 1) name += '&'
    else {
      const run = shifted(bytes.subarray(shift + 1, end))
      if (run === undefined) return refuse('mailbox-name', 'modified UTF-7: not base64 of UTF-16 (RFC 3501 §5.1.3)')
      name += run
    }
    at = end + 1
  }
  return understood(name)
}

function shifted(base64: Uint8Array): string | undefined {
  const units: number[] = []
  let bits = 0
  let held = 0
  for (const byte of base64) {
    const value = values[byte]!
    if (value < 0) return undefined
    held = ((held << 6) | value) & 0x3fffff
    bits += 6
    if (bits >= 16) {
      bits -= 16
      units.push((held >> bits) & 0xffff)
    }
  }
  if (bits >= 6 || held & ((1 << bits) - 1)) return undefined
  const text = String.fromCharCode(...units)
  return text.isWellFormed() ? text : undefined
}

/** The other way. `accept`: the client understands UTF-8. The result is plain ASCII otherwise. */
export function printMailboxName(name: string, accept: boolean): string {
  if (accept) return name
  let text = ''
  let run: number[] = []
  const flush = () => {
    if (run.length === 0) return
    text += '&'
    let bits = 0
    let held = 0
    for (const unit of run) {
      held = ((held & 0x3f) << 16) | unit
      bits += 16
      while (bits >= 6) {
        bits -= 6
        text += BASE64[(held >> bits) & 0x3f]
      }
    }
    if (bits > 0) text += BASE64[(held << (6 - bits)) & 0x3f]
    text += '-'
    run = []
  }
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i)
    if (unit >= 0x20 && unit < 0x7f) {
      flush()
      text += unit === AMPERSAND ? '&-' : name[i]
    } else run.push(unit)
  }
  flush()
  return text
}

/** INBOX is one mailbox in whatever case it is written (RFC 3501 §5.1), and so is the parent of `inbox/a`. */
export function canonicalMailboxName(name: string): string {
  if (name.length < 5 || (name.length > 5 && name[5] !== '/')) return name
  return name.slice(0, 5).toUpperCase() === 'INBOX' ? `INBOX${name.slice(5)}` : name
}
