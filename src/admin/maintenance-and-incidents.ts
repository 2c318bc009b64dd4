// What can be asked about maintenance windows and incidents: of the supervisor over its control socket or, where none
// runs, of the files themselves (all but beginning and ending, which need somebody to act). Times are understood and
// said in the time zone of whoever carries it out.
import type { Clock } from '../base/clock.ts'
import { type Text, text } from '../base/language.ts'
import { printLocalTime } from '../base/local-time.ts'
import type { Incident, IncidentBook } from '../health/health.ts'
import { type Judged, type MaintenanceKeeper, type MaintenanceWindow, type Traffic, type WindowBook, isAhead, parseLength, parseMoment, printSuggestion, suggestWindows } from '../maintenance/maintenance.ts'
import { type Answer, EXIT, done, refused } from './office.ts'
import { carryOut, operation } from './operation.ts'
import { type Shaped, aFlag, aText, textOrNull } from './shape.ts'

export interface WatchDesk {
  readonly clock: Clock
  readonly windows: Pick<WindowBook, 'list' | 'find' | 'plan' | 'cancel'>
  readonly incidents: Pick<IncidentBook, 'list'>
  readonly traffic: Pick<Traffic, 'hours'>
  /** Undefined: no supervisor runs. */
  readonly maintenance: Pick<MaintenanceKeeper, 'begin' | 'beginNow' | 'end'> | undefined
  /** The list has changed. */
  changed(): void
}

export interface WindowRow {
  readonly id: string
  readonly state: string
  readonly from: string
  readonly to: string
  /** "take" or "defer". */
  readonly mode: string
  readonly mail: boolean
  /** When every account had its message; null when none is wanted or it is still owed. */
  readonly announced: string | null
  readonly what: string
}

export interface SuggestionRow {
  readonly from: string
  readonly to: string
  readonly messages: number | null
  readonly logins: number | null
  readonly why: Text
}

export interface IncidentRow {
  readonly id: string
  readonly kind: string
  readonly severity: string
  readonly began: string
  readonly ended: string | null
  readonly times: number
  readonly services: readonly string[]
  readonly what: Text
  readonly doing: Text
  readonly nextStep: Text | null
  readonly ending: Text | null
  readonly notes: readonly { readonly at: string; readonly sentence: Text }[]
  readonly facts: Readonly<Record<string, string | number>>
}

/** Past windows and incidents that are listed unless all are asked for. */
const RECENT_MS = 7 * 24 * 3600_000

const rowOf = (window: MaintenanceWindow): WindowRow => ({
  id: window.id, state: window.state, from: printLocalTime(window.fromMs), to: printLocalTime(window.toMs), mode: window.mode, mail: window.mail,
  announced: window.announcedMs === undefined ? null : printLocalTime(window.announcedMs), what: window.what,
})

function answerOf(judged: Judged<MaintenanceWindow>): Answer<WindowRow> {
  return judged.ok ? done(rowOf(judged.value)) : refused(judged.code, judged.reason)
}

const planShape = { from: aText, to: aText, what: aText, defer: aFlag, mail: aFlag }

async function plan(desk: WatchDesk, args: Shaped<typeof planShape>): Promise<Answer<WindowRow>> {
  const nowMs = desk.clock.nowMs()
  const from = parseMoment(args.from, nowMs)
  if (!from.ok) return refused(from.code, from.reason, EXIT.usage)
  const to = parseMoment(args.to, nowMs, from.value)
  if (!to.ok) return refused(to.code, to.reason, EXIT.usage)
  const planned = desk.windows.plan({ fromMs: from.value, toMs: to.value, what: args.what, mode: args.defer ? 'defer' : 'take', mail: args.mail })
  if (planned.ok) desk.changed()
  return answerOf(planned)
}

async function list(desk: WatchDesk, { all }: { all: boolean }): Promise<Answer<WindowRow[]>> {
  const sinceMs = desk.clock.nowMs() - RECENT_MS
  return done(desk.windows.list().filter((one) => all || isAhead(one) || Math.max(one.toMs, one.endedMs ?? 0) >= sinceMs).map(rowOf))
}

const nobodyRuns = () => refused('not-running', text('no supervisor is running on this data: nothing can be begun or ended ("daruma serve" starts one)', 'このデータの上で動いているスーパーバイザーがありません。開始も終了もできません（「daruma serve」で起動します）'), EXIT.unavailable)

const beginShape = { id: textOrNull, to: textOrNull, what: textOrNull, defer: aFlag, mail: aFlag }

async function begin(desk: WatchDesk, args: Shaped<typeof beginShape>): Promise<Answer<WindowRow>> {
  if (!desk.maintenance) return nobodyRuns()
  const { id, to, what, defer, mail } = args
  if (id !== null) {
    if (to !== null || what !== null) return refused('bad-request', text('give either the ID of a planned window, or --what and --to', '計画の ID か、--what と --to のどちらかを指定してください'), EXIT.usage)
    return answerOf(await desk.maintenance.begin(id))
  }
  if (to === null || what === null) return refused('bad-request', text('name a planned window ("daruma maintenance list"), or give --what and --to', '計画の ID（「daruma maintenance list」）か、--what と --to を指定してください'), EXIT.usage)
  const until = parseMoment(to, desk.clock.nowMs())
  if (!until.ok) return refused(until.code, until.reason, EXIT.usage)
  return answerOf(await desk.maintenance.beginNow({ toMs: until.value, what, mode: defer ? 'defer' : 'take', mail }))
}

async function end(desk: WatchDesk): Promise<Answer<WindowRow>> {
  return desk.maintenance ? answerOf(await desk.maintenance.end()) : nobodyRuns()
}

async function cancel(desk: WatchDesk, { id }: { id: string }): Promise<Answer<WindowRow>> {
  const cancelled = desk.windows.cancel(id)
  if (cancelled.ok) desk.changed()
  return answerOf(cancelled)
}

async function suggest(desk: WatchDesk, { length }: { length: string | null }): Promise<Answer<SuggestionRow[]>> {
  const lengthMs = parseLength(length ?? '1h')
  if (lengthMs === undefined) return refused('length', text(`"${(length ?? '').slice(0, 40)}" is no length: write "30m", "1h", "1h30m"`, `「${(length ?? '').slice(0, 40)}」は長さではありません。"30m"、"1h"、"1h30m" のように書いてください`), EXIT.usage)
  const found = suggestWindows({ hours: desk.traffic.hours(), windows: desk.windows.list(), lengthMs, nowMs: desk.clock.nowMs() })
  if (!found.ok) return refused(found.code, found.reason)
  return done(found.value.map((one) => ({ ...printSuggestion(one), messages: one.messages, logins: one.logins, why: one.why })))
}

const incidentRow = (one: Incident): IncidentRow => ({
  id: one.id, kind: one.kind, severity: one.severity, began: printLocalTime(one.beganMs), ended: one.endedMs === undefined ? null : printLocalTime(one.endedMs), times: one.times,
  services: one.services, what: one.what, doing: one.doing, nextStep: one.nextStep ?? null, ending: one.ending ?? null,
  notes: one.notes.map(({ atMs, sentence }) => ({ at: printLocalTime(atMs), sentence })), facts: one.facts,
})

async function listIncidents(desk: WatchDesk, { all }: { all: boolean }): Promise<Answer<IncidentRow[]>> {
  return done(desk.incidents.list(all ? {} : { sinceMs: desk.clock.nowMs() - RECENT_MS }).map(incidentRow))
}

export const watchOperations = {
  'maintenance-plan': operation(planShape, plan),
  'maintenance-list': operation({ all: aFlag }, list),
  'maintenance-begin': operation(beginShape, begin),
  'maintenance-end': operation({}, end),
  'maintenance-cancel': operation({ id: aText }, cancel),
  'maintenance-suggest': operation({ length: textOrNull }, suggest),
  'incidents-list': operation({ all: aFlag }, listIncidents),
} as const

export type WatchOperationName = keyof typeof watchOperations
export type WatchArgumentsOf<N extends WatchOperationName> = Parameters<(typeof watchOperations)[N]['run']>[1]
export type WatchResultOf<N extends WatchOperationName> = Awaited<ReturnType<(typeof watchOperations)[N]['run']>> extends Answer<infer R> ? R : never

export const readingWatchOperations: ReadonlySet<string> = new Set<WatchOperationName>(['maintenance-list', 'maintenance-suggest', 'incidents-list'])

export function performWatch(desk: WatchDesk, name: string, args: unknown): Promise<Answer<unknown>> {
  return carryOut(watchOperations, desk, name, args)
}
