// Reads one segment from end to end as each member holds it: every structure against its CRC, every message against
// its SHA-256, every octet between them against zero. With `heal`, what fails on one member is written again from
// another that has it (segment-copies.ts does that); without, it is only told. What the owner still writes is looked
// at only as far as it has called durable.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { Outage } from '../../base/errors.ts'
import { noCrashPoint } from '../journal/crash-point.ts'
import { parseEndMark } from '../journal/footer.ts'
import { END_OCTETS } from '../journal/layout.ts'
import { learnHeader } from '../journal/lost-header.ts'
import type { Member } from '../journal/members.ts'
import { recordOctets } from '../journal/record-codec.ts'
import { claimedSegmentHeaderLength } from '../journal/segment-header.ts'
import { healRange, SegmentCopies, Window } from '../journal/segment-copies.ts'
import type { SegmentName } from '../journal/segment-name.ts'
import { bodyOffsetOf, SegmentWalk } from '../journal/segment-walk.ts'
import type { Fault } from './fault.ts'

/** A message in a file of its own, as its record names it. */
export interface NamedLarge {
  readonly name: string
  readonly length: number
  readonly sha256: Uint8Array
  readonly sequence: number
}

export interface SegmentCheckOptions {
  disk: Disk
  /** Those that take part. */
  members: readonly Member[]
  segment: SegmentName
  /** Everything up to here is durable. */
  through: number
  heal: boolean
  mayMend: (path: string) => boolean
  onFault: (fault: Fault) => void
  onLarge: (large: NamedLarge) => void
  /** Called after so many octets more were read; may wait. */
  pace: (octets: number) => Promise<void>
}

/** Octets between two calls of `pace`. */
const SLICE_OCTETS = 1024 * 1024

export async function checkSegment(options: SegmentCheckOptions): Promise<void> {
  const paths = options.members.map((member) => join(member.journal, options.segment.name))
  for (const [index, path] of paths.entries()) {
    if (!options.disk.exists(path)) {
      options.onFault({ code: 'segment-missing', path })
      continue
    }
    // The copy that is looked at comes first: what it has whole is never asked of the others.
    await checkCopy(options, [path, ...paths.filter((_, other) => other !== index)])
  }
}

async function checkCopy(options: SegmentCheckOptions, paths: readonly string[]): Promise<void> {
  const { disk, segment, through, onFault } = options
  const [path] = paths as [string]
  const tell = (what: string, offset: number, facts: { elsewhere: boolean; healed: boolean; sequence?: number | undefined }) =>
    onFault({ code: 'segment-bytes', what, path, offset, elsewhere: facts.elsewhere, healed: facts.healed, sequence: facts.sequence ?? null })
  const copies = new SegmentCopies({
    disk, paths, window: new Window(), heal: options.heal, mayMend: options.mayMend,
    onDamage: (damage) => {
      if (damage.path === path) tell(damage.what, damage.offset, { elsewhere: true, healed: damage.outcome === 'healed', sequence: damage.firstSequence })
    },
  })
  copies.onMerged = (offset, _length, what) => tell(what, offset, { elsewhere: true, healed: false })
  copies.readAhead = SLICE_OCTETS
  try {
    let header = copies.header()
    if (typeof header !== 'object') {
      tell('segment-header', 0, { elsewhere: false, healed: false })
      const learnt = header === 'damaged' ? learnHeader(copies, segment) : undefined
      if (!learnt) return
      copies.presumeHeader(learnt)
      header = learnt
    } else checkPadding(options, copies, { path, offset: claimedSegmentHeaderLength(copies.readFrom(0, 0, header.firstBatch)), end: header.firstBatch })
    const sealed = checkEnd(options, copies, { path, tell })
    const walk = new SegmentWalk(copies, header.firstBatch)
    let last = header.previousLast
    let gap: number | undefined
    let paidTo = 0
    while (sealed || last < through) {
      const step = walk.next()
      if (gap !== undefined) {
        tell('record', gap, { elsewhere: false, healed: false, sequence: last + 1 })
        gap = undefined
      }
      if (step.at === 'record') {
        const { head } = step.record
        if (head.sequence > through) return
        last = head.sequence
        const body = bodyOffsetOf(step.offset, head)
        if (head.bodyPlace === 'inline' && head.bodySha256 && !copies.bodyAt(body, head.bodyLength, head.bodySha256, head.sequence)) {
          tell('body', body, { elsewhere: false, healed: false, sequence: head.sequence })
        }
        if (head.bodyPlace === 'large' && head.largeName !== undefined && head.bodySha256) {
          options.onLarge({ name: head.largeName, length: head.bodyLength, sha256: head.bodySha256, sequence: head.sequence })
        }
        const written = body + (head.bodyPlace === 'inline' ? head.bodyLength : 0)
        checkPadding(options, copies, { path, offset: written, end: step.offset + recordOctets(head) })
      } else if (step.at === 'gap') gap = step.offset
      else if (step.at === 'footer') break
      else if (step.at === 'end') {
        if (sealed) tell('footer', step.offset, { elsewhere: false, healed: false })
        break
      }
      if (walk.offset - paidTo >= SLICE_OCTETS) {
        await options.pace(walk.offset - paidTo)
        paidTo = walk.offset
      }
    }
    await options.pace(Math.max(0, walk.offset - paidTo))
  } catch (error) {
    if (!(error instanceof Outage)) throw error
    tell('segment', 0, { elsewhere: paths.length > 1, healed: false })
  } finally {
    copies.close()
  }
}

/** Octets that nobody may have written. What they must be needs no other copy. */
function checkPadding(options: SegmentCheckOptions, copies: SegmentCopies, { path, offset, end }: { path: string; offset: number; end: number }): void {
  if (end <= offset) return
  const bytes = copies.readFrom(0, offset, end - offset)
  if (bytes.every((octet) => octet === 0)) return
  let healed = false
  if (options.heal && options.mayMend(path)) {
    healRange(options.disk, path, new Uint8Array(bytes.length), offset, noCrashPoint)
    healed = true
  }
  options.onFault({ code: 'segment-padding', path, offset, length: bytes.length, healed })
}

type Tell = (what: string, offset: number, facts: { elsewhere: boolean; healed: boolean; sequence?: number | undefined }) => void

/** A sealed segment ends with a mark that leads to its footer. False when the owner still writes in it, or may. */
function checkEnd(options: SegmentCheckOptions, copies: SegmentCopies, { path, tell }: { path: string; tell: Tell }): boolean {
  const ends = Array.from({ length: copies.memberCount }, (_, member) => {
    const size = copies.has(member) ? (options.disk.facts(copies.paths[member] as string)?.sizeOctets ?? 0) : 0
    return { size, bytes: copies.readFrom(member, Math.max(0, size - END_OCTETS), END_OCTETS) }
  })
  const good = ends.find((end) => parseEndMark(end.bytes) !== undefined)
  if (parseEndMark(ends[0]?.bytes ?? new Uint8Array(0))) return true
  if (!good) {
    // No copy says so by its mark. A footer that is there all the same says that it was sealed: it fills the file to its end.
    const own = ends[0]
    const footer = own && footerBefore(copies, own.size)
    if (footer === undefined) return false
    tell('footer', footer, { elsewhere: false, healed: false })
    return true
  }
  const offset = good.size - END_OCTETS
  let healed = false
  if (options.heal && options.mayMend(path) && ends[0]?.size === good.size) {
    healRange(options.disk, path, good.bytes, offset, noCrashPoint)
    healed = true
  }
  tell('footer', offset, { elsewhere: true, healed })
  return true
}

/** Where a footer begins that ends just before the place of the mark. */
function footerBefore(copies: SegmentCopies, size: number): number | undefined {
  const from = Math.max(0, Math.floor((size - 2 * SLICE_OCTETS) / 8) * 8)
  for (let at = copies.nextStructure(from); at !== undefined; at = copies.nextStructure(at + 8)) {
    const footer = copies.footerAt(at)
    if (footer) return at + footer.octets + END_OCTETS === size ? at : undefined
  }
  return undefined
}
