// Dates of mail: the Date field (RFC 5322 §3.3 with all obsolete forms of §4.3, and what real mail adds to
// them), and IMAP's INTERNALDATE (RFC 3501 §9 date-time). An instant is milliseconds since 1970, a zone is
// minutes east of Greenwich; no time zone of this machine is ever asked.
import { refuse, understood, type Parsed } from '../base/errors.ts'
import type { ByteString } from './byte-string.ts'

export interface MailDate {
  atMs: number
  /** Minutes east of Greenwich, as the sender gave it; 0 for what is unknown (RFC 5322 §4.3). */
  zoneMinutes: number
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTH_NUMBERS = new Map(MONTHS.map((name, index) => [name.toLowerCase(), index]))

/** Hours of the zones of RFC 822, and of a few more that are seen and leave no doubt. */
const ZONE_HOURS: Readonly<Record<string, number>> = { ut: 0, utc: 0, gmt: 0, z: 0, est: -5, edt: -4, cst: -6, cdt: -5, mst: -7, mdt: -6, pst: -8, pdt: -7, jst: 9, cet: 1, cest: 2, met: 1, mest: 2, bst: 1, wet: 0, west: 1, eet: 2, eest: 3, msk: 3, kst: 9, hst: -10, akst: -9, akdt: -8 }

/** Longer values are no dates. */
const DATE_OCTETS_MAX = 200

/** Reads an unfolded Date value. */
export function parseMailDate(value: ByteString): Parsed<MailDate> {
  if (value.length > DATE_OCTETS_MAX) return refuse('date-too-long', 'RFC 5322 §3.3')
  const tokens = dateTokens(value)
  let at = 0
  // Weekdays, in any language, say nothing that the date does not say.
  while (at < tokens.length && !/^\d/.test(tokens[at]!) && !MONTH_NUMBERS.has(monthKey(tokens[at]!))) at++
  const first = tokens[at++]
  const second = tokens[at++]
  let day: number
  let month: number | undefined
  let yearText: string | undefined
  if (first === undefined || second === undefined) return refuse('date-syntax', 'RFC 5322 §3.3: day, month and year are expected')
  if (/^\d{1,2}$/.test(first)) {
    day = Number(first)
    month = MONTH_NUMBERS.get(monthKey(second))
    yearText = tokens[at++]
  } else if (/^\d{4}$/.test(first) && /^\d{1,2}$/.test(second)) { // ISO 8601, which some scripts write
    yearText = first
    month = Number(second) - 1
    day = Number(tokens[at++])
    if (/^t$/i.test(tokens[at] ?? '')) at++
  } else { // asctime: Mon Feb 7 21:52:25 1994
    month = MONTH_NUMBERS.get(monthKey(first))
    day = Number(second)
  }
  const time = readTime(tokens, at)
  if (!time) return refuse('date-syntax', 'RFC 5322 §3.3: a time is expected')
  at = time.next
  let zone = readZone(tokens, at)
  if (yearText === undefined) {
    const yearAt = tokens.findIndex((token, index) => index >= at && /^\d{4}$/.test(token))
    yearText = tokens[yearAt]
    if (yearAt >= at) zone = readZone([...tokens.slice(at, yearAt), ...tokens.slice(yearAt + 1)], 0)
  }
  if (month === undefined || !(month >= 0 && month < 12)) return refuse('date-month', 'RFC 5322 §3.3: Jan to Dec')
  const year = readYear(yearText)
  if (year === undefined) return refuse('date-year', 'RFC 5322 §3.3: a year of four digits')
  if (!(day >= 1 && day <= daysInMonth(year, month))) return refuse('date-day', 'RFC 5322 §3.3: no such day in that month')
  const { hour, minute, second: seconds } = time
  if (hour > 23 || minute > 59 || seconds > 60) return refuse('date-time', 'RFC 5322 §3.3: no such time')
  const localMs = Date.UTC(2000, month, day, hour, minute, seconds) + yearOffsetMs(year, month, day)
  return understood({ atMs: localMs - zone * 60_000, zoneMinutes: zone })
}

/** `Date.UTC` takes years below 100 for the twentieth century; this does not. */
function yearOffsetMs(year: number, month: number, day: number): number {
  const exact = new Date(0)
  exact.setUTCFullYear(year, month, day)
  return exact.getTime() - Date.UTC(2000, month, day)
}

function monthKey(token: string): string {
  return token.slice(0, 3).toLowerCase()
}

/** Numbers, words, and zones with their sign; colons and dots between digits are kept as tokens. Comments go. */
function dateTokens(value: string): string[] {
  let flat = ''
  let depth = 0
  for (const letter of value) {
    if (letter === '(') depth++
    else if (letter === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0) flat += letter
  }
  // 7-Feb-1994: the dashes are no signs
  return flat.replace(/(\d)-([A-Za-z]{3,9})-(\d)/, '$1 $2 $3').match(/[+-]\d{1,2}:?\d{2}(?!\d|-)|\d+|[A-Za-z]+|[:.]/g) ?? []
}

function readTime(tokens: readonly string[], from: number): { hour: number; minute: number; second: number; next: number } | undefined {
  let at = from
  const hourText = tokens[at++]
  const separator = tokens[at++]
  const minuteText = tokens[at++]
  if (!/^\d{1,2}$/.test(hourText ?? '') || (separator !== ':' && separator !== '.') || !/^\d{1,2}$/.test(minuteText ?? '')) return undefined
  let second = 0
  if (tokens[at] === separator && /^\d{1,2}$/.test(tokens[at + 1] ?? '')) {
    second = Number(tokens[at + 1])
    at += 2
  }
  if (tokens[at] === '.' && /^\d+$/.test(tokens[at + 1] ?? '')) at += 2 // fractions
  let hour = Number(hourText)
  const half = tokens[at]?.toLowerCase()
  if (half === 'am' || half === 'pm') {
    hour = (hour % 12) + (half === 'pm' ? 12 : 0)
    at++
  }
  return { hour, minute: Number(minuteText), second, next: at }
}

function readZone(tokens: readonly string[], at: number): number {
  const token = tokens[at]
  if (token === undefined) return 0
  const signed = /^([+-])(\d{1,2}):?(\d{2})$/.exec(token)
  if (signed) return signedZone(signed[1]!, Number(signed[2]), Number(signed[3]))
  const word = token.toLowerCase()
  const next = /^([+-])(\d{1,2}):?(\d{2})$/.exec(tokens[at + 1] ?? '')
  if (next && (word === 'gmt' || word === 'utc' || word === 'ut')) return signedZone(next[1]!, Number(next[2]), Number(next[3])) // GMT+0900
  // Military zones were defined with the wrong sign and mean nothing: RFC 5322 §4.3 takes them for -0000.
  return (ZONE_HOURS[word] ?? 0) * 60
}

function signedZone(sign: string, hours: number, minutes: number): number {
  if (hours > 23 || minutes > 59) return 0
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes) || 0
}

function readYear(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{2,4}$/.test(text)) return undefined
  const year = Number(text)
  if (text.length === 2) return year < 50 ? 2000 + year : 1900 + year // RFC 5322 §4.3
  if (text.length === 3) return 1900 + year
  return year
}

function daysInMonth(year: number, month: number): number {
  if (month === 1) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [3, 5, 8, 10].includes(month) ? 30 : 31
}

/** `Mon, 2 Nov 2026 10:00:00 +0900`: the value of a Date field. */
export function printMailDate(atMs: number, zoneMinutes = 0): string {
  const local = new Date(atMs + zoneMinutes * 60_000)
  return `${DAYS[local.getUTCDay()]}, ${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]} ${year4(local)} ${clockTime(local)} ${printZone(zoneMinutes)}`
}

/** `02-Nov-2026 10:00:00 +0900`, without quotes; the day is padded with a space (RFC 3501 date-day-fixed). */
export function printInternalDate(atMs: number, zoneMinutes = 0): string {
  const local = new Date(atMs + zoneMinutes * 60_000)
  return `${String(local.getUTCDate()).padStart(2, ' ')}-${MONTHS[local.getUTCMonth()]}-${year4(local)} ${clockTime(local)} ${printZone(zoneMinutes)}`
}

/** Reads what stands between the quotes of a date-time. Strict: clients write what the RFC says. */
export function parseInternalDate(text: string): Parsed<MailDate> {
  const parts = /^( \d|\d\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text)
  if (!parts) return refuse('date-time-syntax', 'RFC 3501 §9: "dd-Mon-yyyy hh:mm:ss +zzzz" is expected')
  const month = MONTH_NUMBERS.get(parts[2]!.toLowerCase())
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((index) => Number(parts[index])) as [number, number, number, number, number]
  if (month === undefined || day < 1 || day > daysInMonth(year, month)) return refuse('date-day', 'no such day')
  if (hour > 23 || minute > 59 || second > 60 || Number(parts[8]) > 23 || Number(parts[9]) > 59) return refuse('date-time', 'no such time')
  const zoneMinutes = signedZone(parts[7]!, Number(parts[8]), Number(parts[9]))
  const localMs = Date.UTC(2000, month, day, hour, minute, second) + yearOffsetMs(year, month, day)
  return understood({ atMs: localMs - zoneMinutes * 60_000, zoneMinutes })
}

function year4(date: Date): string {
  return String(date.getUTCFullYear()).padStart(4, '0')
}

function clockTime(date: Date): string {
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
}

function printZone(minutes: number): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
