// The text that IMAP SEARCH looks at: header values and text parts, decoded and folded (search-fold.ts).
// Bodies come in windows of bounded size that overlap a little, so that a large message is never one
// string, and a search can stop, or give others a turn, between two of them.
import { LF, SPACE, concatBytes } from '../base/bytes.ts'
import { canonicalCharset, decodeText } from './charset.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { charsetOf, fileNameOf } from './file-name.ts'
import { fieldName, fieldValue, headerFields } from './headers.ts'
import { textOfHtml } from './html-text.ts'
import type { Part } from './part.ts'
import { foldForSearch } from './search-fold.ts'
import { transferDecoder } from './transfer-encoding.ts'

/** Octets `[start, end)` of the message. */
export type ReadOctets = (start: number, end: number) => Uint8Array

/** Decoded octets of one window; windows end at a line end. */
const WINDOW_OCTETS = 512 * 1024
/** A line longer than this is cut, so that no window holds up others for long. */
const LINE_OCTETS_MAX = WINDOW_OCTETS
/** How far back a place to cut it is looked for. */
const CUT_SEARCH_OCTETS = 4096
const GREATER = 0x3e
/** Characters that a window repeats of the one before: the longest string that is found across them. */
const OVERLAP_CHARACTERS = 1000
/** Fields of one header that are looked at. */
const FIELDS_MAX = 10_000

/** Folded values of all fields of this name (any case), for SEARCH HEADER, SUBJECT, FROM and the like. */
export function searchableValues(header: Uint8Array, name: string): string[] {
  const wanted = name.toLowerCase()
  const values: string[] = []
  let seen = 0
  for (const field of headerFields(header)) {
    if (++seen > FIELDS_MAX) break
    if (field.nameEnd - field.start === wanted.length && fieldName(header, field) === wanted) values.push(foldForSearch(decodeEncodedWords(fieldValue(header, field))))
  }
  return values
}

/** The folded whole header, one line for each field, for SEARCH TEXT. */
export function searchableHeader(header: Uint8Array): string {
  let text = ''
  let seen = 0
  for (const field of headerFields(header)) {
    if (++seen > FIELDS_MAX) break
    text += `${fieldName(header, field)}: ${decodeEncodedWords(fieldValue(header, field))}\n`
  }
  return foldForSearch(text)
}

/** Folded text of the body, for SEARCH BODY and TEXT: text parts, headers of messages inside, file names. */
export function* searchableBody(root: Part, read: ReadOctets): Generator<string, void, void> {
  if (root.kind === 'leaf') yield* leafText(root, read)
  for (const child of root.children) {
    if (root.kind === 'message') yield searchableHeader(read(child.headerStart, child.bodyStart))
    yield* searchableBody(child, read)
  }
}

function* leafText(part: Part, read: ReadOctets): Generator<string, void, void> {
  const fileName = fileNameOf(part)
  if (fileName) yield foldForSearch(fileName)
  const isText = part.type === 'text' || (part.type === 'message' && part.subtype !== 'partial')
  if (!isText) return
  const charset = charsetOf(part)
  const isHtml = part.subtype === 'html'
  let tail = ''
  for (const octets of decodedWindows(part, charset, read)) {
    const decoded = decodeText(octets, charset)
    const text = tail + foldForSearch(isHtml ? textOfHtml(decoded) : decoded.replaceAll('\r\n', '\n'))
    yield text
    tail = text.slice(-OVERLAP_CHARACTERS)
  }
}

/** Behind the last ">" near the end of a long line, or else the last space: neither is half of a letter in any charset of mail. */
function behindWord(line: Uint8Array): number {
  const from = Math.max(0, line.length - CUT_SEARCH_OCTETS)
  const near = line.subarray(from)
  const end = Math.max(near.lastIndexOf(GREATER), 0) || near.lastIndexOf(SPACE)
  return end < 1 ? line.length : from + end + 1
}

/** Decoded octets of a part, cut behind line ends (there no charset of mail has a letter half done). */
function* decodedWindows(part: Part, charset: string | undefined, read: ReadOctets): Generator<Uint8Array, void, void> {
  const decoder = transferDecoder(part.encoding)
  const linesAreSafe = !/^utf-?(?:16|32)|^ucs/.test(canonicalCharset(charset ?? ''))
  let held: Uint8Array[] = []
  let size = 0
  for (let at = part.bodyStart; at < part.bodyEnd; at += WINDOW_OCTETS) {
    const piece = decoder.push(read(at, Math.min(part.bodyEnd, at + WINDOW_OCTETS)))
    const cut = linesAreSafe ? piece.lastIndexOf(LF) + 1 : 0
    if (cut > 0) {
      yield concatBytes([...held, piece.subarray(0, cut)])
      held = [piece.slice(cut)]
      size = piece.length - cut
    } else {
      held.push(piece.slice())
      size += piece.length
      if (size > LINE_OCTETS_MAX) {
        const line = concatBytes(held)
        const end = linesAreSafe ? behindWord(line) : line.length
        yield line.subarray(0, end)
        held = [line.subarray(end)]
        size = line.length - end
      }
    }
  }
  held.push(decoder.end())
  const rest = concatBytes(held)
  if (rest.length > 0) yield rest
}
