// A few numbers that every thread may read without asking anybody: shared memory, written by one
// thread each. Doors judge admission by them; nothing durable depends on them.
import type { MemberFacts } from '../journal/journal.ts'
import type { MembersSeen } from '../journal/members.ts'

const FIELDS = [
  /** Last sequence that is flushed. Journal thread. */
  'durableSequence',
  /** Octets appended since the start. Journal thread. */
  'appendedOctets',
  /** Octets of records that every database has applied. Account thread. */
  'appliedOctets',
  /** Last sequence that every reachable database has applied. Account thread. */
  'appliedSequence',
  /** Position that the directory's database has reached. Account thread. */
  'directoryPosition',
  /** Position up to which the understudy's list of addresses has the directory's changes, or is marked as older. Taking thread. */
  'doorPosition',
  /** Free octets on the tightest journal disk. Journal thread. */
  'freeOctets',
  /** 0 starting, 1 open, 2 stopping, 3 dead. Main thread (3: journal thread). */
  'state',
  /** Turns of the loop that each of the two threads has counted, one a second: a thread whose count stands still is stuck. */
  'journalBeats',
  'accountBeats',
  /** Members of the journal that take no part, one bit each by their place in the configuration (the data folder is bit 0), and those of them that are being filled. Journal thread. */
  'membersOut',
  'membersFilling',
  /** Counts whenever one of them was dropped or has come back. Journal thread. */
  'membersChange',
  /** Messages kept since the start: arrivals, no client's changes. Journal thread. */
  'arrivals',
  /** Accounts that clients may not change now: damaged, being made again, far behind. Account thread. */
  'accountsInTrouble',
] as const

export type GaugeName = (typeof FIELDS)[number]
export const STARTING = 0
export const OPEN = 1
export const STOPPING = 2
export const DEAD = 3

/** Fronts that can be told apart at one moment; a front that was restarted has a new number. */
const FRONTS_MAX = 64
const ABSENT = 0

export class Gauges implements MembersSeen {
  readonly shared: SharedArrayBuffer
  readonly #values: Float64Array
  constructor(shared = new SharedArrayBuffer((FIELDS.length + FRONTS_MAX) * 8)) {
    this.shared = shared
    this.#values = new Float64Array(shared)
  }
  get(name: GaugeName): number {
    return this.#values[FIELDS.indexOf(name)] ?? 0
  }
  set(name: GaugeName, value: number): void {
    this.#values[FIELDS.indexOf(name)] = value
  }

  get membersChange(): number {
    return this.get('membersChange')
  }
  isOut(index: number): boolean {
    return hasBit(this.get('membersOut'), index)
  }
  isFilling(index: number): boolean {
    return hasBit(this.get('membersFilling'), index)
  }
  /** The journal thread tells who takes part. */
  setMembers(facts: readonly MemberFacts[]): void {
    const bits = (out: (fact: MemberFacts) => boolean) => facts.reduce((sum, fact, index) => sum + (out(fact) ? 2 ** index : 0), 0)
    const out = bits(({ state }) => state !== 'in')
    const changed = out !== this.get('membersOut')
    // Who is filled is written to from now on; who is out is read no more.
    this.set('membersFilling', bits(({ state }) => state === 'filling'))
    this.set('membersOut', out)
    if (changed) this.set('membersChange', this.get('membersChange') + 1)
  }

  /** This front has read the directory as it stood at `position`; `undefined`: it has gone. */
  setDirectoryRead(front: number, position: number | undefined): void {
    this.#values[FIELDS.length + (front % FRONTS_MAX)] = position === undefined ? ABSENT : position + 1
  }
  /** What every front has read of the directory; Infinity when there is none. */
  get directoryReadByAll(): number {
    let least = Infinity
    for (let at = FIELDS.length; at < this.#values.length; at++) {
      const value = this.#values[at] ?? ABSENT
      if (value !== ABSENT) least = Math.min(least, value - 1)
    }
    return least
  }
}

/** Sums of powers of two in a double: shifts would end at 32 members. */
function hasBit(bits: number, index: number): boolean {
  return Math.floor(bits / 2 ** index) % 2 === 1
}
