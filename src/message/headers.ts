// Walks a header section as octets. It takes whatever comes: lines ended by LF alone, lines without
// a colon, NUL, bare CR, 8-bit. Only LF ends a line; a line that is empty (or a CR alone before its
// LF) ends the section. Nothing is decoded here.
import { CR, LF, SPACE, TAB, concatBytes } from '../base/bytes.ts'
import { bufferOver, byteStringOf, unfold, type ByteString } from './byte-string.ts'
import { trimNameEnd } from './known-fields.ts'

/** One field: offsets in octets. `end` lies behind its last line end. */
export interface HeaderField {
  start: number
  /** Equal to `start` when the line has no colon: such a field has no name. */
  nameEnd: number
  valueStart: number
  end: number
}

export interface OctetRange {
  start: number
  end: number
}

const COLON = 58
const CRLF = new Uint8Array([CR, LF])

/** The field that begins at `at`, or undefined where the section ends. */
export function fieldAt(bytes: Uint8Array, at: number, end: number = bytes.length): HeaderField | undefined {
  const buffer = bufferOver(bytes)
  if (at >= end) return undefined
  let lf = buffer.indexOf(LF, at)
  if (lf === at || (lf === at + 1 && buffer[at] === CR)) return undefined
  const firstLineEnd = lf < 0 || lf >= end ? end : lf
  let colon = -1
  for (let i = at; i < firstLineEnd; i++) {
    if (buffer[i] === COLON) {
      colon = i
      break
    }
  }
  let fieldEnd = lf < 0 || lf >= end ? end : lf + 1
  while (fieldEnd < end && (buffer[fieldEnd] === SPACE || buffer[fieldEnd] === TAB)) {
    lf = buffer.indexOf(LF, fieldEnd)
    fieldEnd = lf < 0 || lf >= end ? end : lf + 1
  }
  const nameless = colon < 0 || buffer[at] === SPACE || buffer[at] === TAB
  return {
    start: at,
    nameEnd: nameless ? at : trimNameEnd(buffer, at, colon),
    valueStart: nameless ? at : colon + 1,
    end: fieldEnd,
  }
}

/** All fields, in order. */
export function* headerFields(bytes: Uint8Array, range?: OctetRange): Generator<HeaderField, void, void> {
  const buffer = bufferOver(bytes)
  const end = range?.end ?? buffer.length
  let at = range?.start ?? 0
  for (;;) {
    const field = fieldAt(buffer, at, end)
    if (!field) return
    yield field
    at = field.end
  }
}

/** Where the body begins: behind the empty line, or at the end when there is none. */
export function headerEndOf(bytes: Uint8Array, start = 0): number {
  const buffer = bufferOver(bytes)
  let at = start
  for (;;) {
    const lf = buffer.indexOf(LF, at)
    if (lf < 0) return buffer.length
    if (lf === at || (lf === at + 1 && buffer[at] === CR)) return lf + 1
    at = lf + 1
  }
}

/** The field's name in lower case; empty for a line without a colon. */
export function fieldName(bytes: Uint8Array, field: HeaderField): ByteString {
  return byteStringOf(bytes, field.start, field.nameEnd).replace(/[A-Z]+/g, (letters: string) => letters.toLowerCase())
}

/** The field's value, unfolded, without white space around it. */
export function fieldValue(bytes: Uint8Array, field: HeaderField): ByteString {
  return unfold(byteStringOf(bytes, field.valueStart, field.end))
}

/** Values of all fields of this name (in lower case), in order; at most `max`. */
export function fieldValues(bytes: Uint8Array, name: string, max = 1000): ByteString[] {
  const values: ByteString[] = []
  for (const field of headerFields(bytes)) {
    if (field.nameEnd - field.start !== name.length || fieldName(bytes, field) !== name) continue
    values.push(fieldValue(bytes, field))
    if (values.length >= max) break
  }
  return values
}

/** The value of the first field of this name (in lower case). */
export function firstFieldValue(bytes: Uint8Array, name: string): ByteString | undefined {
  return fieldValues(bytes, name, 1)[0]
}

/**
 * BODY[HEADER.FIELDS (…)] and BODY[HEADER.FIELDS.NOT (…)]: the octets of the chosen fields as they
 * are, then an empty line (RFC 3501 §6.4.5). `names` in any case; fields without a name are in "not".
 */
export function selectFields(bytes: Uint8Array, names: readonly string[], which: 'only' | 'not', range?: OctetRange): Uint8Array {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const keepListed = which === 'only'
  const parts: Uint8Array[] = []
  let at = range?.start ?? 0
  let runStart = at
  const end = range?.end ?? bytes.length
  const closeRun = () => {
    if (at > runStart) parts.push(bytes.subarray(runStart, at))
  }
  for (const field of headerFields(bytes, { start: at, end })) {
    const listed = field.nameEnd > field.start && wanted.has(fieldName(bytes, field))
    if (listed !== keepListed) {
      closeRun()
      runStart = field.end
    }
    at = field.end
  }
  closeRun()
  const last = parts.at(-1)
  if (last && last[last.length - 1] !== LF) parts.push(CRLF) // the last line of a message that ends in its header
  parts.push(at < end ? bytes.subarray(at, headerEndOf(bytes, at)) : CRLF)
  return concatBytes(parts)
}
