// Flushes by name, on the thread pool: for files that somebody else (SQLite) has open and writes.
// Only for files on which nobody holds a POSIX lock: closing a descriptor drops the process's locks on
// its file. SQLite locks its database and -shm, never its -wal (docs/INVARIANTS.md).
import { open, type FileHandle } from 'node:fs/promises'
import { Outage, errorCode, errorSentence } from './errors.ts'

/** Lets so many act at one moment; the others wait. */
export type Turnstile = <T>(act: () => Promise<T>) => Promise<T>
export type BackgroundFlush = (path: string, turnstile?: Turnstile) => Promise<'flushed' | 'not-there'>

/** Room for so many, first come, first served. */
export function turnstile(places: number): Turnstile {
  const waiting: (() => void)[] = []
  let free = places
  return async (act) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

const atOnce: Turnstile = (act) => act()

/** fdatasync of a file, opened anew for it. A failure is an `Outage`; it is never tried again by this. */
export const flushInBackground: BackgroundFlush = async (path, turnstile = atOnce) => {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'not-there'
    throw new Outage(`open ${path}: ${errorSentence(error)}`, { operation: 'open', path, code: errorCode(error) ?? 'EIO', cause: error })
  }
  try {
    await turnstile(() => file.datasync())
    return 'flushed'
  } catch (error) {
    throw new Outage(`fdatasync ${path}: ${errorSentence(error)}`, {
      operation: 'fdatasync', path, code: errorCode(error) ?? 'EIO', cause: error, hint: 'the disk or its cable may be failing: look at the kernel log (dmesg) and the SMART state',
    })
  } finally {
    closeLater(file)
  }
}

/** fsync of a folder, on the thread pool. */
export const flushFolderInBackground: BackgroundFlush = async (path, turnstile = atOnce) => {
  const folder = await open(path, 'r').catch((error: unknown) => {
    throw new Outage(`open ${path}: ${errorSentence(error)}`, { operation: 'open', path, code: errorCode(error) ?? 'EIO', cause: error })
  })
  try {
    await turnstile(() => folder.sync())
    return 'flushed'
  } catch (error) {
    throw new Outage(`fsync ${path}: ${errorSentence(error)}`, { operation: 'fsync', path, code: errorCode(error) ?? 'EIO', cause: error })
  } finally {
    closeLater(folder)
  }
}

/** Nobody waits for it: it was opened for reading, and its end says nothing about what was flushed. */
function closeLater(file: FileHandle): void {
  file.close().catch(() => undefined)
}
