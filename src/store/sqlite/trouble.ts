// What an error of SQLite means: the world failed (an outage: the account stays pending), the database is
// damaged (it is made again), or our own mistake (a bug: the record is retried alone and then passed over).
import { Bug, Outage, errorSentence } from '../../base/errors.ts'
import { Damaged } from '../tx.ts'

// Primary result codes, https://www.sqlite.org/rescode.html
const OUTAGES: Record<number, { code: string; hint: string }> = {
  5: { code: 'SQLITE_BUSY', hint: 'another program has the database open: nothing but Daruma may touch the data directory' },
  6: { code: 'SQLITE_LOCKED', hint: 'another program has the database open: nothing but Daruma may touch the data directory' },
  7: { code: 'SQLITE_NOMEM', hint: 'the machine is out of memory' },
  8: { code: 'SQLITE_READONLY', hint: 'the file system is read-only, or the file belongs to somebody else' },
  10: { code: 'SQLITE_IOERR', hint: 'the disk or its cable may be failing: look at the kernel log (dmesg) and the SMART state' },
  13: { code: 'SQLITE_FULL', hint: 'make room on this disk' },
  14: { code: 'SQLITE_CANTOPEN', hint: 'check who owns the data directory, and how many files may be open' },
}
/** A flush by SQLite itself that failed (SQLITE_IOERR_FSYNC, _DIR_FSYNC): like any failed flush it ends the owner. */
const FAILED_FLUSHES = [1034, 1290]
const CORRUPT = 11
const NOT_A_DATABASE = 26

export function sqliteTrouble(error: unknown, operation: string, path: string): Error {
  if (error instanceof Bug || error instanceof Outage || error instanceof Damaged) return error
  const extended = typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : -1
  if (FAILED_FLUSHES.includes(extended)) {
    return new Outage(`${operation} ${path}: ${errorSentence(error)}`, { operation: 'fsync', path, code: 'SQLITE_IOERR_FSYNC', hint: (OUTAGES[10] as { hint: string }).hint, cause: error })
  }
  const errcode = extended < 0 ? -1 : extended & 0xff
  const known = OUTAGES[errcode]
  if (known) return new Outage(`${operation} ${path}: ${errorSentence(error)}`, { operation, path, code: known.code, hint: known.hint, cause: error })
  if (errcode === CORRUPT || errcode === NOT_A_DATABASE) return new Damaged(`${path} is damaged: ${errorSentence(error)}`, { cause: error })
  return new Bug(`${operation} ${path}: ${errorSentence(error)}`, { cause: error })
}
