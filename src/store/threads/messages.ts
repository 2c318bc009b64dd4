// What the threads of the store say to each other. Plain values, batched: one message for all that
// gathered in a turn of the loop. Message bytes travel as moved buffers of their own.
import type { MessagePort } from 'node:worker_threads'
import type { Outcome } from '../operations.ts'
import type { CachedTexts } from '../operations/cache-texts.ts'
import type { DatabaseId } from '../ids.ts'
import type { Lacking } from '../journal/large-writer.ts'
import type { RecordType, Watermark } from '../journal/record.ts'

/** A record that a front wants appended. */
export interface PutItem {
  /** Chosen by the front, unique within it. */
  id: number
  type: RecordType
  databases: readonly DatabaseId[]
  /** JSON as UTF-8 text. */
  meta: string
  body: Uint8Array | null
  /** `lacking`: the members that do not have the file, though others do. */
  large: { name: string; sizeOctets: number; lacking?: readonly Lacking[] | undefined } | null
  sha256: Uint8Array | null
  /** May use the space kept back for expunge, settle and bounces. */
  reserved: boolean
  /** The front waits for the outcome of applying it in this database, not for the flush alone. */
  answerFrom: DatabaseId | null
}

export type ToJournal =
  | { t: 'put'; items: PutItem[] }
  /** Account thread: the least position not yet flushed, and exceptions. */
  | { t: 'watermark'; watermark: Watermark }
  /** Account thread: it has stopped, and nothing more comes from it. */
  | { t: 'stopped' }

export type FromJournal =
  /** These records are flushed (only for items without `answerFrom`). */
  | { t: 'kept'; ids: number[]; sequences: number[] }
  /** These records certainly do not exist. */
  | { t: 'not-kept'; ids: number[]; because: NotKept }

export type NotKept = 'no-space' | 'no-means' | 'member-lost' | 'stopping' | 'dead' | 'not-writable'

/** Journal thread → account thread. */
export type Appended = {
  t: 'appended'
  through: number
  /** Who waits for which record's outcome. */
  waiting: { sequence: number; front: number; id: number; database: DatabaseId }[]
}

export type ToAccounts =
  | Appended
  /** A front wants to read this database: it is brought to the gate, opened, and its path told. */
  | { t: 'open'; id: number; database: DatabaseId }
  /** A front saw something that a sound database does not do. */
  | { t: 'suspect'; database: DatabaseId; path: string; because: string }
  | { t: 'texts'; database: DatabaseId; texts: CachedTexts[] }
  /** An inspection wants it made again, or its caches worked out again. Answered by `mended`. */
  | { t: 'mend'; id: number; database: DatabaseId; how: 'rebuild' | 'recount' | 'drop-texts'; because: string }
  /** This front has sessions that wait for news of accounts: it is told at once from now on, or no longer. */
  | { t: 'news'; wanted: boolean }

/** A database has reached a position; with an account that has a quota goes what it uses of it. */
export type Notice = [database: DatabaseId, position: number, octetsUsed?: number]

export type FromAccounts =
  | { t: 'opened'; id: number; path: string | null; because: string }
  | { t: 'mended'; id: number; path: string | null; because: string }
  | { t: 'outcomes'; list: [id: number, outcome: Outcome<unknown> | { end: 'unknown' }][] }
  | { t: 'notices'; list: Notice[] }
  /** A database has a new file: close the old one. */
  | { t: 'replaced'; database: DatabaseId }
  /** Clients may not change it now (damaged, stuck, far behind), or may again. */
  | { t: 'trouble'; database: DatabaseId; on: boolean }

/** The ends of the channels that one front holds. */
export interface FrontPorts {
  front: number
  journal: MessagePort
  accounts: MessagePort
}
