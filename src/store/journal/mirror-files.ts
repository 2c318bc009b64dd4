// The files of a member that is being brought level, and what it still lacks. A file that is copied is called
// `*.filling` until it is whole and flushed, so that a crash leaves nothing that could be taken for a copy.
import { join } from 'node:path'
import type { AsyncDisk, AsyncDiskFile, Disk } from '../../base/disk.ts'
import { type Likeness, likenessOf } from './likeness.ts'
import type { Member } from './members.ts'
import { FILLING } from './retire.ts'
import { parseSegmentName } from './segment-name.ts'

const FINISHED_LARGE = /^[0-9a-f]{32}$/

/** The copy of a segment that its owner may still be writing to. */
export interface Filling {
  readonly name: string
  /** So many octets of it are copied and flushed. */
  copied: number
}

export function segmentsOf(disk: Disk, member: Member): string[] {
  return disk.list(member.journal).filter((name) => parseSegmentName(name) !== undefined)
}

export function largeOf(disk: Disk, member: Member): string[] {
  return disk.list(member.large).filter((name) => FINISHED_LARGE.test(name))
}

/** Every file of that kind that any of them holds, sorted. */
export function unionOf(members: readonly Member[], namesOf: (member: Member) => string[]): string[] {
  return [...new Set(members.flatMap(namesOf))].sort()
}

/** Is there a segment or a large message that those who are in hold, and it does not? */
export function lacksSomething(disk: Disk, members: readonly Member[], member: Member): boolean {
  const own = new Set([...segmentsOf(disk, member), ...largeOf(disk, member)])
  return members.some((other) => segmentsOf(disk, other).some((name) => !own.has(name)) || largeOf(disk, other).some((name) => !own.has(name)))
}

/** Copies what is behind `copied` of a segment that is sealed now; flushed, named and the folder flushed when it returns. */
export function completeFilling(disk: Disk, from: readonly Member[], to: Member, filling: Filling): void {
  const target = join(to.journal, filling.name)
  const source = disk.open(from.map((member) => join(member.journal, filling.name)).find((path) => disk.exists(path)) as string, 'read')
  try {
    const file = disk.open(target + FILLING, 'update')
    try {
      const rest = new Uint8Array(Math.max(0, source.sizeOctets() - filling.copied))
      const got = source.read(rest, filling.copied)
      file.write([rest.subarray(0, got)], filling.copied)
      file.truncate(filling.copied + got)
      file.flush()
    } finally {
      file.close()
    }
  } finally {
    source.close()
  }
  disk.rename(target + FILLING, target)
  disk.flushDirectory(to.journal)
}

/** What one call reads or writes. */
export const SLICE_OCTETS = 1024 * 1024

/** Paces the work, and ends it when nobody wants it any more. */
export interface Pace {
  (octets: number): Promise<void>
}

/** How a copy stands to its original, from end to end. */
export async function compareFiles(disk: AsyncDisk, copy: string, original: string, sizes: { copy: number; original: number }, pace: Pace): Promise<Likeness> {
  if (sizes.copy === 0) return sizes.original === 0 ? 'same' : 'less'
  let found: Likeness = sizes.copy === sizes.original ? 'same' : 'less'
  await withFiles(disk, [copy, original], async ([a, b]) => {
    const [left, right] = [new Uint8Array(SLICE_OCTETS), new Uint8Array(SLICE_OCTETS)]
    for (let at = 0; at < sizes.copy && found !== 'different'; at += SLICE_OCTETS) {
      const own = await (a as AsyncDiskFile).read(left, at)
      const other = await (b as AsyncDiskFile).read(right, at)
      const likeness = likenessOf(left.subarray(0, own), right.subarray(0, other))
      if (likeness !== 'same') found = likeness
      await pace(own + other)
    }
  })
  return found
}

/** Appends to a copy what its original has between two offsets, flushed and read again when it resolves. False when it is not what was written. */
export async function copyRange(disk: AsyncDisk, original: string, copy: string, range: { from: number; to: number; begin: boolean }, pace: Pace): Promise<boolean> {
  const into = await disk.open(copy, range.begin ? 'create' : 'update')
  try {
    const slice = new Uint8Array(SLICE_OCTETS)
    const again = new Uint8Array(SLICE_OCTETS)
    return await withFiles(disk, [original], async ([source]) => {
      for (let at = range.from; at < range.to; ) {
        const got = await (source as AsyncDiskFile).read(slice.subarray(0, Math.min(slice.length, range.to - at)), at)
        if (got === 0) return false
        await into.write([slice.subarray(0, got)], at)
        at += got
        await pace(got)
      }
      await into.flush()
      for (let at = range.from; at < range.to; at += SLICE_OCTETS) {
        const length = Math.min(SLICE_OCTETS, range.to - at)
        const want = await (source as AsyncDiskFile).read(slice.subarray(0, length), at)
        const have = await into.read(again.subarray(0, length), at)
        if (want !== length || have !== length || Buffer.compare(slice.subarray(0, want), again.subarray(0, have)) !== 0) return false
      }
      return true
    })
  } finally {
    await into.close()
  }
}

async function withFiles<T>(disk: AsyncDisk, paths: readonly string[], act: (files: readonly AsyncDiskFile[]) => Promise<T>): Promise<T> {
  const files: AsyncDiskFile[] = []
  try {
    for (const path of paths) files.push(await disk.open(path, 'read'))
    return await act(files)
  } finally {
    for (const file of files) await file.close()
  }
}
