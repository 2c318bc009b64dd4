// Which incidents begin and end with what a running server says of itself. Pure.
import type { IncidentFacts, IncidentKind } from '../health/health.ts'
import type { ServerFacts } from '../server/supervisor-messages.ts'

export type IncidentChange =
  | { readonly act: 'open'; readonly kind: IncidentKind; readonly facts: IncidentFacts }
  /** An id, a kind, or "kind/subject". */
  | { readonly act: 'close'; readonly which: string }

const PAUSED_WORDS = (paused: readonly string[]) => paused.join(', ')

/** `before`: undefined after a start: what was open may have ended meanwhile, and is closed when it has. */
export function incidentsOfFacts(before: ServerFacts | undefined, now: ServerFacts, data: string): IncidentChange[] {
  const changes: IncidentChange[] = []
  const turn = (kind: IncidentKind, is: boolean, was: boolean | undefined, facts: IncidentFacts) => {
    if (is && was !== true) changes.push({ act: 'open', kind, facts })
    if (!is && was !== false) changes.push({ act: 'close', which: kind })
  }
  turn('disk-full', now.refusing === 'disk-full', before && before.refusing === 'disk-full', { path: data })
  const putsOff = (facts: ServerFacts) => facts.refusing === 'lag' || facts.refusing === 'overload'
  turn('mail-put-off', putsOff(now), before && putsOff(before), { reason: now.refusing ?? '' })
  turn('paused', now.paused.length > 0, before && before.paused.length > 0, { reason: PAUSED_WORDS(now.paused) })
  turn('database-damaged', now.accountsInTrouble > 0, before && before.accountsInTrouble > 0, { accounts: now.accountsInTrouble })
  const stateBefore = new Map(before?.members.map((member) => [member.root, member.state]))
  for (const { root, state, because } of now.members) {
    const was = stateBefore.get(root)
    if (state !== 'in' && (was === undefined || was === 'in')) changes.push({ act: 'open', kind: 'mirror-dropped', facts: { subject: root, path: root, reason: because ?? '' } })
    if (state === 'in' && was !== 'in') changes.push({ act: 'close', which: `mirror-dropped/${root}` })
  }
  return changes
}
