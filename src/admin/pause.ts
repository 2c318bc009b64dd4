// Putting mail off while an operator looks, and taking it again.
import { text } from '../base/language.ts'
import { pausable, pauseOf, pauseSetting, printPause, type Pausable } from '../guard/guard.ts'
import { type Answer, type Office, EXIT, fromOutcome, refused } from './office.ts'

const WHY_LENGTH_MAX = 200

export interface Paused {
  readonly what: Pausable
  readonly since: string
  readonly until: string | null
  readonly why: string | null
}

const isPausable = (word: string): word is Pausable => (pausable as readonly string[]).includes(word)
const unknown = (word: string) => refused('bad-argument', text(`"${word}" cannot be paused; what can: ${pausable.join(', ')}`, `「${word}」は止められません。止められるもの：${pausable.join('、')}`), EXIT.usage)

export async function pause(office: Office, args: { what: string; forMs: number | null; why: string | null }): Promise<Answer<Paused>> {
  if (!isPausable(args.what)) return unknown(args.what)
  const sinceMs = office.clock.nowMs()
  const untilMs = args.forMs === null ? undefined : sinceMs + args.forMs
  const why = args.why?.trim().slice(0, WHY_LENGTH_MAX) || undefined
  const outcome = await office.store.submitDirectory({ kind: 'setting', name: pauseSetting(args.what), value: printPause({ sinceMs, untilMs, why }) })
  return fromOutcome(outcome, { what: args.what, since: new Date(sinceMs).toISOString(), until: untilMs === undefined ? null : new Date(untilMs).toISOString(), why: why ?? null })
}

export async function resume(office: Office, args: { what: string }): Promise<Answer<{ what: Pausable }>> {
  if (!isPausable(args.what)) return unknown(args.what)
  if (!pauseOf(office.store.directory, args.what, office.clock.nowMs())) return refused('not-paused', text(`${args.what} is not paused`, `${args.what} は止まっていません`))
  const outcome = await office.store.submitDirectory({ kind: 'setting', name: pauseSetting(args.what), value: null })
  return fromOutcome(outcome, { what: args.what })
}

/** What waits now. */
export function pausesOf(office: Pick<Office, 'store' | 'clock'>): Paused[] {
  return pausable.flatMap((what) => {
    const now = pauseOf(office.store.directory, what, office.clock.nowMs())
    if (!now) return []
    return [{ what, since: new Date(now.sinceMs).toISOString(), until: now.untilMs === undefined ? null : new Date(now.untilMs).toISOString(), why: now.why ?? null }]
  })
}

