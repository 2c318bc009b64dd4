// One session's map between the sequence numbers its client counts by and the mailbox of now. The client
// knows: every message of the shared view up to the highest UID it was told of, and those the store has
// retired since, which it has not been told (EXPUNGE is held back where RFC 3501 §7.4.1 forbids it). Both
// are in UID order, so a number is a place in the merge of the two; nothing else is kept for a session.
//
// `takeNews` gives what must be said, in the order in which it must be said, and counts it as said.
import type { Ranges } from '../wire/imap/sequence-set.ts'
import { mergedRanges } from '../wire/imap/sequence-set.ts'
import type { HeldMessage, MailboxView } from './mailbox-view.ts'

/** Where a message stands: in the view, or no longer. */
export type Place =
  | { readonly here: true; readonly index: number }
  | { readonly here: false; readonly held: HeldMessage }

export interface News {
  /** Each as the sequence number to say, in this order; every one shifts those behind it. */
  readonly expunged: readonly number[]
  /** The same messages by UID, ascending (for VANISHED). */
  readonly expungedUids: readonly number[]
  /** The new number of messages, if it must be said. */
  readonly exists: number | undefined
  /** A keyword appeared that FLAGS has not named. */
  readonly keywordsGrew: boolean
  /** Messages whose flags changed, ascending; new ones are not among them. */
  readonly changedUids: readonly number[]
}

export class SequenceTracker {
  readonly view: MailboxView
  readonly readOnly: boolean
  /** Highest UID the client knows. */
  #toldUid = 0
  /** How many rows of the view lie at or below it. */
  #toldRows = 0
  /** Ascending by UID. */
  #held: HeldMessage[] = []
  #toldChanges = 0
  #toldModseq = 0
  #toldKeywords = 0
  /** What SEARCH RETURN (SAVE) found, as ranges of UIDs: "$" (RFC 5182). What is expunged falls out by itself. */
  savedUids: Ranges = []
  /** UIDs that are \Recent in this session: low, high, low, high, … */
  #recent: number[] = []
  /** Flags that this command has told already, by the modseq they had then. */
  #said = new Map<number, number>()

  constructor(view: MailboxView, options: { readOnly: boolean }) {
    this.view = view
    this.readOnly = options.readOnly
    view.attach(this)
    this.#toldChanges = view.changesThrough
    this.#toldModseq = view.highestModseq
    this.#toldKeywords = view.knownKeywordsCount
    this.#tell()
  }

  close(): void {
    this.view.detach(this)
  }

  /** The number of messages the client counts. */
  get exists(): number {
    return this.#toldRows + this.#held.length
  }
  /** Highest UID the client was told of; a change may name none above it (STORE.md, Applying 3). */
  get toldUid(): number {
    return this.#toldUid
  }
  get heldCount(): number {
    return this.#held.length
  }
  /** Messages that are \Recent to this session and still there. */
  get recentCount(): number {
    let count = 0
    for (let i = 0; i < this.#recent.length; i += 2) {
      count += this.view.lowerBound(this.#recent[i + 1]! + 1) - this.view.lowerBound(this.#recent[i]!)
    }
    return count
  }
  isRecent(uid: number): boolean {
    for (let i = this.#recent.length - 2; i >= 0; i -= 2) {
      if (uid >= this.#recent[i]!) return uid <= this.#recent[i + 1]!
    }
    return false
  }

  /** Counts all rows of the view as told. */
  #tell(): void {
    const { view } = this
    const last = view.lastUid
    if (last > this.#toldUid) {
      const from = Math.max(view.recentThrough, this.#toldUid) + 1
      if (from <= last) {
        const end = this.#recent.length - 1
        if (end > 0 && this.#recent[end] === from - 1) this.#recent[end] = last
        else this.#recent.push(from, last)
        if (!this.readOnly) view.recentThrough = last
      }
      this.#toldUid = last
    }
    this.#toldRows = view.count
  }

  /** Called by the view in the step in which it drops these rows. Ascending. */
  lose(gone: readonly HeldMessage[]): void {
    const known = gone.filter((message) => message.uid <= this.#toldUid)
    if (known.length === 0) return
    this.#toldRows -= known.length
    if (this.#held.length === 0 || this.#held.at(-1)!.uid < known[0]!.uid) this.#held = [...this.#held, ...known]
    else this.#held = [...this.#held, ...known].sort((a, b) => a.uid - b.uid)
  }

  /** How many held messages have a UID below `uid`. */
  #heldBelow(uid: number): number {
    let low = 0
    let high = this.#held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#held[middle]!.uid < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  /** How many messages the client counts with a UID below `uid`. */
  #below(uid: number): number {
    return Math.min(this.view.lowerBound(uid), this.#toldRows) + this.#heldBelow(uid)
  }

  sequenceOf(uid: number): number | undefined {
    if (uid > this.#toldUid) return undefined
    const below = this.#below(uid)
    return below < this.exists && this.uidOf(below + 1) === uid ? below + 1 : undefined
  }

  placeOf(sequence: number): Place {
    const held = this.#held
    const place = sequence - 1
    if (held.length === 0) return { here: true, index: place }
    // Held message k stands at (rows below it) + k, which grows with k.
    let low = 0
    let high = held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.view.lowerBound(held[middle]!.uid) + middle < place) low = middle + 1
      else high = middle
    }
    const candidate = held[low]
    if (candidate && this.view.lowerBound(candidate.uid) + low === place) return { here: false, held: candidate }
    return { here: true, index: place - low }
  }

  uidOf(sequence: number): number {
    if (this.#held.length === 0) return this.view.uidAt(sequence - 1)
    const place = this.placeOf(sequence)
    return place.here ? this.view.uidAt(place.index) : place.held.uid
  }

  /** Ranges of UIDs as ranges of sequence numbers: both grow together. */
  sequencesOf(uids: Ranges): Ranges {
    const ends: [number, number][] = []
    for (let i = 0; i < uids.length; i += 2) {
      const low = this.#below(uids[i]!) + 1
      const high = Math.min(this.exists, this.#below(uids[i + 1]! + 1))
      if (low <= high) ends.push([low, high])
    }
    return mergedRanges(ends)
  }

  /** Has a keyword appeared that FLAGS has not named? Then it is to be told now, before any message that has it. */
  takeKeywordsGrew(): boolean {
    const grew = this.view.knownKeywordsCount > this.#toldKeywords
    this.#toldKeywords = this.view.knownKeywordsCount
    return grew
  }

  /** The client knows the flags that this message has at this modseq: they are no news (STORE.SILENT, FETCH). */
  said(uid: number, modseq: number): void {
    this.#said.set(uid, modseq)
  }

  /** Is there any change of flags that was not told? Cheap. */
  get hasUntoldFlags(): boolean {
    return this.view.changesThrough > this.#toldChanges
  }

  isSaid(uid: number, modseq: number): boolean {
    return this.#said.get(uid) === modseq
  }

  /** Messages whose flags changed and were not told. undefined: the view no longer remembers which. */
  untoldFlags(): ReadonlySet<number> | undefined {
    const since = this.view.changesSince(this.#toldChanges)
    return since && new Set(since)
  }

  /** Have these flags changed since the client was last told of changes? Only as far back as the view remembers. */
  hasNewFlags(uid: number): boolean {
    return this.view.changesSince(this.#toldChanges)?.includes(uid) ?? true
  }

  /** What the client must be told. `mayExpunge`: EXPUNGE may be sent now. */
  takeNews(mayExpunge: boolean): News {
    const { view } = this
    const expunged: number[] = []
    const expungedUids: number[] = []
    if (mayExpunge && this.#held.length > 0) {
      const { exists } = this
      // From the end, so that each number is right whether or not the client has taken in the one before.
      for (let k = this.#held.length - 1; k >= 0; k -= 1) expunged.push(view.lowerBound(this.#held[k]!.uid) + k + 1)
      for (const message of this.#held) expungedUids.push(message.uid)
      this.#held = []
      if (expunged.length > exists) throw new RangeError('more expunged than known')
    }
    const before = this.#toldRows
    const knownUid = this.#toldUid
    const changedUids = this.#changedUids(knownUid)
    const keywordsGrew = this.takeKeywordsGrew()
    this.#tell()
    return { expunged, expungedUids, exists: this.#toldRows > before ? this.exists : undefined, keywordsGrew, changedUids }
  }

  #changedUids(knownUid: number): number[] {
    const { view } = this
    const said = this.#said
    if (said.size > 0) this.#said = new Map()
    if (view.changesThrough === this.#toldChanges) return []
    const isNews = (index: number) => said.size === 0 || said.get(view.uidAt(index)) !== view.modseqAt(index)
    const since = view.changesSince(this.#toldChanges)
    const changed: number[] = []
    if (since) {
      for (const uid of new Set(since)) {
        const index = uid <= knownUid ? view.indexOf(uid) : undefined
        if (index !== undefined && isNews(index)) changed.push(uid)
      }
      changed.sort((a, b) => a - b)
    } else {
      for (let index = 0; index < this.#toldRows; index += 1) {
        if (view.modseqAt(index) > this.#toldModseq && view.uidAt(index) <= knownUid && isNews(index)) changed.push(view.uidAt(index))
      }
    }
    this.#toldChanges = view.changesThrough
    this.#toldModseq = view.highestModseq
    return changed
  }

  /** Is there anything to say that may be said now? Cheap. */
  get hasNews(): boolean {
    return this.#held.length > 0 || this.view.lastUid > this.#toldUid || this.view.changesThrough > this.#toldChanges ||
      this.view.knownKeywordsCount > this.#toldKeywords
  }
}
