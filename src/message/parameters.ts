// Fields of the form `value; name=value; …`: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183,
// RFC 2231). Takes what mail clients really write: no quotes around spaces or 8-bit letters, missing
// semicolons, comments, quotes that are never closed. Linear in its input, and bounded.
import { asciiLower } from '../base/bytes.ts'
import { trimSpace, type ByteString } from './byte-string.ts'

export interface Parameter {
  /** Lower case, with the marks of RFC 2231 (`name*0*`). */
  name: string
  /** As written, quotes and escapes removed. */
  value: ByteString
}

export interface ParameterizedValue {
  /** What stands before the first semicolon, comments removed: `text/plain`, `attachment`. */
  value: ByteString
  parameters: Parameter[]
}

/** Parameters of one field; more are not read. */
const PARAMETERS_MAX = 200

const SEMICOLON = 59, QUOTE = 34, EQUALS = 61, OPEN = 40, CLOSE = 41, BACKSLASH = 92, COMMA = 44

/** Reads an unfolded field value. */
export function parseParameterized(field: ByteString): ParameterizedValue {
  let at = skipBlank(field, 0)
  const start = at
  // A media type holds no spaces except by mistake (`text / plain`); a parameter may follow without its semicolon.
  while (at < field.length) {
    const code = field.charCodeAt(at)
    if (code === SEMICOLON || code === OPEN || code === COMMA) break
    if (code <= 32) {
      const next = skipBlank(field, at)
      if (field[next] !== '/' && field[at - 1] !== '/') break
      at = next
      continue
    }
    at++
  }
  const value = field.slice(start, at)
  return { value: value.includes(' ') || value.includes('\t') ? value.replace(/[ \t]+/g, '') : value, parameters: parseParameters(field, at) }
}

/** Spaces and comments. */
function skipBlank(text: ByteString, from: number): number {
  let at = from
  let depth = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === OPEN) depth++
    else if (depth > 0) {
      if (code === CLOSE) depth--
      else if (code === BACKSLASH) at++
    } else if (code > 32) return at
    at++
  }
  return text.length
}

function parseParameters(text: ByteString, from: number): Parameter[] {
  const parameters: Parameter[] = []
  let at = from
  while (at < text.length && parameters.length < PARAMETERS_MAX) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code === SEMICOLON || code === OPEN || code === COMMA) {
      at = code === OPEN ? skipBlank(text, at) : at + 1
      continue
    }
    const nameStart = at
    while (at < text.length && !endsName(text.charCodeAt(at))) at++
    const name = trimSpace(text.slice(nameStart, at))
    at = skipBlank(text, at)
    if (text.charCodeAt(at) !== EQUALS) {
      if (at === nameStart) at++ // a character that can begin nothing
      continue // a word without a value
    }
    at = skipBlank(text, at + 1)
    if (text.charCodeAt(at) === QUOTE) {
      const quoted = readQuoted(text, at)
      at = quoted.end
      if (name !== '') parameters.push({ name: asciiLower(name), value: quoted.value })
      continue
    }
    const valueStart = at
    let tokenEnd = -1
    while (at < text.length && text.charCodeAt(at) !== SEMICOLON) {
      if (tokenEnd < 0 && text.charCodeAt(at) <= 32) tokenEnd = at
      at++
    }
    let value = text.slice(valueStart, at)
    if (tokenEnd >= 0) {
      // `us-ascii (a comment)` ends at its token; `raw name (1).pdf` is all value; `utf-8 format=flowed` lacks its semicolon.
      const rest = skipBlank(text, tokenEnd)
      if (rest >= at || (NEXT_PARAMETER.test(text.slice(rest, Math.min(at, rest + 80))))) {
        value = text.slice(valueStart, tokenEnd)
        at = Math.min(rest, at)
      } else value = trimSpace(value)
    }
    if (name !== '') parameters.push({ name: asciiLower(name), value })
  }
  return parameters
}

const NEXT_PARAMETER = /^(?:charset|boundary|name|filename|format|delsp|type|start|method|report-type|protocol|micalg|reply-type|size)(?:\*\d*\*?)?\s?=/i

function endsName(code: number): boolean {
  return code === EQUALS || code === SEMICOLON || code <= 32 || code === QUOTE || code === OPEN
}

function readQuoted(text: ByteString, from: number): { value: ByteString; end: number } {
  let at = from + 1
  let escaped = false
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) {
      escaped = true
      at += 2
      continue
    }
    if (code === QUOTE) break
    at++
  }
  const end = Math.min(at, text.length)
  const inside = text.slice(from + 1, end)
  // Windows clients send `filename="C:\dir\file"`: a backslash escapes only what needs it.
  return { value: escaped ? inside.replace(/\\(["\\])/g, '$1') : inside, end: Math.min(end + 1, text.length) }
}

/** The raw value of a parameter: the plain one, else the joined pieces of RFC 2231, their percent signs resolved. */
export function rawParameter(parameters: readonly Parameter[], name: string): ByteString | undefined {
  for (const parameter of parameters) if (parameter.name === name) return parameter.value
  return joinPieces(parameters, name)?.value
}

export interface JoinedPieces {
  value: ByteString
  /** Given by `charset'language'…`, else empty. */
  charset: string
}

/** Puts `name*`, `name*0`, `name*1*`, … together (RFC 2231 §3, §4). Pieces may come in any order. */
export function joinPieces(parameters: readonly Parameter[], name: string): JoinedPieces | undefined {
  const prefix = `${name}*`
  const pieces: { index: number; encoded: boolean; value: ByteString }[] = []
  for (const parameter of parameters) {
    if (!parameter.name.startsWith(prefix)) continue
    const mark = /^(\d{0,6})(\*?)$/.exec(parameter.name.slice(prefix.length))
    if (!mark) continue
    const numbered = mark[1] !== ''
    pieces.push({ index: numbered ? Number(mark[1]) : -1, encoded: !numbered || mark[2] === '*', value: parameter.value })
  }
  if (pieces.length === 0) return undefined
  const whole = pieces.find((piece) => piece.index === -1)
  const inOrder = whole ? [whole] : pieces.toSorted((a, b) => a.index - b.index)
  let charset = ''
  let value = ''
  let last = -1
  for (const [position, piece] of inOrder.entries()) {
    if (piece.index === last && position > 0) continue
    last = piece.index
    let text = piece.value
    if (position === 0 && piece.encoded) {
      const parts = /^([^']*)'[^']*'([^]*)$/.exec(text)
      if (parts) {
        charset = parts[1]!.toLowerCase()
        text = parts[2]!
      }
    }
    value += piece.encoded ? percentDecode(text) : text
  }
  return { value, charset }
}

function percentDecode(text: ByteString): ByteString {
  return text.includes('%') ? text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text
}
