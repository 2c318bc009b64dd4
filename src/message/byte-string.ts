// Byte strings: JavaScript strings that hold one octet in each character (0 to 255). They keep
// every octet, slice without copying, and are what the parsers of this room work on. A byte string
// is never shown to a person: charset.ts makes text of it first.

/** One character for each octet. Only a name, to say so where it matters. */
export type ByteString = string

/** The same memory seen as a Buffer, whose `indexOf` and `latin1Slice` are the fast ones. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Octets of a byte string, in an array of its own. */
export function bytesOfByteString(text: ByteString): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

const BREAK_OR_NUL = /[\r\n\0]/
const FOLD = /\r?\n\t?|\r|\0/g

/**
 * A field value without its folds (RFC 5322 §2.2.3) and without white space around it. The tab that
 * begins a continuation becomes a space, a bare CR too, NUL disappears: what is left fits on a line.
 */
export function unfold(value: ByteString): ByteString {
  const trimmed = trimSpace(value) // first: the line end of the field itself goes, and most fields have no other
  if (!BREAK_OR_NUL.test(trimmed)) return trimmed
  const flat = trimmed.replace(FOLD, (found) => (found === '\r' || found.endsWith('\t') ? ' ' : ''))
  return trimSpace(flat)
}

/** Without ASCII white space at both ends. `String.trim` would also take 0xA0, the end of many UTF-8 letters. */
export function trimSpace(value: ByteString): ByteString {
  let start = 0
  let end = value.length
  while (start < end && value.charCodeAt(start) <= 32) start++
  while (end > start && value.charCodeAt(end - 1) <= 32) end--
  return start === 0 && end === value.length ? value : value.slice(start, end)
}

/** True when every character is below 128. */
export function isAsciiText(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[^\x00-\x7f]/.test(text)
}

/** `bytes[start, end)` as a byte string. */
export function byteStringOf(bytes: Uint8Array, start = 0, end = bytes.length): ByteString {
  return bufferOver(bytes).toString('latin1', start, end)
}
