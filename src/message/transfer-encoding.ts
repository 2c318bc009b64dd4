// Content-Transfer-Encoding (RFC 2045 §6), both directions, in pieces of any size; and uuencode, which old
// mail still has. Decoding never refuses: what is not of the encoding is passed over (base64) or kept as it
// is (quoted-printable).
import { CR, LF, SPACE, TAB, concatBytes } from '../base/bytes.ts'
import { bufferOver } from './byte-string.ts'

export interface TransferDecoder {
  push(piece: Uint8Array): Uint8Array
  end(): Uint8Array
}

/** Decoder by the name in a header (any case); unknown ones pass everything through. */
export function transferDecoder(encoding: string): TransferDecoder {
  switch (encoding.toLowerCase()) {
    case 'base64': return new Base64Decoder()
    case 'quoted-printable': return new QuotedPrintableDecoder()
    case 'x-uuencode': case 'uuencode': case 'x-uue': case 'uue': return new UuDecoder()
    default: return { push: (piece) => piece, end: () => NOTHING }
  }
}

/** Decodes a whole body. */
export function decodeTransfer(bytes: Uint8Array, encoding: string): Uint8Array {
  const decoder = transferDecoder(encoding)
  const head = decoder.push(bytes)
  const tail = decoder.end()
  return tail.length === 0 ? head : concatBytes([head, tail])
}

const NOTHING = new Uint8Array(0)
const EQUALS = 61

const BASE64_VALUES = new Int8Array(256).fill(-1)
for (const [value, letter] of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.split('').entries()) BASE64_VALUES[letter.charCodeAt(0)] = value

class Base64Decoder implements TransferDecoder {
  #bits = 0
  #count = 0
  /** Padding ended a group on this line; once white space follows, the rest of the line is not ours ("…== ignored"). */
  #padding: 'none' | 'padded' | 'over' = 'none'
  push(piece: Uint8Array): Uint8Array {
    const out = new Uint8Array(Math.ceil(((piece.length + this.#count) * 3) / 4))
    let length = 0
    let bits = this.#bits
    let count = this.#count
    for (let i = 0; i < piece.length; i++) {
      const octet = piece[i]!
      const value = BASE64_VALUES[octet]!
      if (this.#padding !== 'none') {
        if (octet === LF) this.#padding = 'none'
        else if (octet === SPACE || octet === TAB) this.#padding = 'over'
        else if (this.#padding === 'over') continue
      }
      if (value < 0) {
        if (octet === EQUALS) this.#padding = 'padded'
        if (octet === EQUALS && count > 0) { // padding ends a group, also where two encoded texts were put together
          if (count === 2) out[length++] = bits >> 4
          else if (count === 3) {
            out[length++] = bits >> 10
            out[length++] = (bits >> 2) & 0xff
          }
          bits = count = 0
        }
        continue
      }
      bits = (bits << 6) | value
      if (++count === 4) {
        out[length++] = bits >> 16
        out[length++] = (bits >> 8) & 0xff
        out[length++] = bits & 0xff
        bits = count = 0
      }
    }
    this.#bits = bits
    this.#count = count
    return out.subarray(0, length)
  }
  /** A last group without its padding still counts. */
  end(): Uint8Array {
    const { 0: bits, 1: count } = [this.#bits, this.#count]
    this.#bits = this.#count = 0
    if (count === 2) return Uint8Array.of((bits >> 4) & 0xff)
    if (count === 3) return Uint8Array.of((bits >> 10) & 0xff, (bits >> 2) & 0xff)
    return NOTHING
  }
}

class QuotedPrintableDecoder implements TransferDecoder {
  /** The end of the last piece, as far as it may still mean something else: the beginning of `=XX`, or of a line's end. */
  #held: Uint8Array = NOTHING

  push(piece: Uint8Array): Uint8Array {
    const input = this.#held.length === 0 ? piece : concatBytes([this.#held, piece])
    const end = certainEnd(input)
    this.#held = input.slice(end)
    return decodeQuoted(input, end)
  }

  /** A soft break or white space at the very end is nothing; a torn escape is kept as it is. */
  end(): Uint8Array {
    const held = this.#held
    this.#held = NOTHING
    const isTorn = held[0] === EQUALS && held.length > 1 && hexValue(held[1]!) >= 0
    return isTorn ? held : NOTHING
  }
}

/** White space held back at the end of a piece; more is passed on. */
const HELD_OCTETS_MAX = 1000

/** Up to where no later octet can change the meaning. */
function certainEnd(input: Uint8Array): number {
  let end = input.length
  while (end > 0 && isLineSpace(input[end - 1]!)) end--
  if (end === input.length && end > 1 && input[end - 2] === EQUALS && hexValue(input[end - 1]!) >= 0) return end - 2
  if (end > 0 && input[end - 1] === EQUALS) end--
  return input.length - end > HELD_OCTETS_MAX ? input.length : end
}

function decodeQuoted(input: Uint8Array, end: number): Uint8Array {
  const out = new Uint8Array(end)
  let length = 0
  let at = 0
  while (at < end) {
    const octet = input[at]!
    if (octet === EQUALS) {
      const high = at + 2 < input.length ? hexValue(input[at + 1]!) : -1
      const low = high >= 0 ? hexValue(input[at + 2]!) : -1
      if (low >= 0) {
        out[length++] = high * 16 + low
        at += 3
        continue
      }
      let after = at + 1
      while (after < end && isLineSpace(input[after]!)) after++
      if (after < end && input[after] === LF) { // soft line break
        at = after + 1
        continue
      }
    } else if (octet === SPACE || octet === TAB) {
      let after = at + 1
      while (after < end && (input[after] === SPACE || input[after] === TAB)) after++
      const endsLine = input[after] === LF || (input[after] === CR && input[after + 1] === LF)
      if (after >= end || !endsLine) while (at < after) out[length++] = input[at++]!
      at = after // RFC 2045 §6.7 (3): white space at the end of a line was added on the way
      continue
    }
    out[length++] = octet
    at++
  }
  return out.subarray(0, length)
}

function isLineSpace(octet: number): boolean {
  return octet === SPACE || octet === TAB || octet === CR
}

function hexValue(octet: number): number {
  if (octet >= 48 && octet <= 57) return octet - 48
  const letter = octet | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** Lines between `begin` and `end`; text around them is dropped. */
class UuDecoder implements TransferDecoder {
  #line: number[] = []
  #inside = false
  push(piece: Uint8Array): Uint8Array {
    const out = new Uint8Array(piece.length + this.#line.length)
    let length = 0
    for (const octet of piece) {
      if (octet !== LF) {
        if (this.#line.length < UU_LINE_MAX) this.#line.push(octet)
        continue
      }
      length += this.#takeLine(out, length)
    }
    return out.subarray(0, length)
  }
  end(): Uint8Array {
    const out = new Uint8Array(UU_LINE_MAX)
    return out.subarray(0, this.#takeLine(out, 0))
  }
  #takeLine(out: Uint8Array, at: number): number {
    const line = this.#line
    this.#line = []
    if (line.at(-1) === CR) line.pop()
    if (!this.#inside) {
      this.#inside = /^begin(?:-base64)? [0-7]{3,4} /.test(String.fromCharCode(...line.slice(0, 20)))
      return 0
    }
    const text = String.fromCharCode(...line.slice(0, 4))
    if (text === 'end' || line.length === 0) {
      if (text === 'end') this.#inside = false
      return 0
    }
    const count = (line[0]! - 32) & 63
    let written = 0
    for (let i = 1; i < line.length && written < count; i += 4) {
      const [a, b, c, d] = [0, 1, 2, 3].map((k) => ((line[i + k] ?? 32) - 32) & 63) as [number, number, number, number]
      const group = [(a << 2) | (b >> 4), ((b & 15) << 4) | (c >> 2), ((c & 3) << 6) | d]
      for (const octet of group) if (written < count) out[at + written++] = octet
    }
    return written
  }
}

/** A line of uuencode has at most 61 letters. */
const UU_LINE_MAX = 100

/** Base64 in lines of 76 letters, each with its CRLF. */
export function encodeBase64(bytes: Uint8Array): string {
  return bufferOver(bytes).toString('base64').replace(/.{1,76}/g, '$&\r\n')
}

/** Quoted-printable of text with CRLF line ends; lines of at most 76 letters. */
export function encodeQuotedPrintable(bytes: Uint8Array): string {
  let text = ''
  let column = 0
  const put = (piece: string) => {
    if (column + piece.length > 75) {
      text += '=\r\n'
      column = 0
    }
    text += piece
    column += piece.length
  }
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!
    if (octet === CR && bytes[i + 1] === LF) {
      text += '\r\n'
      column = 0
      i++
      continue
    }
    const endsLine = i + 1 === bytes.length || (bytes[i + 1] === CR && bytes[i + 2] === LF)
    const plain = (octet > 32 && octet < 127 && octet !== EQUALS) || ((octet === SPACE || octet === TAB) && !endsLine)
    put(plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`)
  }
  return text
}
