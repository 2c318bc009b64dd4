// IMAP's BODYSTRUCTURE and BODY as protocol text (RFC 9051 §7.5.2, the grammar of RFC 3501 too), and the
// octet range that a section of BODY[…] names (RFC 3501 §6.4.5). part.ts has made sure that the tree fits
// the grammar. Types and encodings go out in capitals and parameters in alphabetical order: neither
// means anything (RFC 2045 §5.1), and answers can be compared.
import { bytesOfByteString, type ByteString } from './byte-string.ts'
import type { OctetRange } from './headers.ts'
import { EMPTY_ENVELOPE } from './envelope.ts'
import type { Parameter } from './parameters.ts'
import type { Part } from './part.ts'
import { imapNstring, imapString } from './protocol-string.ts'

export function bodyStructureOf(root: Part): Uint8Array {
  return bytesOfByteString(printPart(root, true))
}

/** BODY without brackets: the same without extension data. */
export function bodyOf(root: Part): Uint8Array {
  return bytesOfByteString(printPart(root, false))
}

function printPart(part: Part, extended: boolean): ByteString {
  if (part.kind === 'multipart') {
    let text = '('
    for (const child of part.children) text += printPart(child, extended)
    text += ` ${imapString(part.subtype.toUpperCase())}`
    if (extended) text += ` ${printParameters(part.parameters)} ${printDisposition(part)} ${printLanguage(part)} ${imapNstring(part.location)}`
    return `${text})`
  }
  let text = `(${printType(part)} ${printParameters(part.parameters)} ${imapNstring(part.id)} ${imapNstring(part.description)} ${
    imapString(part.encoding.toUpperCase())} ${part.bodyEnd - part.bodyStart}`
  const inside = part.kind === 'message' ? part.children[0] : undefined
  if (inside) text += ` ${inside.envelope ?? EMPTY_ENVELOPE} ${printPart(inside, extended)} ${part.lines}`
  else if (part.type === 'text') text += ` ${part.lines}`
  if (extended) text += ` ${imapNstring(part.md5)} ${printDisposition(part)} ${printLanguage(part)} ${imapNstring(part.location)}`
  return `${text})`
}

function printType(part: Part): ByteString {
  if (part.type === 'text' && part.subtype === 'plain') return '"TEXT" "PLAIN"'
  return `${imapString(part.type.toUpperCase())} ${imapString(part.subtype.toUpperCase())}`
}

function printParameters(parameters: readonly Parameter[]): ByteString {
  if (parameters.length === 0) return 'NIL'
  const inOrder = parameters.length === 1 ? parameters : parameters.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  let text = ''
  for (const { name, value } of inOrder) text += `${text === '' ? '(' : ' '}${imapString(name)} ${imapString(value)}`
  return `${text})`
}

function printDisposition({ disposition }: Part): ByteString {
  return disposition ? `(${imapString(disposition.value)} ${printParameters(disposition.parameters)})` : 'NIL'
}

function printLanguage({ language }: Part): ByteString {
  return language ? `(${language.map(imapString).join(' ')})` : 'NIL'
}

export type SectionText = 'HEADER' | 'TEXT' | 'MIME'

/**
 * The octets that `BODY[path.text]` names, or undefined where there are none (the answer is NIL).
 * HEADER.FIELDS takes the range of HEADER and gives it to `selectFields`.
 */
export function sectionOf(root: Part, path: readonly number[], text?: SectionText): OctetRange | undefined {
  if (path.length === 0) {
    if (text === undefined) return { start: 0, end: root.bodyEnd }
    return text === 'TEXT' ? body(root) : header(root)
  }
  const part = partAt(root, path)
  if (!part) return undefined
  if (text === undefined) return body(part)
  if (text === 'MIME') return header(part)
  const inside = part.kind === 'message' ? part.children[0] : undefined // only a message has HEADER and TEXT of its own
  return inside && (text === 'TEXT' ? body(inside) : header(inside))
}

/** The part with this number. In a message that is no multipart, 1 is its body. */
export function partAt(root: Part, path: readonly number[]): Part | undefined {
  let message: Part | undefined = root // whose parts are counted
  let part: Part | undefined
  for (const number of path) {
    if (!message) return undefined
    part = message.kind === 'multipart' ? message.children[number - 1] : number === 1 ? message : undefined
    if (!part) return undefined
    if (part.kind === 'message') message = part.children[0]
    else message = part.kind === 'multipart' ? part : undefined
  }
  return part
}

function body(part: Part): OctetRange {
  return { start: part.bodyStart, end: part.bodyEnd }
}

function header(part: Part): OctetRange {
  return { start: part.headerStart, end: part.bodyStart }
}
