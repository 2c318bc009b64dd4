// The language of the control socket: one JSON object a line, each way. A request is
// {"command": "account-list", "args": {…}}; its answer {"ok": true, "result": …} or
// {"ok": false, "exit": 1, "code": "…", "reason": {"en": …, "ja": …}}. A connection may carry several
// requests, one after the other. Pure but for the gathering of lines.
import { type Parsed, refuse, understood } from '../base/errors.ts'
import type { Answer } from './office.ts'

/** Longest request and longest answer, newline included. */
export const REQUEST_OCTETS_MAX = 4 * 1024 * 1024
export const ANSWER_OCTETS_MAX = 256 * 1024 * 1024

export interface ControlRequest {
  readonly command: string
  readonly args: unknown
}

export function printLine(value: ControlRequest | Answer<unknown>): string {
  return `${JSON.stringify(value)}\n`
}

export function parseRequest(line: Uint8Array): Parsed<ControlRequest> {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null || !('command' in value) || typeof value.command !== 'string') return refuse('bad-request', 'not a request')
  return understood({ command: value.command, args: 'args' in value ? value.args : {} })
}

export function parseAnswer(line: Uint8Array): Parsed<Answer<unknown>> {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null || !('ok' in value)) return refuse('bad-answer', 'not an answer')
  if (value.ok === true && 'result' in value) return understood({ ok: true, result: value.result })
  const refusal = value as Partial<Answer<unknown> & { ok: false }>
  if (value.ok === false && typeof refusal.exit === 'number' && typeof refusal.code === 'string' && typeof refusal.reason?.en === 'string' && typeof refusal.reason.ja === 'string') {
    return understood({ ok: false, exit: refusal.exit, code: refusal.code, reason: refusal.reason })
  }
  return refuse('bad-answer', 'not an answer')
}

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}

/** Gathers chunks until a line is whole. Bounded: what is longer ends the connection. */
export class LineGatherer {
  readonly #octetsMax: number
  #parts: Uint8Array[] = []
  #octets = 0
  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }
  /** The lines that this chunk completes, without their newline; undefined when the limit is passed. */
  take(chunk: Uint8Array): Uint8Array[] | undefined {
    const lines: Uint8Array[] = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      lines.push(Buffer.concat([...this.#parts, chunk.subarray(from, end)]))
      this.#parts = []
      this.#octets = 0
      from = end + 1
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from))
      this.#octets += chunk.length - from
    }
    return this.#octets > this.#octetsMax ? undefined : lines
  }
}
