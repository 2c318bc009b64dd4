// Who takes part in the journal while it runs. A member that fails alone is dropped, in this order, and the
// order is the design:
//
//   1. nothing is written to it any more, and nobody reads from it (`fail`);
//   2. a record of the type mirror-drop is flushed on those that are left (journal.ts);
//   3. `members.json` says so, flushed at the root of each of them (`write`);
//   4. only then is anybody answered whose record the dropped one lacks.
//
// A crash before 3 finds all members in: what was flushed on one of them counts. The last member that is
// in is never dropped: when it fails the journal is dead.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { assert, errorSentence, Outage } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type CrashPoint, step } from './crash-point.ts'
import { isDiskFull, isNoSpace, isOutOfMeans } from './disk-fault.ts'
import { onEach } from './each-member.ts'
import type { Member } from './members.ts'
import { MEMBERS_FILE, type MembersView, printMembersView } from './members-view.ts'
import { mountPointOf } from './mount-point.ts'

/** A member as others may see it. */
export interface MemberFacts {
  readonly root: string
  readonly state: 'in' | 'dropped' | 'filling'
  /** Why it was dropped, and why it is not back; empty when it is in. */
  readonly because: string
  readonly sinceMs: number
  /** Of one that is being brought level. */
  readonly filledOctets: number
  readonly totalOctets: number
}

export interface Standing {
  readonly member: Member
  readonly state: 'in' | 'dropped'
  readonly because: string
  readonly sinceMs: number
  readonly lastGood: number
  readonly mountPoint: string
}

export interface MembershipOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly crashPoint: CrashPoint
  readonly journalId: string
  readonly owner: string
  readonly epoch: number
  /** All that are configured, the data folder first. */
  readonly standings: readonly Standing[]
  /** A mirror that is full is dropped like one that fails, as long as others have room. */
  readonly dropFullMirrors: boolean
  readonly onChange: (facts: readonly MemberFacts[]) => void
}

interface Place extends Omit<Standing, 'state'> {
  state: MemberFacts['state']
  because: string
  sinceMs: number
  lastGood: number
  mountPoint: string
  filledOctets: number
  totalOctets: number
}

export interface Drop {
  readonly member: string
  readonly because: string
  readonly lastGood: number
}

const BECAUSE_MAX = 500

export class Membership {
  readonly #options: MembershipOptions
  readonly #places: readonly Place[]
  #in: readonly Member[]
  #unsettled: Drop[] = []
  /** The file on the disks says less than is so: what is recorded is flushed, but there was no room for the file. */
  #owed = false
  #lastSequence = 0
  /** A start that cannot write to a member is refused: only an owner drops one. */
  #begun = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#places = options.standings.map((standing) => ({ ...standing, filledOctets: 0, totalOctets: 0 }))
    this.#in = this.#listed()
  }

  /** Those that take part: a commit needs all of them. */
  get in(): readonly Member[] {
    return this.#in
  }
  has(member: Member): boolean {
    return this.#in.includes(member)
  }
  get epoch(): number {
    return this.#options.epoch
  }
  get facts(): readonly MemberFacts[] {
    return this.#places.map(({ member, state, because, sinceMs, filledOctets, totalOctets }) => ({ root: member.root, state, because, sinceMs, filledOctets, totalOctets }))
  }
  /** Dropped, and not being filled. */
  get dropped(): readonly Member[] {
    return this.#places.filter((place) => place.state === 'dropped').map((place) => place.member)
  }
  /** Drops that no record tells of yet. */
  get unsettled(): readonly Drop[] {
    return this.#unsettled
  }
  get fileOwed(): boolean {
    return this.#owed
  }
  mountPointOf(member: Member): string {
    return this.#place(member).mountPoint
  }

  /** The start is over. */
  begin(): void {
    this.#begun = true
  }

  /** The last record that all who are in have. */
  reached(sequence: number): void {
    this.#lastSequence = sequence
  }

  /** The judge of `onEach`: leaves the member out if the fault is its own. */
  readonly onFault = (member: Member, error: Outage): boolean => {
    if (!this.#begun || !this.#isItsOwn(member, error)) return false
    this.fail(member, errorSentence(error))
    return true
  }

  /** The same for a failure that names only a path. False when nobody can be left out because of it. */
  blame(error: unknown): boolean {
    if (!(error instanceof Outage) || error.path === undefined || this.#in.length < 2) return false
    const path = error.path
    const member = this.#in.find(({ root }) => path === root || path.startsWith(`${root}/`))
    return member !== undefined && this.onFault(member, error)
  }

  /** A full mirror may be left out, if that was wished for. */
  mayDropFull(member: Member): boolean {
    return this.#options.dropFullMirrors && member !== this.#places[0]?.member
  }

  #isItsOwn(member: Member, error: Outage): boolean {
    if (isDiskFull(error)) return this.mayDropFull(member)
    return !isOutOfMeans(error)
  }

  /** From here on nothing is written to it. It may be called again for one that is out already. */
  fail(member: Member, because: string): void {
    if (!this.has(member) || this.#in.length < 2) return
    const place = this.#place(member)
    Object.assign(place, { state: 'dropped', because: because.slice(0, BECAUSE_MAX), sinceMs: this.#options.clock.nowMs(), lastGood: this.#lastSequence } satisfies Partial<Place>)
    this.#in = this.#listed()
    this.#unsettled.push({ member: member.root, because: place.because, lastGood: place.lastGood })
    this.#options.log.error('a copy of the journal has failed and is left out from now on; the others go on', {
      root: member.root, error: place.because, hint: 'repair or replace the disk; when the folder can be written again it is brought level by itself',
    })
    this.#changed()
  }

  /** A record tells of them now, flushed on all who are in. */
  settled(drops: readonly Drop[]): void {
    this.#unsettled = this.#unsettled.filter((drop) => !drops.includes(drop))
  }

  /** It is being brought level: new large messages go there too. */
  filling(member: Member, progress: { filledOctets: number; totalOctets: number }): void {
    const place = this.#place(member)
    const begun = place.state !== 'filling'
    Object.assign(place, { state: 'filling', ...progress } satisfies Partial<Place>)
    if (begun) this.#changed()
    else this.#options.onChange(this.facts)
  }

  /** Still out, and why. */
  notYet(member: Member, because: string): void {
    const place = this.#place(member)
    if (place.state === 'in' || (place.state === 'dropped' && place.because === because)) return
    Object.assign(place, { state: 'dropped', because: because.slice(0, BECAUSE_MAX) } satisfies Partial<Place>)
    this.#changed()
  }

  /** Level: from here on a commit needs it. Readers hear of it with `welcome`. */
  join(member: Member): void {
    Object.assign(this.#place(member), { state: 'in', mountPoint: mountPointOf(this.#options.disk, member.root) } satisfies Partial<Place>)
    this.#in = this.#listed()
  }

  /** Its return is recorded and written. */
  welcome(member: Member): void {
    Object.assign(this.#place(member), { because: '', sinceMs: this.#options.clock.nowMs(), filledOctets: 0, totalOctets: 0 } satisfies Partial<Place>)
    this.#options.log.info('a copy of the journal is level again and takes part', { root: member.root })
    this.#changed()
  }

  /** It could not begin after all: as if it had not joined. No record tells of it, since none told of its return. */
  leave(member: Member, because: string): void {
    if (!this.has(member)) return
    Object.assign(this.#place(member), { state: 'dropped', because: because.slice(0, BECAUSE_MAX) } satisfies Partial<Place>)
    this.#in = this.#listed()
    this.#changed()
  }

  /**
   * Writes the file at the root of all who are in; those that fail are dropped. Full disks owe it: what the
   * records say is flushed, and it is tried again. False when it is owed.
   */
  write(sequence: number): boolean {
    const bytes = printMembersView(this.#view(sequence))
    try {
      onEach(this.#in.map((member) => ({ member })), ({ member }) => {
        step(this.#options.crashPoint, 'members-write', () => this.#options.disk.writeWhole(join(member.root, MEMBERS_FILE), bytes))
      }, this.onFault)
      this.#owed = false
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      if (!this.#owed) this.#options.log.warn(`${MEMBERS_FILE} could not be written; it is tried again`, { error: errorSentence(error), full: isNoSpace(error) })
      this.#owed = true
    }
    return !this.#owed
  }

  #view(sequence: number): MembersView {
    const { journalId, owner, epoch } = this.#options
    return {
      journalId, owner, epoch, sequence,
      members: this.#places.map(({ member, state, because, sinceMs, lastGood, mountPoint }) => ({
        root: member.root, state: state === 'in' ? 'in' : 'dropped', mountPoint, because: state === 'in' ? '' : because, sinceMs, lastGood,
      })),
    }
  }

  #listed(): readonly Member[] {
    return this.#places.filter((place) => place.state === 'in').map((place) => place.member)
  }

  #place(member: Member): Place {
    const place = this.#places.find((other) => other.member === member)
    assert(place, 'a member is one of those configured')
    return place
  }

  /** Tells that somebody is in or out who was not. */
  #changed(): void {
    this.#options.onChange(this.facts)
  }
}
