// What a journal record is, for everybody who writes or reads one. The bytes on disk are described
// in docs/FORMAT.md; nothing here knows them. The journal understands the head of a record and never
// looks into its meta (made by the rooms above, UTF-8 JSON) or its body (message bytes).
import { errorCode, Outage } from '../../base/errors.ts'

/** A database that applies records: 0 is the directory, 1 the queue, accounts count from 100. */
export type DatabaseId = number

export const DIRECTORY_DATABASE: DatabaseId = 0
export const QUEUE_DATABASE: DatabaseId = 1
export const FIRST_ACCOUNT_DATABASE: DatabaseId = 100

/** The number of each type in the file. Numbers are never given out twice. */
export const RECORD_TYPE_CODES = {
  arrival: 1,
  change: 2,
  directory: 3,
  queue: 4,
  facts: 5,
  tick: 6,
  skip: 7,
  'adopted-through': 8,
  'mirror-drop': 9,
  'mirror-return': 10,
} as const

export type RecordType = keyof typeof RECORD_TYPE_CODES

/** Where a record stands. The sequence alone is unique; the epoch tells which owner gave it out. */
export interface Position {
  readonly epoch: number
  readonly sequence: number
}

/** Message bytes that stand in the segment, right behind the record's meta. */
export interface InlineBody {
  readonly place: 'inline'
  /** The bytes, in as many pieces as the caller happens to have. They are not copied before the write. */
  readonly parts: readonly Uint8Array[]
  /** SHA-256 of all parts together, 32 octets. The journal takes the caller's word for it. */
  readonly sha256: Uint8Array
}

/** Message bytes in a file of their own, written and flushed by `LargeWriter` before the append. */
export interface LargeBody {
  readonly place: 'large'
  /** 32 lower-case hexadecimal digits, given by `LargeWriter`. */
  readonly name: string
  readonly length: number
  readonly sha256: Uint8Array
}

/** A record before it has a position. */
export interface RecordDraft {
  readonly type: RecordType
  /** Version of this type's meta, 1 to 255. */
  readonly version: number
  /** Wall time in milliseconds: the only clock that applying ever sees. */
  readonly timeMs: number
  /** Every database that applies the record. May be empty (a tick). */
  readonly databases: readonly DatabaseId[]
  readonly meta: Uint8Array
  readonly body?: InlineBody | LargeBody
  /** May use the reserve when the disk is full: expunge, settle, bounces, adoption. Never a stranger's mail. */
  readonly reserved?: boolean
}

export type BodyPlace = 'none' | 'inline' | 'large'

/** The head of a record as read back. */
export interface RecordHead {
  /** `unknown` is a type of a newer version: see docs/FORMAT.md, "Versions". */
  readonly type: RecordType | 'unknown'
  /** The type's number in the file, also when it is unknown. */
  readonly typeCode: number
  readonly version: number
  readonly epoch: number
  readonly sequence: number
  readonly timeMs: number
  readonly databases: readonly DatabaseId[]
  readonly metaLength: number
  readonly bodyPlace: BodyPlace
  /** 0 when there is none. */
  readonly bodyLength: number
  /** SHA-256 of the body, 32 octets of its own; undefined when there is none. */
  readonly bodySha256: Uint8Array | undefined
  /** Name of the file in `large/` when `bodyPlace` is `large`. */
  readonly largeName: string | undefined
}

/** A head on the way past in a scan. `meta` is a view that is valid until the callback returns. */
export interface ScannedRecord extends RecordHead {
  readonly meta: Uint8Array
}

/** A head without what only its readers need: what a start has to know of each record behind the watermark. */
export interface JournalEntry {
  readonly epoch: number
  readonly sequence: number
  readonly type: RecordType | 'unknown'
  readonly databases: readonly DatabaseId[]
  /** Octets of meta and body together: for the lag. */
  readonly octets: number
}

/**
 * Up to where every database is flushed. It stands in each batch header; an old one only makes the
 * scan at the next start longer.
 */
export interface Watermark {
  /** Every record up to here is applied and flushed in every database that it names, but for the exceptions. */
  readonly through: number
  /** Databases that are behind `through`, each with its own flushed position. At most 64. */
  readonly exceptions: readonly { readonly database: DatabaseId; readonly through: number }[]
}

/** Verified message bytes. No octet comes out before the whole body has matched its SHA-256. */
export interface BodySource {
  readonly length: number
  readonly sha256: Uint8Array
  /** The octets from `offset`, at most `length` of them. A view: copy it before changing or transferring it. */
  read(offset: number, length: number): Uint8Array
}

/** Damage met while reading or recovering. */
export interface Damage {
  /** Mended from another member; answered from another member, but the bad copy could not be mended; or gone everywhere. */
  readonly outcome: 'healed' | 'answered' | 'lost'
  /** What was damaged: bytes of a segment, a whole segment that is not there, or a large file. */
  readonly what: 'segment-header' | 'batch-header' | 'record' | 'body' | 'footer' | 'segment' | 'large'
  readonly path: string
  readonly offset: number
  readonly length: number
  /** First and last sequence concerned, where known. */
  readonly firstSequence: number | undefined
  readonly lastSequence: number | undefined
  /** One sentence for a person. */
  readonly sentence: string
}

export type OnDamage = (damage: Damage) => void

/**
 * There is no room (or no descriptor for the next file), and the records of this batch certainly do not exist: the answer is 452 (or NO).
 * The journal goes on; drafts marked `reserved` may still be taken.
 */
export class OutOfSpace extends Outage {
  override name = 'OutOfSpace'
  constructor(path: string, cause?: unknown) {
    const code = errorCode(cause) ?? 'ENOSPC'
    const [sentence, hint] = code === 'ENOSPC' || code === 'EDQUOT'
      ? ['no room for the journal', 'make room on the disk that holds the journal']
      : ['no file descriptors or no memory left for the journal', 'raise the limit of open files (ulimit -n), or find out who uses them']
    super(sentence, { operation: 'append', path, code, hint, cause })
  }
}

/**
 * A write or a flush failed and nobody can say what the disk holds: the owner must end (exit 74).
 * Nothing of the batch may be acknowledged; the next owner finds out what is there.
 */
export class JournalDead extends Outage {
  override name = 'JournalDead'
}

/** Message bytes that match their SHA-256 in no member. They are never served. */
export class BodyDamaged extends Outage {
  override name = 'BodyDamaged'
}
