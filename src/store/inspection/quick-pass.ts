// A quick look at every database that its last owner did not close, before a server opens: SQLite's own quick check,
// and what is damaged is set aside, so that the server makes it again from snapshot and journal. For the second start
// after a crash. Nobody may own the data directory meanwhile.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { nodeDisk } from '../../base/disk.ts'
import { errorSentence, type Parsed, understood } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { databasePath, incarnations, setAside } from '../apply/database-files.ts'
import { DIRECTORY, QUEUE } from '../ids.ts'
import { takeOwnerLock } from '../owner-lock.ts'
import { kindOf } from '../schema.ts'
import { PAGE_OCTETS } from '../sqlite/empty-database.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { Damaged } from '../tx.ts'

export interface QuickPass {
  readonly looked: number
  /** Dirty ones that the time did not suffice for; the server looks at them as it opens them. */
  readonly left: number
  readonly setAside: readonly { readonly path: string; readonly because: string }[]
}

export interface QuickPassOptions {
  readonly clock: Clock
  readonly log: Log
  /** No further database is begun after so long. */
  readonly budgetMs: number
  /** Larger ones are left to the server: one look holds the thread from beginning to end. */
  readonly octetsMax?: number
  /** The caller has the owner lock already. */
  readonly owned?: boolean
}

const QUICK_OCTETS_MAX = 256 * 1024 * 1024

export function quickPass(dataDirectory: string, options: QuickPassOptions): Parsed<QuickPass> {
  if (options.owned === true) return understood(pass(dataDirectory, options))
  const lock = takeOwnerLock(dataDirectory)
  if (!lock.ok) return lock
  try {
    return understood(pass(dataDirectory, options))
  } finally {
    lock.value.release()
  }
}

function pass(dataDirectory: string, { clock, log, budgetMs, octetsMax = QUICK_OCTETS_MAX }: QuickPassOptions): QuickPass {
  const untilMs = clock.monotonicMs() + budgetMs
  const accounts = nodeDisk.list(join(dataDirectory, 'accounts')).filter((name) => /^\d+$/.test(name)).map(Number)
  const dirty = [DIRECTORY, QUEUE, ...accounts].flatMap((database) => {
    const [newest] = incarnations(nodeDisk, dataDirectory, database)
    if (newest === undefined) return []
    const path = databasePath(dataDirectory, database, newest)
    // Whoever closes a database as the last one takes its -wal away.
    return nodeDisk.exists(`${path}-wal`) ? [{ database, path }] : []
  })
  const aside: { path: string; because: string }[] = []
  let looked = 0
  for (const { database, path } of dirty) {
    if (clock.monotonicMs() > untilMs) break
    if ((nodeDisk.facts(path)?.sizeOctets ?? 0) > octetsMax) continue
    looked += 1
    const because = damageOf(path, database)
    if (because === undefined) continue
    log.error('a database is damaged: it is set aside and made again', { database, path, because })
    setAside(nodeDisk, path, 'damaged', clock.nowMs())
    aside.push({ path, because })
  }
  return { looked, left: dirty.length - looked, setAside: aside }
}

function damageOf(path: string, database: number): string | undefined {
  const octets = nodeDisk.facts(path)?.sizeOctets ?? 0
  if (octets % PAGE_OCTETS !== 0) return `its size of ${octets} octets is no whole number of pages`
  let connection: SqliteWriter | undefined
  try {
    connection = new SqliteWriter(path, kindOf(database))
    return connection.quickProblems()[0]
  } catch (error) {
    // Anything else (a full disk, a newer version) is for the server to say.
    return error instanceof Damaged ? errorSentence(error) : undefined
  } finally {
    try {
      connection?.close()
    } catch {
      // The server will see it.
    }
  }
}
