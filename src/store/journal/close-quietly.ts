// Closes a file of a disk that may be dying. Whatever it says at the last is nobody's concern: what counted was flushed.
import type { DiskFile } from '../../base/disk.ts'
import { Outage } from '../../base/errors.ts'

export function closeQuietly(file: DiskFile): void {
  try {
    file.close()
  } catch (error) {
    if (!(error instanceof Outage)) throw error
  }
}
