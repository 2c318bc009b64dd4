// A client's half of an SMTP dialogue: commands out, replies in, each waited for no longer than
// RFC 5321 §4.5.3.2 says and never larger than a limit. A connection that is lost, silent or talking
// nonsense is an answer (`lost`), not an exception. It knows nothing of what commands mean.
import { CR, LF, bytesOf, concatBytes } from '../base/bytes.ts'
import type { Connection } from '../net/connection.ts'
import { LineReader } from '../net/line-reader.ts'
import type { Deadline, Sweeper } from '../net/sweeper.ts'
import { ReplyReader, replyLimits } from '../wire/smtp/reply.ts'
import type { Reply } from '../wire/smtp/reply.ts'

export type Heard = { ok: true; reply: Reply } | { ok: false; sentence: string }

const CRLF = Uint8Array.of(CR, LF)

export class SmtpLink {
  readonly connection: Connection
  readonly #reader: LineReader
  readonly #deadline: Deadline
  #lost: string | undefined

  constructor(connection: Connection, sweeper: Sweeper) {
    this.connection = connection
    this.#reader = new LineReader({ lineOctetsMax: replyLimits.lineOctetsMax }, connection)
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
    const replies = new ReplyReader()
    try {
      for (;;) {
        const line = await this.#reader.line()
        if (!line) return this.#gone(this.#lost ?? 'the server hung up')
        const read = replies.push(concatBytes([line.bytes, CRLF]))
        if (!read.ok) return this.#gone(`the server did not answer in SMTP: ${read.reason}`)
        const reply = read.value[0]
        if (reply) return { ok: true, reply }
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
