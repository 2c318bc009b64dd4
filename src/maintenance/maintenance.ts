// The front door of maintenance/: windows in which the server is away on purpose, planned ahead, announced, begun and
// ended in time; and which hours would be best for one. Light: the supervisor loads it.
export { type Announcement, announcementOf, imapWords, pageWords, smtpWords, untilWords } from './announcement.ts'
export { type MaintenanceHooks, type MaintenanceKeeper, type MaintenanceOptions, startMaintenance } from './maintenance-keeper.ts'
export { parseLength, parseMoment } from './parse-time.ts'
export { type Suggestion, printSuggestion, suggestWindows } from './suggest.ts'
export { type HourOfTraffic, type Traffic, openTraffic, readTraffic } from './traffic.ts'
export { MAINTENANCE_FILE, type WindowBook, type WindowBookOptions, openWindowBook } from './window-book.ts'
export { type Judged, type MaintenanceWindow, type WindowMode, type WindowState, type WindowWish, isAhead, nextDueMs } from './window.ts'
