// Replies, both ways (RFC 5321 §4.2, enhanced codes of RFC 2034 and RFC 3463). Printing is for the
// doors; parsing is for our clients and promises an answer within its limits for any bytes.
import { CR, LF, textOf } from '../../base/bytes.ts'
import { refuse, understood, type Parsed } from '../../base/errors.ts'

export interface Reply {
  readonly code: number
  /** Enhanced status code, "2.1.0", or "" (greeting, EHLO, 3xx). */
  readonly status: string
  /** At least one. Never holds CR or LF. */
  readonly lines: readonly string[]
}

export function reply(code: number, status: string, ...lines: [string, ...string[]]): Reply {
  return { code, status, lines }
}

/** The reply as it is sent, CRLF included. The enhanced code stands on every line (RFC 2034 §4). */
export function printReply({ code, status, lines }: Reply): string {
  const last = lines.length - 1
  let text = ''
  for (let n = 0; n <= last; n += 1) {
    text += `${code}${n === last ? ' ' : '-'}${status === '' ? '' : `${status} `}${lines[n]}\r\n`
  }
  return text
}

export function isPositive(reply: Reply): boolean {
  return reply.code < 400
}

export interface ReplyLimits {
  /** Longest line, its end included. RFC 5321 §4.5.3.1.5 says 512; some servers say more. */
  lineOctetsMax: number
  linesMax: number
}

export const replyLimits: ReplyLimits = { lineOctetsMax: 4096, linesMax: 200 }

/** Collects replies from a stream of chunks. After a refusal it must not be used again. */
export class ReplyReader {
  readonly #limits: ReplyLimits
  #rest: Uint8Array = new Uint8Array(0)
  #code = 0
  #lines: string[] = []

  constructor(limits: ReplyLimits = replyLimits) {
    this.#limits = limits
  }

  /** Whether octets of an unfinished reply are waiting. */
  get unfinished(): boolean {
    return this.#rest.length > 0 || this.#lines.length > 0
  }

  /** All replies that the chunk completes. */
  push(chunk: Uint8Array): Parsed<Reply[]> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const replies: Reply[] = []
    let from = 0
    for (;;) {
      const lf = bytes.indexOf(LF, from)
      if ((lf < 0 ? bytes.length : lf + 1) - from > this.#limits.lineOctetsMax) return refuse('reply-too-long', 'a line of the reply is too long')
      if (lf < 0) break
      const line = bytes.subarray(from, bytes[lf - 1] === CR && lf > from ? lf - 1 : lf)
      from = lf + 1
      const parsed = parseReplyLine(line)
      if (!parsed.ok) return parsed
      const { code, more, text } = parsed.value
      if (this.#lines.length > 0 && code !== this.#code) return refuse('reply-syntax', `the lines of a reply begin with ${this.#code} and with ${code}`)
      if (this.#lines.length >= this.#limits.linesMax) return refuse('reply-too-long', 'the reply has too many lines')
      this.#code = code
      this.#lines.push(text)
      if (more) continue
      replies.push(withStatus(code, this.#lines))
      this.#lines = []
    }
    this.#rest = from === bytes.length ? new Uint8Array(0) : bytes.slice(from)
    return understood(replies)
  }
}

/** "250-text", "250 text", "250". */
export function parseReplyLine(line: Uint8Array): Parsed<{ code: number; more: boolean; text: string }> {
  const [a = 0, b = 0, c = 0, mark] = line
  if (line.length < 3 || a < 50 || a > 53 || b < 48 || b > 57 || c < 48 || c > 57) return refuse('reply-syntax', 'a reply begins with three digits (RFC 5321 §4.2)')
  if (mark !== undefined && mark !== 32 && mark !== 45) return refuse('reply-syntax', 'behind the three digits of a reply stands a space or "-"')
  const text = textOf(line.subarray(4)).replace(/[\u0000-\u001f\u007f-\u009f]/g, '?') // it goes into logs and reports
  return understood({ code: (a - 48) * 100 + (b - 48) * 10 + (c - 48), more: mark === 45, text })
}

const STATUS = /^([245])\.(\d{1,3})\.(\d{1,3})(?: +|$)/

/** Takes the enhanced code from the lines when the first has one of the reply's own class (RFC 2034 §4). */
function withStatus(code: number, lines: readonly string[]): Reply {
  const found = STATUS.exec(lines[0] ?? '')
  if (!found || Number(found[1]) !== Math.floor(code / 100)) return { code, status: '', lines }
  return { code, status: `${found[1]}.${found[2]}.${found[3]}`, lines: lines.map((line) => (STATUS.test(line) ? line.replace(STATUS, '') : line)) }
}

/** The whole of a reply in one line, for logs, traces and reports. */
export function replySentence({ code, status, lines }: Reply): string {
  return `${code}${status === '' ? '' : ` ${status}`} ${lines.join(' / ')}`
}
