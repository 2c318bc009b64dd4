// Moments as an operator writes them: "2026-11-28 02:00", "tomorrow 02:00", "02:00", "+2h", ISO with or without an
// offset. Without one, in the server's time zone. Pure; never throws on input.
import { localDaysBefore, localMoment, momentOfLocal, printLocalDay } from '../base/local-time.ts'
import { type Judged, judged, unfit } from './window.ts'

const expected = (words: string): Judged<never> => unfit('time-syntax',
  `"${words.slice(0, 60)}" is no time: write "2026-11-28 02:00", "tomorrow 02:00", "02:00", "+2h", or ISO 8601 with an offset`,
  `「${words.slice(0, 60)}」は時刻ではありません。"2026-11-28 02:00"、"tomorrow 02:00"（"明日 02:00"）、"02:00"、"+2h"、またはオフセット付きの ISO 8601 で書いてください`)

const DAY_MS = 24 * 3600_000
const UNITS: { readonly [unit: string]: number } = { m: 60_000, h: 3600_000, d: DAY_MS }
const DAYS_AHEAD: { readonly [word: string]: number } = { today: 0, tomorrow: 1, 今日: 0, 明日: 1, 明後日: 2 }

/**
 * `baseMs` is where "+2h" and "02:00" count from: now for a start, the start for an end. A time of day alone is the
 * next one from there. "Tomorrow" is always the operator's.
 */
export function parseMoment(written: string, nowMs: number, baseMs = nowMs): Judged<number> {
  const words = written.trim().replace(/\s+/g, ' ')
  if (words.toLowerCase() === 'now') return judged(nowMs)
  const ahead = parseLength(words.startsWith('+') ? words.slice(1) : '')
  if (ahead !== undefined) return judged(baseMs + ahead)

  const absolute = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)? ?(Z|[+-]\d\d:?\d\d)?$/i.exec(words)
  if (absolute) {
    const [, year, month, day, hour, minute, second = '00', offset] = absolute
    if (offset === undefined) return local(words, { year: Number(year), month: Number(month), day: Number(day), hour: Number(hour), minute: Number(minute) })
    const zone = offset.toUpperCase() === 'Z' ? 'Z' : `${offset.slice(0, 3)}:${offset.slice(-2)}`
    const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`)
    return Number.isNaN(ms) ? expected(written) : judged(ms)
  }

  const named = /^(\S+) (\d{1,2}):(\d\d)$/.exec(words)
  const daysAhead = named?.[1] === undefined ? undefined : own(DAYS_AHEAD, named[1].toLowerCase())
  if (named && daysAhead !== undefined) return onDay(written, localDaysBefore(nowMs, -daysAhead), Number(named[2]), Number(named[3]))

  const alone = /^(\d{1,2}):(\d\d)$/.exec(words)
  if (alone) {
    const [hour, minute] = [Number(alone[1]), Number(alone[2])]
    const sameDay = onDay(written, baseMs, hour, minute)
    return sameDay.ok && sameDay.value <= baseMs ? onDay(written, localDaysBefore(baseMs, -1), hour, minute) : sameDay
  }
  return expected(written)
}

const own = <T>(table: { readonly [word: string]: T }, word: string): T | undefined => (Object.hasOwn(table, word) ? table[word] : undefined)

function onDay(written: string, dayMs: number, hour: number, minute: number): Judged<number> {
  const { year, month, day } = localMoment(dayMs)
  return local(written, { year, month, day, hour, minute })
}

function local(written: string, at: { year: number; month: number; day: number; hour: number; minute: number }): Judged<number> {
  const ms = momentOfLocal(at)
  if (ms !== undefined) return judged(ms)
  if (at.month >= 1 && at.month <= 12 && at.hour <= 23 && at.minute <= 59 && isDay(at)) {
    const day = printLocalDay(new Date(at.year, at.month - 1, at.day, 12).getTime())
    return unfit('no-such-time', `"${written.slice(0, 60)}" does not exist here: the clocks are put forward on ${day}`, `「${written.slice(0, 60)}」はここには存在しません。${day} に夏時間が始まります`)
  }
  return expected(written)
}

const isDay = (at: { year: number; month: number; day: number }): boolean => at.day >= 1 && at.day <= new Date(at.year, at.month, 0).getDate()

/** Milliseconds of "1h", "90m", "1h30m", "2d"; undefined when it is no length. */
export function parseLength(words: string): number | undefined {
  const compact = words.replace(/\s+/g, '').toLowerCase()
  if (!/^(?:\d{1,5}[mhd])+$/.test(compact)) return undefined
  let ms = 0
  for (const [, count, unit] of compact.matchAll(/(\d+)([mhd])/g)) ms += Number(count) * (UNITS[unit ?? ''] ?? 0)
  return ms
}
