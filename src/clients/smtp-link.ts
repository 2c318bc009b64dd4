// A client's half of an SMTP dialogue: commands out, replies in, each waited for no longer than
// RFC 5321 §4.5.3.2 says and never larger than a limit. A connection that is lost, silent or talking
// nonsense is an answer (`lost`), not an exception. It knows nothing of what commands mean.
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Connection } from '../net/connection.ts'
import { LineReader } from '../net/line-reader.ts'
import type { Deadline, Sweeper } from '../net/sweeper.ts'

export interface SmtpReply {
  code: number
  /** The text of each line, without code and separator. */
  lines: string[]
}

export type Heard = { ok: true; reply: SmtpReply } | { ok: false; sentence: string }

/** RFC 5321 §4.5.3.1.5 says 512; servers with long explanations exist. */
const REPLY_LINE_OCTETS_MAX = 4096
const REPLY_LINES_MAX = 256

const CODE_OCTETS = 3
const HYPHEN = 45
const SPACE = 32

export class SmtpLink {
  readonly connection: Connection
  readonly #reader: LineReader
  readonly #deadline: Deadline
  #lost: string | undefined

  constructor(connection: Connection, sweeper: Sweeper) {
    this.connection = connection
    this.#reader = new LineReader({ lineOctetsMax: REPLY_LINE_OCTETS_MAX }, connection)
    this.#deadline = sweeper.watch(() => this.drop('no answer in time'))
    connection.onClose = (reason) => {
      this.#lost ??= reason.sentence
      this.#deadline.drop()
      this.#reader.finish()
    }
  }

  /** Whether anything may still be said on it. */
  get isUsable(): boolean {
    return this.#lost === undefined && this.connection.isOpen && !this.#reader.hasEnded
  }

  /** A command line without its end. */
  send(command: string): void {
    this.connection.write(bytesOf(`${command}\r\n`))
  }

  /** The next reply, all lines of it. */
  async hear(timeoutMs: number): Promise<Heard> {
    if (this.#lost === undefined) this.#deadline.set(timeoutMs)
    const lines: string[] = []
    let code = 0
    try {
      for (;;) {
        const line = await this.#reader.line()
        if (!line) return this.#gone(this.#lost ?? 'the server hung up')
        const { bytes } = line
        const separator = bytes[CODE_OCTETS]
        const its = codeOf(bytes)
        if (its === undefined || (separator !== undefined && separator !== SPACE && separator !== HYPHEN) || (lines.length > 0 && its !== code)) {
          return this.#gone('the server did not answer in SMTP')
        }
        code = its
        if (lines.length >= REPLY_LINES_MAX) return this.#gone('the server answered without end')
        lines.push(textOf(bytes.subarray(CODE_OCTETS + 1)))
        if (separator !== HYPHEN) return { ok: true, reply: { code, lines } }
      }
    } finally {
      this.#deadline.clear()
    }
  }

  /** Waits until the peer has taken what was written, but not for ever. `false`: the connection is gone. */
  async drained(timeoutMs: number): Promise<boolean> {
    if (this.#lost === undefined) this.#deadline.set(timeoutMs)
    const open = await this.connection.drained()
    this.#deadline.clear()
    return open
  }

  /** Gone at once. */
  drop(sentence: string): void {
    this.#lost ??= sentence
    this.connection.destroy({ by: 'us', sentence })
    this.#deadline.drop()
    this.#reader.finish()
  }

  /** Says goodbye without waiting for the answer: everything that matters has been answered. */
  quit(): void {
    this.#lost ??= 'we said goodbye'
    this.#deadline.drop()
    this.connection.end('QUIT\r\n')
  }

  #gone(sentence: string): Heard {
    this.drop(sentence)
    return { ok: false, sentence: this.#lost ?? sentence }
  }
}

/** Three digits, the first from 2 to 5 (RFC 5321 §4.2.1). */
function codeOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < CODE_OCTETS) return undefined
  let code = 0
  for (let i = 0; i < CODE_OCTETS; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) return undefined
    code = code * 10 + digit
  }
  return code >= 200 && code < 600 ? code : undefined
}
