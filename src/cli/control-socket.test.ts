import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, rmSync, statSync, writeFileSync, existsSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { askServer } from './control-client.ts'
import { LineGatherer } from '../admin/control-protocol.ts'
import { CONTROL_SOCKET, openControlServer, perform, readingOperations } from '../admin/admin.ts'
import { pretendOffice } from '../admin/pretend-office-for-tests.ts'

const ask = (data: string, command: string, args: unknown) => askServer(join(data, CONTROL_SOCKET), command, args)

async function open(t: TestContext, data = mkdtempSync(join(tmpdir(), 'daruma-control-'))) {
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const pretend = pretendOffice()
  const server = await openControlServer({ path: join(data, CONTROL_SOCKET), perform: (command, args) => perform(pretend.office, command, args), reads: readingOperations, clock: systemClock, log: silentLog })
  t.after(() => server.close())
  return { ...pretend, data, server }
}

test('a request goes there and its answer comes back', async (t) => {
  const { data } = await open(t)
  const added = await ask(data, 'account-add', { address: '花子@example.org', password: 'x', quota: null })
  assert.deepEqual(added, { at: 'answered', answer: { ok: true, result: { address: '花子@example.org', account: 100, password: null, domainAdded: 'example.org' } } })
  const again = await ask(data, 'account-add', { address: '花子@example.org', password: 'x', quota: null })
  assert.ok(again.at === 'answered' && !again.answer.ok)
  assert.deepEqual([again.answer.exit, again.answer.code], [1, 'exists'])
  assert.match(again.answer.reason.ja, /すでにあります/)
})

test('the socket is for its owner alone and goes when the server closes', async (t) => {
  const { server, data } = await open(t)
  assert.equal(statSync(server.path).mode & 0o777, 0o600)
  await server.close()
  assert.equal(existsSync(server.path), false)
  assert.deepEqual(await ask(data, 'status', {}), { at: 'nobody' })
})

test('a socket left behind by a dead server is nobody, and is replaced', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'daruma-control-'))
  writeFileSync(join(data, 'control.sock'), '')
  assert.deepEqual(await ask(data, 'status', {}), { at: 'nobody' })
  await open(t, data)
  assert.equal((await ask(data, 'account-list', {})).at, 'answered')
})

test('a data directory deeper than the kernel allows for a socket', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'daruma-control-'))
  t.after(() => rmSync(top, { recursive: true, force: true }))
  const data = join(top, 'x'.repeat(100), 'y'.repeat(100))
  assert.deepEqual(await ask(data, 'account-list', {}), { at: 'nobody' })
  mkdirSync(data, { recursive: true })
  const before = process.cwd()
  await open(t, data)
  assert.equal((await ask(data, 'account-list', {})).at, 'answered')
  assert.equal(process.cwd(), before)
})

test('several requests on one connection, in any chunks, are answered in order; junk is answered too', async (t) => {
  const { server } = await open(t)
  const socket = connect(server.path)
  const lines: string[] = []
  const gatherer = new LineGatherer(1_000_000)
  const done = new Promise<void>((resolve) => socket.on('data', (chunk: Buffer) => {
    for (const line of gatherer.take(chunk) ?? []) lines.push(Buffer.from(line).toString())
    if (lines.length === 4) resolve()
  }))
  for (const byte of Buffer.from('{"command":"domain-add","args":{"domain":"a.example","catchAll":null}}\n{"command":"domain-list"}\nrubbish\n{"command":"no-such"}\n')) {
    socket.write(Uint8Array.of(byte))
  }
  await done
  socket.destroy()
  const answers = lines.map((line) => JSON.parse(line) as { ok: boolean; result?: unknown; exit?: number })
  assert.deepEqual(answers.map((answer) => answer.ok), [true, true, false, false])
  assert.deepEqual(answers[1]?.result, [{ domain: 'a.example', catchAll: null, accounts: 0, aliases: 0 }])
  assert.equal(answers[3]?.exit, 2)
})

test('a request without end is cut off', async (t) => {
  const { server } = await open(t)
  const socket = connect(server.path)
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const part = Buffer.alloc(1024 * 1024, 'x')
  for (let count = 0; count < 8; count += 1) socket.write(part)
  await closed
})

test('closing answers what was begun', async (t) => {
  const { server, office, data } = await open(t)
  let release: (() => void) | undefined
  let begun: (() => void) | undefined
  const started = new Promise<void>((resolve) => (begun = resolve))
  Object.assign(office, { makeCredential: () => new Promise((resolve) => {
    release = () => resolve({ argon2: 'v', scram: null })
    begun?.()
  }) })
  const asked = ask(data, 'account-add', { address: 'a@b.example', password: 'x', quota: null })
  await started
  const closed = server.close()
  release?.()
  const answer = await asked
  assert.ok(answer.at === 'answered' && answer.answer.ok)
  await closed
})
