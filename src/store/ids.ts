// The numbers by which things are known inside the store. Branded, so that a mailbox is never
// passed where an account is meant. None is ever given out twice.

declare const brand: unique symbol

/** Which database a record concerns: 0 the directory, 1 the queue, 100 and up one account each. */
export type DatabaseId = number
export const DIRECTORY: DatabaseId = 0
export const QUEUE: DatabaseId = 1
/** No database: what announcements give as their origin. */
export const ANNOUNCEMENTS: DatabaseId = 2
/** No database either: mail that an understudy took. The position is a number of its journal, n the sequence there. */
export const INTAKE: DatabaseId = 3
/** Account numbers begin here; a database number from here up *is* the account's number. */
export const FIRST_ACCOUNT = 100

export type AccountId = number & { readonly [brand]: 'account' }
/** Unique within its account. */
export type MailboxId = number & { readonly [brand]: 'mailbox' }
/** A record's place in the journal; the number by which a message's bytes are addressed. */
export type Sequence = number & { readonly [brand]: 'sequence' }

export function accountId(value: number): AccountId {
  return value as AccountId
}
export function mailboxId(value: number): MailboxId {
  return value as MailboxId
}
export function sequence(value: number): Sequence {
  return value as Sequence
}

/** One outbound recipient: the arrival that brought it, and its place among that arrival's work. Printed "123.0". */
export interface WorkId {
  arrival: Sequence
  n: number
}
export function printWorkId(id: WorkId): string {
  return `${id.arrival}.${id.n}`
}
export function parseWorkId(text: string): WorkId | undefined {
  const match = /^(\d{1,15})\.(\d{1,4})$/.exec(text)
  return match ? { arrival: Number(match[1]) as Sequence, n: Number(match[2]) } : undefined
}

/** Where something in an outbox came from; whoever receives it ignores an origin it has seen (STORE.md, Applying 1). */
export interface Origin {
  database: DatabaseId
  position: Sequence
  n: number
}
