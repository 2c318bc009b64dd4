// The only place that reads the machine's clocks. Everything else is handed a `Clock`, so that a
// test can move it. Wall time may jump in either direction; monotonic time never does.

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May jump. */
  nowMs(): number
  /** Monotonic time in milliseconds since an arbitrary moment. Never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls once after `ms`, without keeping the process alive. Returns the way to cancel it. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** A clock that a test moves by hand. Timers fire, in order, inside `advance`. */
export class FakeClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  #timers: { atMs: number; call: () => void }[] = []
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs
  }
  nowMs(): number {
    return this.#wallMs
  }
  monotonicMs(): number {
    return this.#monotonicMs
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(ms, resolve)
      signal?.addEventListener('abort', () => {
        cancel()
        reject(signal.reason as Error)
      }, { once: true })
    })
  }
  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + ms, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  /** Lets both clocks run on by `ms` and fires what falls due. */
  advance(ms: number): void {
    const untilMs = this.#monotonicMs + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (!due) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.#wallMs += due.atMs - this.#monotonicMs
      this.#monotonicMs = due.atMs
      due.call()
    }
    this.#wallMs += untilMs - this.#monotonicMs
    this.#monotonicMs = untilMs
  }
  /** Only the wall clock jumps, as when somebody sets it. */
  jump(ms: number): void {
    this.#wallMs += ms
  }
}
