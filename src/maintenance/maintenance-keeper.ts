// Acts on maintenance windows when their time comes: begins them, ends them, has them announced. One step at a time.
//
// The order: that a window runs is on the disk before anything is shut for it; a supervisor that dies in the middle
// goes on with the running window at its next start, or ends it when its time is over. `hooks` are called again for
// that, so each of them has to be fit to be called twice.
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type Announcement, announcementOf } from './announcement.ts'
import type { WindowBook } from './window-book.ts'
import { type DueAct, type Judged, type MaintenanceWindow, type WindowWish, dueNow, unfit } from './window.ts'

export interface MaintenanceHooks {
  /** Drains the server, stops it, has the understudy take or defer until `window.toMs`. */
  begin(window: MaintenanceWindow): Promise<void>
  /** Starts the server again. */
  end(window: MaintenanceWindow): Promise<void>
  /** Has it filed with every account. False: not now (no server runs); it is tried again. */
  announce(announcement: Announcement): Promise<boolean>
  /** Something that the status page shows has changed. */
  changed(): void
}

export interface MaintenanceOptions {
  readonly book: WindowBook
  readonly hooks: MaintenanceHooks
  readonly clock: Clock
  readonly log: Log
  readonly service: () => { hostname: string; statusUrl: string | undefined }
}

export interface MaintenanceKeeper {
  /** Begins a planned window now. Resolves when the server has been shut for it. */
  begin(id: string): Promise<Judged<MaintenanceWindow>>
  /** Plans one from now on and begins it. */
  beginNow(wish: Omit<WindowWish, 'fromMs'>): Promise<Judged<MaintenanceWindow>>
  /** Ends the running window. Resolves when the server has been started. */
  end(): Promise<Judged<MaintenanceWindow>>
  /** Does what is due; also called by itself. */
  look(): Promise<void>
  close(): void
}

/** Wall clocks may be set: waiting for the exact moment would miss it. */
const LOOK_MS = 5000
const ANNOUNCE_AGAIN_MS = 60_000

export function startMaintenance(options: MaintenanceOptions): MaintenanceKeeper {
  const { book, hooks, clock, log, service } = options
  let isClosed = false
  let cancel: () => void = () => undefined
  let last: Promise<unknown> = Promise.resolve()
  let announceAgainAtMs = 0

  /** One after the other: a window is not ended while it is being begun. */
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(act)
    last = turn.catch(() => undefined)
    return turn
  }

  const shut = async (window: MaintenanceWindow) => {
    log.info('maintenance begins', { window: window.id, until: new Date(window.toMs).toISOString(), mode: window.mode })
    hooks.changed()
    try {
      await hooks.begin(window)
    } catch (error) {
      log.error('the server could not be shut for maintenance', { window: window.id, error: errorSentence(error) })
    }
  }
  const begin = async (id: string): Promise<Judged<MaintenanceWindow>> => {
    const begun = book.begin(id)
    if (begun.ok) await shut(begun.value)
    return begun
  }
  const end = async (id: string): Promise<Judged<MaintenanceWindow>> => {
    const ended = book.end(id)
    if (!ended.ok) return ended
    log.info('maintenance ends', { window: id })
    hooks.changed()
    try {
      await hooks.end(ended.value)
    } catch (error) {
      log.error('the server could not be started after maintenance', { window: id, error: errorSentence(error) })
    }
    return ended
  }

  const announce = async (window: MaintenanceWindow) => {
    if (clock.monotonicMs() < announceAgainAtMs) return
    try {
      if (await hooks.announce(announcementOf(window, service()))) {
        book.announced(window.id)
        log.info('maintenance announced', { window: window.id, state: window.state })
        return
      }
    } catch (error) {
      log.warn('maintenance could not be announced; it is tried again', { window: window.id, error: errorSentence(error) })
    }
    announceAgainAtMs = clock.monotonicMs() + ANNOUNCE_AGAIN_MS
  }

  const doAct = async ({ act, window }: DueAct): Promise<void> => {
    switch (act) {
      case 'begin':
        await begin(window.id)
        return
      case 'end':
        await end(window.id)
        return
      case 'missed':
        log.warn('nobody was there for a maintenance window; it is cancelled', { window: window.id })
        book.cancel(window.id)
        hooks.changed()
        return
      case 'announce':
      case 'announce-cancelled':
        await announce(window)
    }
  }

  const look = () => inTurn(async () => {
    for (const due of dueNow(book.list(), clock.nowMs())) {
      if (isClosed) return
      try {
        await doAct(due)
      } catch (error) {
        // The list could not be written: it is due the next time as well.
        log.warn('maintenance: a step could not be recorded; it is tried again', { window: due.window.id, act: due.act, error: errorSentence(error) })
      }
    }
  })
  const lookOn = () => {
    cancel = clock.after(LOOK_MS, () => {
      void look().finally(() => {
        if (!isClosed) lookOn()
      })
    })
  }

  // A window that ran when the supervisor before this one died goes on.
  const running = book.running()
  if (running && running.toMs > clock.nowMs()) void inTurn(() => shut(running))
  void look()
  lookOn()

  return {
    begin: (id) => inTurn(() => begin(id)),
    beginNow: (wish) => inTurn(async () => {
      const running = book.running()
      if (running) return unfit('running', `${running.id} is running already`, `すでに ${running.id} が実行中です`)
      const planned = book.plan({ ...wish, fromMs: clock.nowMs() })
      if (!planned.ok) return planned
      hooks.changed()
      return begin(planned.value.id)
    }),
    end: () => inTurn(async () => {
      const running = book.running()
      return running ? end(running.id) : unfit('not-running', 'no maintenance window is running', '実行中のメンテナンスはありません')
    }),
    look,
    close() {
      isClosed = true
      cancel()
    },
  }
}
