// Keeps a front's picture of the directory up to date: reads it again with every change, and when that fails
// again and again until it succeeds. A front that stayed behind would answer 451 for new accounts, and let in
// those that were suspended, until the next change came by. Says nothing about what fails because the store closes.
import type { Clock } from '../../base/clock.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'

export const refreshLimits = { retry_first_ms: 100, retry_most_ms: 10_000 } as const

export interface DirectoryRefreshOptions {
  read: () => Promise<void>
  clock: Clock
  log: Log
}

export class DirectoryRefresh {
  readonly #options: DirectoryRefreshOptions
  #retryMs: number = refreshLimits.retry_first_ms
  #cancelRetry: (() => void) | undefined
  #closed = false

  constructor(options: DirectoryRefreshOptions) {
    this.#options = options
  }

  /** Reads once; resolves when that has ended, one way or the other. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#options.read()
      // A retry that is planned stays: this reading may have begun before what the failed one was for.
      this.#retryMs = refreshLimits.retry_first_ms
    } catch (error) {
      this.#failed(error)
    }
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #failed(error: unknown): void {
    if (this.#closed || this.#cancelRetry) return
    this.#options.log.warn('reading the directory failed; it is read again soon', { error: errorSentence(error), retryMs: this.#retryMs })
    this.#cancelRetry = this.#options.clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined
      void this.refresh()
    })
    this.#retryMs = Math.min(this.#retryMs * 2, refreshLimits.retry_most_ms)
  }
}
