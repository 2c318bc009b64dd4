// Three kinds of trouble, never mixed (see docs/INVARIANTS.md):
//   a refusal  the peer or a person erred: a value with a sentence, never an exception;
//   an outage  the world failed: thrown as `Outage`, temporary, with a hint for the operator;
//   a bug      our own: thrown as `Bug`, ends one session or one operation, never another's.
// What nobody foresaw counts as temporary (INV-10).

/** Our own mistake. Ends the session or job in which it happened. */
export class Bug extends Error {
  override name = 'Bug'
}

export interface OutageDetails {
  /** What was being done: "write", "fdatasync", "open". */
  operation: string
  /** The file or peer concerned. */
  path?: string
  /** The system's code, such as "ENOSPC" or "EIO". */
  code?: string
  /** What the operator can do about it. */
  hint?: string
  cause?: unknown
}

/** The world failed (disk, network, a helper program). Always temporary for whoever asked. */
export class Outage extends Error {
  override name = 'Outage'
  readonly operation: string
  readonly path: string | undefined
  readonly code: string | undefined
  readonly hint: string | undefined
  constructor(message: string, details: OutageDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.operation = details.operation
    this.path = details.path
    this.code = details.code
    this.hint = details.hint
  }
}

/** Bad input, answered and not thrown: what is wrong, and the rule that says so. */
export interface Refused {
  ok: false
  /** A stable kebab-case word for programs and tests. */
  code: string
  /** A sentence for people; may name an RFC section. */
  reason: string
}

export interface Understood<T> {
  ok: true
  value: T
}

/** What every parser returns. `parse…` never throws on input. */
export type Parsed<T> = Understood<T> | Refused

export function understood<T>(value: T): Understood<T> {
  return { ok: true, value }
}

export function refuse(code: string, reason: string): Refused {
  return { ok: false, code, reason }
}

/** Throws a `Bug` when what must hold does not. For our own mistakes only, never for input. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Bug(sentence)
}

/** The system's error code ("ENOSPC", "EIO", …) of anything that was thrown, if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code
  return undefined
}

/** One line about anything that was thrown. */
export function errorSentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
