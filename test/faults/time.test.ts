// Time that stands still for the server, or jumps: nothing bounces, nothing expires, nobody is told wrong numbers.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { Sink } from '../torture/sink.ts'
import { PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const FAKETIME = ['/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1', '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1'].find((path) => existsSync(path))
/** DARUMA_PAUSE_MS=55000 is the long form: clients here give up after 60 s. */
const PAUSE_MS = Number(process.env['DARUMA_PAUSE_MS'] ?? 3000)

async function start(t: TestContext, sink: Sink, env: Record<string, string> = {}): Promise<DarumaProcess> {
  const server = new DarumaProcess({ env, config: `journal.segment_size = "1M"\n[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = ${sink.port}\n` })
  t.after(async () => {
    // Not to be waited for: where the test has failed, it goes on living.
    void server.kill('SIGCONT')
    await server.dispose()
  })
  return server
}

/** Hands in a message for elsewhere. */
async function submit(server: DarumaProcess, id: string): Promise<number> {
  const client = await RawSmtp.open({ port: server.ports.submission })
  assert.equal((await client.login(USER, PASSWORD)).code, 235)
  const bytes = Buffer.from(`From: ${USER}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0900\r\nMessage-ID: <${id}@test.example>\r\nX-Ledger: ${id}\r\n\r\n${id}\r\n`)
  const { code } = await client.send({ from: USER, to: ['a@away.example'], bytes })
  client.connection.destroy()
  return code
}

test('a server that is stopped for some seconds goes on as if nothing had been', async (t) => {
  const sink = await Sink.open()
  t.after(() => sink.close())
  sink.refuseEvery = 0
  const server = await start(t, sink)
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(10)
  const idle = await server.imap(USER, PASSWORD)
  await idle.waitForMessages(10)
  const sending = mail.send(200)
  process.kill(server.pid, 'SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  process.kill(server.pid, 'SIGCONT')
  await sending
  assert.equal(mail.kept.size, 210)
  assert.equal(mail.refused.length + mail.open.size, 0)
  assert.equal(await submit(server, 'after'), 250)
  await until('it has gone out', () => sink.received.get('after')?.length === 1)
  assert.equal((await idle.command('NOOP')).status, 'OK')
  idle.connection.destroy()
  await mail.check()
  assert.equal(await server.stop(), 0)
})

// A restart is not among the jumps: across restarts wall time is believed (src/queue/witness.ts).
test('the clock jumps by days and back: nothing bounces or expires, numbers only rise', { skip: FAKETIME === undefined && 'not installed: libfaketime' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-clock-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const clock = join(folder, 'clock')
  const jump = (offset: string) => writeFileSync(clock, `${offset}\n`)
  jump('+0')
  const sink = await Sink.open()
  t.after(() => sink.close())
  sink.refuseEvery = 1 // 451 to everything: it waits in the queue
  const server = await start(t, sink, { LD_PRELOAD: FAKETIME as string, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' })
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(5)
  assert.equal(await submit(server, 'waiting'), 250)
  await until('it was tried and waits', async () => (await server.json<{ attempts: number }[]>(['queue', 'list']))[0]?.attempts === 1)
  let uidNext = 0
  for (const offset of ['+40d', '-1h', '+1h', '-3d', '+0']) {
    jump(offset)
    await mail.send(5)
    await mail.check()
    assert.equal((await server.json<{ attempts: number }[]>(['queue', 'list'])).length, 1, `${offset}: it waits and has not bounced`)
    const client = await server.imap(USER, PASSWORD)
    const status = await client.statusOf('INBOX', 'UIDNEXT MESSAGES')
    client.connection.destroy()
    assert.equal(status['MESSAGES'], mail.kept.size, 'no report has come')
    assert.ok((status['UIDNEXT'] ?? 0) > uidNext)
    uidNext = status['UIDNEXT'] ?? 0
  }
  sink.refuseEvery = 0
  server.run(['queue', 'retry', 'all'])
  await until('it has gone out', () => sink.received.get('waiting')?.length === 1)
  await mail.check()
  assert.equal(await server.stop(), 0)
})
