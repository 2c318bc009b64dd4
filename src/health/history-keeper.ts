// Keeps the history of the services in `status/history.json`: at every change of a level, and once a minute as the
// sign of life by which the next supervisor knows since when nobody was there. Whole and flushed, or not at all; what
// cannot be written is tried again with the next minute.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import { localDaysBefore, printLocalDay } from '../base/local-time.ts'
import type { Log } from '../base/log.ts'
import { type HistoryData, type HistoryDay, HISTORY_DAYS, comeBack, daysToShow, goOn, newHistory, parseHistory, printHistory, withLevels } from './history.ts'
import { type ServiceName, type ServiceState, type ServiceStates, serviceNames } from './services.ts'

const SIGN_OF_LIFE_MS = 60_000
/** A restart of the supervisor that is quicker is not worth an incident. */
const ABSENCE_MS = 10_000

export interface HistoryOptions {
  /** The folder `status` in the data directory; is made when it is not there. */
  readonly directory: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
}

export interface StandingService extends ServiceState {
  readonly name: ServiceName
  readonly sinceMs: number
}

export interface HistoryKeeper {
  /** From when until when nobody was there before this start, if that was long enough to speak of. */
  readonly absence: { readonly fromMs: number; readonly toMs: number } | undefined
  /** How the services are now. True when the level of one has changed. */
  stand(states: ServiceStates): boolean
  services(): readonly StandingService[]
  /** Ninety days, oldest first, today last. */
  days(): readonly HistoryDay[]
  /** Writes the last sign of life. */
  close(): void
}

export function openHistory(options: HistoryOptions): HistoryKeeper {
  return new Keeper(options)
}

class Keeper implements HistoryKeeper {
  readonly #options: HistoryOptions
  readonly #path: string
  readonly absence: { readonly fromMs: number; readonly toMs: number } | undefined
  #data: HistoryData
  #seenMonotonicMs: number
  #states: ServiceStates | undefined
  #cancel: () => void = () => undefined
  #isFailing = false

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#path = join(options.directory, 'history.json')
    const { clock } = options
    const nowMs = clock.nowMs()
    this.#seenMonotonicMs = clock.monotonicMs()
    const known = this.#read()
    this.#data = known ? comeBack(known, nowMs) : newHistory(nowMs)
    this.absence = known && nowMs - known.seenMs >= ABSENCE_MS + SIGN_OF_LIFE_MS ? { fromMs: known.seenMs, toMs: nowMs } : undefined
    this.#write()
    this.#live()
  }

  stand(states: ServiceStates): boolean {
    this.#states = states
    this.#goOn()
    const before = this.#data
    this.#data = withLevels(before, (name) => states[name].level, before.seenMs)
    if (this.#data === before) return false
    this.#write()
    return true
  }

  services(): readonly StandingService[] {
    return serviceNames.map((name) => ({ name, ...this.#data.standing[name], because: this.#states?.[name].because }))
  }

  days(): readonly HistoryDay[] {
    this.#goOn()
    const nowMs = this.#data.seenMs
    return daysToShow(this.#data, Array.from({ length: HISTORY_DAYS }, (_, index) => printLocalDay(localDaysBefore(nowMs, HISTORY_DAYS - 1 - index))))
  }

  close(): void {
    this.#cancel()
    this.#goOn()
    this.#write()
  }

  #goOn(): void {
    const { clock } = this.#options
    const monotonicMs = clock.monotonicMs()
    this.#data = goOn(this.#data, clock.nowMs(), monotonicMs - this.#seenMonotonicMs)
    this.#seenMonotonicMs = monotonicMs
  }

  #live(): void {
    this.#cancel = this.#options.clock.after(SIGN_OF_LIFE_MS, () => {
      this.#goOn()
      this.#write()
      this.#live()
    })
  }

  #read(): HistoryData | undefined {
    const { disk, log } = this.#options
    try {
      if (!disk.exists(this.#path)) return undefined
      const data = parseHistory(textOf(disk.readWhole(this.#path)))
      if (data) return data
      log.warn('the history of the services cannot be understood; a new one is begun', { path: this.#path })
      disk.rename(this.#path, `${this.#path}.aside`)
    } catch (error) {
      log.warn('the history of the services cannot be read; a new one is begun', { path: this.#path, error: errorSentence(error) })
    }
    return undefined
  }

  #write(): void {
    const { disk, directory, log } = this.#options
    try {
      if (!disk.exists(directory)) disk.makeDirectory(directory)
      disk.writeWhole(this.#path, bytesOf(printHistory(this.#data)))
      this.#isFailing = false
    } catch (error) {
      // Said once, not every minute.
      if (!this.#isFailing) log.warn('the history of the services cannot be written; it is tried again each minute', { path: this.#path, error: errorSentence(error) })
      this.#isFailing = true
    }
  }
}
