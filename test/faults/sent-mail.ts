// Messages with a name each, sent over several connections at once, and the question afterwards which are there.
import { createHash } from 'node:crypto'
import assert from 'node:assert/strict'
import type { DarumaProcess } from '../harness/daruma-process.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

const FROM = 's@sender.example'
export const PASSWORD = 'a fault to find'

export class SentMail {
  /** Answered with 250, by name; the hash of the message. */
  readonly kept = new Map<string, string>()
  readonly refused: { name: string; code: number; text: string }[] = []
  /** The connection broke before an answer: may be there or not. */
  readonly open = new Set<string>()
  readonly #server: DarumaProcess
  readonly #user: string
  readonly #letter: string
  #serial = 0

  /** `letter` begins the names. */
  constructor(server: DarumaProcess, user: string, letter = 'm') {
    this.#letter = letter
    this.#server = server
    this.#user = user
  }

  /** Resolves when the door for mail knows the account: it hears of it a moment after the command has ended. */
  async ready(): Promise<void> {
    const client = await RawSmtp.open({ port: this.#server.ports.smtp })
    await client.command(`MAIL FROM:<${FROM}>`)
    await until('the recipient to be known', async () => (await client.command(`RCPT TO:<${this.#user}>`)).code === 250)
    await client.quit()
  }

  /** Sends so many over so many connections; stops early on a connection that breaks. */
  async send(count: number, options: { connections?: number; octets?: number } = {}): Promise<void> {
    let left = count
    const one = async () => {
      const client = await RawSmtp.open({ port: this.#server.ports.smtp }).catch(() => undefined)
      if (!client) return
      while (left > 0) {
        left -= 1
        const name = `${this.#letter}${(this.#serial += 1)}`
        const bytes = message(name, options.octets ?? 2000)
        let dot = false
        try {
          const reply = await client.send({ from: FROM, to: [this.#user], bytes }, () => (dot = true))
          if (reply.code === 250) this.kept.set(name, sha256(bytes))
          else this.refused.push({ name, code: reply.code, text: reply.lines.join(' ') })
        } catch {
          if (dot) this.open.add(name)
          break
        }
      }
      client.connection.destroy()
    }
    await Promise.all(Array.from({ length: options.connections ?? 4 }, one))
  }

  /** Every kept message is in the INBOX, once and whole; the others at most once. `wanted` waits for so many. */
  async check(wanted = this.kept.size): Promise<void> {
    const client = await this.#server.imap(this.#user, PASSWORD)
    await client.waitForMessages(wanted)
    const found = new Map<string, string>()
    for (const { items } of await client.fetch('1:*', '(BODY.PEEK[])')) {
      const body = items.get('BODY[]') as Buffer
      const own = body.subarray(body.indexOf('From: '))
      const name = /^Subject: (\S+)/m.exec(own.toString('latin1'))?.[1] ?? '?'
      assert.ok(!found.has(name), `${name} is there twice`)
      found.set(name, sha256(own))
    }
    client.connection.destroy()
    for (const [name, hash] of this.kept) assert.equal(found.get(name), hash, `${name} was answered with 250`)
    for (const name of found.keys()) assert.ok(this.kept.has(name) || this.open.has(name), `${name} was refused and is there all the same`)
  }
}

export function message(name: string, octets: number): Buffer {
  const head = `From: ${FROM}\r\nSubject: ${name}\r\nMessage-ID: <${name}@sender.example>\r\n\r\n`
  return Buffer.from(head + `${name} ${'x'.repeat(60)}\r\n`.repeat(Math.max(1, Math.ceil((octets - head.length) / (63 + name.length)))))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
