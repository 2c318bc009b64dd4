// A clock that is wrong for a while, with restarts under it: what waits in the queue neither bounces nor storms,
// sessions and logins go on, certificates hold, and all numbers only rise.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect } from 'node:tls'
import { DarumaProcess } from '../harness/daruma-process.ts'
import type { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { Sink } from '../torture/sink.ts'
import { PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const FAKETIME = ['/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1', '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1'].find((path) => existsSync(path))
const skip = FAKETIME === undefined && 'not installed: libfaketime'
const DAY_MS = 24 * 3600_000
/** Attempts that a jump, or a start, may cost beyond those that were due. */
const EXTRA_ATTEMPTS = 2

interface Work {
  id: string
  state: string
  attempts: number
  /** ISO 8601. */
  due: string
}

interface Stage {
  server: DarumaProcess
  sink: Sink
  jump: (offset: string) => void
}

async function setUp(t: TestContext): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-clock-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const clock = join(folder, 'clock')
  const jump = (offset: string) => writeFileSync(clock, `${offset}\n`)
  jump('+0')
  const sink = await Sink.open()
  t.after(() => sink.close())
  sink.refuseEvery = 1 // 451 to everything
  const server = new DarumaProcess({
    env: { LD_PRELOAD: FAKETIME as string, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    config: `journal.segment_size = "4M"\n[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = ${sink.port}\n`,
  })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  return { server, sink, jump }
}

async function submit(server: DarumaProcess, id: string): Promise<void> {
  const client = await RawSmtp.open({ port: server.ports.submission })
  assert.equal((await client.login(USER, PASSWORD)).code, 235)
  const bytes = Buffer.from(`From: ${USER}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0900\r\nMessage-ID: <${id}@test.example>\r\nX-Ledger: ${id}\r\n\r\n${id}\r\n`)
  assert.equal((await client.send({ from: USER, to: ['a@away.example'], bytes })).code, 250)
  client.connection.destroy()
}

async function numbers(client: RawImap): Promise<{ uidNext: number; uidValidity: number; modseq: number; messages: number }> {
  const status = await client.statusOf('INBOX', 'UIDNEXT UIDVALIDITY HIGHESTMODSEQ MESSAGES')
  return { uidNext: status['UIDNEXT'] ?? 0, uidValidity: status['UIDVALIDITY'] ?? 0, modseq: status['HIGHESTMODSEQ'] ?? 0, messages: status['MESSAGES'] ?? 0 }
}

test('restarts under a clock that is days ahead, and back: what waits has not bounced, is not tried in a storm, and goes out', { skip }, async (t) => {
  const { server, sink, jump } = await setUp(t)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(3)
  await submit(server, 'waiting')
  const work = async () => (await server.json<Work[]>(['queue', 'list']))[0]
  await until('it was tried and waits', async () => (await work())?.attempts === 1)
  let before = { uidNext: 0, uidValidity: 0, modseq: 0, messages: 0 }
  let attempts = 1
  for (const [offset, how] of [['+40d', 'SIGKILL'], ['+40d', 'SIGTERM'], ['+0', 'SIGKILL'], ['-1h', 'SIGTERM'], ['+1h', 'SIGKILL'], ['+0', 'SIGTERM']] as const) {
    await server.kill(how)
    jump(offset)
    await server.start()
    await mail.ready()
    await mail.send(3)
    await mail.check()
    const waits = await until('the queue', work)
    assert.equal(waits.state, 'waiting', `${offset}: it has not bounced`)
    assert.ok(waits.attempts - attempts <= EXTRA_ATTEMPTS, `${offset}: ${waits.attempts - attempts} attempts at once`)
    attempts = waits.attempts
    const client = await server.imap(USER, PASSWORD)
    const now = await numbers(client)
    client.connection.destroy()
    assert.equal(now.messages, mail.kept.size, `${offset}: no report has come`)
    assert.ok(now.uidNext > before.uidNext && now.modseq > before.modseq, `${offset}: numbers rise`)
    assert.ok(before.uidValidity === 0 || now.uidValidity === before.uidValidity, `${offset}: UIDVALIDITY stays`)
    before = now
  }
  // A wait that was written under the wrong clock is brought back to one that a back-off can be.
  await until('a wait of hours, not of weeks', async () => {
    const waits = await work()
    return waits !== undefined && Date.parse(waits.due) < Date.now() + 2 * DAY_MS
  })
  sink.refuseEvery = 0
  server.run(['queue', 'retry', 'all'])
  await until('it has gone out', () => sink.received.get('waiting')?.length === 1)
  await mail.check()
  assert.equal(await server.stop(), 0)
})

test('a clock that jumps under open sessions: IDLE goes on, logins and certificates hold, INTERNALDATE is a date, a new mailbox has a new UIDVALIDITY', { skip }, async (t) => {
  const { server, jump } = await setUp(t)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(1)
  const watcher = await server.imap(USER, PASSWORD)
  await watcher.waitForMessages(1)
  const worker = await server.imap(USER, PASSWORD)
  const validities: number[] = []
  for (const offset of ['+40d', '-1h', '+1h', '+0']) {
    const idle = watcher.send('IDLE')
    await watcher.connection.line() // "+ idling"
    jump(offset)
    await mail.send(1)
    const wanted = `* ${mail.kept.size} EXISTS`
    for (let line = ''; line !== wanted;) line = (await watcher.connection.line()).toString('latin1')
    watcher.connection.write('DONE\r\n')
    assert.equal((await watcher.answer(idle)).status, 'OK', `${offset}: IDLE`)
    const again = await server.imap(USER, PASSWORD)
    again.connection.destroy()
    await handshake(server)
    await worker.command(`CREATE box${validities.length}`)
    validities.push((await worker.statusOf(`box${validities.length}`, 'UIDVALIDITY'))['UIDVALIDITY'] ?? 0)
  }
  assert.deepEqual(validities, [...new Set(validities)].sort((a, b) => a - b), 'UIDVALIDITY of what is made later is higher')
  await worker.command('EXAMINE INBOX')
  for (const { items } of await worker.fetch('1:*', '(UID INTERNALDATE)')) {
    const at = Date.parse(String(items.get('INTERNALDATE')))
    assert.ok(Math.abs(at - Date.now()) < 41 * DAY_MS, `INTERNALDATE ${String(items.get('INTERNALDATE'))}`)
  }
  await mail.check()
  assert.equal(await server.stop(), 0)
})

/** As a client does that trusts the certificate which the server made for itself, and knows what time it is. */
async function handshake(server: DarumaProcess): Promise<void> {
  const ca = readFileSync(server.certificateFile)
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.ports.imaps, ca, servername: `mail.${server.domain}` }, () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
}
