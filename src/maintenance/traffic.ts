// How busy the hours are: four weeks of hours in a ring, from which quiet ones are proposed. Kept in
// `status/traffic.json`, written at most once in some minutes; what is lost of it is a guess that is a little worse.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

export const HOUR_MS = 3600_000
export const TRAFFIC_HOURS = 4 * 7 * 24
const WRITE_MS = 5 * 60_000

export interface HourOfTraffic {
  /** When the hour begins. */
  readonly hourMs: number
  readonly messages: number
  readonly logins: number
}

export interface Traffic {
  /** Adds to the hour that `atMs` falls into. */
  record(atMs: number, counts: { messages: number; logins: number }): void
  hours(): readonly HourOfTraffic[]
  close(): void
}

const slotOf = (hourMs: number): number => (((hourMs / HOUR_MS) % TRAFFIC_HOURS) + TRAFFIC_HOURS) % TRAFFIC_HOURS

export function openTraffic(options: { directory: string; disk: Disk; clock: Clock; log: Log }): Traffic {
  const { directory, disk, clock, log } = options
  const path = join(directory, 'traffic.json')
  const ring = new Map<number, HourOfTraffic>()
  for (const hour of readTraffic(disk, path)) ring.set(slotOf(hour.hourMs), hour)
  let isDirty = false
  let cancel: (() => void) | undefined
  const write = () => {
    cancel?.()
    cancel = undefined
    if (!isDirty) return
    try {
      if (!disk.exists(directory)) disk.makeDirectory(directory)
      disk.writeWhole(path, bytesOf(`${JSON.stringify({ version: 1, hours: [...ring.values()].map((hour) => [hour.hourMs, hour.messages, hour.logins]) })}\n`))
      isDirty = false
    } catch (error) {
      log.debug('the counts of the hours cannot be written', { path, error: errorSentence(error) })
      cancel = clock.after(WRITE_MS, write)
    }
  }
  return {
    record(atMs, { messages, logins }) {
      const hourMs = Math.floor(atMs / HOUR_MS) * HOUR_MS
      const known = ring.get(slotOf(hourMs))
      const before = known?.hourMs === hourMs ? known : { messages: 0, logins: 0 }
      ring.set(slotOf(hourMs), { hourMs, messages: before.messages + messages, logins: before.logins + logins })
      isDirty = true
      cancel ??= clock.after(WRITE_MS, write)
    },
    hours: () => [...ring.values()],
    close: write,
  }
}

/** Empty when there is none that can be read. */
export function readTraffic(disk: Disk, path: string): HourOfTraffic[] {
  try {
    const value: unknown = JSON.parse(textOf(disk.readWhole(path)))
    if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1 || !('hours' in value) || !Array.isArray(value.hours)) return []
    return (value.hours as unknown[]).slice(0, TRAFFIC_HOURS).flatMap((hour) => {
      if (!Array.isArray(hour) || !hour.every((one): one is number => typeof one === 'number' && Number.isSafeInteger(one) && one >= 0)) return []
      const [hourMs = 0, messages = 0, logins = 0] = hour as number[]
      return hourMs % HOUR_MS === 0 ? [{ hourMs, messages, logins }] : []
    })
  } catch {
    return []
  }
}
