// The list of maintenance windows, in `maintenance.json` in the data directory: whole and flushed, or not changed at
// all. What a change answers is on the disk. Throws an `Outage` when it cannot be written, and then nothing has changed.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type Judged, type MaintenanceWindow, type WindowWish, isAhead, judgeWish, judged, parseWindows, printWindows, tidyWindows, unfit } from './window.ts'

export const MAINTENANCE_FILE = 'maintenance.json'

export interface WindowBook {
  /** In the order of their start. */
  list(): readonly MaintenanceWindow[]
  find(id: string): MaintenanceWindow | undefined
  running(): MaintenanceWindow | undefined
  plan(wish: WindowWish): Judged<MaintenanceWindow>
  /** It runs from now on, also before its time. */
  begin(id: string): Judged<MaintenanceWindow>
  end(id: string): Judged<MaintenanceWindow>
  /** What was planned will not be. */
  cancel(id: string): Judged<MaintenanceWindow>
  announced(id: string): void
}

export interface WindowBookOptions {
  readonly directory: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
}

export function openWindowBook({ directory, disk, clock, log }: WindowBookOptions): WindowBook {
  const path = join(directory, MAINTENANCE_FILE)
  let { next, windows } = read(path, disk, log)

  const keep = (changed: readonly MaintenanceWindow[], nextAfter = next) => {
    const tidy = tidyWindows(changed)
    if (!disk.exists(directory)) disk.makeDirectory(directory)
    disk.writeWhole(path, bytesOf(printWindows(nextAfter, tidy)))
    windows = tidy
    next = nextAfter
  }
  const change = (id: string, allowed: (window: MaintenanceWindow) => Judged<MaintenanceWindow>): Judged<MaintenanceWindow> => {
    const window = windows.find((one) => one.id === id)
    if (!window) return unfit('no-such-window', `there is no window ${id.slice(0, 40)}; see: daruma maintenance list`, `${id.slice(0, 40)} という計画はありません。一覧：daruma maintenance list`)
    const changed = allowed(window)
    if (changed.ok) keep(windows.map((one) => (one.id === id ? changed.value : one)))
    return changed
  }
  const notAhead = (window: MaintenanceWindow): Judged<never> => (window.state === 'running'
    ? unfit('running', `${window.id} is running: "daruma maintenance end" ends it`, `${window.id} は実行中です。「daruma maintenance end」で終わります`)
    : unfit('over', `${window.id} is over (${window.state})`, `${window.id} はすでに終わっています（${window.state}）`))

  return {
    list: () => windows,
    find: (id) => windows.find((one) => one.id === id),
    running: () => windows.find((one) => one.state === 'running'),
    plan(wish) {
      const fit = judgeWish(wish, windows, clock.nowMs())
      if (!fit.ok) return fit
      const window: MaintenanceWindow = { id: `M${next}`, ...fit.value, state: 'planned' }
      keep([...windows, window], next + 1)
      return judged(window)
    },
    begin: (id) => change(id, (window) => {
      if (window.state !== 'planned') return notAhead(window)
      const nowMs = clock.nowMs()
      if (window.toMs <= nowMs) return unfit('past', `the end of ${window.id} is past`, `${window.id} の終わりは過ぎています`)
      const fromMs = Math.min(window.fromMs, nowMs)
      const other = windows.find((one) => one.id !== id && isAhead(one) && (one.state === 'running' || (one.fromMs < window.toMs && fromMs < one.toMs)))
      if (other) return unfit('overlap', `${other.id} is ${other.state} at that time`, `その時間には ${other.id} があります（${other.state}）`)
      return judged({ ...window, fromMs, state: 'running', beganMs: nowMs })
    }),
    end: (id) => change(id, (window) => {
      if (window.state !== 'running') return unfit('not-running', `${window.id} is not running`, `${window.id} は実行中ではありません`)
      return judged({ ...window, state: 'done', endedMs: clock.nowMs() })
    }),
    cancel: (id) => change(id, (window) => (window.state === 'planned' ? judged({ ...window, state: 'cancelled', endedMs: clock.nowMs() }) : notAhead(window))),
    announced(id) {
      const nowMs = clock.nowMs()
      keep(windows.map((one) => (one.id !== id ? one : one.state === 'cancelled' ? { ...one, cancelAnnouncedMs: nowMs } : { ...one, announcedMs: nowMs })))
    },
  }
}

function read(path: string, disk: Disk, log: Log): { next: number; windows: readonly MaintenanceWindow[] } {
  try {
    if (!disk.exists(path)) return { next: 1, windows: [] }
    const known = parseWindows(textOf(disk.readWhole(path)))
    if (known) return known
    log.error('the list of maintenance windows cannot be understood; it is set aside and an empty one begun', { path })
    disk.rename(path, `${path}.aside`)
  } catch (error) {
    log.error('the list of maintenance windows cannot be read; none is known', { path, error: errorSentence(error) })
  }
  return { next: 1, windows: [] }
}
