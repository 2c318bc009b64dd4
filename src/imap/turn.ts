// A turn of the event loop for everybody else, in the middle of long work.

/** Resolves once what waits now has had its turn. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Lets others have a turn whenever this work has held the thread for a while. */
export class FairShare {
  readonly #now: () => number
  #since: number
  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
    this.#since = now()
  }
  async pause(): Promise<void> {
    if (this.#now() - this.#since < SHARE_MS) return
    await turnOfTheLoop()
    this.#since = this.#now()
  }
}

const SHARE_MS = 8
