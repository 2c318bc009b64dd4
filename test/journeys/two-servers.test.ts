// Two servers that know of each other by DNS alone: mail there and back, reports of failure, a partner that is
// down, and what an operator sees of it. Both use one port, on addresses of their own.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { simpleParser } from 'mailparser'
import { RCODE, record, soa, testDnsServer, type Said } from '../../src/net/dns-server-for-tests.ts'
import { startDaruma, DarumaProcess } from '../harness/daruma-process.ts'
import type { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp, type RawReply } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

interface WorkRow { id: string; state: string; sender: string; recipient: string; attempts: number; last_reply: string | null }
interface TraceRow { sender: string; recipient: string; fate: string; via: string; message_id: string }

const [A, B] = ['127.0.0.2', '127.0.0.3']

/** What the world's DNS says here. Names that are not in it do not exist. */
const zone: Record<string, Record<string, unknown[]>> = {
  'a.example': { MX: [{ preference: 10, exchange: 'mail.a.example' }] },
  'mail.a.example': { A: [A] },
  // The best of these two does not answer: the next one is tried (RFC 5321 §5.1).
  'b.example': { MX: [{ preference: 20, exchange: 'mail.b.example' }, { preference: 10, exchange: 'dead.b.example' }] },
  'dead.b.example': { A: ['127.0.0.9'] },
  'mail.b.example': { A: [B] },
  'null.example': { MX: [{ preference: 0, exchange: '.' }] },
}

function answer({ name, type }: { name: string; type: string }): Said {
  if (name.endsWith('broken.example')) return { rcode: RCODE.SERVFAIL }
  const found = zone[name.toLowerCase()]
  if (!found) return { rcode: RCODE.NXDOMAIN, authorities: [soa('example')] }
  const records = (found[type] ?? []).map((data) => record(name, type, data))
  return records.length > 0 ? { answers: records } : { authorities: [soa(name)] }
}

interface Pair {
  a: DarumaProcess
  b: DarumaProcess
  ada: RawImap
  send(server: DarumaProcess, message: { from: string; to: string; id: string; extra?: string }): Promise<RawReply>
}

async function openPair(t: TestContext): Promise<Pair> {
  const dns = await testDnsServer(t, answer)
  const config = (port: number) => `[dns]\nservers = ["${dns.server.address}:${dns.server.port}"]\n[outbound]\nport = ${port}\n`
  const a = await startDaruma(t, { domain: 'a.example', host: A, config: config(25), accounts: { ada: 'secret' } })
  const b = new DarumaProcess({ domain: 'b.example', host: B, config: config(a.ports.smtp) })
  t.after(() => b.dispose())
  b.choosePorts({ smtp: a.ports.smtp })
  a.changeConfig(config(a.ports.smtp))
  const report = await a.json<{ changed: string[] }>(['reload'])
  assert.deepEqual(report.changed, ['outbound.port'])
  await b.start()
  b.keepPorts()
  b.addAccount('bob@b.example', 'secret')
  const ada = await a.imap('ada@a.example', 'secret')
  t.after(() => ada.connection.destroy())
  return {
    a, b, ada,
    async send(server, { from, to, id, extra = '' }) {
      const client = await RawSmtp.open({ port: server.ports.submissions, host: server.host, tls: true })
      assert.equal((await client.login(from, 'secret')).code, 235)
      const bytes = Buffer.from(`From: <${from}>\r\nTo: <${to}>\r\nSubject: about ${id}\r\nMessage-ID: <${id}>\r\nDate: Tue, 6 Jan 2026 10:00:00 +0900\r\n${extra}\r\n.dots\r\n\xe6\x97\xa5 of ${id}\r\n`, 'latin1')
      const reply = await client.send({ from, to: [to], bytes })
      await client.quit()
      return reply
    },
  }
}

const pattern = (words: string): string => words.replaceAll('.', '\\.')

/** The header of a multipart message, then its parts. */
function partsOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1')
  const boundary = /boundary="?([^"\r\n;]+)/i.exec(text)?.[1] ?? assert.fail('no boundary')
  const [head = '', ...parts] = text.split(`\r\n--${boundary}`)
  return [head, ...parts.slice(0, -1).map((part) => part.trimStart())]
}

/** The row that a recipient has in the queue of a server. */
async function queued(server: DarumaProcess, recipient: string): Promise<WorkRow | undefined> {
  return (await server.json<WorkRow[]>(['queue', 'list'])).find((row) => row.recipient === recipient)
}

test('mail goes there and back, bounces name whom they are about, and trace tells', async (t) => {
  const { a, b, ada, send } = await openPair(t)
  const there = 'there.1@a.example'
  assert.equal((await send(a, { from: 'ada@a.example', to: 'bob@b.example', id: there })).code, 250)
  const bob = await b.imap('bob@b.example', 'secret')
  t.after(() => bob.connection.destroy())
  await bob.waitForMessages(1)
  const arrived = await bob.bytesOf(1)
  const text = arrived.toString('latin1')
  assert.match(text, /^Return-Path: <ada@a\.example>\r\n/)
  assert.match(text, /Received: from mail\.a\.example [^]*?by mail\.b\.example [^]*?with ESMTPS\b/, 'TLS where it is offered, though nobody vouches for the certificate')
  assert.ok(text.endsWith('\r\n\r\n.dots\r\n\xe6\x97\xa5 of there.1@a.example\r\n'))

  assert.equal((await send(b, { from: 'bob@b.example', to: 'ada@a.example', id: 'back.1@b.example', extra: `In-Reply-To: <${there}>\r\n` })).code, 250)
  await ada.waitForMessages(1)
  assert.equal((await simpleParser(await ada.bytesOf(1))).inReplyTo, `<${there}>`)

  const sent = await until('the first server to know that it was sent', async () => {
    const rows = await a.json<TraceRow[]>(['trace', `<${there}>`])
    return rows.length === 1 && rows[0]?.fate.startsWith('sent') && rows[0]
  })
  assert.match(sent.fate, /^sent; last answer of .*mail\.b\.example.*250/)
  const [filed] = await b.json<TraceRow[]>(['trace', `<${there}>`])
  assert.match(filed?.fate ?? '', /^filed in /)
  assert.deepEqual([filed?.sender, filed?.recipient], ['ada@a.example', 'bob@b.example'])
  assert.equal(await queued(a, 'bob@b.example'), undefined, 'what is done is not waiting')

  // Unknown there, refused by the domain itself, and a domain that is not: three reports (RFC 3464).
  const failures = [
    { to: 'nobody@b.example', status: '5.1.1' },
    { to: 'somebody@null.example', status: '5.1.10' },
    { to: 'somebody@nowhere.example', status: '5.1.2' },
  ]
  let count = 1
  for (const { to, status } of failures) {
    assert.equal((await send(a, { from: 'ada@a.example', to, id: `to.${to}` })).code, 250)
    count += 1
    await ada.waitForMessages(count)
    const bytes = await ada.bytesOf(count)
    const [head = '', words = '', facts = '', returned = ''] = partsOf(bytes)
    assert.match(head, /^Return-Path: <>\r\n/)
    assert.match(head, /^Content-Type: multipart\/report;[^]*?report-type="?delivery-status/mi)
    const read = await simpleParser(bytes)
    assert.ok(read.text?.includes(`<${to}>`) && read.text.includes('配送できませんでした'), `words for people, in both languages, that name the recipient: ${read.text}`)
    assert.match(words, /^Content-Type: text\/plain;/mi)
    assert.match(facts, /^Content-Type: message\/delivery-status\r\n/mi)
    assert.match(facts, /^Reporting-MTA: dns; ?mail\.a\.example\r\n/m)
    assert.match(facts, new RegExp(`^Final-Recipient: rfc822; ?${pattern(to)}\\r\\n`, 'm'))
    assert.match(facts, /^Action: failed\r\n/m)
    assert.match(facts, new RegExp(`^Status: ${pattern(status)}\\r\\n`, 'm'))
    assert.match(returned, /^Content-Type: (message\/rfc822|text\/rfc822-headers)/mi)
    assert.ok(returned.includes(`Message-ID: <to.${to}>\r\n`))
  }
  const [failed] = await a.json<TraceRow[]>(['trace', '<to.nobody@b.example>'])
  assert.match(failed?.fate ?? '', /^failed.*550/)
})

test('a partner that is down: the mail waits, holds, and goes when it is up again; DNS trouble is never "no such host"', async (t) => {
  const { a, b, ada, send } = await openPair(t)
  assert.equal(await b.stop(), 0)
  assert.equal((await send(a, { from: 'ada@a.example', to: 'bob@b.example', id: 'waits.1@a.example' })).code, 250)
  assert.equal((await send(a, { from: 'ada@a.example', to: 'x@broken.example', id: 'dns.1@a.example' })).code, 250)
  const row = await until('the first attempt', async () => {
    const found = await queued(a, 'bob@b.example')
    return found && found.attempts > 0 && found
  })
  assert.equal(row.state, 'waiting')
  assert.equal(row.sender, 'ada@a.example')
  assert.ok(row.last_reply, 'why it waits is told')
  const dns = await until('the attempt without DNS', async () => {
    const found = await queued(a, 'x@broken.example')
    return found && found.attempts > 0 && found
  })
  assert.equal(dns.state, 'waiting')
  const [shown] = await a.json<{ message_id: string; last_attempt: string }[]>(['queue', 'show', row.id])
  assert.match(shown?.message_id ?? '', /waits\.1@a\.example/)
  const [waiting] = await a.json<TraceRow[]>(['trace', 'waits.1@a.example'])
  assert.match(waiting?.fate ?? '', /^waiting/)
  const status = await a.json<{ queue_waiting: number }>(['status'])
  assert.equal(status.queue_waiting, 2)

  a.run(['queue', 'hold', row.id])
  assert.equal((await queued(a, 'bob@b.example'))?.state, 'held')
  a.run(['queue', 'delete', dns.id])
  // What waits outlives the server, held or not.
  assert.equal(await a.kill('SIGKILL'), 'SIGKILL')
  await b.start()
  a.keepPorts()
  await a.start()
  assert.equal((await queued(a, 'bob@b.example'))?.state, 'held')
  a.run(['queue', 'release', row.id])
  a.run(['queue', 'retry', 'all'])
  const bob = await b.imap('bob@b.example', 'secret')
  t.after(() => bob.connection.destroy())
  await bob.waitForMessages(1)
  assert.match((await bob.bytesOf(1)).toString('latin1'), /Message-ID: <waits\.1@a\.example>/)
  await until('nothing to be left', async () => (await a.json<WorkRow[]>(['queue', 'list'])).length === 0)
  ada.connection.destroy()
  const again = await a.imap('ada@a.example', 'secret')
  assert.equal((await again.statusOf('INBOX', 'MESSAGES'))['MESSAGES'], 0, 'neither a report nor a copy came back')
  await again.logout()
})

test('forwarding, reports of success, and two aliases that point at each other', async (t) => {
  const { a, b, ada } = await openPair(t)
  a.run(['alias', 'add', 'forward@a.example', 'bob@b.example'])
  const stranger = await RawSmtp.open({ port: a.ports.smtp, host: a.host })
  const bytes = (id: string) => Buffer.from(`From: x@elsewhere.example\r\nMessage-ID: <${id}>\r\nSubject: ${id}\r\n\r\n${id}\r\n`)
  assert.equal((await stranger.send({ from: 'x@elsewhere.example', to: ['forward@a.example'], bytes: bytes('forwarded@elsewhere.example') })).code, 250)
  const bob = await b.imap('bob@b.example', 'secret')
  t.after(() => bob.connection.destroy())
  await bob.waitForMessages(1)
  assert.ok((await bob.bytesOf(1)).toString('latin1').endsWith(bytes('forwarded@elsewhere.example').toString('latin1')), 'forwarded as it was received')

  // RFC 3461 §6.2: who asked for a report of success gets one from the last server, by way of both.
  const own = await RawSmtp.open({ port: a.ports.submissions, host: a.host, tls: true })
  await own.login('ada@a.example', 'secret')
  assert.equal((await own.command('MAIL FROM:<ada@a.example> RET=HDRS ENVID=QQ314159')).code, 250)
  assert.equal((await own.command('RCPT TO:<bob@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+40b.example')).code, 250)
  await own.command('DATA')
  assert.equal((await own.command('From: ada@a.example\r\nSubject: tell me\r\n\r\n.')).code, 250)
  await bob.waitForMessages(2)
  await ada.waitForMessages(1)
  const [, , facts = ''] = partsOf(await ada.bytesOf(1))
  assert.match(facts, /^Reporting-MTA: dns; ?mail\.b\.example\r\n/m)
  assert.match(facts, /^Original-Envelope-Id: QQ314159\r\n/m)
  assert.match(facts, /^Original-Recipient: rfc822; ?bob@b\.example\r\n/m)
  assert.match(facts, /^Action: delivered\r\n/m)
  assert.match(facts, /^Status: 2\./m)

  // RFC 5321 §6.3: the hops are counted, and the sender hears of it once.
  a.run(['alias', 'add', 'ping@a.example', 'pong@b.example'])
  b.run(['alias', 'add', 'pong@b.example', 'ping@a.example'])
  assert.equal((await own.send({ from: 'ada@a.example', to: ['ping@a.example'], bytes: Buffer.from('From: ada@a.example\r\nSubject: round and round\r\n\r\n') })).code, 250)
  await ada.waitForMessages(2)
  const [, , why = ''] = partsOf(await ada.bytesOf(2))
  assert.match(why, /^Status: 5\.4\.6\r\n/m)
  for (const server of [a, b]) await until('both queues to be empty', async () => (await server.json<WorkRow[]>(['queue', 'list'])).length === 0)
  assert.deepEqual(await ada.statusOf('INBOX', 'MESSAGES'), { MESSAGES: 2 })
  await own.quit()
  await stranger.quit()
})

test('a [[route]] needs no DNS', async (t) => {
  const b = await startDaruma(t, { domain: 'b.example', host: B, accounts: { bob: 'secret' } })
  const a = await startDaruma(t, {
    domain: 'a.example', accounts: { ada: 'secret' },
    config: `[dns]\nservers = ["127.0.0.1:1"]\n[[route]]\ndomain = "b.example"\nhost = "${B}"\nport = ${b.ports.smtp}\n`,
  })
  const own = await RawSmtp.open({ port: a.ports.submissions, tls: true })
  await own.login('ada@a.example', 'secret')
  assert.equal((await own.send({ from: 'ada@a.example', to: ['bob@b.example'], bytes: Buffer.from('From: ada@a.example\r\nSubject: by route\r\n\r\n') })).code, 250)
  await own.quit()
  const bob = await b.imap('bob@b.example', 'secret')
  await bob.waitForMessages(1)
  await bob.logout()
})
