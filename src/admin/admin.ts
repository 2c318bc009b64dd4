// The front door of the operator's room: one function for each thing an operator can do, and the
// control socket through which a running server is asked to do it.
export * from './office.ts'
export { type ArgumentsOf, type OperationName, type ResultOf, perform, readingOperations } from './operations.ts'
export type { AccountSummary, Deleted, NewAccount, NewPassword } from './accounts.ts'
export { type Announced, announce } from './announce.ts'
export type { AliasSummary, DomainSummary } from './aliases-and-domains.ts'
export { type IncidentRow, type SuggestionRow, type WatchArgumentsOf, type WatchDesk, type WatchOperationName, type WatchResultOf, type WindowRow, performWatch, readingWatchOperations } from './maintenance-and-incidents.ts'
export type { TraceRow, WorkDetails, WorkSummary } from './outbound.ts'
export { type JobState, type RepairArguments, type RepairDesk, RepairJobs, wishOf } from './repair.ts'
export type { Status } from './status.ts'
export { CONTROL_SOCKET, SUPERVISOR_SOCKET, type ControlServer, type ControlServerOptions, openControlServer } from './control-server.ts'
export { ANSWER_OCTETS_MAX, LineGatherer, parseAnswer, printLine } from './control-protocol.ts'
