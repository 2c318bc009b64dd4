// A maintenance window: when the server will be away on purpose, and why. Pure: what a window may be, what is due at a
// moment, and how the list changes. Keeping it is window-book's affair, acting on it the supervisor's.
import { type Text, text } from '../base/language.ts'
import { printLocalTime } from '../base/local-time.ts'

/** Whether mail from outside is taken meanwhile (by the understudy) or put off with 451. */
export type WindowMode = 'take' | 'defer'
export type WindowState = 'planned' | 'running' | 'done' | 'cancelled'

export interface MaintenanceWindow {
  /** "M3". */
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
  /** In the operator's words, in whatever language; for everybody. */
  readonly what: string
  readonly mode: WindowMode
  /** Every account gets a message about it. */
  readonly mail: boolean
  readonly state: WindowState
  /** When the message had been filed everywhere. */
  readonly announcedMs?: number
  /** The message that it will not take place. */
  readonly cancelAnnouncedMs?: number
  readonly beganMs?: number
  readonly endedMs?: number
}

export interface WindowWish {
  readonly fromMs: number
  readonly toMs: number
  readonly what: string
  readonly mode: WindowMode
  readonly mail: boolean
}

export type Judged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly reason: Text }

export const judged = <T>(value: T): Judged<T> => ({ ok: true, value })
export const unfit = (code: string, en: string, ja: string): { ok: false; code: string; reason: Text } => ({ ok: false, code, reason: text(en, ja) })

const MINUTE_MS = 60_000
const DAY_MS = 24 * 3600_000
/** Longer is no maintenance. */
export const WINDOW_MS_MAX = 7 * DAY_MS
const WINDOW_MS_MIN = MINUTE_MS
/** Further ahead is a slip of the pen. */
const AHEAD_MS_MAX = 366 * DAY_MS
const WHAT_MAX = 500
/** Planned at one moment. */
const PLANNED_MAX = 50
/** Past ones that are kept. */
const PAST_MAX = 100

/** May this be a window, with those that there are? Times here are in the server's time zone. */
export function judgeWish(wish: WindowWish, windows: readonly MaintenanceWindow[], nowMs: number): Judged<WindowWish> {
  const what = wish.what.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim().toWellFormed()
  if (what === '') return unfit('no-reason', 'say what is done in it: --what "moving to new disks"', '何をするのかを書いてください：--what "ディスクの交換"')
  if (what.length > WHAT_MAX) return unfit('reason-too-long', `--what has more than ${WHAT_MAX} characters`, `--what が ${WHAT_MAX} 文字を超えています`)
  const [from, to] = [printLocalTime(wish.fromMs), printLocalTime(wish.toMs)]
  if (wish.toMs <= wish.fromMs) return unfit('end-before-start', `the end (${to}) is not after the start (${from})`, `終わり（${to}）が始まり（${from}）より後ではありません`)
  if (wish.fromMs < nowMs - MINUTE_MS) return unfit('past', `the start (${from}) is past; it is ${printLocalTime(nowMs)}`, `始まり（${from}）は過ぎています。今は ${printLocalTime(nowMs)} です`)
  if (wish.toMs - wish.fromMs < WINDOW_MS_MIN) return unfit('too-short', 'a window has at least a minute', '期間は一分以上にしてください')
  if (wish.toMs - wish.fromMs > WINDOW_MS_MAX) return unfit('too-long', 'a window has at most a week: mail that waits longer is given up by its senders', '期間は一週間までです。それより長く待つメールは送信側があきらめます')
  if (wish.fromMs - nowMs > AHEAD_MS_MAX) return unfit('too-far', `the start (${from}) is more than a year ahead`, `始まり（${from}）が一年以上先です`)
  const ahead = windows.filter(isAhead)
  const other = ahead.find((one) => one.fromMs < wish.toMs && wish.fromMs < one.toMs)
  if (other) return unfit('overlap', `it overlaps with ${other.id} (${printLocalTime(other.fromMs)} to ${printLocalTime(other.toMs)})`, `${other.id}（${printLocalTime(other.fromMs)}～${printLocalTime(other.toMs)}）と重なります`)
  if (ahead.length >= PLANNED_MAX) return unfit('too-many', `${PLANNED_MAX} windows are planned already`, `すでに ${PLANNED_MAX} 件が計画されています`)
  return judged({ ...wish, what })
}

/** Planned or running. */
export function isAhead(window: MaintenanceWindow): boolean {
  return window.state === 'planned' || window.state === 'running'
}

export type DueAct =
  | { readonly act: 'begin' | 'end' | 'announce' | 'announce-cancelled'; readonly window: MaintenanceWindow }
  /** Nobody was there while it should have run. */
  | { readonly act: 'missed'; readonly window: MaintenanceWindow }

/** What is to be done at this moment, in the order in which it is to be done. */
export function dueNow(windows: readonly MaintenanceWindow[], nowMs: number): DueAct[] {
  const due: DueAct[] = []
  for (const window of windows) if (window.state === 'running' && window.toMs <= nowMs) due.push({ act: 'end', window })
  for (const window of windows) {
    if (window.state !== 'planned') continue
    if (window.toMs <= nowMs) due.push({ act: 'missed', window })
    else if (window.fromMs <= nowMs) due.push({ act: 'begin', window })
  }
  for (const window of windows) {
    // One that has begun is no news any more, and there would be nobody to file it.
    if (window.mail && window.state === 'planned' && window.announcedMs === undefined && window.fromMs > nowMs) due.push({ act: 'announce', window })
    if (window.state === 'cancelled' && window.announcedMs !== undefined && window.cancelAnnouncedMs === undefined && window.fromMs > nowMs) due.push({ act: 'announce-cancelled', window })
  }
  return due
}

/** When something is due next; undefined when nothing is planned. */
export function nextDueMs(windows: readonly MaintenanceWindow[]): number | undefined {
  const moments = windows.flatMap((window) => (window.state === 'planned' ? [window.fromMs] : window.state === 'running' ? [window.toMs] : []))
  return moments.length === 0 ? undefined : Math.min(...moments)
}

/** The list without past windows that nobody asks for any more, in the order of their start. */
export function tidyWindows(windows: readonly MaintenanceWindow[]): MaintenanceWindow[] {
  const sorted = [...windows].sort((a, b) => a.fromMs - b.fromMs || numberOfWindow(a.id) - numberOfWindow(b.id))
  const past = sorted.filter((one) => !isAhead(one))
  const dropped = new Set(past.slice(0, Math.max(0, past.length - PAST_MAX)))
  return sorted.filter((one) => !dropped.has(one))
}

export function numberOfWindow(id: string): number {
  const found = /^M(\d{1,12})$/.exec(id)
  return found ? Number(found[1]) : 0
}

// ---------------------------------------------------------------- on the disk

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 8.64e15

function parseWindow(value: unknown): MaintenanceWindow | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, fromMs, toMs, what, mode, mail, state, ...rest } = value as Record<string, unknown>
  if (typeof id !== 'string' || numberOfWindow(id) === 0 || !isTime(fromMs) || !isTime(toMs) || typeof what !== 'string' || what.length > WHAT_MAX) return undefined
  if (state !== 'planned' && state !== 'running' && state !== 'done' && state !== 'cancelled') return undefined
  const moments = Object.fromEntries(['announcedMs', 'cancelAnnouncedMs', 'beganMs', 'endedMs'].flatMap((name) => (isTime(rest[name]) ? [[name, rest[name]]] : [])))
  return { id, fromMs, toMs, what, mode: mode === 'defer' ? 'defer' : 'take', mail: mail === true, state, ...moments }
}

/** Undefined when it is no such file; a window that makes no sense is left out. */
export function parseWindows(words: string): { next: number; windows: MaintenanceWindow[] } | undefined {
  try {
    const value: unknown = JSON.parse(words)
    if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1 || !('windows' in value) || !Array.isArray(value.windows)) return undefined
    const windows = (value.windows as unknown[]).map(parseWindow).filter((one) => one !== undefined)
    const next = 'next' in value && Number.isSafeInteger(value.next) ? Number(value.next) : 1
    return { next: Math.max(next, 1, ...windows.map((one) => numberOfWindow(one.id) + 1)), windows }
  } catch {
    return undefined
  }
}

export function printWindows(next: number, windows: readonly MaintenanceWindow[]): string {
  return `${JSON.stringify({ version: 1, next, windows }, undefined, 1)}\n`
}
