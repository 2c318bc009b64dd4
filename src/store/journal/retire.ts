// What is done with files once the new owner's segment is durable, and how a member is brought back to
// what the others hold. Files are renamed, not removed: `*.retired` lives until the next start, `*.damaged`
// and `*.cut` until a person removes them.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { type CrashPoint, step } from './crash-point.ts'
import { type Footer, parseEndMark, parseFooter, printFooter } from './footer.ts'
import { END_OCTETS } from './layout.ts'
import { holdsNothingOfItsOwn } from './likeness.ts'
import type { Member, MemberState } from './members.ts'
import type { OnDamage } from './record.ts'
import { UNFINISHED } from './segment-birth.ts'
import { epochInName, type SegmentName } from './segment-name.ts'

const RETIRED = '.retired'
const DAMAGED = '.damaged'
export const SURPLUS = '.surplus'
export const FILLING = '.filling'
const COPY_OCTETS = 4 * 1024 * 1024

export interface Retirement {
  readonly name: string
  /** Where the good part ends: what lies beyond is kept aside if it is anything but zeros. */
  readonly end: number
  /** Something in it was lost for good: the whole file is kept for a person to look at. */
  readonly damaged: boolean
}

export interface Cut {
  readonly path: string
  readonly offset: number
  readonly octets: number
  readonly keptAs: string
}

/** Puts the old files away on every member. May be interrupted anywhere and done again. */
export function retire({ disk, members, retirements, crashPoint }: { disk: Disk; members: readonly Member[]; retirements: readonly Retirement[]; crashPoint: CrashPoint }): Cut[] {
  const cuts: Cut[] = []
  for (const member of members) {
    let renamed = false
    for (const { name, end, damaged } of retirements) {
      const path = join(member.journal, name)
      if (!disk.exists(path)) continue
      if (!damaged) {
        const cut = step(crashPoint, 'retire-keep-cut', () => keepCut(disk, path, end))
        if (cut) cuts.push(cut)
      }
      step(crashPoint, 'retire-rename', () => disk.rename(path, path + (damaged ? DAMAGED : RETIRED)))
      renamed = true
    }
    if (renamed) step(crashPoint, 'retire-flush-directory', () => disk.flushDirectory(member.journal))
  }
  return cuts
}

/** The torn end of a file, without the zeros behind it, in a small file of its own. */
function keepCut(disk: Disk, path: string, end: number): Cut | undefined {
  const file = disk.open(path, 'read')
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(Math.max(0, file.sizeOctets() - end))
    bytes = bytes.subarray(0, file.read(bytes, end))
  } finally {
    file.close()
  }
  let octets = bytes.length
  while (octets > 0 && bytes[octets - 1] === 0) octets -= 1
  if (octets === 0) return undefined
  const keptAs = `${path}.${String(end).padStart(10, '0')}.cut`
  disk.writeWhole(keptAs, bytes.subarray(0, octets))
  return { path, offset: end, octets, keptAs }
}

/** Files of earlier starts that nothing needs any more, now that this owner's segment is durable. */
export function removeLeftovers({ disk, members, crashPoint }: { disk: Disk; members: readonly Member[]; crashPoint: CrashPoint }): void {
  for (const member of members) {
    for (const name of disk.list(member.journal)) {
      if (epochInName(name) === 0 || !(name.endsWith(RETIRED) || name.endsWith(UNFINISHED) || name.endsWith(FILLING))) continue
      step(crashPoint, 'retire-remove', () => disk.remove(join(member.journal, name)))
    }
  }
}

/** A segment that is sealed on one member is sealed: the others get the same footer at the same place. */
export function completeSeal({ disk, paths, footer, crashPoint }: { disk: Disk; paths: readonly string[]; footer: Footer; crashPoint: CrashPoint }): void {
  const bytes = printFooter(footer, footer.index)
  const size = footer.offset + bytes.length
  for (const path of paths) {
    if (!disk.exists(path)) continue
    const file = disk.open(path, 'update')
    try {
      if (file.sizeOctets() === size && hasFooter(file, footer, bytes.length)) continue
      step(crashPoint, 'seal-write', () => file.write([bytes], footer.offset))
      step(crashPoint, 'seal-truncate', () => file.truncate(size))
      step(crashPoint, 'seal-flush', () => file.flush())
    } finally {
      file.close()
    }
  }
}

function hasFooter(file: { read(into: Uint8Array, position: number): number }, footer: Footer, octets: number): boolean {
  const bytes = new Uint8Array(octets)
  if (file.read(bytes, footer.offset) !== octets) return false
  return parseFooter(bytes, 0, { segmentId: footer.segmentId, offset: footer.offset }) !== undefined && parseEndMark(bytes.subarray(octets - END_OCTETS)) !== undefined
}

export interface RestoreOptions {
  disk: Disk
  present: readonly MemberState[]
  names: readonly SegmentName[]
  sealed: (name: SegmentName) => boolean
  crashPoint: CrashPoint
  report: OnDamage
}

/** A sealed segment that a member has lost comes back from another. */
export function restoreLostFiles({ disk, present, names, sealed, crashPoint, report }: RestoreOptions): void {
  const held = new Map(present.map((state) => [state, new Set(state.segments.map((own) => own.name))]))
  for (const name of names) {
    const lacking = present.filter((state) => !held.get(state)?.has(name.name))
    const holder = present.find((state) => held.get(state)?.has(name.name))
    if (lacking.length === 0 || !holder || !sealed(name)) continue
    for (const state of lacking) {
      const path = join(state.member.journal, name.name)
      copyFile(disk, join(holder.member.journal, name.name), path, crashPoint)
      disk.flushDirectory(state.member.journal)
      report({ outcome: 'healed', what: 'segment', path, offset: 0, length: 0, firstSequence: name.firstSequence, lastSequence: undefined, sentence: `${path} was gone and has been copied from ${holder.member.root}` })
    }
  }
}

export interface FillOptions {
  disk: Disk
  from: readonly Member[]
  to: MemberState
  names: readonly SegmentName[]
  /** Unsealed segments: not copied, since the new owner writes what counts of them anew. */
  tailNames: ReadonlySet<string>
  crashPoint: CrashPoint
}

/** Brings an empty or left-behind member up to the others. What only it has is kept as `*.surplus`. */
export function fillMember({ disk, from, to, names, tailNames, crashPoint }: FillOptions): void {
  for (const folder of [to.member.journal, to.member.large]) if (!disk.exists(folder)) disk.makeDirectory(folder)
  disk.flushDirectory(to.member.root)
  const wanted = new Set(names.filter((name) => !tailNames.has(name.name)).map((name) => name.name))
  for (const own of to.segments) {
    if (wanted.has(own.name) && isSealedAlike(disk, own, from, to.member)) continue
    const path = join(to.member.journal, own.name)
    const original = from.map((member) => join(member.journal, own.name)).find((other) => disk.exists(other))
    if (original !== undefined && holdsNothingOfItsOwn(disk, path, original)) disk.remove(path)
    else disk.rename(path, path + SURPLUS)
  }
  for (const name of wanted) {
    const target = join(to.member.journal, name)
    const source = from.map((member) => join(member.journal, name)).find((path) => disk.exists(path))
    if (source !== undefined && !disk.exists(target)) copyFile(disk, source, target, crashPoint)
  }
  disk.flushDirectory(to.member.journal)
  for (const member of from) {
    for (const name of disk.list(member.large)) {
      const target = join(to.member.large, name)
      if (!name.includes('.') && !disk.exists(target)) copyFile(disk, join(member.large, name), target, crashPoint)
    }
  }
  disk.flushDirectory(to.member.large)
}

/** Same size as a sealed copy elsewhere: taken as it is; what is wrong inside is healed when it is read. */
function isSealedAlike(disk: Disk, own: SegmentName, from: readonly Member[], member: Member): boolean {
  const size = disk.facts(join(member.journal, own.name))?.sizeOctets
  return from.some((other) => disk.facts(join(other.journal, own.name))?.sizeOctets === size)
}

function copyFile(disk: Disk, from: string, to: string, crashPoint: CrashPoint): void {
  const filling = to + FILLING
  if (disk.exists(filling)) disk.remove(filling)
  const source = disk.open(from, 'read')
  try {
    const target = disk.open(filling, 'create')
    try {
      const buffer = new Uint8Array(COPY_OCTETS)
      for (let at = 0; ; ) {
        const got = source.read(buffer, at)
        if (got === 0) break
        step(crashPoint, 'heal-write', () => target.write([buffer.subarray(0, got)], at))
        at += got
      }
      step(crashPoint, 'heal-flush', () => target.flush())
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
  disk.rename(filling, to)
}
