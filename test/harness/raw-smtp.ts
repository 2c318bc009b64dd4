// A small SMTP client for tests that must know exactly what was said when: replies as they came.
import { RawConnection } from './raw-connection.ts'

export interface RawReply {
  code: number
  lines: string[]
}

export class RawSmtp {
  readonly connection: RawConnection
  private constructor(connection: RawConnection) {
    this.connection = connection
  }

  static async open(options: { port: number; host?: string; tls?: boolean; helo?: string }): Promise<RawSmtp> {
    const client = new RawSmtp(await RawConnection.open(options))
    await client.reply()
    await client.command(`EHLO ${options.helo ?? 'client.example'}`)
    return client
  }

  async reply(): Promise<RawReply> {
    const lines: string[] = []
    for (;;) {
      const line = (await this.connection.line()).toString('utf8')
      lines.push(line.slice(4))
      if (line[3] !== '-') return { code: Number(line.slice(0, 3)), lines }
    }
  }

  async command(text: string): Promise<RawReply> {
    this.connection.write(`${text}\r\n`)
    return this.reply()
  }

  async login(user: string, password: string): Promise<RawReply> {
    return this.command(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)
  }

  /**
   * One message by DATA. `onDot` is called when the final dot is about to leave: from then on it may be kept.
   * Returns the reply to the final dot, or the first that refused.
   */
  async send(message: { from: string; to: readonly string[]; bytes: Uint8Array }, onDot?: () => void): Promise<RawReply> {
    this.connection.write(`MAIL FROM:<${message.from}>\r\n${message.to.map((to) => `RCPT TO:<${to}>\r\n`).join('')}DATA\r\n`)
    const replies: RawReply[] = []
    for (let i = 0; i < message.to.length + 2; i++) replies.push(await this.reply())
    const data = replies.at(-1) as RawReply
    if (data.code !== 354) {
      await this.command('RSET')
      return replies.find((reply) => reply.code >= 400) ?? data
    }
    onDot?.()
    this.connection.write(Buffer.concat([dotStuffed(message.bytes), Buffer.from('.\r\n')]))
    return this.reply()
  }

  async quit(): Promise<void> {
    await this.command('QUIT').catch(() => undefined)
    this.connection.destroy()
  }
}

/** CRLF lines with leading dots doubled; a missing last CRLF is added. */
export function dotStuffed(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes).toString('latin1')
  const ended = text.endsWith('\r\n') || text === '' ? text : `${text}\r\n`
  return Buffer.from(ended.replace(/(^|\r\n)\./g, '$1..'), 'latin1')
}
