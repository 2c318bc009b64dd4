// Moments as people of this machine read them: in the server's time zone, the offset always beside the time, so that
// a page that is read elsewhere is not misunderstood. Pure but for the time zone of the process.

export interface LocalMoment {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  /** 0 is Sunday. */
  readonly weekday: number
}

const two = (value: number): string => String(value).padStart(2, '0')

export function localMoment(atMs: number): LocalMoment {
  const date = new Date(atMs)
  return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate(), hour: date.getHours(), minute: date.getMinutes(), weekday: date.getDay() }
}

/** The moment at which clocks here show this; undefined when they never do (31 February, the hour that summer time leaves out). */
export function momentOfLocal(at: Omit<LocalMoment, 'weekday'>): number | undefined {
  const ms = new Date(at.year, at.month - 1, at.day, at.hour, at.minute).getTime()
  if (Number.isNaN(ms)) return undefined
  const back = localMoment(ms)
  return back.year === at.year && back.month === at.month && back.day === at.day && back.hour === at.hour && back.minute === at.minute ? ms : undefined
}

/** "2026-11-28". */
export function printLocalDay(atMs: number): string {
  const { year, month, day } = localMoment(atMs)
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
}

/** "02:00". */
export function printLocalClock(atMs: number): string {
  const { hour, minute } = localMoment(atMs)
  return `${two(hour)}:${two(minute)}`
}

/** "+0900". */
export function printLocalOffset(atMs: number): string {
  const minutes = -new Date(atMs).getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

/** "2026-11-28 02:00 +0900". */
export function printLocalTime(atMs: number): string {
  return `${printLocalDay(atMs)} ${printLocalClock(atMs)} ${printLocalOffset(atMs)}`
}

/** The end of a stretch that begins at `fromMs`: the day is left out when it is the same. */
export function printLocalEnd(fromMs: number, toMs: number): string {
  return printLocalDay(fromMs) === printLocalDay(toMs) ? `${printLocalClock(toMs)} ${printLocalOffset(toMs)}` : printLocalTime(toMs)
}

/** Midnight at which the day after that of `atMs` begins here. */
export function nextLocalMidnight(atMs: number): number {
  const { year, month, day } = localMoment(atMs)
  return new Date(year, month - 1, day + 1).getTime()
}

/** The day so many days before that of `atMs`, as a moment in the middle of it. */
export function localDaysBefore(atMs: number, days: number): number {
  const { year, month, day } = localMoment(atMs)
  return new Date(year, month - 1, day - days, 12).getTime()
}
