// Three ends of applying that are no result: the world failed (pending, tried again), the database
// file is damaged (set aside, made again), or our own bug (tried alone, then passed over by a record).
import { Outage, errorCode } from '../../base/errors.ts'

// Primary result codes of SQLite (https://sqlite.org/rescode.html).
const OUTAGES = new Set([5 /* BUSY */, 6 /* LOCKED */, 7 /* NOMEM */, 8 /* READONLY */, 10 /* IOERR */, 13 /* FULL */, 14 /* CANTOPEN */, 15 /* PROTOCOL */])
const DAMAGE = new Set([11 /* CORRUPT */, 26 /* NOTADB */])

export function judgeFailure(error: unknown): 'outage' | 'damaged' | 'bug' {
  if (typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number') {
    const primary = error.errcode & 0xff
    if (OUTAGES.has(primary)) return 'outage'
    if (DAMAGE.has(primary)) return 'damaged'
    // A table that is not there is a file that was emptied or swapped: our own statements name only our own tables.
    if (primary === 1 && error instanceof Error && /no such (table|column)|malformed database schema/.test(error.message)) return 'damaged'
    return 'bug'
  }
  if (error instanceof Outage) return 'outage'
  if (errorCode(error) === 'DARUMA_NOT_OURS') return 'damaged'
  return errorCode(error)?.startsWith('E') === true && !errorCode(error)?.startsWith('ERR_') ? 'outage' : 'bug'
}
