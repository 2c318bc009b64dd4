// How each service was on each day, in milliseconds of each level. Pure: time goes on by `passed`; nothing here reads
// a clock. A stretch in which nobody looked is `down`, from the last sign of life on: nobody was at the door.
import { nextLocalMidnight, printLocalDay } from '../base/local-time.ts'
import { type ServiceLevel, type ServiceName, serviceLevels, serviceNames } from './services.ts'

/** Days that the page shows. */
export const HISTORY_DAYS = 90
/** Days that are kept: more than are shown, so that a clock that jumps ahead for a while costs none of them. */
const KEPT_DAYS = 180
/** Less is how clocks are corrected every day. */
const SET_BACK_MS = 3600_000

export type DayOfService = { readonly [level in ServiceLevel]: number }
export interface HistoryDay {
  /** "2026-11-28", here. */
  readonly day: string
  /** Undefined: nothing is known of that day. */
  readonly of: { readonly [name in ServiceName]: DayOfService | undefined }
}

export interface Standing {
  readonly level: ServiceLevel
  readonly sinceMs: number
}

export interface HistoryData {
  readonly version: 1
  /** The last sign of life. */
  readonly seenMs: number
  readonly standing: { readonly [name in ServiceName]: Standing }
  readonly days: { readonly [day: string]: { readonly [name in ServiceName]?: DayOfService } }
}

export function newHistory(nowMs: number): HistoryData {
  const standing = Object.fromEntries(serviceNames.map((name) => [name, { level: 'up', sinceMs: nowMs }])) as HistoryData['standing']
  return { version: 1, seenMs: nowMs, standing, days: {} }
}

const none: DayOfService = { up: 0, degraded: 0, down: 0, maintenance: 0 }

/** Adds the stretch from `fromMs` to `toMs`, with the level of each service, to its days. */
export function addStretch(days: HistoryData['days'], fromMs: number, toMs: number, levelOf: (name: ServiceName) => ServiceLevel): HistoryData['days'] {
  // What is longer than all days that are kept has no need to be walked whole.
  let at = Math.max(fromMs, toMs - (KEPT_DAYS + 1) * 24 * 3600_000)
  if (!(at < toMs)) return days
  const next: { [day: string]: { [name in ServiceName]?: DayOfService } } = { ...days }
  while (at < toMs) {
    const end = Math.min(toMs, nextLocalMidnight(at))
    const day = printLocalDay(at)
    const before = next[day] ?? {}
    const after: { [name in ServiceName]?: DayOfService } = { ...before }
    for (const name of serviceNames) {
      const level = levelOf(name)
      const known = before[name] ?? none
      after[name] = { ...known, [level]: known[level] + (end - at) }
    }
    next[day] = after
    at = end
  }
  return withoutOldest(next)
}

function withoutOldest(days: HistoryData['days']): HistoryData['days'] {
  const names = Object.keys(days).sort()
  if (names.length <= KEPT_DAYS) return days
  return Object.fromEntries(names.slice(-KEPT_DAYS).map((day) => [day, days[day] ?? {}]))
}

/** Time has gone on. `passedMs` is by the monotonic clock: when the wall clock says more, it was set, and only what passed counts. */
export function goOn(before: HistoryData, nowMs: number, passedMs: number): HistoryData {
  const data = afterSetBack(before, nowMs)
  const fromMs = Math.max(data.seenMs, nowMs - passedMs)
  return { ...data, seenMs: nowMs, days: addStretch(data.days, Math.min(fromMs, nowMs), nowMs, (name) => data.standing[name].level) }
}

/** The supervisor is there again: from the last sign of life until now nobody was. */
export function comeBack(before: HistoryData, nowMs: number): HistoryData {
  const data = afterSetBack(before, nowMs)
  return { ...data, seenMs: nowMs, days: addStretch(data.days, data.seenMs, nowMs, () => 'down') }
}

/** A clock that was ahead has filled days that are still to come, and this one: they begin anew. */
function afterSetBack(data: HistoryData, nowMs: number): HistoryData {
  if (nowMs >= data.seenMs) return data
  if (data.seenMs - nowMs < SET_BACK_MS) return { ...data, seenMs: nowMs }
  const today = printLocalDay(nowMs)
  return { ...data, seenMs: nowMs, days: Object.fromEntries(Object.entries(data.days).filter(([day]) => day < today)) }
}

/** The levels as of now; `sinceMs` moves only where one changes. */
export function withLevels(data: HistoryData, levelOf: (name: ServiceName) => ServiceLevel, nowMs: number): HistoryData {
  if (serviceNames.every((name) => data.standing[name].level === levelOf(name))) return data
  const standing = Object.fromEntries(serviceNames.map((name) => [name, data.standing[name].level === levelOf(name) ? data.standing[name] : { level: levelOf(name), sinceMs: nowMs }]))
  return { ...data, standing: standing as HistoryData['standing'] }
}

/** The last days, oldest first, today last. `dayNames` are those to show. */
export function daysToShow(data: HistoryData, dayNames: readonly string[]): HistoryDay[] {
  return dayNames.map((day) => ({
    day,
    of: Object.fromEntries(serviceNames.map((name) => [name, data.days[day]?.[name]])) as HistoryDay['of'],
  }))
}

// ---------------------------------------------------------------- on the disk

/** Days as arrays of milliseconds, in the order of `serviceLevels`. */
export function printHistory(data: HistoryData): string {
  const days = Object.fromEntries(Object.entries(data.days).map(([day, of]) => [day, Object.fromEntries(Object.entries(of).map(([name, levels]) => [name, serviceLevels.map((level) => levels[level])]))]))
  return `${JSON.stringify({ ...data, days })}\n`
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 8.64e15
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined when it is no history; a day that makes no sense is left out. */
export function parseHistory(words: string): HistoryData | undefined {
  let value: unknown
  try {
    value = JSON.parse(words)
  } catch {
    return undefined
  }
  if (!isRecord(value) || value['version'] !== 1 || !isTime(value['seenMs'])) return undefined
  const { seenMs } = value
  const standing: { [name in ServiceName]?: Standing } = {}
  const days: { [day: string]: { [name in ServiceName]?: DayOfService } } = {}
  for (const name of serviceNames) {
    const one = isRecord(value['standing']) ? value['standing'][name] : undefined
    const level = isRecord(one) ? serviceLevels.find((known) => known === one['level']) : undefined
    const sinceMs = isRecord(one) ? one['sinceMs'] : undefined
    standing[name] = level !== undefined && isTime(sinceMs) ? { level, sinceMs } : { level: 'up', sinceMs: seenMs }
  }
  for (const [day, of] of Object.entries(isRecord(value['days']) ? value['days'] : {})) {
    if (!/^\d{4}-\d\d-\d\d$/.test(day) || !isRecord(of)) continue
    const found: { [name in ServiceName]?: DayOfService } = {}
    for (const name of serviceNames) {
      const levels: unknown = of[name]
      if (!Array.isArray(levels) || !levels.every((ms): ms is number => isTime(ms) && ms >= 0)) continue
      const [up = 0, degraded = 0, down = 0, maintenance = 0] = levels as number[]
      found[name] = { up, degraded, down, maintenance }
    }
    days[day] = found
  }
  return { version: 1, seenMs, standing: standing as HistoryData['standing'], days: withoutOldest(days) }
}
