// Writes the good records of a tail into the first segment of a new owner. Epoch, sequence, meta and
// body stay as they are; only what ties a head to its segment is made anew. An empty header behind the
// last copy calls all of them durable, which is true at the moment the segment gets its name.
import type { BatchSize } from './batch-builder.ts'
import { BatchBuilder } from './batch-builder.ts'
import { batchHeaderOctets } from './batch-header.ts'
import { noCrashPoint } from './crash-point.ts'
import { isNoSpace } from './disk-fault.ts'
import type { JournalOptions } from './journal-options.ts'
import type { Member } from './members.ts'
import type { Membership } from './membership.ts'
import { OutOfSpace, type Watermark } from './record.ts'
import { recordOctets } from './record-codec.ts'
import { bearSegment } from './segment-birth.ts'
import { type EpochEnd, printSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { bodyOffsetOf } from './segment-walk.ts'
import { segmentOctetsFor, type SegmentWriter } from './segment-writer.ts'
import type { Spares } from './spares.ts'
import { removeLeftovers } from './retire.ts'
import type { TailRecord } from './tail.ts'

const BATCH_OCTETS = 1024 * 1024
const BATCH_RECORDS = 1000

export interface CopyPlan {
  readonly options: JournalOptions
  readonly members: Membership
  readonly segmentSize: number
  readonly journalId: Uint8Array
  readonly epoch: number
  readonly epochEnds: readonly EpochEnd[]
  readonly records: readonly TailRecord[]
  /** Last sequence of the sealed segments. */
  readonly previousLast: number
  /** Last sequence of all. */
  readonly lastSequence: number
  readonly nextSequence: number
  readonly watermark: Watermark
  readonly spares: Spares
}

interface CopyBatch extends BatchSize {
  readonly records: readonly TailRecord[]
}

/** The new owner's first segment, durable on every member. */
export function copyTail(plan: CopyPlan): SegmentWriter {
  const { options, records } = plan
  const header: SegmentHeader = {
    segmentId: options.random.bytes(16), journalId: plan.journalId, epoch: plan.epoch, firstSequence: records[0]?.sequence ?? plan.nextSequence,
    previousLast: plan.previousLast, createdMs: options.clock.nowMs(), copied: true, epochEnds: plan.epochEnds,
  }
  const batches = inBatches(records, batchHeaderOctets(plan.watermark))
  const octets = batches.reduce((sum, batch) => sum + batch.octets, 0)
  const needed = printSegmentHeader(header).length + segmentOctetsFor(octets, records.length, records.length)
  const ordinary = Math.max(plan.segmentSize, needed)
  const bear = (from: { spare?: 'ahead' | 'reserve'; sizeOctets: number; reservedOnly: boolean }) => bearSegment({
    disk: options.disk, members: plan.members, header, sizeOctets: from.sizeOctets, spare: from.spare && plan.spares.take(from.spare),
    reservedOnly: from.reservedOnly, crashPoint: options.crashPoint ?? noCrashPoint, fill: (writer) => fill(plan, writer, batches),
  })
  // On a full disk a start must still succeed: first without the last start's retired files, then with the reserve,
  // then with a segment that holds the copies and little more.
  const ways = [
    () => bear({ ...(plan.spares.has('ahead') && needed <= plan.segmentSize ? { spare: 'ahead' } : {}), sizeOctets: ordinary, reservedOnly: false }),
    () => {
      removeLeftovers({ disk: options.disk, members: plan.members.in, crashPoint: options.crashPoint ?? noCrashPoint })
      return bear({ sizeOctets: ordinary, reservedOnly: false })
    },
    () => (plan.spares.has('reserve') && needed <= plan.segmentSize ? bear({ spare: 'reserve', sizeOctets: ordinary, reservedOnly: true }) : undefined),
    () => bear({ sizeOctets: Math.min(ordinary, needed + plan.segmentSize / 8), reservedOnly: true }),
  ]
  let trouble: unknown
  for (const way of ways) {
    try {
      const writer = way()
      if (writer) return writer
    } catch (error) {
      if (!isNoSpace(error)) throw error
      trouble = error
    }
  }
  throw new OutOfSpace((plan.members.in[0] as Member).journal, trouble)
}

function inBatches(records: readonly TailRecord[], headerOctets: number): CopyBatch[] {
  const batches: { records: TailRecord[]; octets: number; headOctets: number }[] = []
  let open: { records: TailRecord[]; octets: number; headOctets: number } | undefined
  for (const record of records) {
    const octets = recordOctets(record.head)
    if (!open || open.octets + octets > BATCH_OCTETS || open.records.length >= BATCH_RECORDS) {
      open = { records: [], octets: headerOctets, headOctets: headerOctets }
      batches.push(open)
    }
    open.records.push(record)
    open.octets += octets
    open.headOctets += octets - (record.head.bodyPlace === 'inline' ? record.head.bodyLength : 0)
  }
  batches.push({ records: [], octets: headerOctets, headOctets: headerOctets })
  return batches
}

function fill(plan: CopyPlan, writer: SegmentWriter, batches: readonly CopyBatch[]): void {
  const builder = new BatchBuilder()
  let durableThrough = plan.previousLast
  for (const batch of batches) {
    const first = batch.records[0]
    builder.begin({
      offset: writer.tail, batchLength: batch.octets, epoch: plan.epoch, recordCount: batch.records.length,
      firstSequence: first ? first.sequence : plan.nextSequence,
      durableThrough: first ? durableThrough : plan.lastSequence, watermark: plan.watermark, previousHash: writer.lastHash,
    }, writer.header.segmentId, batch.headOctets)
    for (const record of batch.records) {
      const offset = builder.offset
      copyRecord(builder, record)
      writer.index.add(record.sequence, record.epoch, offset)
      durableThrough = record.sequence
    }
    const { parts, hash } = builder.finish(writer.tail + batch.octets)
    writer.write(parts, 'recover-write')
    writer.commit(batch.octets, hash)
  }
}

function copyRecord(builder: BatchBuilder, record: TailRecord): void {
  const { head, copies, offset } = record
  const body = head.bodyPlace === 'inline' && head.bodySha256 ? bodyOf(record) : undefined
  const again = copies.recordAt(offset)
  // It was read a moment ago; that it cannot be read now means that the disk is dying under us.
  if (!again) throw new Error(`record ${record.sequence} could be read once and not twice`)
  builder.addCopy(again.raw, head.headLength, body)
}

/** The good bytes, or, where no member has them, the damaged ones as they are: their hash keeps them from being served. */
function bodyOf({ head, copies, offset }: TailRecord): Uint8Array {
  const at = bodyOffsetOf(offset, head)
  const whole = copies.bodyAt(at, head.bodyLength, head.bodySha256 as Uint8Array, head.sequence)
  if (whole) return whole
  const body = new Uint8Array(head.bodyLength)
  for (let member = 0; member < copies.memberCount; member++) {
    const found = copies.readFrom(member, at, head.bodyLength)
    if (found.length === 0) continue
    body.set(found)
    break
  }
  return body
}
