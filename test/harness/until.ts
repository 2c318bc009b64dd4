// Waiting for something to become true. Asks again and again, never sleeps for a guessed time, and says what
// it saw last when it gives up.
const STEP_MS = 10

/** Resolves with the first answer that is neither undefined nor false. What `look` throws counts as "not yet". */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, timeoutMs = 30_000): Promise<T> {
  const untilMs = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
      last = seen
    } catch (error) {
      last = error
    }
    if (performance.now() > untilMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what} (last: ${last instanceof Error ? last.message : String(last)})`)
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}
