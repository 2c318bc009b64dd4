// What the status page shows: gathered from the books at the moment at which a page is made. No more than may be
// public: the facts of an incident (paths, accounts, reasons) and the operator's next step are left behind here.
import type { Text } from '../../base/language.ts'
import { type HistoryDay, type HistoryKeeper, type Incident, type IncidentBook, type IncidentNote, type ServiceLevel, type ServiceName, type Severity, type StandingService, worstLevel } from '../../health/health.ts'
import { type MaintenanceWindow, type WindowBook, pageWords } from '../../maintenance/maintenance.ts'

const DAY_MS = 24 * 3600_000
/** Past incidents and windows that are shown. */
const PAST_MS = 90 * DAY_MS
const PAST_MAX = 50

export interface PublicIncident {
  readonly id: string
  readonly kind: string
  readonly severity: Severity
  readonly services: readonly ServiceName[]
  readonly beganMs: number
  readonly endedMs: number | undefined
  readonly what: Text
  readonly doing: Text
  readonly ending: Text | undefined
  readonly notes: readonly IncidentNote[]
}

export interface PublicWindow extends Pick<MaintenanceWindow, 'id' | 'fromMs' | 'toMs' | 'what' | 'state'> {
  readonly words: Text
}

export interface StatusFacts {
  readonly services: readonly StandingService[]
  /** Oldest first, today last. */
  readonly days: readonly HistoryDay[]
  /** Newest first. */
  readonly incidents: readonly PublicIncident[]
  /** Running and planned ones, in the order of their start. */
  readonly windows: readonly PublicWindow[]
}

export function gatherStatus(books: { history: Pick<HistoryKeeper, 'services' | 'days'>; incidents: Pick<IncidentBook, 'list'>; windows: Pick<WindowBook, 'list'> }, nowMs: number): StatusFacts {
  const incidents = books.incidents.list({ sinceMs: nowMs - PAST_MS })
  const past = incidents.filter((one) => one.endedMs !== undefined)
  const dropped = new Set(past.slice(PAST_MAX))
  return {
    services: books.history.services(),
    days: books.history.days(),
    incidents: incidents.filter((one) => !dropped.has(one)).map(publicIncident),
    windows: books.windows.list().filter((one) => one.state === 'running' || one.state === 'planned')
      .map((one) => ({ id: one.id, fromMs: one.fromMs, toMs: one.toMs, what: one.what, state: one.state, words: pageWords(one) })),
  }
}

function publicIncident({ id, kind, severity, services, beganMs, endedMs, what, doing, ending, notes }: Incident): PublicIncident {
  return { id, kind, severity, services, beganMs, endedMs, what, doing, ending, notes }
}

export function overallLevel(facts: StatusFacts): ServiceLevel {
  return worstLevel(facts.services.map((service) => service.level))
}
