// One timer for all deadlines of a thread. A deadline is coarse: it never fires early and at most
// two ticks late (but for what the thread itself was late). Moving one costs an assignment (no timer, no clock), so that every chunk that
// arrives on every connection can do it. The timer sleeps while nothing is watched.
import type { Clock } from '../base/clock.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Deadline {
  readonly #sweeper: Sweeper
  readonly #onDue: () => void
  #atMs = NEVER
  /** Use `sweeper.watch`. */
  constructor(sweeper: Sweeper, onDue: () => void) {
    this.#sweeper = sweeper
    this.#onDue = onDue
  }
  /** Due `ms` from now, whatever was set before. */
  set(ms: number): void {
    this.#atMs = this.#sweeper.coarseNowMs + ms + this.#sweeper.tickMs
  }
  clear(): void {
    this.#atMs = NEVER
  }
  get isSet(): boolean {
    return this.#atMs !== NEVER
  }
  /** Called by the sweeper. Fires at most once for each `set`. */
  sweep(nowMs: number): void {
    if (nowMs < this.#atMs) return
    this.#atMs = NEVER
    this.#onDue()
  }
  /** Stops being watched. */
  drop(): void {
    this.#atMs = NEVER
    this.#sweeper.forget(this)
  }
}

export class Sweeper {
  readonly tickMs: number
  readonly #clock: Clock
  readonly #deadlines = new Set<Deadline>()
  readonly #onBug: (error: unknown) => void
  #coarseNowMs: number
  #cancelTimer: (() => void) | undefined

  constructor(options: { clock: Clock; tickMs?: number; onBug?: (error: unknown) => void }) {
    this.#clock = options.clock
    this.tickMs = options.tickMs ?? 1000
    this.#onBug = options.onBug ?? ((error) => { throw error })
    this.#coarseNowMs = this.#clock.monotonicMs()
  }

  /** Monotonic time of the latest tick: at most one tick (and what the thread is late) behind. */
  get coarseNowMs(): number {
    return this.#coarseNowMs
  }

  get watched(): number {
    return this.#deadlines.size
  }

  /** A deadline that is not yet set. Drop it when its owner goes. */
  watch(onDue: () => void): Deadline {
    const deadline = new Deadline(this, onDue)
    this.#deadlines.add(deadline)
    if (!this.#cancelTimer) {
      this.#coarseNowMs = this.#clock.monotonicMs()
      this.#cancelTimer = this.#clock.after(this.tickMs, this.#tick)
    }
    return deadline
  }

  forget(deadline: Deadline): void {
    this.#deadlines.delete(deadline)
    if (this.#deadlines.size === 0) this.#stop()
  }

  readonly #tick = (): void => {
    const nowMs = this.#coarseNowMs = this.#clock.monotonicMs()
    this.#cancelTimer = undefined
    // What one owner does wrong must not keep the deadlines of the others from firing.
    for (const deadline of this.#deadlines) {
      try {
        deadline.sweep(nowMs)
      } catch (error) {
        queueMicrotask(() => this.#onBug(error))
      }
    }
    // Somebody may have begun to watch in the middle of the sweep: never two timers.
    if (this.#deadlines.size > 0) this.#cancelTimer ??= this.#clock.after(this.tickMs, this.#tick)
  }

  #stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
