// What an operation knows beside its own values: which record it is. All of it stands in the record's
// header, so a replay knows the same. There is no clock here, and no chance.
import type { DatabaseId, Sequence } from '../ids.ts'
import type { ChangeRefusal, Outcome } from '../operations.ts'

export interface Context {
  database: DatabaseId
  sequence: Sequence
  epoch: number
  timeMs: number
}

export function done<T>(result: T): Outcome<T> {
  return { end: 'done', result }
}

/** Nothing was changed, for a reason that will be the same whenever the record is applied. */
export function refused(code: ChangeRefusal, reason: string): Outcome<never> {
  return { end: 'refused', code, reason }
}

// Frozen: a replay must refuse what was refused. Doors may have stricter limits of their own.
/** Messages that one record may change. */
export const MESSAGES_MAX = 1000
export const MAILBOXES_MAX = 10_000
export const MAILBOX_NAME_OCTETS_MAX = 1000

/** PostgreSQL's text has no NUL. Only for texts from outside that are shown and never compared. */
export function safeText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}
