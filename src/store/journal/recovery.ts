// Becoming the owner of a journal (STORE.md, Journal 3, 5, 6, 9). In this order, and the order is the design:
//
//   1. look at every member; refuse if one is missing that was not dropped, and nobody accepted that;
//   2. find the last sealed segment, and read what stands behind it on any member (tail.ts);
//   3. copy the good records into a segment of a new epoch, flushed on every member before it has its name;
//   4. write who takes part (`members.json`, of this epoch) on all who do;
//   5. only then retire the old files: renamed, not removed; what was cut is kept beside them;
//   6. at the next start the retired files of this one are removed.
//
// A crash between any two steps leaves either the old files, or the old ones and a whole new segment, whose
// header says that it holds everything behind `previousLast`; the next owner then takes the new one's word.
// An old owner's file is never appended to.
import { join } from 'node:path'
import { equalBytes, hexOf } from '../../base/bytes.ts'
import { Outage } from '../../base/errors.ts'
import { copyTail, type CopyPlan } from './copy-tail.ts'
import { noCrashPoint } from './crash-point.ts'
import type { Footer } from './footer.ts'
import type { JournalOptions, JournalStart } from './journal-options.ts'
import { openJournalReader } from './journal-reader.ts'
import { SEGMENT_SIZE_OCTETS } from './layout.ts'
import { learnHeader } from './lost-header.ts'
import { memberOf, type MemberState, surveyMembers, unionOfSegments } from './members.ts'
import { chooseMembers, standingOf, viewThatCounts } from './members-choice.ts'
import { Membership } from './membership.ts'
import { type FoundView, MEMBERS_FILE } from './members-view.ts'
import type { Damage, JournalEntry, Watermark } from './record.ts'
import { completeSeal, fillMember, removeLeftovers, restoreLostFiles, retire, type Retirement } from './retire.ts'
import { SegmentCopies, Window } from './segment-copies.ts'
import type { EpochEnd, ParsedSegmentHeader } from './segment-header.ts'
import { epochInName, type SegmentName } from './segment-name.ts'
import { Spares } from './spares.ts'
import { readTail, type TailRecord, type TailSegment } from './tail.ts'

/** A new owner's numbers begin at a multiple of this, so that none is ever given out twice. */
export const SEQUENCE_STRIDE = 2 ** 20

export interface RecoveryReport {
  readonly epoch: number
  /** True when there was no journal before. */
  readonly fresh: boolean
  /** The last record that counts; 0 when there is none. */
  readonly lastSequence: number
  /** The first sequence that this owner gives out. */
  readonly nextSequence: number
  readonly watermark: Watermark
  readonly recordsCopied: number
  /** Torn ends that were cut: never answered for. They are kept in the files named. */
  readonly cuts: readonly { readonly path: string; readonly offset: number; readonly octets: number; readonly keptAs: string }[]
  readonly damages: readonly Damage[]
  /** Members that take no part until they are filled again. */
  readonly membersLeftOut: readonly { readonly root: string; readonly why: string }[]
  readonly membersFilled: readonly string[]
  /** What a person should read, one sentence each; empty when all was well. */
  readonly sentences: readonly string[]
}

export interface Recovered extends JournalStart {
  readonly report: RecoveryReport
  /** Reads the heads behind the watermark. */
  readonly readEntries: () => JournalEntry[]
}

export function recoverJournal(options: JournalOptions): Recovered {
  const { disk, random } = options
  const crashPoint = options.crashPoint ?? noCrashPoint
  const segmentSize = options.segmentSizeOctets ?? SEGMENT_SIZE_OCTETS
  const all = [options.dataDirectory, ...(options.mirrors ?? [])].map(memberOf)
  const view = viewThatCounts(options, all)
  const states = surveyMembers(disk, all, view?.view)
  const { present, filled, leftOut } = chooseMembers(options, states)
  const damages: Damage[] = []
  const report = (damage: Damage) => {
    damages.push(damage)
    options.onDamage?.(damage)
  }
  const names = unionOfSegments(present)
  const fresh = names.length === 0
  refuseLostSegments(present, fresh, view)
  const window = new Window()
  const opened: SegmentCopies[] = []
  try {
    const tail = findTail(options, present, names, window, opened, report)
    const journalId = tail.journalId ?? random.bytes(16)
    restoreLostFiles({ disk, present, names, sealed: (name) => !tail.segments.some((segment) => segment.name.name === name.name), crashPoint, report })
    for (const state of filled) fillMember({ disk, from: present.map((other) => other.member), to: state, names, tailNames: new Set(tail.segments.map((segment) => segment.name.name)), crashPoint })

    const kept = unite(tail.segments, report)
    const lastSequence = Math.max(tail.sealedLast, kept.at(-1)?.sequence ?? 0)
    const highest = Math.max(lastSequence, ...tail.segments.map((segment) => segment.highestSeen), ...names.map((name) => name.firstSequence))
    const nextSequence = fresh ? 1 : (Math.floor(highest / SEQUENCE_STRIDE) + 1) * SEQUENCE_STRIDE
    const epoch = highestEpoch(options, states) + 1
    const epochEnds = endsOf(tail, kept)
    const watermark = tail.watermark
    const members = new Membership({
      disk, clock: options.clock, log: options.log, crashPoint, journalId: hexOf(journalId), owner: hexOf(random.bytes(16)), epoch,
      dropFullMirrors: options.dropFullMirrors ?? false, onChange: options.onMembers ?? (() => {}),
      standings: states.map((state) => standingOf(options, { state, leftOut, lastSequence, view: view?.view })),
    })
    members.reached(lastSequence)
    const spares = new Spares({ disk, members, sizeOctets: segmentSize, crashPoint, epoch })
    spares.takeOver()
    const plan: CopyPlan = {
      options, members, segmentSize, journalId, epoch, epochEnds, records: kept, previousLast: tail.sealedLast, lastSequence, nextSequence, watermark, spares,
    }
    const active = copyTail(plan)
    if (all.length > 1 || view) members.write(lastSequence)

    // From here on the new segment counts; the old files are only put away.
    const retirements = tail.segments.map((segment): Retirement => ({
      name: segment.name.name, end: segment.end, damaged: segment.damages.some((damage) => damage.outcome === 'lost'),
    }))
    removeLeftovers({ disk, members: members.in, crashPoint })
    const cuts = retire({ disk, members: members.in, retirements, crashPoint })
    const start: JournalStart = { members, journalId, active, spares, epoch, nextSequence, lastSequence, epochEnds, watermark }
    const sentences = [
      ...leftOut.map((member) => `running without ${member.root}: ${member.why}`),
      ...cuts.map((cut) => `${cut.octets} octets at the end of ${cut.path} were never acknowledged and have been cut; they are kept as ${cut.keptAs}`),
      ...damages.map((damage) => damage.sentence),
    ]
    for (const sentence of sentences) options.log.warn(sentence)
    return {
      ...start, readEntries: () => (fresh ? [] : entriesBehind(options, watermark, lastSequence, report)),
      report: {
        epoch, fresh, lastSequence, nextSequence, watermark, recordsCopied: kept.length, cuts, damages,
        membersLeftOut: leftOut, membersFilled: filled.map((state) => state.member.root), sentences,
      },
    }
  } finally {
    for (const copies of opened) copies.close()
  }
}

/** Files that only an owner leaves behind, but not one segment: somebody has taken the journal away. */
function refuseLostSegments(present: readonly MemberState[], fresh: boolean, view: FoundView | undefined): void {
  if (!fresh) return
  for (const state of present) {
    const trace = state.names.find((name) => epochInName(name) > 0 && !name.endsWith('.new')) ?? (view?.root === state.member.root ? `../${MEMBERS_FILE}` : undefined)
    if (trace !== undefined) {
      throw new Outage(`${join(state.member.journal, trace)} is there, but no segment: the journal was removed`, {
        operation: 'open', path: state.member.journal, hint: 'bring the files *.seg back from a mirror or a backup; Daruma does not begin anew beside the remains of a journal',
      })
    }
  }
}

interface Tail {
  /** In order. Those that a later one supersedes are here too, to be retired. */
  readonly segments: readonly TailSegment[]
  /** Last sequence in sealed segments. */
  readonly sealedLast: number
  readonly sealed: { header: ParsedSegmentHeader; footer: Footer } | undefined
  readonly journalId: Uint8Array | undefined
  readonly watermark: Watermark
}

function findTail(
  options: JournalOptions, present: readonly MemberState[], names: readonly SegmentName[], window: Window, opened: SegmentCopies[], report: (damage: Damage) => void,
): Tail {
  const { disk } = options
  const crashPoint = options.crashPoint ?? noCrashPoint
  const segments: TailSegment[] = []
  let journalId: Uint8Array | undefined
  let watermark: Watermark | undefined
  let sealed: Tail['sealed']
  for (const name of [...names].reverse()) {
    const paths = present.map((state) => join(state.member.journal, name.name))
    const copies = new SegmentCopies({ disk, paths, window, onDamage: report, heal: false })
    opened.push(copies)
    const found = copies.header()
    if (found === 'newer-format') throw new Outage(`${paths[0]} was written by a newer version of Daruma`, { operation: 'open', path: paths[0] as string, hint: 'start the version that wrote it' })
    const header = found === 'damaged' ? learnHeader(copies, name) : found
    if (found === 'damaged') {
      report({ outcome: header ? 'answered' : 'lost', what: 'segment-header', path: paths[0] as string, offset: 0, length: 0, firstSequence: undefined, lastSequence: undefined, sentence: `the header of ${paths[0]} is damaged in every member` })
      if (!header) {
        // Nothing in it can be trusted. It is put away as damaged, never removed.
        segments.push(nothingOf(name, copies))
        continue
      }
      copies.presumeHeader(header)
    }
    if (!header) continue
    if (journalId && !equalBytes(journalId, header.journalId) && found !== 'damaged') throw new Outage(`${paths[0]} belongs to another journal`, { operation: 'open', path: paths[0] as string, hint: 'two journals were mixed in one folder' })
    if (found !== 'damaged') journalId ??= header.journalId
    const later = segments.at(-1)
    // A start that was interrupted before it had put this file away: the later segment holds what counts of it.
    const superseded = later && segments.find((other) => other.header.copied && other.name.epoch > name.epoch && name.firstSequence > other.header.previousLast)
    if (superseded) {
      segments.push({ ...readTail(name, header, copies, undefined), superseded: true })
      continue
    }
    const footer = copies.footerByEndMark()
    if (footer) {
      sealed = { header, footer }
    } else {
      const tail = readTail(name, header, copies, later ? later.header.previousLast : undefined)
      if (tail.footer) sealed = { header, footer: tail.footer }
      else segments.push(tail)
    }
    if (sealed) {
      completeSeal({ disk, paths: copies.paths, footer: sealed.footer, crashPoint })
      break
    }
  }
  for (const segment of segments) if (!segment.superseded) watermark ??= segment.watermark
  watermark ??= sealed ? { through: sealed.footer.flushedThrough, exceptions: [] } : { through: 0, exceptions: [] }
  const sealedLast = sealed ? Math.max(sealed.footer.index.lastSequence, sealed.header.previousLast) : (segments.at(-1)?.header.previousLast ?? 0)
  return { segments: segments.reverse(), sealedLast, sealed, journalId, watermark }
}

function nothingOf(name: SegmentName, copies: SegmentCopies): TailSegment {
  const none = new Uint8Array(16)
  const header: ParsedSegmentHeader = { segmentId: none, journalId: none, epoch: name.epoch, firstSequence: name.firstSequence, previousLast: name.firstSequence - 1, createdMs: 0, copied: false, epochEnds: [], firstBatch: 0 }
  const lost: Damage = { outcome: 'lost', what: 'segment', path: copies.paths[0] as string, offset: 0, length: copies.sizeOctets(), firstSequence: name.firstSequence, lastSequence: undefined, sentence: `${copies.paths[0]} cannot be read at all` }
  return { name, header, copies, records: [], end: 0, damages: [lost], whole: false, durableThrough: 0, highestSeen: name.firstSequence - 1, watermark: undefined, footer: undefined, superseded: false }
}

/**
 * All good records behind the last sealed segment, each once. Where two segments hold the same one, the later
 * owner's counts, unless only the earlier one's is whole. What a later owner has cut does not come back.
 */
function unite(segments: readonly TailSegment[], report: (damage: Damage) => void): TailRecord[] {
  const bySequence = new Map<number, TailRecord>()
  const ends = segments.findLast((segment) => segment.header.copied)?.header
  for (const segment of segments) {
    for (const record of segment.records) {
      if (ends && segment.name.epoch < ends.epoch) {
        const end = ends.epochEnds.find((entry) => entry.epoch === record.epoch)?.last ?? 0
        if (record.sequence > end) continue
      }
      const other = bySequence.get(record.sequence)
      if (!other || record.bodyWhole || !other.bodyWhole) bySequence.set(record.sequence, record)
    }
  }
  for (const segment of segments) {
    if (segment.superseded) continue // its owner's successor has reported what was wrong with it
    for (const damage of segment.damages) report(afterUnion(damage, bySequence))
  }
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence)
}

/** What one segment lost may be whole in another. */
function afterUnion(damage: Damage, bySequence: ReadonlyMap<number, TailRecord>): Damage {
  const { firstSequence, lastSequence } = damage
  if (damage.outcome !== 'lost' || firstSequence === undefined || lastSequence === undefined) return damage
  for (let sequence = firstSequence; sequence <= lastSequence; sequence++) if (!bySequence.get(sequence)?.bodyWhole) return damage
  return { ...damage, outcome: 'healed', sentence: `${damage.sentence}, but an earlier copy was whole and has been taken over` }
}

/** Where every epoch before the new one ended. */
function endsOf(tail: Tail, kept: readonly TailRecord[]): EpochEnd[] {
  const ends = new Map<number, number>()
  const note = (epoch: number, last: number) => {
    if (last > 0) ends.set(epoch, Math.max(ends.get(epoch) ?? 0, last))
  }
  const newest = tail.segments.at(-1)?.header ?? tail.sealed?.header
  // An owner may have sealed a segment without a record in it: that its epoch has records stands only in `previousLast`.
  for (const header of [newest, tail.sealed?.header]) {
    if (header && header.epochEnds.every((end) => end.last < header.previousLast)) note(header.epoch, header.previousLast)
  }
  for (const { epoch, last } of newest?.epochEnds ?? []) note(epoch, last)
  for (const { epoch, last } of tail.sealed?.header.epochEnds ?? []) note(epoch, last)
  for (const run of tail.sealed?.footer.index.runs ?? []) note(run.epoch, run.firstSequence + run.count - 1)
  for (const record of kept) note(record.epoch, record.sequence)
  // What was durable and is damaged was given out all the same: a database that has seen it is not ahead.
  for (const segment of tail.segments) if (!segment.whole && segment.durableThrough >= segment.name.firstSequence && segment === tail.segments.at(-1)) note(segment.header.epoch, segment.durableThrough)
  return [...ends].map(([epoch, last]) => ({ epoch, last })).sort((a, b) => a.epoch - b.epoch)
}

/** Of any file that ever had an epoch in its name, in any member and in the understudy's folder. */
function highestEpoch(options: JournalOptions, states: readonly MemberState[]): number {
  let highest = 0
  for (const state of states) for (const name of state.names) highest = Math.max(highest, epochInName(name))
  for (const name of options.disk.list(join(options.dataDirectory, 'intake'))) highest = Math.max(highest, epochInName(name))
  return highest
}

function entriesBehind(options: JournalOptions, watermark: Watermark, lastSequence: number, report: (damage: Damage) => void): JournalEntry[] {
  const entries: JournalEntry[] = []
  const behind = new Map(watermark.exceptions.map((exception) => [exception.database, exception.through]))
  const least = Math.min(watermark.through, ...behind.values())
  const reader = openJournalReader({ ...options, onDamage: report })
  try {
    reader.scan(least + 1, (record) => {
      const wanted = record.sequence > watermark.through || record.databases.some((database) => record.sequence > (behind.get(database) ?? Infinity))
      if (!wanted) return
      const { epoch, sequence, type, databases, metaLength, bodyLength } = record
      entries.push({ epoch, sequence, type, databases, octets: metaLength + bodyLength })
    }, lastSequence)
  } finally {
    reader.close()
  }
  return entries
}

