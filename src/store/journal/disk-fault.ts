// Whose fault a failed call is, as far as the journal must know: a disk without room is waited for, a process
// without file descriptors too; anything else is the fault of that member alone, which is then dropped.
import { Outage } from '../../base/errors.ts'

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])
const NO_MEANS: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/** No octets or no inodes left. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Outage && NO_ROOM.has(error.code)
}

/** The process or the machine has no descriptors or memory left: no disk can be blamed, and it passes. */
export function isOutOfMeans(error: unknown): boolean {
  return error instanceof Outage && NO_MEANS.has(error.code)
}

/** Nothing was harmed, and it passes: the batch is refused and the next one may be tried. */
export function isNoSpace(error: unknown): boolean {
  return isDiskFull(error) || isOutOfMeans(error)
}
