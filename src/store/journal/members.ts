// The places that hold the same journal: the data folder and its mirrors. A commit needs all of them.
// Before anything is opened it is decided here which are whole, and which lack what another has: such a
// one was lost or left behind, and serving from it would forget what was promised.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { equalBytes } from '../../base/bytes.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import type { ParsedSegmentHeader } from './segment-header.ts'
import { SegmentCopies, Window } from './segment-copies.ts'
import { inOrder, parseSegmentName, type SegmentName } from './segment-name.ts'
import { SegmentWalk } from './segment-walk.ts'

export interface Member {
  readonly root: string
  /** The folder of the segments. */
  readonly journal: string
  /** The folder of the large messages. */
  readonly large: string
}

export function memberOf(root: string): Member {
  return { root, journal: join(root, 'journal'), large: join(root, 'large') }
}

export interface MemberState {
  readonly member: Member
  /** Why it cannot take part, when it cannot. */
  readonly missing: string | undefined
  /** Can its folders be written at all? */
  readonly available: boolean
  /** All names in its journal folder. */
  readonly names: readonly string[]
  readonly segments: readonly SegmentName[]
}

/** A member is missing that nobody has dropped: starting without it needs `--accept-loss`. */
export class MemberMissing extends Outage {
  override name = 'MemberMissing'
}

/** Looks at every member's folder. The folders are made if they can be. */
export function surveyMembers(disk: Disk, members: readonly Member[]): MemberState[] {
  const found = members.map((member): MemberState => {
    try {
      makeFolders(disk, member)
      const names = disk.list(member.journal)
      const segments = names.map(parseSegmentName).filter((name) => name !== undefined).sort(inOrder)
      return { member, missing: undefined, available: true, names, segments }
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      return { member, missing: `${member.root} cannot be used: ${errorSentence(error)}`, available: false, names: [], segments: [] }
    }
  })
  const newest = newestThatCounts(disk, found)
  if (!newest) return found
  return found.map((state): MemberState => {
    if (state.missing !== undefined) return state
    const own = state.segments.at(-1)
    if (!own) return { ...state, missing: `${state.member.root} holds no journal, though ${newest.path} does` }
    if (inOrder(own, newest.name) < 0) return { ...state, missing: `${state.member.root} was left behind: it ends with ${own.name}, but ${newest.path} exists` }
    if (isStranger(disk, state, newest)) return { ...state, missing: `${state.member.root} has another history than ${newest.path}` }
    return state
  })
}

/** A folder that was only just made is as lost in a power cut as what is in it. */
function makeFolders(disk: Disk, member: Member): void {
  const missing = [member.journal, member.large].filter((folder) => !disk.exists(folder))
  if (missing.length === 0) return
  for (const folder of missing) disk.makeDirectory(folder)
  disk.flushDirectory(member.root)
}

interface Newest {
  readonly name: SegmentName
  readonly path: string
  readonly header: ParsedSegmentHeader
}

/**
 * The last segment to which its own owner has appended. One that was only just made (a crash came before
 * the other members had it) holds nothing that they lack.
 */
function newestThatCounts(disk: Disk, states: readonly MemberState[]): Newest | undefined {
  const names = unionOfSegments(states)
  let oldest: Newest | undefined
  for (const name of names.reverse()) {
    const paths = states.filter((state) => state.segments.some((own) => own.name === name.name)).map((state) => join(state.member.journal, name.name))
    const copies = new SegmentCopies({ disk, paths, window: new Window(), onDamage: () => {}, heal: false })
    try {
      const header = copies.header()
      if (header === 'newer-format') throw new Outage(`${paths[0]} was written by a newer version of Daruma`, { operation: 'open', path: paths[0] as string, hint: 'start the version that wrote it' })
      if (header === 'damaged') continue
      const found = { name, path: paths[0] as string, header }
      const records = recordsIn(copies, header)
      if (records === 'own') return found
      if (records === 'copied') oldest = found
    } finally {
      copies.close()
    }
  }
  return oldest
}

/** Without any record there is nothing that another member could lack. */
function recordsIn(copies: SegmentCopies, header: ParsedSegmentHeader): 'own' | 'copied' | 'none' {
  let found: 'copied' | 'none' = 'none'
  const footer = copies.footerByEndMark()
  if (footer) return footer.index.runs.some((run) => run.epoch === header.epoch) ? 'own' : footer.index.count > 0 ? 'copied' : 'none'
  const walk = new SegmentWalk(copies, header.firstBatch)
  for (;;) {
    const step = walk.next()
    if (step.at === 'end') return found
    if (step.at === 'footer') return step.footer.index.runs.some((run) => run.epoch === header.epoch) ? 'own' : found
    if (step.at !== 'record') continue
    if (step.record.head.epoch === header.epoch) return 'own'
    found = 'copied'
  }
}

function isStranger(disk: Disk, state: MemberState, newest: Newest): boolean {
  const copies = new SegmentCopies({ disk, paths: [join(state.member.journal, newest.name.name)], window: new Window(), onDamage: () => {}, heal: false })
  try {
    const own = copies.header()
    return typeof own === 'object' && !(equalBytes(own.segmentId, newest.header.segmentId) && equalBytes(own.journalId, newest.header.journalId))
  } finally {
    copies.close()
  }
}

/** Every segment that any member has, in order. */
export function unionOfSegments(states: readonly { segments: readonly SegmentName[] }[]): SegmentName[] {
  const byName = new Map<string, SegmentName>()
  for (const state of states) for (const segment of state.segments) byName.set(segment.name, segment)
  return [...byName.values()].sort(inOrder)
}
