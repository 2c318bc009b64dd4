// nodemailer sends, imapflow reads: the two that most programs in JavaScript use.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { simpleParser } from 'mailparser'
import { createTransport } from 'nodemailer'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { until } from '../harness/until.ts'

const login = { user: 'ada@test.example', pass: 'secret' }

function flow(server: DarumaProcess, how: 'tls' | 'starttls'): ImapFlow {
  return new ImapFlow({
    host: '127.0.0.1', port: how === 'tls' ? server.ports.imaps : server.ports.imap, secure: how === 'tls',
    auth: login, logger: false, tls: { ca: readFileSync(server.certificateFile, 'utf8'), servername: 'localhost' },
  })
}

test('nodemailer: STARTTLS, TLS from the first octet, attachments, a pool, refusals', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  const tls = { ca: readFileSync(server.certificateFile, 'utf8'), servername: 'localhost' }
  const attachment = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) & 255))
  const mail = (subject: string) => ({
    from: 'ada@test.example', to: 'bob@test.example', subject, text: 'Grüße\n.\n..punkt', html: '<p>Grüße</p>',
    attachments: [{ filename: '添付ファイル.bin', content: attachment }],
  })
  const byStartTls = createTransport({ host: '127.0.0.1', port: server.ports.submission, requireTLS: true, auth: login, tls })
  t.after(() => byStartTls.close())
  const sent = await byStartTls.sendMail(mail('by STARTTLS'))
  assert.deepEqual(sent.accepted, ['bob@test.example'])
  assert.match(sent.response, /^250 2\.0\.0 /)

  const pool = createTransport({ host: '127.0.0.1', port: server.ports.submissions, secure: true, pool: true, maxConnections: 3, auth: login, tls })
  t.after(() => pool.close())
  await Promise.all(Array.from({ length: 20 }, (_, n) => pool.sendMail(mail(`pooled ${n}`))))
  await assert.rejects(pool.sendMail({ ...mail('to nobody'), to: 'nobody@test.example' }), /550 5\.1\.1/)
  await assert.rejects(pool.sendMail({ ...mail('forged'), from: 'bob@test.example' }), /55[03] 5\.7\.1/)
  const wrong = createTransport({ host: '127.0.0.1', port: server.ports.submissions, secure: true, auth: { ...login, pass: 'wrong' }, tls })
  await assert.rejects(wrong.sendMail(mail('never')), /535 5\.7\.8/)
  const strangers = createTransport({ host: '127.0.0.1', port: server.ports.smtp, tls })
  await assert.rejects(strangers.sendMail({ ...mail('relayed'), from: 'x@elsewhere.example', to: 'y@elsewhere.example' }), /55\d 5\.7\.1/)

  const reader = await server.imap('bob@test.example', 'secret')
  await reader.waitForMessages(21)
  const read = await simpleParser(await reader.bytesOf(1))
  assert.equal(read.subject, 'by STARTTLS')
  assert.equal(read.text, 'Grüße\n.\n..punkt')
  assert.equal(read.attachments[0]?.filename, '添付ファイル.bin')
  assert.ok(read.attachments[0].content.equals(attachment))
  await reader.logout()
})

test('imapflow: mailboxes, append, IDLE, flags, search, download, move and delete', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const client = flow(server, 'tls')
  const other = flow(server, 'starttls')
  t.after(() => client.close())
  t.after(() => other.close())
  await client.connect()
  await other.connect()
  const message = (n: number) => Buffer.from(`Message-ID: <m${n}@test.example>\r\nFrom: =?utf-8?q?J=C3=B6rg?= <joerg@test.example>\r\nSubject: =?utf-8?b?5pel5pys6Kqe?= ${n}\r\n\r\nbody ${n}\r\n`)
  await client.mailboxCreate(['Projekte', 'Daruma & 日本'])
  const paths = (await client.list()).map(({ path, specialUse }) => [path, specialUse])
  assert.ok(paths.some(([path]) => path === 'Projekte/Daruma & 日本'), JSON.stringify(paths))
  for (const use of ['\\Sent', '\\Drafts', '\\Trash', '\\Junk']) assert.ok(paths.some(([, special]) => special === use), `${use} is marked`)

  const opened = await client.mailboxOpen('INBOX')
  assert.equal(opened.exists, 0)
  let existsNow = 0
  client.on('exists', (data: { count: number }) => (existsNow = data.count))
  const idling = client.idle()
  const appended = await other.append('INBOX', message(1), ['\\Seen'])
  assert.ok(appended && appended.uid === 1 && appended.destination === 'INBOX')
  await until('the other session to hear of it while idling', () => existsNow === 1)
  await other.append('INBOX', message(2))
  await until('the second', () => existsNow === 2)
  const found = await client.search({ subject: '日本語 2' }, { uid: true })
  await idling
  assert.deepEqual(found, [2])
  assert.deepEqual(await client.search({ from: 'Jörg' }, { uid: true }), [1, 2])
  assert.deepEqual(await client.search({ seen: false }, { uid: true }), [2])

  const read = await client.fetchOne('1', { envelope: true, flags: true, bodyStructure: true, size: true, source: true, internalDate: true })
  assert.ok(read)
  assert.equal(read.envelope?.subject, '日本語 1')
  assert.equal(read.envelope?.from?.[0]?.name, 'Jörg')
  assert.ok(read.flags?.has('\\Seen'))
  assert.deepEqual(read.source, message(1))
  assert.equal(read.size, message(1).length)
  const { content } = await client.download('2', undefined, { uid: true })
  const chunks: Buffer[] = []
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer)
  assert.deepEqual(Buffer.concat(chunks), message(2))

  await client.messageFlagsAdd('2', ['\\Flagged', '$Todo'], { uid: true })
  const moved = await client.messageMove('2', 'Projekte/Daruma & 日本', { uid: true })
  assert.ok(moved && moved.uidMap?.get(2) === 1)
  await client.mailboxOpen('Projekte/Daruma & 日本')
  const there = await client.fetchOne('1', { flags: true })
  assert.deepEqual(there && [...there.flags ?? []].filter((flag) => flag !== '\\Recent').sort(), ['$Todo', '\\Flagged'])
  await client.messageDelete('1')
  for (const [path, count] of [['Projekte/Daruma & 日本', 0], ['INBOX', 1]] as const) {
    const status = await client.status(path, { messages: true })
    assert.equal(status && status.messages, count)
  }
  await client.mailboxDelete('Projekte/Daruma & 日本')
  await client.logout()
  await other.logout()
})
