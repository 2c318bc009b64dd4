// Removes files in `large/` that no record names: what was left when a server died between writing a large message
// and appending its record. Nobody was answered for those. Only files from before this owner's start are looked at,
// after replay has reached the end, and only when the whole journal could be read without a fault: a file that is
// kept too long costs room, one that is removed wrongly costs mail.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import type { Log } from '../../base/log.ts'
import { openJournalReader } from '../journal/journal-reader.ts'
import type { MembersSeen } from '../journal/members.ts'
import { listUnnamedLarge } from '../journal/large-writer.ts'

/** Heads looked at before others get their turn, and the pause between: a quiet walk, no hurry. */
const SLICE_HEADS = 2000
const PAUSE_MS = 20

export interface LargeCleanupOptions {
  dataDirectory: string
  mirrors: readonly string[]
  /** Who takes part: the others' files are left alone. */
  members?: MembersSeen
  disk: Disk
  clock: Clock
  log: Log
  /** Everything up to here is durable and applied. */
  through: number
  /** Wall time of this owner's start. */
  startedMs: number
  signal: AbortSignal
}

/** Returns the files it removed. */
export async function removeUnnamedLarge(options: LargeCleanupOptions): Promise<string[]> {
  const { disk, clock, log, signal, through } = options
  const roots = [options.dataDirectory, ...options.mirrors].filter((_, index) => options.members?.isOut(index) !== true)
  const old = (path: string) => (disk.facts(path)?.modifiedMs ?? Infinity) < options.startedMs
  if (listUnnamedLarge(disk, roots, () => false).filter(old).length === 0) return []
  let damaged = false
  const reader = openJournalReader({ dataDirectory: options.dataDirectory, mirrors: options.mirrors, ...(options.members ? { members: options.members } : {}), disk, log, onDamage: () => (damaged = true) })
  try {
    const named = new Set<string>()
    for (let next = 1; next <= through; ) {
      const from = next
      let looked = 0
      reader.scan(from, (record) => {
        if (looked >= SLICE_HEADS) return false
        looked += 1
        next = record.sequence + 1
        if (record.largeName !== undefined) named.add(record.largeName)
        return true
      }, through)
      if (next === from) break
      await clock.sleep(PAUSE_MS, signal)
    }
    if (damaged) {
      log.warn('files in large/ are not tidied: the journal could not be read whole')
      return []
    }
    const unnamed = listUnnamedLarge(disk, roots, (name) => named.has(name)).filter(old)
    for (const path of unnamed) {
      disk.remove(path)
      log.info('removed a large file that no record names', { path })
    }
    return unnamed
  } finally {
    reader.close()
  }
}
