// A front thread that dies (a bug that nobody catches, thrown into it through the debugger) takes its own sessions
// with it and nothing else: the other threads go on, and its door comes back, again and again, on the same port.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DOOR_FILE, DOOR_STALE_FILE } from '../../src/intake/door-file.ts'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { RawConnection } from '../harness/raw-connection.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

interface Reply {
  id?: number
  method?: string
  params?: { sessionId?: string; message?: string; workerInfo?: { title?: string } }
}

/** Throws inside the thread of this name, where no catch reaches it. */
const throwIn = (server: DarumaProcess, thread: string) => evaluateIn(server, thread, 'throw new Error("thrown by the test")')

/** In the next turn of the loop of the thread of this name. */
async function evaluateIn(server: DarumaProcess, thread: string, statement: string): Promise<void> {
  const url = await until('the debugger to listen', () => /Debugger listening on (ws:\S+)/.exec(server.stderr)?.[1])
  const socket = new WebSocket(url)
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const evaluate = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: `setTimeout(() => { ${statement} })` } })
  await new Promise<void>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const { method, params } = JSON.parse(String(data)) as Reply
      if (method === 'NodeWorker.attachedToWorker' && params?.workerInfo?.title?.includes(thread)) {
        socket.send(JSON.stringify({ id: 2, method: 'NodeWorker.sendMessageToWorker', params: { sessionId: params.sessionId, message: evaluate } }))
      }
      if (method === 'NodeWorker.receivedMessageFromWorker') resolve()
    })
    socket.send(JSON.stringify({ id: 1, method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }))
  })
  socket.close()
}

const deaths = (server: DarumaProcess, thread: string) => server.stderr.split('\n').filter((line) => line.includes('a front thread is back') && line.includes(`"thread":"${thread}"`)).length
const openFiles = (server: DarumaProcess) => readdirSync(`/proc/${server.pid}/fd`).length

async function killAndAwait(server: DarumaProcess, thread: string): Promise<void> {
  const before = deaths(server, thread)
  await throwIn(server, thread)
  await until(`the ${thread} thread to be back`, () => deaths(server, thread) > before, 30_000)
}

test('the reading thread dies: mail is taken meanwhile, and the door comes back with everything in it', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' }, env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
  const mail = (n: number) => ({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: Buffer.from(`Message-ID: <${n}@elsewhere.example>\r\n\r\n${n}\r\n`) })
  const sender = await RawSmtp.open({ port: server.ports.smtp })
  const reader = await server.imap('ada@test.example', 'secret')
  await reader.command('SELECT INBOX')
  assert.equal((await sender.send(mail(0))).code, 250)
  // More often than there are sockets in reserve.
  const rounds = 4
  let filesAfterFirst = 0
  for (let round = 1; round <= rounds; round += 1) {
    await killAndAwait(server, 'reading')
    assert.equal((await sender.send(mail(round))).code, 250, 'the taking thread has not noticed')
    const again = await server.imap('ada@test.example', 'secret')
    await again.waitForMessages(round + 1)
    await again.logout()
    const tls = await RawImap.open({ port: server.ports.imaps, tls: true })
    await tls.logout()
    if (round === 1) filesAfterFirst = openFiles(server)
  }
  await reader.connection.closed()
  // Sockets in reserve are used up, so that there may be fewer; a thread's own files must not pile up.
  await until('no more files open than after the first time', () => openFiles(server) <= filesAfterFirst + 3)
  await sender.quit()
  assert.equal(await server.stop(), 0)
})

test('the taking and the queue threads die: readers go on, and mail is taken and sent again', async (t) => {
  const far = await startDaruma(t, { domain: 'far.example', accounts: { bob: 'secret' } })
  const server = await startDaruma(t, { accounts: { ada: 'secret' }, env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' }, config: `[[route]]\ndomain = "*"\nhost = "127.0.0.1"\nport = ${far.ports.smtp}\n` })
  const reader = await server.imap('ada@test.example', 'secret')
  const half = await RawConnection.open({ port: server.ports.smtp })
  await killAndAwait(server, 'taking')
  await half.closed()
  await killAndAwait(server, 'queue')
  assert.equal((await reader.command('NOOP')).status, 'OK')
  const sender = await RawSmtp.open({ port: server.ports.submission })
  assert.equal((await sender.login('ada@test.example', 'secret')).code, 235)
  const kept = await sender.send({ from: 'ada@test.example', to: ['bob@far.example', 'ada@test.example'], bytes: Buffer.from('From: ada@test.example\r\nSubject: hello\r\n\r\nhello\r\n') })
  assert.equal(kept.code, 250)
  await reader.waitForMessages(1)
  const friend = await far.imap('bob@far.example', 'secret')
  await friend.waitForMessages(1)
  await friend.logout()
  await reader.logout()
  await sender.quit()
})

test('the taking thread is stuck while an account is made, and the server dies: the new address is not unknown to the understudy', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' }, env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
  const [list, mark] = [DOOR_FILE, DOOR_STALE_FILE].map((name) => join(server.data, 'intake', name)) as [string, string]
  const written = await until('the list of addresses', () => existsSync(list) && !existsSync(mark) && readFileSync(list))
  await evaluateIn(server, 'taking', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000)')
  const added = await server.command(['account', 'add', 'bob@test.example', '--password-stdin'], { input: 'secret\n' })
  assert.equal(added.code, 0, added.stderr)
  await server.kill()
  assert.deepEqual(readFileSync(list), written, 'the thread was stuck')
  assert.ok(existsSync(mark))
})
