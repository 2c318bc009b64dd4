// Where the file system of a folder is mounted. An unmounted disk leaves an empty folder behind, on the disk
// below; taking that for the mirror would fill the wrong disk and keep nothing twice.
import { dirname } from 'node:path'
import type { Disk } from '../../base/disk.ts'
import { Outage } from '../../base/errors.ts'

/** Of a folder that is not there: where it would be. "/" where the disk does not tell (a disk in memory). */
export function mountPointOf(disk: Disk, folder: string): string {
  try {
    let at = folder
    while (dirname(at) !== at && !disk.exists(at)) at = dirname(at)
    const device = disk.facts(at)?.device
    while (dirname(at) !== at && disk.facts(dirname(at))?.device === device) at = dirname(at)
    return at
  } catch (error) {
    if (error instanceof Outage) return '/'
    throw error
  }
}
