// The front door of the store: the only room that touches journal and databases. Callers know
// accounts, mailboxes, messages, arrivals, outbound work and changes; none of them knows SQL, files
// or which engine runs. `accept` and `submit` are the only ways to change anything.
//
// Promises: what `accept` resolved is on disk (INV-1). What `submit` resolved is on disk and applied.
// An `Outage` thrown by either *before* the append means that nothing was kept (answer 4xx / NO); a
// `ReplyUnknown` means that the append was made and its end is not known: close the connection without a reply.
import type { Parsed } from '../base/errors.ts'
import type {
  AccountChange, AccountRow, AliasRow, ArrivalMeta, ChangeResults, DirectoryChange, DomainRow, Outcome, OutboxRow, QueueChange, SpecialUse, WorkRow,
} from './operations.ts'
import type { QuickPass, QuickPassOptions } from './inspection/quick-pass.ts'
import type { AccountId, DatabaseId, MailboxId, Sequence, WorkId } from './ids.ts'
import type { Flags } from './flags.ts'

export * from './ids.ts'
export * from './flags.ts'
export type * from './operations.ts'

/** Message bytes on their way in. Memory is handed over: the caller must not touch it afterwards (its buffer is moved to another thread). */
export type BodyDraft =
  /** One array with a buffer of its own, at most `large_message_octets`. */
  | { at: 'memory'; bytes: Uint8Array; sha256: Uint8Array }
  /** Written by a `LargeWriter` and finished. */
  | { at: 'large'; name: string; sizeOctets: number; sha256: Uint8Array; lacking?: readonly { readonly root: string; readonly because: string }[] | undefined }

/** Streams one message above `large_message_octets` into a file of its own on every member. */
export interface LargeWriter {
  write(chunk: Uint8Array): Promise<void>
  /** Flushes file and directory on every member; only then may a record name it. */
  finish(): Promise<BodyDraft & { at: 'large' }>
  /** Removes what was written. Safe to call at any time, also after an error. */
  abort(): Promise<void>
}

export interface Store {
  /** Domains, accounts, aliases, credentials: held in memory, always there, never a wait. */
  readonly directory: Directory

  /** One record, one flush. Resolves after the flush with the arrival's id. */
  accept(arrival: ArrivalMeta, body: BodyDraft): Promise<Sequence>

  /** A client's or operator's change of one account. Resolves when it is durable and applied. */
  submit<C extends AccountChange>(account: AccountId, change: C, body?: BodyDraft): Promise<Outcome<ChangeResults[C['kind']]>>
  submitDirectory(change: DirectoryChange): Promise<Outcome<Record<string, never>>>
  submitQueue(change: QueueChange): Promise<Outcome<Record<string, never>>>

  /** A number for a new account, never given out before. */
  nextAccountId(): Promise<AccountId>

  largeWriter(): LargeWriter

  account(account: AccountId): AccountReader
  readonly queue: QueueReader
  /** The bytes of an arrival or append as they were received, verified against their SHA-256 before the first octet is given. */
  openBody(message: Sequence): Promise<BodySource>

  /** Calls back when the database has reached a later position. Returns the way to stop it. One call may stand for many records. */
  onNotice(database: DatabaseId | 'all', call: (database: DatabaseId, position: Sequence) => void): () => void

  /**
   * May new mail be taken now? Judged from free space, lag and the journal's health; cheap, from memory.
   * `octets` is the declared size, 0 when unknown.
   */
  admission(octets: number): { admit: true } | { admit: false; because: 'disk-full' | 'lag' | 'stopping' }
  /** May a client change this account now, or is it damaged or too far behind ([UNAVAILABLE])? */
  ready(account: AccountId): Promise<boolean>

  /** What the journal knows of a message or an address, newest first, for `daruma trace`. */
  trace(what: TraceOf, limit: number): Promise<TraceEntry[]>
}

/** An arrival's id is what the 250 said: "kept as 36". */
export type TraceOf = { messageId: string } | { address: string } | { arrival: Sequence } | /** "kept as U36": what an understudy said. */ { taken: number }

export interface TraceEntry {
  sequence: Sequence
  timeMs: number
  via: string
  sender: string
  messageId: string | null
  /** One for each recipient: what became of it so far. */
  recipients: { address: string; fate: string }[]
}

/** The message-taking side cannot know whether its record was kept: no reply may be given. */
export class ReplyUnknown extends Error {
  override name = 'ReplyUnknown'
}

export interface Directory {
  /**
   * False while a later state is there than this thread has read: what is not found may be new, so that
   * "no such user" would be our own fault (INV-10).
   */
  readonly isCurrent: boolean
  /** `name` in lower case, as U-labels. */
  domain(name: string): DomainRow | undefined
  domains(): Iterable<DomainRow>
  account(account: AccountId): AccountRow | undefined
  accountByKey(addressKey: string): AccountRow | undefined
  accounts(): Iterable<AccountRow>
  aliasByKey(addressKey: string): AliasRow | undefined
  aliases(): Iterable<AliasRow>
  setting(name: string): string | undefined
  /** Octets used of the account's quota as last heard (RCPT judges by it); 0 when not yet known. */
  octetsUsed(account: AccountId): number
}

/** Reads of message bytes by range. Nothing is served that does not match its SHA-256. */
export interface BodySource {
  readonly sizeOctets: number
  /** At most 1 MiB at a time; shorter only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The whole body when it is small enough to be in memory anyway (≤ `large_message_octets`), for hot paths. */
  whole(): Uint8Array | undefined
  close(): void
}

export interface MailboxRow {
  mailbox: MailboxId
  /** Full name, "/" between levels, INBOX in capitals. */
  name: string
  role: SpecialUse | null
  selectable: boolean
  uidValidity: number
  uidNext: number
  highestModseq: number
  total: number
  unseen: number
  deleted: number
  /** Octets of all messages. */
  sizeOctets: number
}

/** One message in one mailbox, as little as a mailbox view needs. */
export interface ViewRow extends Flags {
  uid: number
  modseq: number
}

/** One message in one mailbox, as FETCH and SEARCH need it. */
export interface MessageRow extends ViewRow {
  message: Sequence
  internalDateMs: number
  /** Prefix and body together: RFC822.SIZE. */
  sizeOctets: number
  /** Delivery prefix: what clients see before the body. Empty for appended messages. */
  prefix: Uint8Array
  /** Protocol text; null when it must be worked out from the bytes (then hand it to `cacheTexts`). */
  envelope: Uint8Array | null
  structure: Uint8Array | null
  thread: number
  savedMs: number
}

/**
 * Reads of one account. Every call sees one moment; two calls may see two. Results are pages:
 * at most 2,000 rows a call, so that no call holds the thread for more than some milliseconds.
 */
export interface AccountReader {
  mailboxes(): Promise<MailboxRow[]>
  mailbox(mailbox: MailboxId): Promise<MailboxRow | undefined>
  mailboxByName(name: string): Promise<MailboxRow | undefined>
  /** Subscribed names, whether or not such a mailbox is there, sorted. */
  subscriptions(): Promise<string[]>
  /** Placements with uid > `afterUid`, in UID order. */
  viewPage(mailbox: MailboxId, afterUid: number, limit: number): Promise<ViewRow[]>
  /**
   * What changed in the mailbox after `modseq` as one moment: rows new or with changed flags (UID order), UIDs expunged
   * (sorted), and the mailbox as it stands at that moment (undefined: deleted). `truncated` when more than `limit`
   * rows changed: then load the view anew.
   */
  changesSince(mailbox: MailboxId, modseq: number, limit: number): Promise<{ mailbox: MailboxRow | undefined; rows: ViewRow[]; expunged: number[]; truncated: boolean }>
  /** Rows of these UIDs that are (still) there or were expunged within the window (`gone` true), in UID order. At most 2,000 UIDs. */
  messages(mailbox: MailboxId, uids: readonly number[]): Promise<(MessageRow & { gone: boolean })[]>
  /** Hands over protocol texts worked out from the bytes, to be kept for the next time. A cache: no promise. */
  cacheTexts(texts: { message: Sequence; envelope?: Uint8Array; structure?: Uint8Array }[]): void
  /** Octets used and allowed. */
  quota(): Promise<{ octetsUsed: number; octetsMax: number | null; messages: number }>
}

export interface QueueReader {
  /**
   * Waiting work that is due at `nowMs`, the earliest first. Domains in `without` are left out, so that
   * one destination with much waiting does not hide the others.
   */
  due(nowMs: number, limit: number, without?: readonly string[]): Promise<WorkRow[]>
  /** When the next waiting work falls due. */
  nextDueMs(): Promise<number | undefined>
  /** Work not yet ended, in order of arrival. */
  list(limit: number, after?: WorkId): Promise<WorkRow[]>
  get(work: WorkId): Promise<WorkRow | undefined>
  ofArrival(arrival: Sequence): Promise<WorkRow[]>
  /** Reports owed, the oldest first. */
  outbox(limit: number): Promise<OutboxRow[]>
  counts(): Promise<{ waiting: number; held: number }>
}

/** What a mailbox or address name must be before it may stand in a record. */
export interface NameRules {
  parseMailboxName(name: string): Parsed<string>
}
export { addressKey, domainKey } from './address-key.ts'
/** For src/repair; loaded only by those who inspect or start. */
export type { Fault } from './inspection/fault.ts'
export type { DatabaseMend, Inspection } from './inspection/inspection.ts'
export type { QuickPass, QuickPassOptions } from './inspection/quick-pass.ts'
export async function quickPass(dataDirectory: string, options: QuickPassOptions): Promise<Parsed<QuickPass>> {
  return (await import('./inspection/quick-pass.ts')).quickPass(dataDirectory, options)
}
export { makeCredential, nobodysCredential, verifyPassword } from './credentials.ts'
