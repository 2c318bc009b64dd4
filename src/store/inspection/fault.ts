// What an inspection finds, as plain facts: no words for people (src/repair says those), no judgement of what to do.
import type { DatabaseId } from '../ids.ts'

export type Fault =
  /** Bytes of a segment that fail their check on one member. `elsewhere`: another member has them. */
  | { readonly code: 'segment-bytes'; readonly what: string; readonly path: string; readonly offset: number; readonly elsewhere: boolean; readonly healed: boolean; readonly sequence: number | null }
  /** A member that takes part has no such file. */
  | { readonly code: 'segment-missing'; readonly path: string }
  /** Padding that must be zero. */
  | { readonly code: 'segment-padding'; readonly path: string; readonly offset: number; readonly length: number; readonly healed: boolean }
  | { readonly code: 'large-bytes'; readonly path: string; readonly elsewhere: boolean; readonly healed: boolean; readonly sequence: number }
  | { readonly code: 'large-unnamed'; readonly path: string }
  /** SQLite's own check, or a reading, says that it is damaged. */
  | { readonly code: 'database-damaged'; readonly database: DatabaseId; readonly path: string; readonly because: string }
  /** It cannot be opened now. */
  | { readonly code: 'database-away'; readonly database: DatabaseId; readonly because: string }
  | { readonly code: 'counters-differ'; readonly database: DatabaseId; readonly because: string }
  /** INV-4: numbers that cannot be. */
  | { readonly code: 'numbers-differ'; readonly database: DatabaseId; readonly because: string }
  /** A replay of the journal gives other rows. */
  | { readonly code: 'replay-differs'; readonly database: DatabaseId; readonly because: string }
  /** ENVELOPE or BODYSTRUCTURE kept for this message are not those of its record. */
  | { readonly code: 'texts-differ'; readonly database: DatabaseId; readonly because: string }
  /** It could not be compared: the journal does not hold everything any more, or not whole. */
  | { readonly code: 'not-comparable'; readonly database: DatabaseId; readonly because: string }
  | { readonly code: 'message-unresolved'; readonly database: DatabaseId; readonly sequence: number }
  | { readonly code: 'message-in-no-mailbox'; readonly database: DatabaseId; readonly sequence: number }
  | { readonly code: 'account-without-database'; readonly database: DatabaseId }
  | { readonly code: 'database-without-account'; readonly database: DatabaseId; readonly path: string }
  | { readonly code: 'work-unresolved'; readonly sequence: number }
  | { readonly code: 'snapshot-damaged'; readonly database: DatabaseId; readonly path: string; readonly because: string }
