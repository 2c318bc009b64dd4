// Makes databases once more, in a scratch folder, from the journal alone, and compares them row by row with those
// that are served, and with their snapshots on the way. It is the only check that finds an octet which is wrong and
// looks right. Where records are lost it begins at the first sound snapshot behind them; where there is none it says so.
//
// The live database is read in one read transaction at whatever position it stands; the scratch copy is brought to
// just that position. Nothing is written but the scratch folder.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { assert, errorSentence } from '../../base/errors.ts'
import { matchesSum, snapshotFolder, snapshotsOf, SUM_SUFFIX, type SnapshotFile } from '../apply/snapshots.ts'
import { judgeFailure } from '../apply/failure.ts'
import { metaValue, MOVING } from '../apply/entry.ts'
import { sequence as sequenceOf, type DatabaseId } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { ScannedRecord } from '../journal/record.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { setPosition } from '../operations/position.ts'
import type { SkipMeta } from '../operations/skip.ts'
import { kindOf } from '../schema.ts'
import { SqliteReader, SqliteWriter } from '../sqlite/connection.ts'
import { withTx } from '../tx.ts'
import type { Fault } from './fault.ts'
import { differenceOf, digestsOf, textThatDiffers, type Digests } from './table-digests.ts'

/** Records or heads between two turns of the loop. */
const SLICE_HEADS = 2000
const COMMIT_RECORDS = 500

export interface ReplayCheckOptions {
  dataDirectory: string
  disk: Disk
  reader: JournalReader
  /** The last sequence that no record exists for before the journal begins, or that is lost: a replay must begin behind it. */
  lostThrough: number
  /** Records that are passed over, as "database:sequence". */
  skips: ReadonlySet<string>
  /** Brings the database to the gate; its file. */
  open: (database: DatabaseId) => Promise<string>
  through: () => number
  pace: (octets: number) => Promise<void>
  onFault: (fault: Fault) => void
}

class Scratch {
  readonly database: DatabaseId
  readonly writer: SqliteWriter
  readonly snapshots: SnapshotFile[]
  position: number
  epoch = 0
  pending: { record: ScannedRecord; meta: Uint8Array }[] = []
  constructor(database: DatabaseId, writer: SqliteWriter, snapshots: SnapshotFile[], position: number) {
    this.database = database
    this.writer = writer
    this.snapshots = snapshots
    this.position = position
  }
}

/** A few databases at a time: each takes a writing connection, and all share one reading of the journal. */
export async function compareWithReplay(databases: readonly DatabaseId[], options: ReplayCheckOptions): Promise<void> {
  const { disk, dataDirectory, onFault } = options
  const folder = join(dataDirectory, 'scrub')
  clearScratch(disk, folder)
  disk.makeDirectory(folder)
  const made: Scratch[] = []
  try {
    for (const database of databases) {
      const scratch = begin(database, folder, options)
      if (scratch) made.push(scratch)
      else onFault({ code: 'not-comparable', database, because: `records up to ${options.lostThrough} are not in the journal any more, and there is no sound snapshot behind them` })
    }
    if (made.length === 0) return
    const byDatabase = new Map(made.map((scratch) => [scratch.database, scratch]))
    await replay(byDatabase, Math.min(...made.map(({ position }) => position)) + 1, options.through(), options)
    for (const scratch of made) await compare(scratch, options)
  } finally {
    for (const { writer } of made) writer.close()
    clearScratch(disk, folder)
  }
}

export function clearScratch(disk: Disk, folder: string): void {
  if (disk.exists(folder)) for (const name of disk.list(folder)) disk.remove(join(folder, name))
}

function begin(database: DatabaseId, folder: string, options: ReplayCheckOptions): Scratch | undefined {
  const { disk, dataDirectory, lostThrough } = options
  const path = join(folder, `${database}.db`)
  const snapshots = snapshotsOf(disk, dataDirectory, database).reverse().filter((snapshot) => isAsWritten(snapshot, database, options))
  if (lostThrough === 0) return new Scratch(database, new SqliteWriter(path, kindOf(database)), snapshots, 0)
  const first = snapshots.find(({ sequence }) => sequence >= lostThrough)
  if (!first) return undefined
  disk.writeWhole(path, disk.readWhole(join(snapshotFolder(dataDirectory), first.name)))
  return new Scratch(database, new SqliteWriter(path, kindOf(database)), snapshots.filter(({ sequence }) => sequence > first.sequence), first.sequence)
}

/** To the last octet, where its checksum stands beside it. */
function isAsWritten(snapshot: SnapshotFile, database: DatabaseId, options: ReplayCheckOptions): boolean {
  const path = join(snapshotFolder(options.dataDirectory), snapshot.name)
  if (matchesSum(options.disk, path, options.disk.readWhole(path)) !== false) return true
  options.onFault({ code: 'snapshot-damaged', database, path, because: `it does not match ${snapshot.name}${SUM_SUFFIX}` })
  return false
}

async function replay(made: ReadonlyMap<DatabaseId, Scratch>, from: number, through: number, options: ReplayCheckOptions): Promise<void> {
  for (let next = from; next <= through; ) {
    let looked = 0
    let octets = 0
    const before = next
    options.reader.scan(next, (record) => {
      if (looked >= SLICE_HEADS) return false
      looked += 1
      next = record.sequence + 1
      if (!MOVING.has(record.type)) return true
      let meta: Uint8Array | undefined
      for (const database of record.databases) {
        const scratch = made.get(database)
        if (!scratch || record.sequence <= scratch.position) continue
        meta ??= record.meta.slice()
        octets += meta.length
        scratch.pending.push({ record, meta })
      }
      return true
    }, through)
    for (const scratch of made.values()) await applyPending(scratch, options)
    await options.pace(octets)
    if (next === before) return
  }
}

async function applyPending(scratch: Scratch, options: ReplayCheckOptions): Promise<void> {
  const { pending, writer, database } = scratch
  for (let at = 0; at < pending.length; ) {
    writer.begin()
    try {
      for (let count = 0; count < COMMIT_RECORDS && at < pending.length; count++) {
        const { record, meta } = pending[at] as { record: ScannedRecord; meta: Uint8Array }
        if ((scratch.snapshots[0]?.sequence ?? Infinity) < record.sequence && count > 0) break
        if ((scratch.snapshots[0]?.sequence ?? Infinity) < record.sequence) passSnapshots(scratch, record.sequence, options)
        at += 1
        scratch.position = record.sequence
        scratch.epoch = record.epoch
        if (options.skips.has(`${database}:${record.sequence}`)) continue
        await withTx(writer, (tx) => applyRecord(tx, database, { sequence: sequenceOf(record.sequence), epoch: record.epoch, timeMs: record.timeMs }, metaValue(meta) as RecordMeta, record.bodyLength))
      }
      await withTx(writer, (tx) => setPosition(tx, database, { epoch: scratch.epoch, sequence: sequenceOf(scratch.position) }))
      writer.commit()
    } catch (error) {
      writer.rollback()
      throw error
    }
  }
  scratch.pending = []
}

/** The scratch copy stands where these snapshots were taken: before the record that comes next. */
function passSnapshots(scratch: Scratch, next: number, options: ReplayCheckOptions): void {
  for (let snapshot = scratch.snapshots[0]; snapshot && snapshot.sequence < next; snapshot = scratch.snapshots[0]) {
    scratch.snapshots.shift()
    const path = join(snapshotFolder(options.dataDirectory), snapshot.name)
    const because = differenceFromCopy(scratch, path, options.disk)
    if (because !== undefined) options.onFault({ code: 'snapshot-damaged', database: scratch.database, path, because })
  }
}

function differenceFromCopy(scratch: Scratch, path: string, disk: Disk): string | undefined {
  // Opened as a copy: the snapshot itself is touched by nobody who might change it.
  const copy = `${scratch.writer.path}.snapshot`
  disk.writeWhole(copy, disk.readWhole(path))
  let opened: SqliteWriter | undefined
  try {
    opened = new SqliteWriter(copy, kindOf(scratch.database))
    const [bad] = opened.integrityProblems()
    if (bad !== undefined) return bad
    return differenceOf(opened.read(digestsOf(scratch.database)), scratch.writer.read(digestsOf(scratch.database)))
  } catch (error) {
    if (judgeFailure(error) === 'bug') throw error
    return errorSentence(error)
  } finally {
    opened?.close()
    for (const suffix of ['', '-wal', '-shm']) if (disk.exists(copy + suffix)) disk.remove(copy + suffix)
  }
}

async function compare(scratch: Scratch, options: ReplayCheckOptions): Promise<void> {
  const { database } = scratch
  const served = await readServed(database, options)
  if (!served) return
  const { position } = served
  if (position.sequence < scratch.position) {
    // It was replaced meanwhile and comes after again: the next check sees it.
    options.onFault({ code: 'not-comparable', database, because: 'it is being made again' })
    return
  }
  await replay(new Map([[database, scratch]]), scratch.position + 1, position.sequence, options)
  passSnapshots(scratch, Infinity, options)
  const made = scratch.writer.read(digestsOf(database))
  const because = position.sequence !== scratch.position ? `it stands at ${position.sequence}, the journal has nothing for it behind ${scratch.position}` : differenceOf(served, made)
  if (because !== undefined) options.onFault({ code: 'replay-differs', database, because })
  const text = textThatDiffers(served, made)
  if (text !== undefined) options.onFault({ code: 'texts-differ', database, because: `message ${text}` })
}

async function readServed(database: DatabaseId, options: ReplayCheckOptions): Promise<Digests | undefined> {
  let path = ''
  let reader: SqliteReader | undefined
  try {
    path = await options.open(database)
    reader = new SqliteReader(path)
    const served = reader.read(digestsOf(database))
    assert(served.tables.size > 0, 'every kind has tables')
    return served
  } catch (error) {
    const judged = judgeFailure(error)
    if (judged === 'damaged') options.onFault({ code: 'database-damaged', database, path, because: errorSentence(error) })
    else if (judged === 'outage') options.onFault({ code: 'database-away', database, because: errorSentence(error) })
    else throw error
    return undefined
  } finally {
    reader?.close()
  }
}

/** What a replay must know beforehand: skips, where the journal begins, and up to where records are lost. */
export async function surveyJournal(reader: JournalReader, { through, begins, lost, pace }: {
  through: number; begins: number; lost: () => number; pace: (octets: number) => Promise<void>
}): Promise<{ skips: Set<string>; lostThrough: number }> {
  const skips = new Set<string>()
  for (let next = 1; next <= through; ) {
    const before = next
    let looked = 0
    reader.scan(next, (record) => {
      if (looked >= SLICE_HEADS) return false
      looked += 1
      next = record.sequence + 1
      if (record.type === 'skip') {
        const { database, sequence } = metaValue(record.meta) as SkipMeta
        skips.add(`${database}:${sequence}`)
      }
      return true
    }, through)
    await pace(looked * 128)
    if (next === before) break
  }
  return { skips, lostThrough: Math.max(begins, lost()) }
}
