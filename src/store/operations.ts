// What can be asked of the store, and what comes back: plain values that are written into the
// journal as they stand (JSON), so every decision is in them (STORE.md, Applying 2) and nothing
// is asked while they are applied. Field names are part of the format (docs/FORMAT.md): add, never rename.
//
// Bytes inside these values (delivery prefix, ENVELOPE, BODYSTRUCTURE) are `latin1` strings: one character a byte.
import type { AccountId, DatabaseId, MailboxId, Origin, Sequence, WorkId } from './ids.ts'
import type { FlagChange, Flags } from './flags.ts'

/** Inclusive range of UIDs. */
export type UidRange = readonly [first: number, last: number]

/** Facts about a message's bytes that were worked out before the append. */
export interface MessageFacts {
  /** Octets of the body as received (without any delivery prefix). */
  size: number
  /** ENVELOPE as protocol text. A cache: may be made again from the bytes. */
  envelope?: string
  /** BODYSTRUCTURE as protocol text, left out where it is worked out later (large messages). A cache. */
  structure?: string
  /** Message-ID without angle brackets, as found. */
  messageId?: string
  /** Keys of the frozen rule "threads-1" (message/thread-keys.ts). */
  threadKeys: string[]
}

// ---------------------------------------------------------------- arrivals

/** What becomes of an arrival in one account. At most one plan for an account. */
export interface Plan {
  account: AccountId
  /** A mailbox by number; when it is gone, or for `undefined`, the INBOX. */
  mailbox?: MailboxId
  bits: number
  keywords: string
  /** Return-Path, Delivered-To, Received …: comes before the body in what clients see. */
  prefix: string
  /** The envelope recipients that led here. */
  recipients: string[]
}

/** One outbound recipient as it is first filed in the queue. */
export interface WorkDraft {
  recipient: string
  /** Where it goes, in lower case: a domain or an address literal. */
  domain: string
  /** RFC 3461 NOTIFY, as given: "NEVER" or a list; undefined when not given. */
  notify?: string
  /** RFC 3461 ORCPT, decoded: "rfc822;user@example.org". */
  orcpt?: string
  /**
   * A recipient of this server, filed by one of the plans, whose sender asked to be told (NOTIFY=SUCCESS): nothing
   * goes out; the row has ended when it is made, and owes the report.
   */
  deliveredHere?: true
}

export interface ArrivalMeta {
  kind: 'arrival'
  /** Reverse path without angle brackets; "" for the null sender. */
  sender: string
  smtputf8?: boolean
  bodyType?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  ret?: 'FULL' | 'HDRS'
  envid?: string
  /** How it came: "smtp", "submission", "bounce", … */
  via: string
  /** Address of the peer, for trace; not shown to recipients of submitted mail. */
  peer?: string
  helo?: string
  /** The account that submitted it. */
  submitter?: AccountId
  facts: MessageFacts
  plans: Plan[]
  work: WorkDraft[]
  /** Comes before the body when `work` is sent out (Received, and headers that submission added). */
  relayPrefix?: string
  origin?: Origin
  /** When it came, where that is not the record's time: an understudy had taken it. Milliseconds. */
  receivedMs?: number
}

// ---------------------------------------------------------------- one account's changes

export type SpecialUse = 'inbox' | 'drafts' | 'sent' | 'junk' | 'trash' | 'archive' | 'flagged' | 'all'

export type AccountChange =
  /** First record of an account: makes INBOX and the named mailboxes. */
  | { kind: 'open-account'; mailboxes: { name: string; role?: SpecialUse }[] }
  | { kind: 'create-mailbox'; name: string; role?: SpecialUse }
  /** Moves the mailbox and everything below it ("a" → "b": "a/x" → "b/x"). INBOX keeps its place and hands its messages over (RFC 9051 §6.3.6). */
  | { kind: 'rename-mailbox'; mailbox: MailboxId; name: string }
  /** Retires it with its messages. One with children stays as a name that cannot be selected. */
  | { kind: 'delete-mailbox'; mailbox: MailboxId }
  /** By name: a subscription outlives its mailbox (RFC 9051 §6.3.7). */
  | { kind: 'subscribe'; name: string; on: boolean }
  /** The record carries the body. */
  | { kind: 'append'; mailbox: MailboxId; bits: number; keywords: string; internalDateMs: number; facts: MessageFacts }
  /** UIDs cut at the highest the session has announced; at most 1,000 messages. */
  | { kind: 'store-flags'; mailbox: MailboxId; uids: UidRange[]; how: FlagChange; bits: number; keywords: string; unchangedSince?: number }
  /** One of several records carries the `group` of them all; the one that ends it is marked `last`. */
  | { kind: 'copy'; mailbox: MailboxId; uids: UidRange[]; to: MailboxId; move: boolean; group?: string; last?: boolean }
  /** Undoes the parts of a group of copies that was not completed. */
  | { kind: 'undo-group'; group: string }
  /** Retires those of `uids` that carry \Deleted. */
  | { kind: 'expunge'; mailbox: MailboxId; uids: UidRange[] }
  | { kind: 'set-quota'; octetsMax: number | null }
  /** An outbox row whose arrival is durable. */
  | { kind: 'outbox-done'; position: Sequence; n: number }
  /** A replay has not repeated the past (STORE.md, Applying 7): clients load these mailboxes anew. The store's own. */
  | { kind: 'raise-uid-validity'; mailboxes: MailboxId[]; because: string }

export interface PlacedMessage {
  uid: number
  modseq: number
}

export type ChangeResults = {
  'open-account': Record<string, never>
  'create-mailbox': { mailbox: MailboxId; uidValidity: number }
  'rename-mailbox': Record<string, never>
  'delete-mailbox': Record<string, never>
  'subscribe': Record<string, never>
  'append': { uidValidity: number; uid: number; modseq: number }
  /** Every message that was changed, in UID order, and the UIDs refused by UNCHANGEDSINCE. */
  'store-flags': { changed: ({ uid: number; modseq: number } & Flags)[]; modified: number[] }
  /** Pairs in UID order of the source. With `move` the sources are retired. */
  'copy': { uidValidity: number; pairs: [from: number, to: number][]; modseq: number }
  'undo-group': Record<string, never>
  'expunge': { uids: number[]; modseq: number }
  'set-quota': Record<string, never>
  'outbox-done': Record<string, never>
  'raise-uid-validity': Record<string, never>
}

/** Why an operation changed nothing. Known words, so that a door can choose its reply. */
export type ChangeRefusal = 'no-such-mailbox' | 'exists' | 'bad-name' | 'over-quota' | 'too-many' | 'not-allowed' | 'no-such-thing'

// ---------------------------------------------------------------- directory

/** Argon2id and SCRAM-SHA-256 verifiers, both as text (PHC string; "iterations:salt:storedKey:serverKey" in base64). */
export interface Credential {
  argon2: string
  scram: string | null
}

export type DirectoryChange =
  | { kind: 'domain-add'; name: string; catchAll?: string }
  | { kind: 'domain-delete'; name: string }
  /** Also applied by the new account's own database, which opens itself with these mailboxes. */
  | { kind: 'account-add'; account: AccountId; address: string; addressKey: string; credential: Credential; octetsMax: number | null; mailboxes: { name: string; role?: SpecialUse }[] }
  | { kind: 'account-delete'; account: AccountId }
  | { kind: 'account-suspend'; account: AccountId; suspended: boolean }
  | { kind: 'account-credential'; account: AccountId; credential: Credential }
  /** Also applied by the account's own database. */
  | { kind: 'account-quota'; account: AccountId; octetsMax: number | null }
  | { kind: 'alias-add'; address: string; addressKey: string; targets: string[] }
  | { kind: 'alias-delete'; addressKey: string }
  | { kind: 'setting'; name: string; value: string | null }

export interface DomainRow { name: string; catchAll: string | null }
export interface AccountRow {
  account: AccountId
  address: string
  addressKey: string
  suspended: boolean
  octetsMax: number | null
  credential: Credential
  createdMs: number
}
export interface AliasRow { address: string; addressKey: string; targets: string[] }

// ---------------------------------------------------------------- queue

export type WorkState = 'waiting' | 'held' | 'done' | 'failed' | 'deleted'

/** One recipient's end of an attempt. */
export interface Settlement {
  work: WorkId
  outcome:
    /** Taken over by the next server (or handed to one that sends no reports). */
    | { end: 'done'; reply: string; remote: string }
    | { end: 'retry'; dueMs: number; reply: string; remote: string; delayNotice: boolean; status?: string }
    | { end: 'failed'; reply: string; remote: string; status: string }
  /** Whether applying this leaves a report for the sender in the outbox. Decided beforehand (RFC 3461 NOTIFY). */
  report?: 'delivered' | 'relayed' | 'delayed' | 'failed'
}

export type QueueChange =
  /** INV-5: submitted before dialling, with the next time moved out. */
  | { kind: 'attempt-begun'; works: WorkId[]; dueMs: number }
  | { kind: 'settled'; settlements: Settlement[] }
  | { kind: 'work-state'; works: WorkId[]; state: 'waiting' | 'held' | 'deleted' }
  /** Due now. */
  | { kind: 'work-retry'; works: WorkId[]; dueMs: number }
  | { kind: 'outbox-done'; position: Sequence; n: number }
  /** The server has lived so many minutes more. */
  | { kind: 'tick'; minutes: number }

export interface WorkRow {
  id: WorkId
  sender: string
  recipient: string
  domain: string
  notify: string | null
  orcpt: string | null
  envid: string | null
  ret: 'FULL' | 'HDRS' | null
  smtputf8: boolean
  bodyType: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** Body octets, without the relay prefix. */
  size: number
  relayPrefix: string
  submitter: AccountId | null
  messageId: string | null
  state: WorkState
  createdMs: number
  dueMs: number
  attempts: number
  lastAttemptMs: number | null
  lastReply: string | null
  lastRemote: string | null
  delayNotified: boolean
  /** Minutes that servers have lived since it came, by their ticks: at most one tick less than the truth. */
  livedMinutes: number
}

/** A report that is owed: becomes an arrival whose origin is this row. */
export interface OutboxRow {
  database: DatabaseId
  position: Sequence
  n: number
  createdMs: number
  /** The report owed; all recipients of one settled record with one kind of report share a row. */
  report: { kind: 'delivered' | 'relayed' | 'delayed' | 'failed'; works: { work: WorkId; reply: string; remote: string; status: string }[] }
}

// ---------------------------------------------------------------- results

export type Outcome<T> =
  | { end: 'done'; result: T }
  | { end: 'refused'; code: ChangeRefusal; reason: string }
