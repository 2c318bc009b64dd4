// Small things done to bytes. No text is understood here.

export const CR = 13
export const LF = 10
export const NUL = 0
export const SPACE = 32
export const TAB = 9

const utf8Decoder = new TextDecoder('utf-8')
const utf8Encoder = new TextEncoder()

/** UTF-8 text of bytes; what is no UTF-8 becomes U+FFFD. For people's eyes, never for decisions. */
export function textOf(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes)
}

export function bytesOf(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** One character for each byte (ISO 8859-1), so that nothing is lost either way. */
export function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function bytesOfLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** All parts in one array of its own (never from a shared pool). */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Letters A to Z made small, everything else as it is. Protocol words fold this way, in every language. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
