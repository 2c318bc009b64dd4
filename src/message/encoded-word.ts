// Encoded words (RFC 2047, with the language of RFC 2231 §5), read generously and written strictly.
// Reading: words of one charset that follow each other are joined before they are decoded, so that
// a letter (or the state of ISO-2022-JP) may span two of them; words inside quotes, words that touch each
// other, words that are too long are read too, and raw 8-bit text is read by its looks. Linear in time.
import { bytesOf } from '../base/bytes.ts'
import { isAsciiText, type ByteString } from './byte-string.ts'
import { canonicalCharset, decodeByteString } from './charset.ts'

interface Word {
  charset: string
  octets: ByteString
  end: number
}

/** Text of an unfolded header value. */
export function decodeEncodedWords(value: ByteString): string {
  if (!value.includes('=?')) return decodeByteString(value)
  let text = ''
  let rawStart = 0
  let at = 0
  let joined: Word | undefined // words gathered so far, all of one charset
  const flush = () => {
    if (joined) text += decodeByteString(joined.octets, joined.charset)
    joined = undefined
  }
  for (;;) {
    const start = value.indexOf('=?', at)
    if (start < 0) break
    const word = wordAt(value, start)
    if (word === 'no more') break
    if (!word) {
      at = start + 2
      continue
    }
    const between = value.slice(rawStart, start)
    if (!joined || !isBlankText(between)) {
      flush()
      text += decodeByteString(between)
      joined = word
    } else if (joined.charset === word.charset) {
      joined = { charset: word.charset, octets: joined.octets + word.octets, end: word.end }
    } else {
      flush()
      joined = word
    }
    at = rawStart = word.end
  }
  flush()
  return text + decodeByteString(value.slice(rawStart))
}

function isBlankText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 32) return false
  return true
}

function wordAt(value: ByteString, start: number): Word | undefined | 'no more' {
  const charsetEnd = value.indexOf('?', start + 2)
  if (charsetEnd < 0) return 'no more'
  const encoding = value.charCodeAt(charsetEnd + 1) | 0x20
  if (charsetEnd - start > 80 || value[charsetEnd + 2] !== '?' || (encoding !== 0x62 && encoding !== 0x71)) return undefined
  const textStart = charsetEnd + 3
  const textEnd = value.indexOf('?=', textStart)
  if (textEnd < 0) return 'no more'
  const label = value.slice(start + 2, charsetEnd)
  if (label === '' || /[^!-~]/.test(label)) return undefined
  const star = label.indexOf('*')
  const content = value.slice(textStart, textEnd)
  return {
    charset: canonicalCharset(star < 0 ? label : label.slice(0, star)),
    octets: encoding === 0x62 ? decodeB(content) : decodeQ(content),
    end: textEnd + 2,
  }
}

function decodeB(text: string): ByteString {
  // Some senders pad in the middle, where two encoded pieces were put together.
  if (!/=[^=]/.test(text)) return Buffer.from(text, 'base64').toString('latin1')
  return text.split('=').map((piece) => Buffer.from(piece, 'base64').toString('latin1')).join('')
}

function decodeQ(text: string): ByteString {
  return text.replace(/_|=([0-9A-Fa-f]{2})/g, (found, hex: string | undefined) => (hex === undefined ? (found === '_' ? ' ' : found) : String.fromCharCode(Number.parseInt(hex, 16))))
}

/** Octets of UTF-8 in one encoded word: 36 make 48 letters of base64, 60 with all around them. RFC 2047 §2 allows 75; this leaves room for the field's name. */
const WORD_OCTETS_MAX = 36

/** Encoded words (UTF-8, B) for any text, none longer than 75 characters; letters are never split. */
export function encodeWords(text: string): string[] {
  const words: string[] = []
  let piece = ''
  let octets = 0
  for (const letter of text.toWellFormed()) {
    const size = utf8Size(letter)
    if (octets + size > WORD_OCTETS_MAX) {
      words.push(encodeWord(piece))
      piece = ''
      octets = 0
    }
    piece += letter
    octets += size
  }
  if (piece !== '') words.push(encodeWord(piece))
  return words
}

function encodeWord(text: string): string {
  return `=?UTF-8?B?${Buffer.from(bytesOf(text)).toString('base64')}?=`
}

function utf8Size(letter: string): number {
  const code = letter.codePointAt(0)!
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
}

const PRINTABLE = /^[\x20-\x7e]*$/

/** A whole unstructured field (`Subject: …`), encoded where needed and folded at 78 characters, its CRLF included. */
export function printUnstructured(name: string, text: string): string {
  const flat = text.replace(/[\r\n\t\0]+/g, ' ').trim()
  const words = flat.split(' ')
  // An empty word is a second space in a row, which would hang over the end of a line: encoded with its neighbours.
  const isToEncode = (word: string, at: number) => needsEncoding(word) || word === '' || words[at - 1] === '' || words[at + 1] === ''
  const first = flat === '' ? -1 : words.findIndex(isToEncode)
  if (first < 0) return foldWords(`${name}:`, words)
  // From the first word that needs it to the last: white space between two encoded words would be lost.
  const last = words.findLastIndex(isToEncode)
  const encoded = encodeWords(words.slice(first, last + 1).join(' '))
  return foldWords(`${name}:`, [...words.slice(0, first), ...encoded, ...words.slice(last + 1)])
}

function needsEncoding(word: string): boolean {
  return !PRINTABLE.test(word) || word.includes('=?') || word.length > 76
}

/** Joins words with spaces, beginning a new line where one would grow past 78 characters (RFC 5322 §2.1.1). */
export function foldWords(head: string, words: readonly string[]): string {
  let text = head
  let column = head.length
  for (const [index, word] of words.entries()) {
    // A line of white space alone would be obsolete syntax: empty words (double spaces) never begin one.
    if (index > 0 && word !== '' && column + 1 + word.length > 78) {
      text += `\r\n ${word}`
      column = 1 + word.length
    } else {
      text += ` ${word}`
      column += 1 + word.length
    }
  }
  return `${text}\r\n`
}

const ATOMS = /^[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~]+(?: [!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~]+)*$/

/** A display name: atoms, a quoted string, or encoded words with folds between them. */
export function printPhrase(name: string): string {
  const flat = name.replace(/[\r\n\t\0]+/g, ' ').trim()
  if (flat.includes('=?') || !isAsciiText(flat)) return encodeWords(flat).join('\r\n ')
  if (ATOMS.test(flat)) return flat
  return `"${flat.replace(/["\\]/g, '\\$&')}"`
}

/** A display name or comment, decoded. */
export function displayName(name: ByteString | undefined): string {
  return name === undefined ? '' : decodeEncodedWords(name)
}

