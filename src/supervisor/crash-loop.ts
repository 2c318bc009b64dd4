// What to do after the server has died: at once again; then with a look at the databases; then leave the door to
// the understudy and try again ever more slowly, while a person is told. Pure.
//
// A death that is pinned to one record (the note of apply/apply-note.ts names it) is the fault of that record, which
// is passed over after the second: it never counts here. One message never closes the house.

/** A server that has worked for so long is not part of a loop. */
const LONG_LIFE_MS = 60_000
const FIRST_WAIT_MS = 5000
const WAIT_MAX_MS = 60_000
/** Deaths that do not count are bounded by what they are pinned to; should they not be, this is the brake. */
const PINNED_IN_A_ROW_MAX = 6

export interface Death {
  /** From ready to death; 0 when it never was ready. */
  readonly lifeMs: number
  /** Pinned to one record. */
  readonly pinned: boolean
}

export type NextStep =
  | { readonly step: 'restart'; readonly check: 'none' | 'quick'; readonly waitMs: 0 }
  /** Nobody but the understudy for `waitMs`, then another try. */
  | { readonly step: 'understudy-only'; readonly check: 'quick'; readonly waitMs: number }

/** `deaths`: oldest first. */
export function nextStep(deaths: readonly Death[]): NextStep {
  const row = deathsInARow(deaths)
  if (row <= 1) return { step: 'restart', check: 'none', waitMs: 0 }
  if (row === 2) return { step: 'restart', check: 'quick', waitMs: 0 }
  return { step: 'understudy-only', check: 'quick', waitMs: Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** (row - 3)) }
}

function deathsInARow(deaths: readonly Death[]): number {
  let row = 0
  let pinned = 0
  for (let at = deaths.length - 1; at >= 0; at -= 1) {
    const death = deaths[at] as Death
    if (death.pinned && pinned < PINNED_IN_A_ROW_MAX) pinned += 1
    else row += 1
    if (death.lifeMs >= LONG_LIFE_MS) break
  }
  return row
}

/** How many deaths are worth remembering. */
export const DEATHS_KEPT = 32
