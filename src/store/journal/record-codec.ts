// The head of a record as bytes: written into the arena of a batch, and read back with every check
// that can be made without the body. Bytes that fail a check are no record; nobody guesses.
import { Bug } from '../../base/errors.ts'
import {
  type Arena, alignedTo8, crcMatches, crcOf, DATABASES_MAX, FORMAT_VERSION, get64, LARGE_NAME_OCTETS, META_OCTETS_MAX,
  put64, RECORD_HEAD_OCTETS, RECORD_HEAD_OCTETS_MAX, RECORD_MAGIC, sealCrc,
} from './layout.ts'
import { RECORD_TYPE_CODES, type BodyPlace, type RecordDraft, type RecordType } from './record.ts'

const TYPE_BY_CODE: (RecordType | undefined)[] = []
for (const [type, code] of Object.entries(RECORD_TYPE_CODES)) TYPE_BY_CODE[code] = type as RecordType

const PLACE_CODES: Record<BodyPlace, number> = { none: 0, inline: 1, large: 2 }
const PLACES: readonly BodyPlace[] = ['none', 'inline', 'large']
const SHA256_OCTETS = 32
const LARGE_NAME = /^[0-9a-f]{32}$/

/** Octets of head and meta of a draft. */
export function headOctetsOf(draft: RecordDraft): number {
  return RECORD_HEAD_OCTETS + 8 * draft.databases.length + (draft.body?.place === 'large' ? LARGE_NAME_OCTETS : 0)
}

export function inlineOctetsOf(draft: RecordDraft): number {
  if (draft.body?.place !== 'inline') return 0
  let octets = 0
  for (const part of draft.body.parts) octets += part.length
  return octets
}

export interface RecordStamp {
  readonly sequence: number
  readonly epoch: number
  /** Identity of the segment; its first eight octets stand in each head. */
  readonly segmentId: Uint8Array
  /** Where the record begins in the segment: a copy of these bytes anywhere else (in a mail, say) is no record. */
  readonly offset: number
}

/** Refuses a draft that no reader would take back: our own bug, found before a byte is written. */
export function checkDraft(draft: RecordDraft): void {
  if (RECORD_TYPE_CODES[draft.type] === undefined) throw new Bug(`a record of the unknown type ${draft.type}`)
  if (!(draft.version >= 1 && draft.version <= 255)) throw new Bug('a record version outside 1 to 255')
  if (!Number.isSafeInteger(draft.timeMs) || draft.timeMs < 0) throw new Bug('a record time that is no whole number of milliseconds')
  if (draft.databases.length > DATABASES_MAX) throw new Bug(`a record that names more than ${DATABASES_MAX} databases`)
  for (const database of draft.databases) if (!Number.isSafeInteger(database) || database < 0) throw new Bug('a database number that is no safe integer')
  if (draft.meta.length > META_OCTETS_MAX) throw new Bug('a record meta of more than 64 MiB')
  if (!draft.body) return
  if (draft.body.sha256.length !== SHA256_OCTETS) throw new Bug('a SHA-256 that has no 32 octets')
  if (draft.body.place === 'large' && !LARGE_NAME.test(draft.body.name)) throw new Bug('a large file name that is not ours')
}

/** Writes head and meta into the arena. The body follows in the file, then zeros up to a multiple of 8. */
export function putRecord(arena: Arena, draft: RecordDraft, bodyLength: number, stamp: RecordStamp): void {
  const headLength = headOctetsOf(draft)
  const at = arena.take(headLength + draft.meta.length)
  const { bytes, view } = arena
  const body = draft.body
  view.setUint32(at, RECORD_MAGIC, true)
  view.setUint32(at + 8, headLength, true)
  view.setUint8(at + 12, FORMAT_VERSION)
  view.setUint8(at + 13, draft.version)
  view.setUint16(at + 14, RECORD_TYPE_CODES[draft.type], true)
  for (let i = 0; i < 8; i++) bytes[at + 16 + i] = stamp.segmentId[i] as number
  put64(view, at + 24, stamp.sequence)
  view.setUint32(at + 32, stamp.epoch, true)
  view.setUint32(at + 36, draft.databases.length, true)
  put64(view, at + 40, draft.timeMs)
  view.setUint32(at + 48, draft.meta.length, true)
  view.setUint32(at + 52, crcOf(draft.meta), true)
  put64(view, at + 56, bodyLength)
  if (body) bytes.set(body.sha256, at + 64)
  else bytes.fill(0, at + 64, at + 96)
  view.setUint8(at + 96, body ? PLACE_CODES[body.place] : 0)
  view.setUint8(at + 97, 0)
  view.setUint16(at + 98, 0, true) // key id: reserved for encryption at rest
  view.setUint32(at + 100, stamp.offset / 8, true)
  let next = at + RECORD_HEAD_OCTETS
  for (const database of draft.databases) {
    put64(view, next, database)
    next += 8
  }
  if (body?.place === 'large') {
    for (let i = 0; i < LARGE_NAME_OCTETS; i++) bytes[next + i] = Number.parseInt(body.name.slice(2 * i, 2 * i + 2), 16)
  }
  sealCrc(bytes, view, at, headLength)
  bytes.set(draft.meta, at + headLength)
}

/** What a head says, with where its parts stand relative to the head. */
export interface ParsedHead {
  readonly type: RecordType | 'unknown'
  readonly typeCode: number
  readonly version: number
  readonly epoch: number
  readonly sequence: number
  readonly timeMs: number
  readonly databases: readonly number[]
  readonly headLength: number
  readonly metaLength: number
  readonly bodyPlace: BodyPlace
  readonly bodyLength: number
  readonly bodySha256: Uint8Array | undefined
  readonly largeName: string | undefined
}

/** Octets of a record in the segment, the zeros behind it included. */
export function recordOctets(head: { headLength: number; metaLength: number; bodyPlace: BodyPlace; bodyLength: number }): number {
  return alignedTo8(head.headLength + head.metaLength + (head.bodyPlace === 'inline' ? head.bodyLength : 0))
}

/** Head length that the bytes at `at` claim; 0 when they do not begin a record, or fewer than 16 are there. */
export function claimedHeadLength(bytes: Uint8Array, view: DataView, at: number): number {
  if (at + 16 > bytes.length || view.getUint32(at, true) !== RECORD_MAGIC) return 0
  const length = view.getUint32(at + 8, true)
  return length < RECORD_HEAD_OCTETS || length > RECORD_HEAD_OCTETS_MAX || length % 8 !== 0 ? 0 : length
}

/** The head at `at`, or undefined when it is torn, damaged, another segment's, or not all there. The meta is not looked at. */
export function parseHead(bytes: Uint8Array, view: DataView, at: number, where: { segmentId: Uint8Array; offset: number }): ParsedHead | undefined {
  const headLength = claimedHeadLength(bytes, view, at)
  if (headLength === 0 || at + headLength > bytes.length) return undefined
  for (let i = 0; i < 8; i++) if (bytes[at + 16 + i] !== where.segmentId[i]) return undefined
  if (view.getUint32(at + 100, true) * 8 !== where.offset) return undefined
  if (!crcMatches(bytes, view, at, headLength)) return undefined
  const count = view.getUint32(at + 36, true)
  const bodyPlace = PLACES[view.getUint8(at + 96)]
  if (bodyPlace === undefined) return undefined
  const listEnd = RECORD_HEAD_OCTETS + 8 * count
  if (listEnd + (bodyPlace === 'large' ? LARGE_NAME_OCTETS : 0) > headLength) return undefined
  const sequence = get64(view, at + 24)
  const timeMs = get64(view, at + 40)
  const bodyLength = get64(view, at + 56)
  const metaLength = view.getUint32(at + 48, true)
  if (!(sequence > 0) || !(timeMs >= 0) || !(bodyLength >= 0) || metaLength > META_OCTETS_MAX) return undefined
  const databases: number[] = new Array<number>(count)
  for (let i = 0; i < count; i++) databases[i] = get64(view, at + RECORD_HEAD_OCTETS + 8 * i)
  const typeCode = view.getUint16(at + 14, true)
  return {
    type: TYPE_BY_CODE[typeCode] ?? 'unknown',
    typeCode,
    version: view.getUint8(at + 13),
    epoch: view.getUint32(at + 32, true),
    sequence,
    timeMs,
    databases,
    headLength,
    metaLength,
    bodyPlace,
    bodyLength,
    bodySha256: bodyPlace === 'none' ? undefined : bytes.slice(at + 64, at + 96),
    largeName: bodyPlace === 'large' ? hexName(bytes, at + listEnd) : undefined,
  }
}

function hexName(bytes: Uint8Array, at: number): string {
  let name = ''
  for (let i = 0; i < LARGE_NAME_OCTETS; i++) name += (bytes[at + i] as number).toString(16).padStart(2, '0')
  return name
}

/** Does the meta behind the head at `at` match its CRC? All of it must be in `bytes`. */
export function metaMatches(bytes: Uint8Array, view: DataView, at: number, head: ParsedHead): boolean {
  const start = at + head.headLength
  return start + head.metaLength <= bytes.length && view.getUint32(at + 52, true) === crcOf(bytes.subarray(start, start + head.metaLength))
}

/** Makes a copied head belong to the segment it is copied into. Epoch and sequence stay. */
export function restampHead(bytes: Uint8Array, view: DataView, at: number, headLength: number, where: { segmentId: Uint8Array; offset: number }): void {
  for (let i = 0; i < 8; i++) bytes[at + 16 + i] = where.segmentId[i] as number
  view.setUint32(at + 100, where.offset / 8, true)
  sealCrc(bytes, view, at, headLength)
}
