// Flushes by name, on the thread pool: for files that somebody else (SQLite) has open and writes.
// Only for files on which nobody holds a POSIX lock: closing a descriptor drops the process's locks on
// its file. SQLite locks its database and -shm, never its -wal (docs/INVARIANTS.md).
import { open } from 'node:fs/promises'
import { Outage, errorCode, errorSentence } from './errors.ts'

export type BackgroundFlush = (path: string) => Promise<'flushed' | 'not-there'>

/** fdatasync of a file, opened anew for it. A failure is an `Outage`; it is never tried again by this. */
export const flushInBackground: BackgroundFlush = async (path) => {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'not-there'
    throw new Outage(`open ${path}: ${errorSentence(error)}`, { operation: 'open', path, cause: error })
  }
  try {
    await file.datasync()
    return 'flushed'
  } catch (error) {
    throw new Outage(`fdatasync ${path}: ${errorSentence(error)}`, {
      operation: 'fdatasync', path, code: errorCode(error) ?? 'EIO', cause: error, hint: 'the disk or its cable may be failing: look at the kernel log (dmesg) and the SMART state',
    })
  } finally {
    await file.close()
  }
}

/** fsync of a folder, on the thread pool. */
export const flushFolderInBackground: BackgroundFlush = async (path) => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
    return 'flushed'
  } catch (error) {
    throw new Outage(`fsync ${path}: ${errorSentence(error)}`, { operation: 'fsync', path, code: errorCode(error) ?? 'EIO', cause: error })
  } finally {
    await folder.close()
  }
}
