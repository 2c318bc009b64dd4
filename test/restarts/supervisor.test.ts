// The server dies, hangs, is replaced, and is kept from starting; whoever stands at the door notices as little as
// possible, and what was acknowledged is there.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { askServer } from '../../src/cli/control-client.ts'
import type { SupervisorStatus } from '../../src/supervisor/supervisor-office.ts'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { RawSmtp, type RawReply } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { runRestarts } from '../torture/restarts.ts'

async function statusOf(server: DarumaProcess): Promise<SupervisorStatus> {
  const asked = await askServer(join(server.data, 'supervisor.sock'), 'supervisor-status', {})
  assert.ok(asked.at === 'answered' && asked.answer.ok, JSON.stringify(asked))
  return asked.answer.result as SupervisorStatus
}

async function serverPid(server: DarumaProcess): Promise<number> {
  return (await statusOf(server)).server.pid ?? 0
}

const isServing = (server: DarumaProcess, not: number) => until('another server serves', async () => {
  const { server: { state, pid } } = await statusOf(server)
  return state === 'serving' && pid !== not
}, 30_000)

const isAlive = (pid: number): boolean => {
  try {
    // A process that has ended and was not waited for by its parent counts as gone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

const words = (reply: RawReply): string => `${reply.code} ${reply.lines.join(' / ')}`

async function send(server: DarumaProcess, subject: string): Promise<string> {
  const smtp = await RawSmtp.open({ port: server.ports.smtp })
  const reply = await smtp.send({ from: 'b@client.example', to: ['a@test.example'], bytes: Buffer.from(`From: b@client.example\r\nTo: a@test.example\r\nSubject: ${subject}\r\n\r\nx\r\n`) })
  smtp.connection.destroy()
  return words(reply)
}

test('restarts and kills under load: nobody is refused, everybody is greeted, and all that was kept is there once', async () => {
  const figures = await runRestarts({ planned: 3, kills: 2, clients: 6, say: () => {} })
  assert.ok(figures.connections > 50, JSON.stringify(figures))
  assert.deepEqual({ ...figures, connections: 0, over2s: 0, resetInside: 0, resetUngreeted: 0, greetingSlowestMs: 0, kept: 0, understudyTook: 0, plannedMs: [], killToReadyMs: [] }, {
    connections: 0, refused: 0, resetUngreeted: 0, resetInside: 0, resetInsidePlanned: 0, greetingSlowestMs: 0, over2s: 0, kept: 0, lost: 0, doubled: 0, understudyTook: 0, plannedMs: [], killToReadyMs: [],
  })
  assert.ok(figures.kept > 10)
})

test('a server that hangs is killed and another comes; the incident is in the book', async (t) => {
  const server = await startDaruma(t, { supervised: true, accounts: { a: 'secret' }, config: '[limits]\nserver_stuck_ms = "3s"\n' })
  const pid = await serverPid(server)
  process.kill(pid, 'SIGSTOP')
  await isServing(server, pid)
  assert.equal(isAlive(pid), false)
  assert.match(await send(server, 'after'), /^250 /)
  assert.match(readFileSync(join(server.data, 'incidents.jsonl'), 'utf8'), /server-hung/)
})

test('a successor that cannot start leaves the old server as it is', async (t) => {
  const server = await startDaruma(t, { supervised: true, accounts: { a: 'secret' } })
  const pid = await serverPid(server)
  server.changeConfig('[limits]\nno_such_limit = 3\n')
  const refused = await server.command(['reload'])
  assert.notEqual(refused.code, 0)
  const asked = await askServer(join(server.data, 'supervisor.sock'), 'restart', {})
  assert.ok(asked.at === 'answered' && !asked.answer.ok, JSON.stringify(asked))
  assert.equal(asked.answer.code, 'successor-failed')
  assert.equal(await serverPid(server), pid)
  assert.match(await send(server, 'goes on'), /^250 /)
  server.changeConfig('')
  process.kill(server.pid, 'SIGUSR2')
  await isServing(server, pid)
})

test('the supervisor is killed: its server ends at once, and the next start finds ports and data free', async (t) => {
  const server = await startDaruma(t, { supervised: true, accounts: { a: 'secret' } })
  assert.match(await send(server, 'before'), /^250 /)
  const pid = await serverPid(server)
  server.keepPorts()
  await server.kill('SIGKILL')
  await until('the server has ended', () => !isAlive(pid))
  await server.start()
  const imap = await server.imap('a@test.example', 'secret')
  await imap.waitForMessages(1)
  imap.connection.destroy()
})

test('three deaths in a row: only the understudy is at the door, mail is taken, and it is there when the server is back', async (t) => {
  const server = await startDaruma(t, { supervised: true, accounts: { a: 'secret' } })
  assert.match(await send(server, 'first'), /^250 /)
  await until('the understudy knows the addresses', () => existsSync(join(server.data, 'intake/door.json')))
  for (let death = 1; death <= 3; death += 1) {
    const pid = await serverPid(server)
    process.kill(pid, 'SIGKILL')
    if (death < 3) await isServing(server, pid)
  }
  await until('only the understudy takes', async () => {
    const { server: { pid }, understudy } = await statusOf(server)
    return pid === null && understudy.state === 'taking'
  })
  assert.match(await send(server, 'taken by the understudy'), /^250 2\.0\.0 kept as U\d+/)
  const stranger = await RawSmtp.open({ port: server.ports.smtp })
  await stranger.command('MAIL FROM:<b@client.example>')
  assert.match(words(await stranger.command('RCPT TO:<nobody@test.example>')), /^550 5\.1\.1 /)
  assert.match(words(await stranger.command('RCPT TO:<x@elsewhere.example>')), /^451 /)
  stranger.connection.destroy()
  // An operator who asks does not have to wait for the next try.
  await askServer(join(server.data, 'supervisor.sock'), 'restart', {})
  await isServing(server, 0)
  const imap = await server.imap('a@test.example', 'secret')
  await imap.waitForMessages(2)
  imap.connection.destroy()
  assert.match(readFileSync(join(server.data, 'incidents.jsonl'), 'utf8'), /crash-loop/)
})

test('stop ends everything, also while only the understudy is there', async (t) => {
  const server = await startDaruma(t, { supervised: true })
  for (let death = 1; death <= 3; death += 1) {
    const pid = await serverPid(server)
    process.kill(pid, 'SIGKILL')
    if (death < 3) await isServing(server, pid)
  }
  await until('the understudy takes', async () => (await statusOf(server)).understudy.pid !== null)
  const { understudy } = await statusOf(server)
  const stopped = await server.command(['stop', '--wait', '20'])
  assert.equal(stopped.code, 0, stopped.stderr)
  assert.equal(await server.exited(), 0)
  assert.equal(isAlive(understudy.pid ?? 0), false)
})
