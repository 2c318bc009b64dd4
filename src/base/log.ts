// The log: one JSON object a line on stderr (or wherever the sink leads). Machine words in keys,
// a sentence in `msg`. Nothing private: no subjects, no bodies, no passwords.
import type { Clock } from './clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>

/** JSON that a terminal takes for text and nothing else: what strangers sent may hold C1 control characters, which JSON leaves as they are. */
export function printJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent)
  return C1.test(text) ? text.replace(ALL_C1, (control) => `\\u00${control.charCodeAt(0).toString(16)}`) : text
}
const C1 = /[\u007f-\u009f]/
const ALL_C1 = /[\u007f-\u009f]/g

export interface Log {
  debug(msg: string, fields?: LogFields): void
  info(msg: string, fields?: LogFields): void
  warn(msg: string, fields?: LogFields): void
  error(msg: string, fields?: LogFields): void
  /** The same log with fields that every line carries. */
  with(fields: LogFields): Log
}

export interface LogOptions {
  clock: Clock
  level: LogLevel
  /** Takes one line, its newline included. */
  sink: (line: string) => void
}

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 }

export function createLog(options: LogOptions, fixed: LogFields = {}): Log {
  const write = (level: LogLevel, msg: string, fields?: LogFields) => {
    if (RANK[level] < RANK[options.level]) return
    options.sink(printJson({ time: new Date(options.clock.nowMs()).toISOString(), level, msg, ...fixed, ...fields }) + '\n')
  }
  return {
    debug: (msg, fields) => write('debug', msg, fields),
    info: (msg, fields) => write('info', msg, fields),
    warn: (msg, fields) => write('warn', msg, fields),
    error: (msg, fields) => write('error', msg, fields),
    with: (fields) => createLog(options, { ...fixed, ...fields }),
  }
}

/** Says nothing. For tests. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog }
