// v5: a false end of data. Whatever stands in a message, it is one message or none, never two; and what is passed on
// to another server holds nothing that a careless one could take for an end.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { skipWithoutSuites as skip, suiteFile } from '../../src/message/testing/suite-mails.ts'
import { deliver } from '../corpus/mail-room.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp, type RawReply } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { openMailSink, type MailSink } from './mail-sink.ts'

const password = 'correct horse'

describe('v5: a false end of data', { skip }, () => {
  let sequences: string[]
  let sink: MailSink
  let server: DarumaProcess
  let user: string

  before(async () => {
    const { sequences: escaped } = JSON.parse(Buffer.from(suiteFile('hard-cases/v5-fake-end-of-data.json')).toString()) as { sequences: string[] }
    sequences = escaped.map((text) => JSON.parse(`"${text.replaceAll('\\x00', '\\u0000')}"`) as string)
    sink = await openMailSink()
    server = new DarumaProcess({ config: `[[route]]\ndomain = "*"\nhost = "127.0.0.1"\nport = ${sink.port}\n` })
    user = `user@${server.domain}`
    await server.start()
    server.run(['domain', 'add', server.domain])
    server.addAccount(user, password)
  })
  after(async () => {
    await server.dispose()
    await sink.close()
  })

  /** The message, the sequence, and behind it what would be a second message. */
  function smuggled(sequence: string, to: string): Buffer {
    return Buffer.from(`From: ${user}\r\nSubject: outer\r\n\r\nbody${sequence}MAIL FROM:<${user}>\r\nRCPT TO:<${to}>\r\nDATA\r\nSubject: inner\r\n\r\nsmuggled`, 'latin1')
  }

  async function inbox(): Promise<number> {
    const client = await RawImap.open({ port: server.ports.imap })
    await client.login(user, password)
    const { MESSAGES: count } = await client.statusOf('INBOX', 'MESSAGES')
    client.connection.destroy()
    return count as number
  }

  /** All replies until the connection has said NOOP's or is gone. */
  async function repliesAfterData(client: RawSmtp, bytes: Buffer): Promise<RawReply[]> {
    client.connection.write(Buffer.concat([bytes, Buffer.from('\r\n.\r\nNOOP\r\n')]))
    const replies: RawReply[] = []
    for (let over = false; !over;) {
      const reply = await client.reply().catch(() => undefined)
      over = reply === undefined || /NOOP|^2\.0\.0 ok/i.test(reply.lines.join()) || replies.length > 5
      if (reply) replies.push(reply)
      if (replies.length === 2) over = true
    }
    return replies
  }

  test('at the MX door, by DATA: one message or none', async () => {
    for (const sequence of sequences) {
      const before = await inbox()
      const client = await RawSmtp.open({ port: server.ports.smtp })
      client.connection.write(`MAIL FROM:<s@sender.example>\r\nRCPT TO:<${user}>\r\nDATA\r\n`)
      for (let i = 0; i < 3; i += 1) await client.reply()
      const [end, next, ...more] = await repliesAfterData(client, smuggled(sequence, user))
      const shown = JSON.stringify(sequence)
      assert.ok(end && (end.code === 250 || end.code === 550 || end.code === 554), `${shown}: ${end?.code}`)
      assert.ok(next === undefined || next.code === 250, `${shown}: ${next?.code} ${next?.lines.join()}`)
      assert.equal(more.length, 0, shown)
      client.connection.destroy()
      const kept = end.code === 250 ? 1 : 0
      await until(`${kept} more in the inbox`, async () => (await inbox()) >= before + kept)
      // Another message behind it shows that nothing more was under way.
      assert.equal((await plain(`${shown} is over`)).code, 250)
      await until('the last one', async () => (await inbox()) >= before + kept + 1)
      assert.equal(await inbox(), before + kept + 1, shown)
    }
  })

  async function plain(subject: string): Promise<RawReply> {
    const client = await RawSmtp.open({ port: server.ports.smtp })
    const reply = await client.send({ from: 's@sender.example', to: [user], bytes: Buffer.from(`Subject: ${subject}\r\n\r\nx\r\n`) })
    await client.quit()
    return reply
  }

  test('passed on: a line with a dot is stuffed; what is binary goes back with a report, since the next server takes lines only', async () => {
    const [before, sent] = [await inbox(), sequences.concat('\r\n.\r\n')]
    for (const sequence of sent) {
      const client = await RawSmtp.open({ port: server.ports.submission })
      assert.equal((await client.login(user, password)).code, 235)
      const reply = await deliver(client, { from: user, to: 'someone@remote.example', mail: { by: 'BDAT', bytes: smuggled(sequence, 'other@remote.example') } })
      assert.equal(reply.code, 250, JSON.stringify(sequence))
      await client.quit()
    }
    await until('all have left or are reported', async () => sink.messages.length + (await inbox()) - before >= sent.length)
    assert.equal(sink.messages.length, 1)
    for (const octets of sink.messages) {
      const text = octets.toString('latin1')
      assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0/)
      assert.equal(text.indexOf('\r\n.\r\n'), text.length - 5, 'the end is at the end')
      assert.match(text, /\r\n\.\.\r\nMAIL FROM/)
      assert.match(text, /\r\nSubject: inner\r\n/, 'what was hidden is still text')
    }
  })
})
