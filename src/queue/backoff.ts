// When to try again. Pure: the number of attempts and a throw of dice give the wait, so that a year
// of retries is one table in a test. Five minutes at first (greylisting answers after that), doubled
// up to two hours (RFC 5321 §4.5.4.1: often in the first hours, then every two or three), each wait
// moved by up to a fifth either way so that what failed together does not come back together.

export interface BackoffRules {
  firstMs: number
  /** No wait is longer, before jitter. */
  longestMs: number
  /** Part of the wait by which it may be shorter or longer: 0.2 is a fifth. */
  jitterPart: number
}

export const standardBackoff: BackoffRules = { firstMs: 5 * 60_000, longestMs: 2 * 3600_000, jitterPart: 0.2 }

/** The longest wait that `backoffMs` can give: whatever is stored as due later than this is mistaken (STORE.md, Clock). */
export function backoffLongestMs(rules: BackoffRules): number {
  return Math.ceil(rules.longestMs * (1 + rules.jitterPart))
}

/** Wait after the `attempts`-th attempt (1 for the first). `chance` is in [0, 1). */
export function backoffMs(attempts: number, chance: number, rules: BackoffRules = standardBackoff): number {
  const doublings = Math.min(Math.max(attempts - 1, 0), 30) // 2^30 first waits are past any longest one
  const plainMs = Math.min(rules.firstMs * 2 ** doublings, rules.longestMs)
  return Math.max(1000, Math.round(plainMs * (1 - rules.jitterPart + 2 * rules.jitterPart * chance)))
}

/** How many attempts fall into the first `spanMs` without jitter; at least one. */
export function attemptsWithin(spanMs: number, rules: BackoffRules = standardBackoff): number {
  let count = 1
  for (let atMs = backoffMs(1, 0.5, rules); atMs <= spanMs && count < 10_000; atMs += backoffMs(count, 0.5, rules)) count++
  return count
}
