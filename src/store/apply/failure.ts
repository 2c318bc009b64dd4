// Three ends of applying that are no result: the world failed (pending, tried again), the database
// file is damaged (set aside, made again), or our own bug (tried alone, then passed over by a record).
import { Bug, Outage, errorCode } from '../../base/errors.ts'
import { Damaged } from '../tx.ts'

export function judgeFailure(error: unknown): 'outage' | 'damaged' | 'bug' {
  if (error instanceof Damaged) return 'damaged'
  if (error instanceof Outage) return 'outage'
  // A table that is not there is a file that was emptied or swapped: our statements name only our own tables.
  if (error instanceof Bug && /no such (table|column)|malformed database schema/.test(error.message)) return 'damaged'
  const code = errorCode(error)
  return code !== undefined && code.startsWith('E') && !code.startsWith('ERR_') ? 'outage' : 'bug'
}
