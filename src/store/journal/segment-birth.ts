// How a segment comes to be: its file is allocated, headed and flushed under a name that nobody reads,
// then renamed, then its folder is flushed, on every member. A segment that has its name is whole;
// one that has not may be thrown away. A member that fails alone is left out of it.
import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../base/disk.ts'
import { closeQuietly } from './close-quietly.ts'
import { type CrashPoint, type CrashStep, step } from './crash-point.ts'
import { onEach } from './each-member.ts'
import type { Member } from './members.ts'
import { segmentNameOf } from './segment-name.ts'
import { printSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { SegmentWriter, type WhoTakesPart } from './segment-writer.ts'
import type { Spare } from './spares.ts'

/** Behind a segment's name until it is whole. */
export const UNFINISHED = '.new'

export interface BirthOptions {
  disk: Disk
  members: WhoTakesPart
  header: SegmentHeader
  sizeOctets: number
  /** Its files become the segment; where there is none (a member that has only just come back), a new one is made. */
  spare: Spare | undefined
  reservedOnly: boolean
  crashPoint: CrashPoint
  /** Writes what the segment begins with (copied records), before anybody can see it. */
  fill?: (writer: SegmentWriter) => void
}

interface Birth {
  readonly member: Member
  readonly path: string
  file: DiskFile | undefined
}

/** Throws what the disk threw; nothing of the segment then counts, and the next attempt begins anew. */
export function bearSegment(options: BirthOptions): SegmentWriter {
  const { disk, members, header, spare, crashPoint } = options
  const birth = spare ? 'segment' : 'recover'
  const name = segmentNameOf(header.epoch, header.firstSequence)
  let births: readonly Birth[] = members.in.map((member) => ({ member, path: join(member.journal, name), file: undefined }))
  /** From here on it closes the files. */
  let writer: SegmentWriter | undefined
  const each = (act: (one: Birth) => void) => {
    const before = births
    births = onEach(births, act, members.onFault)
    for (const one of before) if (!births.includes(one)) leaveOut(one)
  }
  const leaveOut = (one: Birth) => {
    if (writer) writer.leaveOut(one.member)
    else if (one.file) closeQuietly(one.file)
    one.file = undefined
  }
  const onFiles = (name: CrashStep, act: (file: DiskFile) => void) => each(({ file }) => step(crashPoint, name, () => act(file as DiskFile)))
  try {
    each((one) => {
      const unfinished = one.path + UNFINISHED
      if (disk.exists(unfinished)) disk.remove(unfinished)
      const ready = spare && join(one.member.journal, spare.name)
      if (ready !== undefined && disk.exists(ready)) {
        step(crashPoint, 'segment-take', () => disk.rename(ready, unfinished))
        one.file = disk.open(unfinished, 'update')
      } else {
        one.file = step(crashPoint, 'recover-create', () => disk.open(unfinished, 'create'))
      }
    })
    onFiles('recover-allocate', (file) => file.allocate(options.sizeOctets))
    const bytes = printSegmentHeader(header)
    onFiles(`${birth}-write`, (file) => file.write([bytes], 0))
    const made = writer = new SegmentWriter({
      disk, name, files: births.map(({ member, path, file }) => ({ member, path, file: file as DiskFile })), header,
      headerHash: hash('sha256', bytes, 'buffer'), firstBatch: bytes.length, sizeOctets: options.sizeOctets,
      reservedOnly: options.reservedOnly, crashPoint, members,
    })
    options.fill?.(made)
    made.flush(`${birth}-flush`)
    births = births.filter(({ member }) => made.members.includes(member))
    each(({ path }) => step(crashPoint, `${birth}-rename`, () => disk.rename(path + UNFINISHED, path)))
    each(({ member }) => step(crashPoint, `${birth}-flush-directory`, () => disk.flushDirectory(member.journal)))
    return made
  } catch (error) {
    if (writer) writer.close()
    else for (const { file } of births) if (file) closeQuietly(file)
    for (const { path } of births) removeQuietly(disk, path + UNFINISHED)
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
