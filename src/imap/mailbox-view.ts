// What one mailbox holds, as every session of this thread needs it: UIDs, flags and modseqs in columns,
// 17 octets a message, shared by all sessions that look at the mailbox.
//
// It is brought up to date in place, in one synchronous step (`apply`), from the store's change log.
// That is safe between a session's awaits because of two rules that hold for every session's map
// (sequence-tracker.ts): UIDs only ever grow at the end, and a row that leaves the view goes, in the same
// step, to each session that still counts it. So the numbers a client knows never change under a command.
//
// It never reads the store itself; `view-keeper.ts` does.
import { assert } from '../base/errors.ts'
import type { MailboxId, MailboxRow, ViewRow } from '../store/store.ts'
import { DELETED, SEEN, keywordKey, keywordList } from '../store/store.ts'
import type { SequenceTracker } from './sequence-tracker.ts'

/** A message that the store has retired and some session still counts. */
export interface HeldMessage {
  readonly uid: number
  readonly bits: number
  /** Index into the view's keyword texts. */
  readonly keywords: number
  readonly modseq: number
}

export interface ViewChanges {
  /** undefined: the mailbox was deleted. */
  readonly mailbox: MailboxRow | undefined
  /** New messages and changed flags, in UID order. */
  readonly rows: readonly ViewRow[]
  /** Sorted. */
  readonly expunged: readonly number[]
}

/** Flag changes remembered for sessions that have not heard them; one further behind looks through all rows. */
const CHANGES_REMEMBERED_MAX = 4096

export class MailboxView {
  readonly mailbox: MailboxId
  readonly uidValidity: number
  #uidNext: number
  #modseq: number
  #count = 0
  #uids: Uint32Array
  #bits: Uint8Array
  #keywords: Uint32Array
  #modseqs: Float64Array
  /** Each distinct set of keywords once, as the store writes it; 0 is "none". */
  readonly #keywordTexts: string[] = ['']
  readonly #keywordIndex = new Map<string, number>([['', 0]])
  /** Every keyword ever seen here, by its key, spelled as it was first seen. */
  readonly #known = new Map<string, string>()
  #deleted = false
  /** UIDs whose flags changed, the latest last; `#changesFrom` counts what was dropped before it. */
  #changes: number[] = []
  #changesFrom = 0
  readonly #trackers = new Set<SequenceTracker>()
  /** Highest UID that some session has been told is recent (RFC 3501 §2.3.2); see docs/QUIRKS.md. */
  recentThrough: number

  constructor(row: MailboxRow, recentThrough: number) {
    this.mailbox = row.mailbox
    this.uidValidity = row.uidValidity
    this.#uidNext = row.uidNext
    this.#modseq = row.highestModseq
    this.recentThrough = recentThrough
    const room = roomFor(row.total)
    this.#uids = new Uint32Array(room)
    this.#bits = new Uint8Array(room)
    this.#keywords = new Uint32Array(room)
    this.#modseqs = new Float64Array(room)
  }

  get count(): number {
    return this.#count
  }
  get uidNext(): number {
    return this.#uidNext
  }
  get highestModseq(): number {
    return this.#modseq
  }
  /** The mailbox is no more; its messages are gone with it. */
  get deleted(): boolean {
    return this.#deleted
  }
  /** Spelled as first seen, in order of appearance. */
  get knownKeywords(): Iterable<string> {
    return this.#known.values()
  }
  get knownKeywordsCount(): number {
    return this.#known.size
  }
  knowsKeyword(keyword: string): boolean {
    return this.#known.has(keywordKey(keyword))
  }
  get lastUid(): number {
    return this.#count === 0 ? 0 : this.#uids[this.#count - 1]!
  }
  get trackersCount(): number {
    return this.#trackers.size
  }
  trackers(): Iterable<SequenceTracker> {
    return this.#trackers
  }

  uidAt(index: number): number {
    return this.#uids[index]!
  }
  bitsAt(index: number): number {
    return this.#bits[index]!
  }
  /** Index of the keyword text. */
  keywordsAt(index: number): number {
    return this.#keywords[index]!
  }
  modseqAt(index: number): number {
    return this.#modseqs[index]!
  }
  keywordText(keywords: number): string {
    return this.#keywordTexts[keywords]!
  }

  /** Index of the first message whose UID is at least `uid`. */
  lowerBound(uid: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#uids[middle]! < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  indexOf(uid: number): number | undefined {
    const index = this.lowerBound(uid)
    return index < this.#count && this.#uids[index] === uid ? index : undefined
  }

  /** Number of flag changes ever recorded; what a session has heard is counted in it. */
  get changesThrough(): number {
    return this.#changesFrom + this.#changes.length
  }
  /** UIDs changed since `from`, perhaps more than once; undefined when that is no longer remembered. */
  changesSince(from: number): readonly number[] | undefined {
    return from < this.#changesFrom ? undefined : this.#changes.slice(from - this.#changesFrom)
  }

  attach(tracker: SequenceTracker): void {
    this.#trackers.add(tracker)
  }
  detach(tracker: SequenceTracker): void {
    this.#trackers.delete(tracker)
  }

  /** A page of the first load; no session looks yet. */
  load(rows: readonly ViewRow[]): void {
    assert(this.#trackers.size === 0, 'a view is loaded before it is looked at')
    for (const row of rows) this.#append(row)
  }

  /** Brings the view from the moment it shows to the one these changes lead to. */
  apply(changes: ViewChanges): void {
    if (!changes.mailbox) {
      this.#deleted = true
      this.#remove(Array.from(this.#uids.subarray(0, this.#count)))
      return
    }
    if (changes.expunged.length > 0) this.#remove(changes.expunged)
    for (const row of changes.rows) {
      if (row.uid > this.lastUid) {
        this.#append(row)
        continue
      }
      const index = this.indexOf(row.uid)
      // Not there: it came and went between two looks, and `expunged` says so as well.
      if (index !== undefined) this.#update(index, row)
    }
    this.#uidNext = Math.max(this.#uidNext, changes.mailbox.uidNext)
    this.#modseq = Math.max(this.#modseq, changes.mailbox.highestModseq)
  }

  #intern(text: string): number {
    const known = this.#keywordIndex.get(text)
    if (known !== undefined) return known
    for (const keyword of keywordList(text)) {
      const key = keywordKey(keyword)
      if (!this.#known.has(key)) this.#known.set(key, keyword)
    }
    this.#keywordTexts.push(text)
    this.#keywordIndex.set(text, this.#keywordTexts.length - 1)
    return this.#keywordTexts.length - 1
  }

  #append(row: ViewRow): void {
    assert(row.uid > this.lastUid, 'INV-4: UIDs only grow')
    if (this.#count === this.#uids.length) this.#grow()
    const index = this.#count
    this.#uids[index] = row.uid
    this.#bits[index] = row.bits
    this.#keywords[index] = this.#intern(row.keywords)
    this.#modseqs[index] = row.modseq
    this.#count += 1
    if (row.uid >= this.#uidNext) this.#uidNext = row.uid + 1
  }

  #grow(): void {
    const room = roomFor(this.#count + 1)
    const grown = <T extends Uint32Array | Uint8Array | Float64Array>(column: T, larger: T): T => {
      larger.set(column)
      return larger
    }
    this.#uids = grown(this.#uids, new Uint32Array(room))
    this.#bits = grown(this.#bits, new Uint8Array(room))
    this.#keywords = grown(this.#keywords, new Uint32Array(room))
    this.#modseqs = grown(this.#modseqs, new Float64Array(room))
  }

  #update(index: number, row: ViewRow): void {
    const keywords = this.#intern(row.keywords)
    if (row.modseq < this.#modseqs[index]!) return // an older read of the same message
    if (this.#modseqs[index] === row.modseq && this.#bits[index] === row.bits && this.#keywords[index] === keywords) return
    this.#bits[index] = row.bits
    this.#keywords[index] = keywords
    this.#modseqs[index] = row.modseq
    this.#changes.push(row.uid)
    if (this.#changes.length > CHANGES_REMEMBERED_MAX * 2) {
      this.#changesFrom += this.#changes.length - CHANGES_REMEMBERED_MAX
      this.#changes = this.#changes.slice(-CHANGES_REMEMBERED_MAX)
    }
  }

  #remove(expunged: readonly number[]): void {
    const gone: HeldMessage[] = []
    let from = this.#count
    let to = this.#count
    let next = 0
    // Everything before the first that goes stays where it is; behind it the rest moves up, once.
    for (const uid of expunged) {
      const index = this.indexOf(uid)
      if (index === undefined) continue
      from = index
      to = index
      break
    }
    for (; from < this.#count; from += 1) {
      const uid = this.#uids[from]!
      while (next < expunged.length && expunged[next]! < uid) next += 1
      if (expunged[next] === uid) {
        gone.push({ uid, bits: this.#bits[from]!, keywords: this.#keywords[from]!, modseq: this.#modseqs[from]! })
        continue
      }
      this.#uids[to] = uid
      this.#bits[to] = this.#bits[from]!
      this.#keywords[to] = this.#keywords[from]!
      this.#modseqs[to] = this.#modseqs[from]!
      to += 1
    }
    this.#count = to
    if (gone.length > 0) for (const tracker of this.#trackers) tracker.lose(gone)
  }

  /** Unseen messages and the first of them, for SELECT. */
  firstUnseenIndex(): number | undefined {
    for (let index = 0; index < this.#count; index += 1) {
      if ((this.#bits[index]! & SEEN) === 0) return index
    }
    return undefined
  }

  /** UIDs of messages that carry \Deleted, up to `lastUid`, in order. */
  deletedUids(lastUid: number): number[] {
    const uids: number[] = []
    for (let index = 0; index < this.#count; index += 1) {
      if (this.#uids[index]! > lastUid) break
      if (this.#bits[index]! & DELETED) uids.push(this.#uids[index]!)
    }
    return uids
  }
}

function roomFor(count: number): number {
  return Math.max(16, Math.ceil(count * 1.25))
}
