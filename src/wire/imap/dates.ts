// Dates as IMAP writes them: `17-Jul-1996` in SEARCH, ` 7-Jul-1996 02:44:25 -0700` in INTERNALDATE and
// APPEND (RFC 3501 §9 date, date-time).
import type { Cursor } from './cursor.ts'
import { latin1Of } from '../../base/bytes.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY_MS = 86_400_000

const datePattern = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4})$/
const dateTimePattern = /^( \d|\d\d?)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/

function dayOf(day: string, month: string, year: string): number | undefined {
  const monthIndex = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase())
  if (monthIndex < 0) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), monthIndex, Number(day))
  if (date.getUTCMonth() !== monthIndex) return undefined
  return date.getTime() / DAY_MS
}

/** Days since 1970-01-01 of the calendar day that is named, no time zone meant. */
export function takeDate(cursor: Cursor): number {
  const text = latin1Of(cursor.peekIs('"') ? cursor.takeString() : cursor.takeAstring())
  const match = datePattern.exec(text)
  const day = match && dayOf(match[1]!, match[2]!, match[3]!)
  if (day === null || day === undefined) return cursor.fail('expected a date such as 1-Feb-1994')
  return day
}

export interface InternalDate {
  atMs: number
  /** Minutes east of UTC, as the client wrote it; it is shown again so. */
  zoneMinutes: number
}

export function takeDateTime(cursor: Cursor): InternalDate {
  const match = dateTimePattern.exec(latin1Of(cursor.takeString()))
  const bad = () => cursor.fail('expected a date such as " 1-Feb-1994 21:52:25 -0800"')
  if (!match) return bad()
  const [, day, month, year, hour, minute, second, sign, zoneHour, zoneMinute] = match
  const days = dayOf(day!, month!, year!)
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || Number(zoneMinute) > 59) return bad()
  const zoneMinutes = (sign === '-' ? -1 : 1) * (Number(zoneHour) * 60 + Number(zoneMinute))
  const secondOfDay = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  return { atMs: days * DAY_MS + (secondOfDay - zoneMinutes * 60) * 1000, zoneMinutes }
}

const two = (value: number) => (value < 10 ? `0${value}` : `${value}`)

/** 26 characters without the quotes: `17-Jul-1996 02:44:25 -0700`. */
export function printDateTime(atMs: number, zoneMinutes = 0): string {
  const date = new Date(atMs + zoneMinutes * 60_000)
  const day = date.getUTCDate()
  const zone = Math.abs(zoneMinutes)
  const year = `${Math.max(0, date.getUTCFullYear())}`.padStart(4, '0')
  return `${day < 10 ? ` ${day}` : day}-${MONTHS[date.getUTCMonth()]}-${year} ` +
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ` +
    `${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(zone / 60))}${two(zone % 60)}`
}

/** The calendar day (UTC) on which this moment falls, as days since 1970-01-01. */
export function dayNumber(atMs: number): number {
  return Math.floor(atMs / DAY_MS)
}
