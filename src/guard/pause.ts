// "Put mail off while I look": what an operator has asked to wait. It stands in the directory as a setting, so that it
// is a record like any change: every thread knows it at once, and a restart does not forget it. Pure.
import type { Directory } from '../store/store.ts'

export const pausable = ['smtp-in', 'submission'] as const
export type Pausable = (typeof pausable)[number]

export interface Pause {
  readonly sinceMs: number
  /** Ends by itself then; undefined: when it is resumed. */
  readonly untilMs: number | undefined
  readonly why: string | undefined
}

export function pauseSetting(what: Pausable): string {
  return `pause.${what}`
}

export function printPause(pause: Pause): string {
  return JSON.stringify(pause)
}

/** What waits now; undefined when nothing does. A value that cannot be read is no pause: mail is taken. */
export function pauseOf(directory: Pick<Directory, 'setting'>, what: Pausable, nowMs: number): Pause | undefined {
  const setting = directory.setting(pauseSetting(what))
  if (setting === undefined) return undefined
  try {
    const { sinceMs, untilMs, why } = JSON.parse(setting) as Record<string, unknown>
    if (typeof sinceMs !== 'number') return undefined
    const until = typeof untilMs === 'number' ? untilMs : undefined
    if (until !== undefined && until <= nowMs) return undefined
    return { sinceMs, untilMs: until, why: typeof why === 'string' ? why : undefined }
  } catch {
    return undefined
  }
}

/** As the text of a reply: ASCII, one line, short. */
export function pauseWords(pause: Pause): string {
  const until = pause.untilMs === undefined ? '' : ` until ${new Date(pause.untilMs).toISOString().slice(0, 16)}Z`
  const why = pause.why === undefined ? '' : `: ${pause.why.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)}`
  return `mail is put off by the administrator${until}${why}; try again later`
}
