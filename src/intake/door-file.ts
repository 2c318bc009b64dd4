// Writes what the understudy will know of our addresses while the server is away: `door.json` in the intake
// directory, whole or not at all, flushed. Whatever is doubtful becomes "put off", never "no such user"
// (INV-10). A failure to write is an `Outage` for the caller, who warns and goes on.
//
// The order, all in one thread, the taking one (door-writer.ts says what is when there is none): it reads a change
// of the directory; `markDoorStale`; only then it lets the change be acknowledged; later, once for many changes,
// `writeDoorFile`, which takes the mark away when the list is durable. With the mark there, the understudy refuses
// nobody for good: who is not in the list may be new.
import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { Outage } from '../base/errors.ts'
import { pauseOf, pauseWords } from '../guard/guard.ts'
import type { Directory } from '../store/store.ts'
import { printDoorList, type DoorDomain, type DoorList } from './door-list.ts'
import { resolveRecipient, type DeliveryRules } from './resolve-recipient.ts'

export * from './door-list.ts'

export const DOOR_FILE = 'door.json'
/** Beside it, while it may be older than what an operator was told. Empty; only its being there counts. */
export const DOOR_STALE_FILE = 'door.stale'

export interface DoorSettings {
  hostname: string
  delivery: DeliveryRules
  nowMs: number
}

/** The list as the directory is now. Asks the same rules as RCPT does. */
export function doorListOf(directory: Directory, { hostname, delivery, nowMs }: DoorSettings): DoorList {
  const domains = new Map<string, DoorDomain & { known: Set<string>; deferred: Set<string> }>()
  for (const { name, catchAll } of directory.domains()) {
    const rest = catchAll === null ? 'refuse' : leadsSomewhere(catchAll, directory, delivery) ? 'take' : 'defer'
    domains.set(name, { rest, known: new Set(), deferred: new Set() })
  }
  const list = (key: string, isTaken: () => boolean): void => {
    const at = key.lastIndexOf('@')
    const domain = domains.get(key.slice(at + 1))
    if (!domain) return
    const local = key.slice(0, at)
    if (isTaken()) domain.known.add(local)
    else domain.deferred.add(local)
  }
  for (const { addressKey, suspended } of directory.accounts()) list(addressKey, () => !suspended)
  for (const { addressKey } of directory.aliases()) {
    if (!directory.accountByKey(addressKey)) list(addressKey, () => resolveRecipient(addressKey, directory, delivery).end === 'found') // an account comes before an alias
  }
  const pause = pauseOf(directory, 'smtp-in', nowMs)
  return {
    ...(pause ? { pause: { ...(pause.untilMs === undefined ? {} : { untilMs: pause.untilMs }), words: pauseWords(pause) } } : {}),
    hostname, writtenMs: nowMs, subaddressSeparator: delivery.subaddressSeparator, domains,
    postmaster: resolveRecipient('postmaster', directory, delivery).end === 'found',
  }
}

/** A catch-all may lead elsewhere, unlike a recipient. */
function leadsSomewhere(target: string, directory: Directory, delivery: DeliveryRules): boolean {
  const { end } = resolveRecipient(target, directory, delivery)
  return end === 'found' || end === 'elsewhere'
}

/**
 * Atomic and flushed. False, and nothing is written, while the directory is not current. Throws an `Outage`.
 * `path` is that of `door.json`. The mark of `markDoorStale` is taken away once the new list is durable.
 */
export function writeDoorFile(directory: Directory, settings: DoorSettings, path: string, disk: Disk): boolean {
  if (!directory.isCurrent) return false
  disk.writeWhole(path, printDoorList(doorListOf(directory, settings)))
  const mark = join(path, '..', DOOR_STALE_FILE)
  // Changed meanwhile: the mark may be another thread's, and stays until that is written too.
  if (directory.isCurrent && disk.exists(mark)) disk.remove(mark)
  return true
}

/**
 * Flushed, since the next to look may be an understudy after a power cut. Cheap when it is there already. Where there is
 * no room for the mark, the list itself goes, which needs none: without it everybody is put off. Throws an `Outage` when
 * neither can be done.
 */
export function markDoorStale(intakeDirectory: string, disk: Disk): void {
  const mark = join(intakeDirectory, DOOR_STALE_FILE)
  if (disk.exists(mark)) return
  try {
    disk.makeDirectory(intakeDirectory)
    disk.writeWhole(mark, new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof Outage)) throw error
    const list = join(intakeDirectory, DOOR_FILE)
    if (!disk.exists(list)) return
    disk.remove(list)
    disk.flushDirectory(intakeDirectory)
  }
}
