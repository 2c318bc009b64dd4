// How a segment comes to be: its file is allocated, headed and flushed under a name that nobody reads,
// then renamed, then its folder is flushed, on every member. A segment that has its name is whole;
// one that has not may be thrown away.
import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../base/disk.ts'
import { type CrashPoint, step } from './crash-point.ts'
import type { Member } from './members.ts'
import { segmentNameOf } from './segment-name.ts'
import { printSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { SegmentWriter } from './segment-writer.ts'
import type { Spare } from './spares.ts'

/** Behind a segment's name until it is whole. */
export const UNFINISHED = '.new'

export interface BirthOptions {
  disk: Disk
  members: readonly Member[]
  header: SegmentHeader
  sizeOctets: number
  /** Its files become the segment; without one new files are made. */
  spare: Spare | undefined
  reservedOnly: boolean
  crashPoint: CrashPoint
  /** Writes what the segment begins with (copied records), before anybody can see it. */
  fill?: (writer: SegmentWriter) => void
}

/** Throws what the disk threw; nothing of the segment then counts, and the next attempt begins anew. */
export function bearSegment(options: BirthOptions): SegmentWriter {
  const { disk, members, header, spare, crashPoint } = options
  const birth = spare ? 'segment' : 'recover'
  const name = segmentNameOf(header.epoch, header.firstSequence)
  const paths = members.map((member) => join(member.journal, name))
  const files: DiskFile[] = []
  try {
    for (const [index, path] of paths.entries()) {
      const unfinished = path + UNFINISHED
      if (disk.exists(unfinished)) disk.remove(unfinished)
      if (spare) {
        step(crashPoint, 'segment-take', () => disk.rename(join((members[index] as Member).journal, spare.name), unfinished))
        files.push(disk.open(unfinished, 'update'))
      } else {
        files.push(step(crashPoint, 'recover-create', () => disk.open(unfinished, 'create')))
      }
    }
    for (const file of files) step(crashPoint, 'recover-allocate', () => file.allocate(options.sizeOctets))
    const bytes = printSegmentHeader(header)
    for (const file of files) step(crashPoint, `${birth}-write`, () => file.write([bytes], 0))
    const writer = new SegmentWriter({
      disk, name, paths, files, header, headerHash: hash('sha256', bytes, 'buffer'), firstBatch: bytes.length,
      sizeOctets: options.sizeOctets, reservedOnly: options.reservedOnly, crashPoint,
    })
    options.fill?.(writer)
    writer.flush(`${birth}-flush`)
    for (const path of paths) step(crashPoint, `${birth}-rename`, () => disk.rename(path + UNFINISHED, path))
    for (const member of members) step(crashPoint, `${birth}-flush-directory`, () => disk.flushDirectory(member.journal))
    return writer
  } catch (error) {
    for (const file of files) file.close()
    for (const path of paths) removeQuietly(disk, path + UNFINISHED)
    throw error
  }
}

/** A full disk gets its room back. What cannot be removed now is removed at the next start. */
function removeQuietly(disk: Disk, path: string): void {
  try {
    if (disk.exists(path)) disk.remove(path)
  } catch {
    return
  }
}
