// v3: kept but never answered (RFC 1047). v4: two roads to one mailbox. v6: structures that break clients.
import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { bodyStructureOf } from '../../src/message/bodystructure.ts'
import { scanStructure } from '../../src/message/structure.ts'
import { readBody, readEnvelope } from '../../src/message/testing/imap-grammar.ts'
import { skipWithoutSuites, suiteFile } from '../../src/message/testing/suite-mails.ts'
import { summarize } from '../../src/message/summary.ts'
import { append } from '../corpus/mail-room.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

const password = 'correct horse'
const server = new DarumaProcess()
const at = (name: string) => `${name}@${server.domain}`

before(async () => {
  await server.start()
  server.run(['domain', 'add', server.domain])
  for (const name of ['user', 'boss', 'other', 'odd']) server.addAccount(at(name), password)
  server.run(['alias', 'add', at('list'), at('boss'), at('other')])
})
after(() => server.dispose())

async function count(name: string): Promise<number> {
  const client = await RawImap.open({ port: server.ports.imap })
  await client.login(at(name), password)
  const { MESSAGES } = await client.statusOf('INBOX', 'MESSAGES')
  client.connection.destroy()
  return MESSAGES as number
}

describe('v3: a 250 that never arrives', () => {
  test('the same envelope and bytes again: one copy. The same Message-ID with another body: kept as well', async () => {
    const bytes = Buffer.from(`From: s@a.example\r\nTo: ${at('user')}\r\nMessage-ID: <v3@a.example>\r\n\r\nonce\r\n`)
    const proxy = await lossyProxy(server.ports.smtp)
    const lost = await RawSmtp.open({ port: proxy.port, helo: 'c.example' })
    await assert.rejects(lost.send({ from: 's@a.example', to: [at('user')], bytes }))
    assert.match(await proxy.dropped, /^250 /)
    await proxy.close()
    const again = await RawSmtp.open({ port: server.ports.smtp, helo: 'c.example' })
    assert.equal((await again.send({ from: 's@a.example', to: [at('user')], bytes })).code, 250)
    const other = Buffer.from(bytes.toString().replace('once', 'another body'))
    assert.equal((await again.send({ from: 's@a.example', to: [at('user')], bytes: other })).code, 250)
    await again.quit()
    await until('two mails', async () => (await count('user')) >= 2)
    assert.equal(await count('user'), 2)
  })
})

interface LossyProxy {
  port: number
  /** The reply to the final dot, which went no further; both connections end with it. */
  dropped: Promise<string>
  close(): Promise<void>
}

async function lossyProxy(target: number): Promise<LossyProxy> {
  let drop: (reply: string) => void = () => {}
  const dropped = new Promise<string>((resolve) => (drop = resolve))
  const proxy = createServer((client: Socket) => {
    const inner = connect(target, '127.0.0.1')
    let isMessage = false
    client.pipe(inner)
    client.on('error', () => inner.destroy())
    inner.on('error', () => client.destroy())
    inner.on('data', (chunk: Buffer) => {
      if (isMessage) {
        inner.destroy()
        inner.once('close', () => drop(chunk.toString()))
        client.destroy()
        return
      }
      isMessage = /(?:^|\n)354 /.test(chunk.toString())
      client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, dropped, close: () => new Promise((resolve) => proxy.close(() => resolve())) }
}

describe('v4: two roads to one mailbox', () => {
  const [rounds, connections] = [200, 8]

  test(`an alias and one of its members, ${rounds} times over ${connections} connections: one copy each, each 250 within a second`, async () => {
    let left = rounds
    const slow: number[] = []
    await Promise.all(Array.from({ length: connections }, async () => {
      const client = await RawSmtp.open({ port: server.ports.smtp })
      for (; left > 0;) {
        const number = left--
        const fromMs = performance.now()
        const reply = await client.send({ from: 's@a.example', to: [at('list'), at('boss')], bytes: Buffer.from(`Subject: ${number}\r\nMessage-ID: <${number}@a.example>\r\n\r\nx\r\n`) })
        assert.equal(reply.code, 250)
        if (performance.now() - fromMs > 1000) slow.push(performance.now() - fromMs)
      }
      await client.quit()
    }))
    assert.deepEqual(slow, [])
    const client = await RawSmtp.open({ port: server.ports.smtp })
    assert.equal((await client.send({ from: 's@a.example', to: [at('boss')], bytes: Buffer.from('Subject: next\r\n\r\nx\r\n') })).code, 250)
    await client.quit()
    await until('all are there', async () => (await count('boss')) >= rounds + 1 && (await count('other')) >= rounds)
    assert.equal(await count('boss'), rounds + 1)
    assert.equal(await count('other'), rounds)
    const reader = await RawImap.open({ port: server.ports.imap })
    await reader.login(at('boss'), password)
    await reader.command('SELECT INBOX')
    const subjects = new Set((await reader.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (Subject)])')).map(({ items }) => String([...items.values()][0])))
    assert.equal(subjects.size, rounds + 1, 'each once')
    reader.connection.destroy()
    assert.doesNotMatch(server.stderr, /database is locked|"level":"error"/)
  })
})

describe('v6: structures that break clients', { skip: skipWithoutSuites }, () => {
  test('every answer is within the grammar, odd parts are text or octets, their siblings visible', async () => {
    const client = await RawImap.open({ port: server.ports.imap })
    await client.login(at('odd'), password)
    const expected: Record<string, string[]> = {
      'v6-empty-multipart': ['TEXT/PLAIN', 'TEXT/HTML'],
      'v6-headers-only-rfc822': ['TEXT/PLAIN', 'MESSAGE/DELIVERY-STATUS', 'TEXT/PLAIN'],
      'v6-no-subtype': ['TEXT/PLAIN', 'APPLICATION/OCTET-STREAM'],
    }
    for (const name of Object.keys(expected)) assert.equal((await append(client, suiteFile(`hard-cases/${name}.eml`), true)).status, 'OK')
    await client.command('SELECT INBOX')
    const fetched = await client.fetch('1:*', '(ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[1] BODY.PEEK[2])')
    for (const [i, [name, parts]] of Object.entries(expected).entries()) {
      const items = fetched[i]?.items
      for (const item of ['BODYSTRUCTURE', 'BODY']) {
        const body = items?.get(item)
        assert.ok(Array.isArray(body), `${name}: ${item}`)
        assert.deepEqual(body.filter(Array.isArray).slice(0, parts.length).map((part) => `${String(part[0])}/${String(part[1])}`), parts, `${name}: ${item}`)
      }
      assert.notEqual(items?.get('BODY[2]'), null, `${name}: the sibling has its octets`)
      // The text as it goes out, by the grammar of RFC 9051 §9.
      const { envelope } = summarize(suiteFile(`hard-cases/${name}.eml`))
      readEnvelope(envelope)
      readBody(bodyStructureOf(scanStructure(suiteFile(`hard-cases/${name}.eml`))), true)
    }
    client.connection.destroy()
  })
})
