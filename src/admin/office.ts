// Where an operator's wishes are carried out: what the operations need, and what they answer. The
// office stands in a running server (reached through the control socket) or, when that is stopped,
// in the command itself, which is then the owner of the data. Operations cannot tell which.
import type { Clock } from '../base/clock.ts'
import { Bug, Outage, errorSentence } from '../base/errors.ts'
import { type Text, sameText, text } from '../base/language.ts'
import type { Random } from '../base/random.ts'
import type { RepairJobs } from './repair.ts'
import type { Credential, Outcome, Store } from '../store/store.ts'

/** The exit codes of every command (sysexits.h where it has one). */
export const EXIT = { done: 0, failed: 1, usage: 2, unavailable: 69, io: 74, tryAgain: 75, config: 78 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface Refusal {
  readonly ok: false
  readonly exit: ExitCode
  /** A stable kebab-case word for programs. */
  readonly code: string
  readonly reason: Text
}

/** What every operation gives back: never an exception for what an operator can cause. */
export type Answer<R> = { readonly ok: true; readonly result: R } | Refusal

export function done<R>(result: R): Answer<R> {
  return { ok: true, result }
}

export function refused(code: string, reason: Text, exit: ExitCode = EXIT.failed): Refusal {
  return { ok: false, exit, code, reason }
}

/** The part of the store that the operations use. */
export type OfficeStore = Pick<Store, 'directory' | 'submit' | 'submitDirectory' | 'submitQueue' | 'nextAccountId' | 'account' | 'queue' | 'trace' | 'admission' | 'accept'>

export interface Office {
  readonly store: OfficeStore
  readonly clock: Clock
  readonly random: Random
  /** Verifiers of a password, made slowly on purpose. */
  makeCredential(password: string): Promise<Credential>
  /** Checks and repairs; undefined where nothing can be inspected. */
  readonly repairs?: RepairJobs
  /** The running server; undefined when the command itself is the owner. */
  readonly server: RunningServer | undefined
}

export interface ListenerFacts {
  /** "smtp", "imaps", … */
  readonly door: string
  readonly address: string
  /** The real one, also where the config says 0. */
  readonly port: number
  /** TLS from the first octet. */
  readonly tls: boolean
}

export interface ReloadReport {
  readonly changed: readonly string[]
  readonly needRestart: readonly string[]
}

/** A place that holds the journal: the data folder or a mirror. */
export interface JournalMember {
  readonly root: string
  /** "in": everything is kept there before it is acknowledged; "dropped"; "filling": it is being brought level. */
  readonly state: string
  /** Why it is out; null when it is in. */
  readonly because: string | null
  readonly sinceMs: number
  /** Of one that is being brought level. */
  readonly filledOctets: number
  readonly totalOctets: number
}

export interface RunningServer {
  readonly version: string
  readonly pid: number
  readonly hostname: string
  readonly data: string
  readonly startedMs: number
  listeners(): readonly ListenerFacts[]
  /** The copies of the journal, the data folder first. */
  members(): readonly JournalMember[]
  /** Reads the config again. */
  reload(): Promise<Answer<ReloadReport>>
  /** Begins to stop; returns at once. */
  stop(): void
}

/** What the store refused, as an answer to the operator. */
export function fromOutcome<T, R>(outcome: Outcome<T>, result: R): Answer<R> {
  return outcome.end === 'done' ? done(result) : refused(outcome.code, sameText(outcome.reason))
}

/** What was thrown, as an answer. Unknown counts as temporary (INV-10). */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Outage) {
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    const isDisk = error.code === 'EIO' || error.code === 'EROFS' || error.code === 'ENOSPC' || error.code === 'EACCES'
    return refused('outage', sameText(`${error.message}${hint}`), isDisk ? EXIT.io : EXIT.tryAgain)
  }
  if (error instanceof Bug) return refused('bug', text(`a fault of Daruma's own: ${error.message}`, `Daruma 自身の不具合です：${error.message}`))
  return refused('unknown', text(`failed for now: ${errorSentence(error)}`, `今は失敗しました：${errorSentence(error)}`), EXIT.tryAgain)
}
