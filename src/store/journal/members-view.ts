// Who takes part, as it is written in `members.json` at the root of every member that does. A start asks it
// which members were dropped, so that a disk that comes back with old contents is never believed and its
// absence is no reason to refuse. Where the files differ, the one with the highest (epoch, sequence) counts:
// it was written by the latest owner, on the members that it went on with. Pure; docs/FORMAT.md has the fields.
import { textOf } from '../../base/bytes.ts'
import { type Parsed, refuse, understood } from '../../base/errors.ts'

export const MEMBERS_FILE = 'members.json'

export interface MemberEntry {
  readonly root: string
  readonly state: 'in' | 'dropped'
  /** Where the file system of the folder is mounted: an empty folder without it is not the member. */
  readonly mountPoint: string
  /** Of a dropped one: why, since when, and the last record that it certainly has. */
  readonly because: string
  readonly sinceMs: number
  readonly lastGood: number
}

export interface MembersView {
  /** Hexadecimal, as in the segment headers. */
  readonly journalId: string
  /** Id of the first segment of the owner that wrote it, hexadecimal: tells two owners of one epoch apart. */
  readonly owner: string
  readonly epoch: number
  /** The last record when it was written: of a drop or a return, that record. */
  readonly sequence: number
  readonly members: readonly MemberEntry[]
}

export function printMembersView(view: MembersView): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, ...view }, undefined, 2)}\n`)
}

export function parseMembersView(bytes: Uint8Array): Parsed<MembersView> {
  const bad = (what: string) => refuse('members-file', `${MEMBERS_FILE} cannot be understood: ${what}`)
  let found: Record<string, unknown>
  try {
    const value: unknown = JSON.parse(textOf(bytes))
    if (typeof value !== 'object' || value === null) return bad('it is no JSON object')
    found = value as Record<string, unknown>
  } catch {
    return bad('it is no JSON')
  }
  const { journalId, owner, epoch, sequence, members } = found
  if (!isHex(journalId) || !isHex(owner) || !isCount(epoch) || !isCount(sequence) || !Array.isArray(members)) return bad('a field is missing')
  const entries: MemberEntry[] = []
  for (const each of members as readonly unknown[]) {
    if (typeof each !== 'object' || each === null) return bad('a member is no object')
    const { root, state, mountPoint, because, sinceMs, lastGood } = each as Record<string, unknown>
    if (typeof root !== 'string' || (state !== 'in' && state !== 'dropped')) return bad('a member has no root or state')
    entries.push({
      root, state, mountPoint: typeof mountPoint === 'string' ? mountPoint : '/', because: typeof because === 'string' ? because : '',
      sinceMs: isCount(sinceMs) ? sinceMs : 0, lastGood: isCount(lastGood) ? lastGood : 0,
    })
  }
  return understood({ journalId, owner, epoch, sequence, members: entries })
}

function isHex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export interface FoundView {
  readonly root: string
  readonly view: MembersView
}

/** Whose word counts; `split` when two owners have gone on without each other under one epoch. */
export function newestView(found: readonly FoundView[]): { newest: FoundView | undefined; split: FoundView | undefined } {
  const [newest, ...others] = found.toSorted((a, b) => b.view.epoch - a.view.epoch || b.view.sequence - a.view.sequence)
  const split = newest && others.find(({ view }) => view.epoch === newest.view.epoch && view.owner !== newest.view.owner)
  return { newest, split }
}

/** What the newest word says of a member; undefined when it does not know it. */
export function entryOf(view: MembersView | undefined, root: string): MemberEntry | undefined {
  return view?.members.find((entry) => entry.root === root)
}
