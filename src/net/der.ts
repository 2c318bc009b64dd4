// Writes the few DER elements (X.690) that a certificate of our own consists of. Nothing is read here.
import { concatBytes } from '../base/bytes.ts'

function element(tag: number, content: Uint8Array): Uint8Array {
  const length = content.length
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255]
  return concatBytes([Uint8Array.from(head), content])
}

export function sequence(...items: Uint8Array[]): Uint8Array {
  return element(0x30, concatBytes(items))
}

export function set(...items: Uint8Array[]): Uint8Array {
  return element(0x31, concatBytes(items))
}

/** A number that is not negative, from its octets, most significant first. */
export function integer(octets: Uint8Array): Uint8Array {
  let at = 0
  while (at < octets.length - 1 && octets[at] === 0) at++
  const bare = octets.subarray(at)
  return element(2, (bare[0] ?? 0) >= 0x80 ? concatBytes([Uint8Array.of(0), bare]) : bare)
}

export function boolean(value: boolean): Uint8Array {
  return element(1, Uint8Array.of(value ? 255 : 0))
}

export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const octets = [first * 40 + second]
  for (const arc of rest) {
    const digits = [arc & 127]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 127) | 128)
    octets.push(...digits)
  }
  return element(6, Uint8Array.from(octets))
}

export function utf8String(text: string): Uint8Array {
  return element(12, new TextEncoder().encode(text))
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(4, content)
}

/** Whole octets; `unusedBits` of the last one do not count. */
export function bitString(content: Uint8Array, unusedBits = 0): Uint8Array {
  return element(3, concatBytes([Uint8Array.of(unusedBits), content]))
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
export function time(ms: number): Uint8Array {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`
  const isUtcTime = new Date(ms).getUTCFullYear() < 2050
  return element(isUtcTime ? 0x17 : 0x18, new TextEncoder().encode(isUtcTime ? digits.slice(2) : digits))
}

/** `[n]` around a whole element. */
export function explicit(n: number, content: Uint8Array): Uint8Array {
  return element(0xa0 + n, content)
}

/** `[n]` instead of a simple element's own tag. */
export function implicit(n: number, content: Uint8Array): Uint8Array {
  return element(0x80 + n, content)
}

export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
