// The header fields that the server itself reads, told apart by their octets without making strings,
// and the few of them that one header section holds. Used by the scanner on the way in, where every
// message pays for it.
import { CR, LF, SPACE, TAB } from '../base/bytes.ts'
import { bufferOver, byteStringOf, unfold, type ByteString } from './byte-string.ts'

export const FIELD = {
  other: 0, date: 1, subject: 2, from: 3, sender: 4, replyTo: 5, to: 6, cc: 7, bcc: 8, inReplyTo: 9, messageId: 10,
  references: 11, received: 12, contentType: 13, contentDisposition: 14, contentId: 15, contentDescription: 16,
  contentTransferEncoding: 17, contentLanguage: 18, contentLocation: 19, contentMd5: 20,
} as const

export type FieldKind = (typeof FIELD)[keyof typeof FIELD]

const NAMES: readonly (readonly [string, FieldKind])[] = [
  ['date', FIELD.date], ['subject', FIELD.subject], ['from', FIELD.from], ['sender', FIELD.sender], ['reply-to', FIELD.replyTo],
  ['to', FIELD.to], ['cc', FIELD.cc], ['bcc', FIELD.bcc], ['in-reply-to', FIELD.inReplyTo], ['message-id', FIELD.messageId],
  ['references', FIELD.references], ['received', FIELD.received], ['content-type', FIELD.contentType],
  ['content-disposition', FIELD.contentDisposition], ['content-id', FIELD.contentId],
  ['content-description', FIELD.contentDescription], ['content-transfer-encoding', FIELD.contentTransferEncoding],
  ['content-language', FIELD.contentLanguage], ['content-location', FIELD.contentLocation], ['content-md5', FIELD.contentMd5],
]

interface Candidate { octets: Uint8Array; kind: FieldKind }
const BY_LENGTH: Candidate[][] = []
for (const [name, kind] of NAMES) (BY_LENGTH[name.length] ??= []).push({ octets: Buffer.from(name, 'latin1'), kind })

const COLON = 58
/** "Content-Transfer-Encoding" and some white space before the colon. */
const NAME_OCTETS_MAX = 40

/** The kind of the field whose name is `bytes[start, end)`, in any case of letters. */
export function fieldKind(bytes: Uint8Array, start: number, end: number): FieldKind {
  const length = end - start
  const candidates = BY_LENGTH[length]
  if (!candidates) return FIELD.other
  next: for (const { octets, kind } of candidates) {
    for (let i = 0; i < length; i++) {
      const octet = bytes[start + i]!
      const want = octets[i]!
      if (octet !== want && (octet | 0x20) !== want) continue next
    }
    return kind
  }
  return FIELD.other
}

/** Where the colon of a known field can stand, or -1. */
export function findColon(bytes: Uint8Array, start: number, end: number): number {
  const stop = end - start > NAME_OCTETS_MAX ? start + NAME_OCTETS_MAX : end
  for (let i = start; i < stop; i++) if (bytes[i] === COLON) return i
  return -1
}

/** The end of a name without the white space that obsolete syntax allows before the colon (RFC 5322 §4.5). */
export function trimNameEnd(bytes: Uint8Array, start: number, colon: number): number {
  let end = colon
  while (end > start && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--
  return end
}

const ADDRESS_KINDS = (1 << FIELD.from) | (1 << FIELD.sender) | (1 << FIELD.replyTo) | (1 << FIELD.to) | (1 << FIELD.cc) | (1 << FIELD.bcc)
const CONTENT_KINDS = (1 << FIELD.contentType) | (1 << FIELD.contentDisposition) | (1 << FIELD.contentId)
  | (1 << FIELD.contentDescription) | (1 << FIELD.contentTransferEncoding) | (1 << FIELD.contentLanguage)
  | (1 << FIELD.contentLocation) | (1 << FIELD.contentMd5)
const ENVELOPE_KINDS = ADDRESS_KINDS | (1 << FIELD.date) | (1 << FIELD.subject) | (1 << FIELD.inReplyTo) | (1 << FIELD.messageId)

/** Which fields to keep: of a part's header, of a nested message's, of the message's own. */
export const KEEP = {
  part: CONTENT_KINDS,
  nested: CONTENT_KINDS | ENVELOPE_KINDS,
  message: CONTENT_KINDS | ENVELOPE_KINDS | (1 << FIELD.references),
} as const

/** Octets of one field that are looked at; the rest of it is stored but not understood. */
export const FIELD_OCTETS_MAX = 256 * 1024
/** Octets of all kept fields of one header section. */
const KEPT_OCTETS_MAX = 1024 * 1024
/** Kept fields of one header section; address fields may come more than once. */
const KEPT_FIELDS_MAX = 200

/**
 * The known fields of one header section, as ranges of `source`. When the section arrives in pieces,
 * `source` is this object's own copy; else it is the message itself and nothing is copied.
 */
export class KnownFields {
  /** Received lines, for the loop check (RFC 5321 §6.3). */
  receivedCount = 0
  #source: Buffer
  readonly #copies: boolean
  #copied = 0
  #kept = 0
  #keep: number = KEEP.message
  #seen = 0
  #open = false
  #count = 0
  readonly #kinds: FieldKind[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  /** Over a whole message, or over pieces (then without `source`). */
  constructor(source?: Uint8Array) {
    this.#copies = source === undefined
    this.#source = source ? bufferOver(source) : Buffer.alloc(0)
  }

  /** Begins another header section, of which `keep` (one of KEEP) is kept. */
  reset(keep: number): void {
    this.receivedCount = 0
    this.#keep = keep
    this.#seen = 0
    this.#count = 0
    this.#copied = 0
    this.#kept = 0
    this.#open = false
  }

  /** A line that begins a field: `bytes[start, end)`, line end included. */
  line(bytes: Uint8Array, start: number, end: number): void {
    this.#open = false
    const colon = findColon(bytes, start, end)
    if (colon < 0) return
    const kind = fieldKind(bytes, start, trimNameEnd(bytes, start, colon))
    if (kind === FIELD.received) this.receivedCount++
    const bit = 1 << kind
    if (kind === FIELD.other || !(this.#keep & bit) || this.#count >= KEPT_FIELDS_MAX) return
    // Of what may stand once the first counts; addresses are taken together, as if separated by commas,
    // so that a second From cannot hide behind the first.
    if (this.#seen & bit && !(ADDRESS_KINDS & bit)) return
    this.#seen |= bit
    const at = this.#count++
    this.#kinds[at] = kind
    this.#starts[at] = this.#copies ? this.#copied : colon + 1
    this.#ends[at] = this.#starts[at]!
    this.#open = true
    this.#extend(bytes, colon + 1, end)
  }

  /** A line that continues the field before it. */
  continuation(bytes: Uint8Array, start: number, end: number): void {
    if (this.#open) this.#extend(bytes, start, end)
  }

  #extend(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#count - 1
    const room = Math.min(FIELD_OCTETS_MAX - (this.#ends[at]! - this.#starts[at]!), KEPT_OCTETS_MAX - this.#kept)
    let octets = end - start
    if (octets > room) {
      octets = room
      this.#open = false
    }
    this.#kept += octets
    if (this.#copies) this.#copy(bytes, start, octets)
    this.#ends[at]! += octets
  }

  #copy(bytes: Uint8Array, start: number, octets: number): void {
    const needed = this.#copied + octets
    if (needed > this.#source.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#source.length * 2, 2048))
      larger.set(this.#source.subarray(0, this.#copied))
      this.#source = larger
    }
    this.#source.set(bytes.subarray(start, start + octets), this.#copied)
    this.#copied = needed
  }

  has(kind: FieldKind): boolean {
    return (this.#seen & (1 << kind)) !== 0
  }

  /** The unfolded value of the first field of this kind; undefined when there is none. */
  value(kind: FieldKind): ByteString | undefined {
    if (!this.has(kind)) return undefined
    for (let i = 0; i < this.#count; i++) if (this.#kinds[i] === kind) return this.#unfolded(i)
    return undefined
  }

  /** All fields of this kind, as one list separated by commas. */
  joined(kind: FieldKind): ByteString | undefined {
    if (!this.has(kind)) return undefined
    let whole: ByteString | undefined
    for (let i = 0; i < this.#count; i++) {
      if (this.#kinds[i] !== kind) continue
      const value = this.#unfolded(i)
      whole = whole === undefined ? value : `${whole}, ${value}`
    }
    return whole
  }

  #unfolded(index: number): ByteString {
    return unfold(byteStringOf(this.#source, this.#starts[index]!, this.#ends[index]!))
  }
}

/** Reads one whole header section into `fields`; returns where the body begins. */
export function readKnownFields(bytes: Uint8Array, fields: KnownFields): number {
  const buffer = bufferOver(bytes)
  let at = 0
  while (at < buffer.length) {
    const lf = buffer.indexOf(LF, at)
    const end = lf < 0 ? buffer.length : lf + 1
    const first = buffer[at]
    if (lf === at || (lf === at + 1 && first === CR)) return end
    if (first === SPACE || first === TAB) fields.continuation(buffer, at, end)
    else fields.line(buffer, at, end)
    at = end
  }
  return at
}
