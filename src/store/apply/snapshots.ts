// Copies of databases with their position, so that a lost one is made again from a copy and a short
// replay instead of from the whole journal. Taken by the writing connection, flushed, opened and
// checked, and only then named.
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { textOf } from '../../base/bytes.ts'
import type { Disk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { sequence as sequenceOf, type DatabaseId } from '../ids.ts'
import { type CrashPoint, noCrashPoint, step, stepAsync } from '../journal/crash-point.ts'
import { readPosition, type Position } from '../operations/position.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { withTx } from '../tx.ts'
import type { AppliedDatabase } from './applied-database.ts'
import { kindOf } from './database-files.ts'

/** How many snapshots of one database are kept. */
const KEPT = 2

/** Beside a snapshot: the SHA-256 of its file, in hexadecimal. Older versions made none. */
export const SUM_SUFFIX = '.sha256'

export function snapshotFolder(dataDirectory: string): string {
  return join(dataDirectory, 'snapshots')
}

/** "100-00001-0000001048577.db": database, epoch, sequence. */
function snapshotName(database: DatabaseId, epoch: number, sequence: number): string {
  return `${database}-${String(epoch).padStart(6, '0')}-${String(sequence).padStart(16, '0')}.db`
}

export interface SnapshotFile {
  name: string
  epoch: number
  sequence: number
}

export function snapshotsOf(disk: Disk, dataDirectory: string, database: DatabaseId): SnapshotFile[] {
  return disk.list(snapshotFolder(dataDirectory))
    .flatMap((name) => {
      const match = /^(\d+)-(\d+)-(\d+)\.db$/.exec(name)
      return match && Number(match[1]) === database ? [{ name, epoch: Number(match[2]), sequence: Number(match[3]) }] : []
    })
    .sort((a, b) => b.sequence - a.sequence)
}

/** Position of a copy that nobody has open, or why it is no good. It is marked as one that has to catch up, wherever it is put. */
async function examine(path: string, database: DatabaseId): Promise<Position | string> {
  let connection
  try {
    connection = new SqliteWriter(path, kindOf(database))
    const [bad] = connection.integrityProblems()
    if (bad !== undefined) return bad
    connection.markBuilding(true)
    return (await withTx(connection, (tx) => readPosition(tx, database))) ?? 'it has no position'
  } catch (error) {
    return errorSentence(error)
  } finally {
    connection?.close()
  }
}

/** Takes a snapshot of a database that the applier has open. Runs beside its turns: what it holds is one commit's state. */
export async function takeSnapshot(base: AppliedDatabase, options: { disk: Disk; dataDirectory: string; log: Log; crashPoint?: CrashPoint }): Promise<void> {
  const { disk, dataDirectory, log } = options
  const crashPoint = options.crashPoint ?? noCrashPoint
  if (!base.connection || base.copying || base.distrust) return
  const folder = snapshotFolder(dataDirectory)
  disk.makeDirectory(folder)
  const temporary = join(folder, `${base.database}.taking`)
  removeCopy(disk, temporary)
  const { connection } = base
  base.copying = true
  try {
    await stepAsync(crashPoint, 'snapshot-copy', () => connection.copyTo(temporary))
  } finally {
    base.copying = false
  }
  const position = await stepAsync(crashPoint, 'snapshot-examine', () => examine(temporary, base.database))
  if (typeof position === 'string') {
    log.error('a snapshot came out damaged and is not kept', { database: base.database, because: position })
    removeCopy(disk, temporary)
    return
  }
  // No connection has the copy open now: it may be touched through the disk.
  step(crashPoint, 'snapshot-flush', () => flushFile(disk, temporary))
  const name = snapshotName(base.database, position.epoch, position.sequence)
  // Before it has its name: whatever bears the name can be checked, to the last octet.
  step(crashPoint, 'snapshot-flush', () => disk.writeWhole(join(folder, `${name}${SUM_SUFFIX}`), Buffer.from(hash('sha256', disk.readWhole(temporary), 'hex'))))
  step(crashPoint, 'snapshot-rename', () => disk.rename(temporary, join(folder, name)))
  step(crashPoint, 'snapshot-flush-directory', () => disk.flushDirectory(folder))
  base.sinceSnapshot = 0
  for (const old of snapshotsOf(disk, dataDirectory, base.database).slice(KEPT)) step(crashPoint, 'snapshot-remove', () => removeCopy(disk, join(folder, old.name)))
}

/** With what a crash in the middle of looking at it may have left. */
function removeCopy(disk: Disk, path: string): void {
  for (const suffix of ['', '-wal', '-shm', SUM_SUFFIX]) if (disk.exists(path + suffix)) disk.remove(path + suffix)
}

function flushFile(disk: Disk, path: string): void {
  const file = disk.open(path, 'update')
  try {
    file.flush()
  } finally {
    file.close()
  }
}

/** Undefined when nobody noted what it should be. */
export function matchesSum(disk: Disk, path: string, bytes: Uint8Array): boolean | undefined {
  if (!disk.exists(`${path}${SUM_SUFFIX}`)) return undefined
  return textOf(disk.readWhole(`${path}${SUM_SUFFIX}`)).trim() === hash('sha256', bytes, 'hex')
}

/**
 * Puts the newest sound snapshot in place of a lost database. Its position must lie within what the journal
 * still knows of its epoch. Undefined when there is none: the journal alone makes the database again.
 */
export async function placeSnapshot(options: {
  disk: Disk; dataDirectory: string; database: DatabaseId; path: string; log: Log
  lastSequenceOfEpoch: (epoch: number) => number | undefined
  crashPoint?: CrashPoint
}): Promise<Position | undefined> {
  const { disk, dataDirectory, database, path, log } = options
  for (const snapshot of snapshotsOf(disk, dataDirectory, database)) {
    const from = join(snapshotFolder(dataDirectory), snapshot.name)
    const end = options.lastSequenceOfEpoch(snapshot.epoch)
    if (end !== undefined && snapshot.sequence > end) continue
    const bytes = disk.readWhole(from)
    const asWritten = matchesSum(disk, from, bytes)
    if (asWritten === true) {
      step(options.crashPoint ?? noCrashPoint, 'snapshot-place', () => disk.writeWhole(path, bytes))
      return { epoch: snapshot.epoch, sequence: sequenceOf(snapshot.sequence) }
    }
    const position = asWritten === false ? 'it does not match its checksum' : await examine(from, database)
    if (typeof position === 'string' || position.sequence !== snapshot.sequence || position.epoch !== snapshot.epoch) {
      log.error('a snapshot is damaged and is passed over', { path: from, because: typeof position === 'string' ? position : 'its position is not the one in its name' })
      continue
    }
    step(options.crashPoint ?? noCrashPoint, 'snapshot-place', () => disk.writeWhole(path, disk.readWhole(from)))
    return position
  }
  return undefined
}
