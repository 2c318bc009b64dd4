// When the next scrub is due: so long after the last one, and where an hour of the day is given, at that hour. Pure.
const DAY_MS = 24 * 3600_000

export interface ScrubPlan {
  /** 0: never. */
  readonly everyMs: number
  /** Minutes after midnight, UTC; null: whenever it is due. */
  readonly atMinute: number | null
}

/** The moment of the next one; undefined when it is switched off. One that was missed while nothing ran is due at once (or at its hour). */
export function nextScrubMs({ everyMs, atMinute }: ScrubPlan, { lastMs, nowMs }: { lastMs: number | null; nowMs: number }): number | undefined {
  if (everyMs <= 0) return undefined
  // A clock that went back does not put it off for ever.
  const dueMs = lastMs === null ? nowMs : Math.max(nowMs, Math.min(lastMs, nowMs) + everyMs)
  if (atMinute === null) return dueMs
  const atHour = Math.floor(dueMs / DAY_MS) * DAY_MS + atMinute * 60_000
  return atHour >= dueMs ? atHour : atHour + DAY_MS
}
