// Proposes when to do it: the quietest stretches of the coming nights, by what the last weeks were like at the same
// hour of the same day of the week. Pure.
import { type Text, text } from '../base/language.ts'
import { localDaysBefore, localMoment, momentOfLocal, printLocalTime } from '../base/local-time.ts'
import { HOUR_MS, type HourOfTraffic, TRAFFIC_HOURS } from './traffic.ts'
import { type Judged, type MaintenanceWindow, isAhead, judged, unfit } from './window.ts'

export interface Suggestion {
  readonly fromMs: number
  readonly toMs: number
  /** Expected in it, from the weeks before; null when nothing is known of these hours. */
  readonly messages: number | null
  readonly logins: number | null
  readonly why: Text
}

const NIGHTS = 7
/** Local hours in which it may begin, and by which it should end. */
const NIGHT_BEGINS = 0
const NIGHT_ENDS = 6
/** Without any knowledge: the hour at which people sleep and backups have not begun. */
const USUAL_HOUR = 3
const SUGGESTIONS = 3
/** The next minutes are not a plan. */
const AHEAD_MS = 30 * 60_000

const WEEKDAYS: readonly Text[] = [text('Sundays', '日曜日'), text('Mondays', '月曜日'), text('Tuesdays', '火曜日'), text('Wednesdays', '水曜日'), text('Thursdays', '木曜日'), text('Fridays', '金曜日'), text('Saturdays', '土曜日')]

export function suggestWindows(given: { hours: readonly HourOfTraffic[]; windows: readonly MaintenanceWindow[]; lengthMs: number; nowMs: number }): Judged<Suggestion[]> {
  const { hours, windows, lengthMs, nowMs } = given
  const lengthHours = Math.ceil(lengthMs / HOUR_MS)
  if (lengthMs < 60_000 || lengthHours > NIGHT_ENDS - NIGHT_BEGINS) {
    return unfit('length', `a night has ${NIGHT_ENDS - NIGHT_BEGINS} hours: --length from 1m to ${NIGHT_ENDS - NIGHT_BEGINS}h`, `夜は ${NIGHT_ENDS - NIGHT_BEGINS} 時間です。--length は 1m から ${NIGHT_ENDS - NIGHT_BEGINS}h までにしてください`)
  }
  const usual = averages(hours, nowMs)
  const candidates: (Suggestion & { cost: number; isUsual: boolean })[] = []
  for (let night = 0; night <= NIGHTS; night += 1) {
    const { year, month, day, weekday } = localMoment(localDaysBefore(nowMs, -night))
    for (let hour = NIGHT_BEGINS; hour + lengthHours <= NIGHT_ENDS; hour += 1) {
      const fromMs = momentOfLocal({ year, month, day, hour, minute: 0 })
      if (fromMs === undefined || fromMs < nowMs + AHEAD_MS || fromMs > nowMs + NIGHTS * 24 * HOUR_MS) continue
      const toMs = fromMs + lengthMs
      if (windows.some((one) => isAhead(one) && one.fromMs < toMs && fromMs < one.toMs)) continue
      const known = Array.from({ length: lengthHours }, (_, index) => usual.get(weekday * 24 + hour + index))
      const isKnown = known.every((one) => one !== undefined)
      const [messages, logins] = [sum(known.map((one) => one?.messages ?? 0)), sum(known.map((one) => one?.logins ?? 0))]
      candidates.push({
        fromMs, toMs, ...(isKnown ? { messages: rounded(messages), logins: rounded(logins) } : { messages: null, logins: null }),
        // What nobody knows may be busy.
        cost: isKnown ? messages + logins : Infinity, isUsual: hour === USUAL_HOUR || hour + lengthHours === NIGHT_ENDS && hour < USUAL_HOUR,
        why: isKnown ? whyKnown({ weekday, hour, lengthHours, messages, logins, weeks: Math.min(...known.map((one) => one?.weeks ?? 0)) }) : whyUnknown(),
      })
    }
  }
  candidates.sort((a, b) => (a.cost === b.cost ? 0 : a.cost - b.cost) || Number(b.isUsual) - Number(a.isUsual) || a.fromMs - b.fromMs)
  const best: Suggestion[] = []
  for (const { cost: _cost, isUsual: _isUsual, ...one } of candidates) {
    if (best.length >= SUGGESTIONS) break
    // Three nights to choose from are more use than three hours of one.
    if (!best.some((other) => Math.abs(other.fromMs - one.fromMs) < 12 * HOUR_MS)) best.push(one)
  }
  if (best.length === 0) return unfit('no-room', 'every night of the coming week is taken by planned windows', '今後一週間の夜はすべて計画済みのメンテナンスで埋まっています')
  return judged(best)
}

interface Usual {
  messages: number
  logins: number
  weeks: number
}

/** By weekday and local hour: what an hour like this had on average, of the last four weeks. */
function averages(hours: readonly HourOfTraffic[], nowMs: number): Map<number, Usual> {
  const found = new Map<number, Usual>()
  // The hour that is under way is not whole; an hour to come was written under a wrong clock.
  const past = hours.filter(({ hourMs }) => hourMs + HOUR_MS <= nowMs && hourMs >= nowMs - TRAFFIC_HOURS * HOUR_MS)
  const counted = new Map(past.map((one) => [one.hourMs, one]))
  const firstMs = Math.min(...counted.keys())
  // An hour in which nothing came has no entry: once counting has begun, it is a quiet one.
  for (let hourMs = firstMs; hourMs + HOUR_MS <= nowMs; hourMs += HOUR_MS) {
    const { messages, logins } = counted.get(hourMs) ?? { messages: 0, logins: 0 }
    const { weekday, hour } = localMoment(hourMs)
    const before = found.get(weekday * 24 + hour) ?? { messages: 0, logins: 0, weeks: 0 }
    found.set(weekday * 24 + hour, { messages: before.messages + messages, logins: before.logins + logins, weeks: before.weeks + 1 })
  }
  for (const [key, { messages, logins, weeks }] of found) found.set(key, { messages: messages / weeks, logins: logins / weeks, weeks })
  return found
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const rounded = (value: number): number => Math.round(value * 10) / 10
const clock = (hour: number): string => `${String(hour).padStart(2, '0')}:00`

function whyKnown({ weekday, hour, lengthHours, messages, logins, weeks }: { weekday: number; hour: number; lengthHours: number; messages: number; logins: number; weeks: number }): Text {
  const day = WEEKDAYS[weekday] ?? text('', '')
  const [from, to] = [clock(hour), clock(hour + lengthHours)]
  const [m, l] = [rounded(messages), rounded(logins)]
  const of = weeks === 1 ? text('last week', '先週') : text(`the last ${weeks} weeks, on average`, `この ${weeks} 週間の平均で`)
  return text(`${day.en} from ${from} to ${to}: ${m} messages and ${l} logins (${of.en})`, `${day.ja}の ${from}～${to}：メール ${m} 通、ログイン ${l} 回（${of.ja}）`)
}

const whyUnknown = (): Text => text('not enough is known of these hours yet; by night is a good guess', 'この時間帯の実績がまだ足りません。夜間なら影響は少ないでしょう')

/** For the command line: "2026-11-28 02:00 +0900". */
export function printSuggestion(one: Suggestion): { from: string; to: string } {
  return { from: printLocalTime(one.fromMs), to: printLocalTime(one.toMs) }
}
