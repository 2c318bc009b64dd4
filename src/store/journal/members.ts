// The places that hold the same journal: the data folder and its mirrors. A commit needs all of them.
// Before anything is opened it is decided here which are whole, and which lack what another has: such a
// one was lost or left behind, and serving from it would forget what was promised.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { equalBytes } from '../../base/bytes.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import { isNoSpace } from './disk-fault.ts'
import { entryOf, type FoundView, type MemberEntry, MEMBERS_FILE, type MembersView, parseMembersView } from './members-view.ts'
import { memberNamedIn } from './member-records.ts'
import { mountPointOf } from './mount-point.ts'
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

/** Who takes part just now, for those who read and write beside the owner; members by their place in the configuration, the data folder is 0. */
export interface MembersSeen {
  /** Another number whenever somebody is in or out who was not. */
  readonly membersChange: number
  /** It is not read, and nothing is mended in it. */
  isOut(index: number): boolean
  /** Out, but new large messages are written there. */
  isFilling(index: number): boolean
}

/** Everybody, always: for a reader of a journal without an owner. */
export const everybody: MembersSeen = { membersChange: 0, isOut: () => false, isFilling: () => false }

export interface MemberState {
  readonly member: Member
  /** Why it cannot take part, when it cannot. */
  readonly missing: string | undefined
  /** It was dropped, and the others say so, or it is new: its absence is no reason to refuse, and what it holds counts for nothing. */
  readonly dropped: MemberEntry | undefined
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

/** What the members themselves say of who takes part; those that cannot be read are passed over. */
export function readViews(disk: Disk, members: readonly Member[], onBad: (sentence: string) => void): FoundView[] {
  const found: FoundView[] = []
  for (const { root } of members) {
    const path = join(root, MEMBERS_FILE)
    try {
      if (!disk.exists(path)) continue
      const view = parseMembersView(disk.readWhole(path))
      if (view.ok) found.push({ root, view: view.value })
      else onBad(`${path}: ${view.reason}`)
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      onBad(`${path} cannot be read: ${errorSentence(error)}`)
    }
  }
  return found
}

/** Looks at every member's folder. The folders are made if they can be, but not where a member should be and is not. */
export function surveyMembers(disk: Disk, members: readonly Member[], view?: MembersView): MemberState[] {
  const found = members.map((member): MemberState => {
    const entry = entryOf(view, member.root)
    const dropped = entry?.state === 'dropped' ? entry : undefined
    try {
      if (entry && !disk.exists(member.root)) throw new Outage('the folder is not there', { operation: 'open', path: member.root })
      if (!dropped) makeFolders(disk, member)
      // One that can be read and not written is no better than one that is gone.
      if (members.length > 1) probe(disk, member)
      const names = disk.list(member.journal)
      const segments = names.map(parseSegmentName).filter((name) => name !== undefined).sort(inOrder)
      // A data folder that was dropped is filled before anything else; not if its disk is only not mounted.
      const unmounted = member === members[0] && dropped && segments.length === 0 && mountPointOf(disk, member.root) !== dropped.mountPoint
      if (unmounted) return { member, missing: `${member.root} is empty, and nothing is mounted at ${dropped.mountPoint} any more`, dropped: undefined, available: true, names, segments }
      return { member, missing: undefined, dropped, available: true, names, segments }
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      const missing = dropped ? undefined : `${member.root} cannot be used: ${errorSentence(error)}`
      return { member, missing, dropped, available: false, names: [], segments: [] }
    }
  })
  // A later owner has gone on and could not write who took part (a full disk): then only the segments are believed.
  const outdated = view !== undefined && isOutdated(disk, found, view)
  const judged = outdated ? found.map((state) => (state.dropped ? { ...state, dropped: undefined, missing: state.available ? undefined : `${state.member.root} cannot be used` } : state)) : found
  const newest = newestThatCounts(disk, judged.filter((state) => !state.dropped && state.missing === undefined))
  if (!newest) return judged
  const renamed = outdated || (view?.members.some((entry) => entry.state === 'in' && !members.some(({ root }) => root === entry.root)) ?? true)
  return judged.map((state): MemberState => {
    if (state.missing !== undefined || state.dropped) return state
    const own = state.segments.at(-1)
    if (!own) {
      // A mirror that nobody has ever written to lacks nothing that only it could have. Where one that is known is not configured any more, it may be that one under another name.
      const isNew = !renamed && entryOf(view, state.member.root) === undefined
      if (isNew) return { ...state, dropped: newcomer(state.member.root) }
      return { ...state, missing: `${state.member.root} holds no journal, though ${newest.path} does` }
    }
    if (inOrder(own, newest.name) < 0 && wasDroppedSince(disk, judged, state, own)) return { ...state, dropped: { ...newcomer(state.member.root), because: 'a record says so' } }
    if (inOrder(own, newest.name) < 0) return { ...state, missing: `${state.member.root} was left behind: it ends with ${own.name}, but ${newest.path} exists` }
    if (isStranger(disk, state, newest)) return { ...state, missing: `${state.member.root} has another history than ${newest.path}` }
    return state
  })
}

/** An interrupted start leaves a segment that holds only copies: what the members say still counts. */
function isOutdated(disk: Disk, states: readonly MemberState[], view: MembersView): boolean {
  return unionOfSegments(states).some((name) => {
    if (name.epoch <= view.epoch) return false
    return states.some((state) => {
      if (!state.segments.some((own) => own.name === name.name)) return false
      const copies = new SegmentCopies({ disk, paths: [join(state.member.journal, name.name)], window: new Window(), onDamage: () => {}, heal: false })
      try {
        const header = copies.header()
        return typeof header === 'object' && recordsIn(copies, header) === 'own'
      } finally {
        copies.close()
      }
    })
  })
}

/** Power was cut between the record of a drop and the file: then the record is found where the member ends. */
function wasDroppedSince(disk: Disk, states: readonly MemberState[], { member }: MemberState, last: SegmentName): boolean {
  const others = states.filter((state) => state.member !== member && !state.dropped && state.missing === undefined)
  let dropped = false
  for (const name of unionOfSegments(others)) {
    if (inOrder(name, last) < 0) continue
    const copies = new SegmentCopies({ disk, paths: others.map((state) => join(state.member.journal, name.name)), window: new Window(), onDamage: () => {}, heal: false })
    try {
      const header = copies.header()
      if (typeof header !== 'object') continue
      const walk = new SegmentWalk(copies, header.firstBatch)
      for (let found = walk.next(); found.at !== 'end' && found.at !== 'footer'; found = walk.next()) {
        if (found.at !== 'record') continue
        const { head, meta } = found.record
        if ((head.type === 'mirror-drop' || head.type === 'mirror-return') && memberNamedIn(meta) === member.root) dropped = head.type === 'mirror-drop'
      }
    } finally {
      copies.close()
    }
  }
  return dropped
}

function newcomer(root: string): MemberEntry {
  return { root, state: 'dropped', mountPoint: '', because: 'it is new', sinceMs: 0, lastGood: 0 }
}

/** A full disk is not a missing one. */
function probe(disk: Disk, member: Member): void {
  const path = join(member.root, 'member.probe')
  try {
    if (disk.exists(path)) disk.remove(path)
    const file = disk.open(path, 'create')
    try {
      file.write([new Uint8Array(1)], 0)
      file.flush()
    } finally {
      file.close()
    }
    disk.remove(path)
  } catch (error) {
    if (!isNoSpace(error)) throw error
  }
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
