// The front door of health/: is it well, since when, and what has happened? The book of incidents, the states of the
// services as people see them, and ninety days of their history. Light: the supervisor loads it.
export { type IncidentBook, type IncidentBookOptions, INCIDENTS_FILE, openIncidentBook } from './incident-book.ts'
export type { Incident, IncidentNote } from './incident.ts'
export { type IncidentFacts, type IncidentKind, type Severity, incidentKinds, isIncidentKind } from './incident-kinds.ts'
export { type HealthFacts, type ServiceLevel, type ServiceName, type ServiceState, type ServiceStates, allIsWell, serviceLevels, serviceNames, serviceStates, serviceTitles, worstLevel } from './services.ts'
export { type DayOfService, type HistoryDay, HISTORY_DAYS } from './history.ts'
export { type HistoryKeeper, type StandingService, openHistory } from './history-keeper.ts'
