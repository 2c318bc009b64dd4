// The text that IMAP SEARCH looks at: header values and text parts, decoded and folded (search-fold.ts).
// Bodies come in windows of bounded size that overlap a little, so that a large message is never one
// string, and a search can stop, or give others a turn, between two of them.
import { LF, concatBytes } from '../base/bytes.ts'
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
      if (size > WINDOW_OCTETS * 16) { // one line of many megabytes: cut anywhere
        yield concatBytes(held)
        held = []
        size = 0
      }
    }
  }
  held.push(decoder.end())
  const rest = concatBytes(held)
  if (rest.length > 0) yield rest
}
