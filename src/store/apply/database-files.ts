// Names of database files. A file is never replaced: each incarnation has a new number, the highest
// is the one that counts, and what was set aside keeps its bytes under a name that is no database.
import { join } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { DIRECTORY, QUEUE, type DatabaseId } from '../ids.ts'

export type DatabaseKind = 'directory' | 'queue' | 'account'

export function kindOf(database: DatabaseId): DatabaseKind {
  return database === DIRECTORY ? 'directory' : database === QUEUE ? 'queue' : 'account'
}

export function folderOf(dataDirectory: string, database: DatabaseId): string {
  return kindOf(database) === 'account' ? join(dataDirectory, 'accounts', String(database)) : dataDirectory
}

/** "directory.db", "directory.2.db"; "accounts/100/mail.1.db". */
export function databasePath(dataDirectory: string, database: DatabaseId, incarnation: number): string {
  const kind = kindOf(database)
  if (kind === 'account') return join(folderOf(dataDirectory, database), `mail.${incarnation}.db`)
  return join(dataDirectory, incarnation === 1 ? `${kind}.db` : `${kind}.${incarnation}.db`)
}

/** The incarnations that are there, the highest first. */
export function incarnations(disk: Disk, dataDirectory: string, database: DatabaseId): number[] {
  const kind = kindOf(database)
  const pattern = kind === 'account' ? /^mail\.(\d+)\.db$/ : new RegExp(`^${kind}(?:\\.(\\d+))?\\.db$`)
  return disk.list(folderOf(dataDirectory, database))
    .flatMap((name) => {
      const match = pattern.exec(name)
      return match ? [Number(match[1] ?? 1)] : []
    })
    .sort((a, b) => b - a)
}

/** The highest number ever used, set-aside files included, so that a new incarnation never takes an old name. */
export function highestIncarnation(disk: Disk, dataDirectory: string, database: DatabaseId): number {
  const kind = kindOf(database)
  const pattern = kind === 'account' ? /^mail\.(\d+)\.db/ : new RegExp(`^${kind}(?:\\.(\\d+))?\\.db`)
  let highest = 0
  for (const name of disk.list(folderOf(dataDirectory, database))) {
    const match = pattern.exec(name)
    if (match) highest = Math.max(highest, Number(match[1] ?? 1))
  }
  return highest
}

/**
 * Renames a database that the writer has closed, with its -wal and -shm. Nothing is deleted. The database goes
 * first: were it left behind without its -wal, it would look like an older, whole one.
 */
export function setAside(disk: Disk, path: string, because: string, nowMs: number): void {
  const stamp = `${because}-${new Date(nowMs).toISOString().replace(/[:.]/g, '')}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (disk.exists(path + suffix)) disk.rename(path + suffix, `${path}${suffix}.${stamp}`)
  }
}
