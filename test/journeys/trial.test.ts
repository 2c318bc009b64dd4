// The first quarter of an hour: somebody clones, starts, looks at the screen, tries its lines, and stops.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { launcher } from '../harness/daruma-process.ts'
import { attempt, missing, run, scratchFolder } from '../harness/program.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { TrialProcess, freePorts, type TrialOptions } from '../harness/trial-process.ts'
import { until } from '../harness/until.ts'

async function startTrial(t: TestContext, options: TrialOptions = {}): Promise<TrialProcess> {
  const trial = await TrialProcess.start(options)
  t.after(() => trial.dispose())
  return trial
}

test('the screen says where it listens, who one is, and three lines that work', { skip: missing('curl', 'swaks') }, async (t) => {
  const trial = await startTrial(t)
  assert.equal(trial.address, 'trial@localhost.example')
  assert.match(trial.password, /^[a-z0-9-]{20,}$/)
  assert.equal(statSync(join(trial.data, 'trial.txt')).mode & 0o777, 0o600)
  assert.match(readFileSync(join(trial.data, 'trial.txt'), 'utf8'), /^address: .+\npassword: .+\n$/)
  assert.equal(Number(readFileSync(join(trial.data, 'daruma.pid'), 'utf8')), trial.pid, 'the launcher has become the server')
  for (const [door, port] of Object.entries(trial.ports)) {
    assert.ok(port > 0, `${door} has a port`)
    assert.match(trial.stdout, new RegExp(`^ +${door} +127\\.0\\.0\\.1:${port}\\b`, 'm'))
  }
  assert.ok(trial.stdout.includes(trial.password), 'the screen shows the password')
  assert.ok(trial.stdout.split('\n').length <= 40, 'it is one screen')

  const waited = await trial.command(['status', '--wait', '20', '--json'])
  assert.equal(waited.code, 0, waited.stderr)

  // The very lines, typed into a shell.
  const lines = /Three lines to try[^\n]*\n((?: {2}.+\n){3})/.exec(trial.stdout)?.[1]?.trim().split('\n').map((line) => line.trim())
  assert.ok(lines)
  const [deliver, read, submit] = lines as [string, string, string]
  const inboxHolds = async (count: number) => {
    const client = await RawImap.open({ port: trial.ports.imap })
    t.after(() => client.connection.destroy())
    await client.login(trial.address, trial.password)
    await client.waitForMessages(count)
  }
  await run('sh', ['-c', deliver])
  await inboxHolds(1)
  assert.match((await run('sh', ['-c', read])).stdout, /Subject: Hello\r\n[^]*It works\./)
  assert.match((await run('sh', ['-c', submit])).stdout, /^<~[ *]+250 /m)
  await inboxHolds(2)
  const status = JSON.parse((await trial.command(['status', '--json'])).stdout) as { messages_total: number }
  assert.equal(status.messages_total, 2)
})

test('a signal to npm start stops the server cleanly, and the next start has all that was there', { skip: missing('npm') }, async (t) => {
  const data = scratchFolder(t)
  const trial = await startTrial(t, { data, by: 'npm' })
  const server = Number(readFileSync(join(data, 'daruma.pid'), 'utf8'))
  const { address, password } = trial
  const client = await RawImap.open({ port: trial.ports.imap })
  t.after(() => client.connection.destroy())
  await client.login(address, password)
  assert.equal((await client.command('APPEND INBOX ', Buffer.from('Subject: kept\r\n\r\nkept\r\n'))).status, 'OK')
  process.kill(trial.pid, 'SIGTERM')
  await trial.exited()
  await until('the server process to be gone', () => !isAlive(server))
  assert.ok(!existsSync(join(data, 'daruma.pid')) && !existsSync(join(data, 'ports.json')), 'a clean end leaves no pid and no ports')
  const answer = await trial.command(['status'])
  assert.equal(answer.code, 69)
  assert.match(answer.stderr, /no server is running/)

  const again = await startTrial(t, { data })
  assert.deepEqual([again.address, again.password], [address, password])
  const reader = await RawImap.open({ port: again.ports.imap })
  t.after(() => reader.connection.destroy())
  await reader.login(address, password)
  await reader.waitForMessages(1)
  assert.match((await reader.bytesOf(1)).toString(), /^Subject: kept\r\n/m)
  process.kill(again.pid, 'SIGTERM')
  assert.equal(await again.exited(), 0)
})

test('Ctrl+C in a terminal ends it with 0', async (t) => {
  const trial = await startTrial(t, { env: { LANG: 'ja_JP.UTF-8' } })
  assert.match(trial.stdout, /別の端末で試せる三行/, 'and who reads Japanese has a screen in Japanese')
  assert.ok(trial.stdout.includes(trial.password))
  process.kill(trial.pid, 'SIGINT')
  assert.equal(await trial.exited(), 0)
})

test('a port that is taken is named, with the remedy', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const data = scratchFolder(t)
  const args = ['trial', ...freePorts.slice(2), '--listen', `smtp=127.0.0.1:${port}`]
  const refused = await attempt(launcher, args, { env: { DARUMA_DATA: data, LANG: 'C', LC_ALL: '' } })
  assert.equal(refused.code, 69)
  assert.match(refused.stderr, new RegExp(`^daruma: 127\\.0\\.0\\.1:${port} \\(smtp\\) is taken by another program; .*--listen smtp=127\\.0\\.0\\.1:0`, 'm'))
  assert.equal(refused.stdout, '')
  const inJapanese = await attempt(launcher, args, { env: { DARUMA_DATA: data, LANG: 'ja_JP.UTF-8', LC_ALL: '', LC_MESSAGES: '' } })
  assert.equal(inJapanese.code, 69)
  assert.match(inJapanese.stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*--listen smtp=127\\.0\\.0\\.1:0`))
  assert.match(inJapanese.stderr, /[ぁ-ん]/)
})

test('a second server on one data directory is refused, and the first does not notice', async (t) => {
  const trial = await startTrial(t)
  const second = await trial.command(['trial', ...freePorts])
  assert.equal(second.code, 75)
  assert.match(second.stderr, /^daruma: another Daruma is running on .*; stop it first \(daruma stop\), or give this one a data directory of its own$/m)
  assert.deepEqual(JSON.parse(readFileSync(join(trial.data, 'ports.json'), 'utf8')), trial.ports, 'the ports of the first are still what stands there')
  assert.equal(Number(readFileSync(join(trial.data, 'daruma.pid'), 'utf8')), trial.pid)
  const client = await RawImap.open({ port: trial.ports.imap })
  t.after(() => client.connection.destroy())
  assert.equal((await client.login(trial.address, trial.password)).status, 'OK')
})

test('through a symbolic link, from another folder, with a port switched off', async (t) => {
  const folder = scratchFolder(t)
  await run('ln', ['-s', launcher, join(folder, 'daruma')])
  const help = await run(join(folder, 'daruma'), ['help'], { folder, env: { LANG: 'C', LC_ALL: '' } })
  assert.match(help.stdout, /daruma/i)
  const trial = await startTrial(t, { args: [...freePorts, '--listen', 'submissions=off'].filter((word, index, all) => word !== 'submissions=127.0.0.1:0' && all[index + 1] !== 'submissions=127.0.0.1:0') })
  assert.equal(trial.ports.submissions, 0)
  assert.ok(!/^ +submissions /m.test(trial.stdout))
})

test('stop --wait returns when it has ended', async (t) => {
  const trial = await startTrial(t)
  const stopped = await trial.command(['stop', '--wait', '20'])
  assert.equal(stopped.code, 0, stopped.stderr)
  assert.equal(await trial.exited(), 0)
  assert.equal((await trial.command(['stop', '--wait', '1'])).code, 69)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
