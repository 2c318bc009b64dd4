// The commands from argv to exit code, in a world that the test holds: real control socket, pretended server.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type Server as NetServer, type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { refuse, understood } from '../base/errors.ts'
import { seededRandom } from '../base/random.ts'
import { type PretendOffice, pretendOffice } from '../admin/pretend-office-for-tests.ts'
import { type Config, doorNames } from '../config/config.ts'
import type { World } from './command.ts'
import { runCommandLine } from './run.ts'
import type { Builder, Server } from '../server/server-interface.ts'

interface Stage {
  folder: string
  data: string
  pretend: PretendOffice
  /** Runs a command to its end. */
  daruma(...argv: string[]): Promise<{ exit: number; out: string; err: string }>
  /** Starts "trial" or "serve"; `signal` sends it one. */
  start(...argv: string[]): Running
  /** Whether the pretended data is owned by somebody. */
  owned: { by: 'nobody' | 'server' | 'command' | 'stranger' }
  reloaded: Config[]
  fail(reason: string): void
}

interface Running {
  ended: Promise<number>
  out(): string
  err(): string
  signal(name: string): void
}

const GREETING: Record<string, string> = { smtp: '220 x', submission: '220 x', submissions: '220 x', imap: '* OK', imaps: '* OK' }

function stage(t: TestContext, { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {}): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const data = join(folder, 'data')
  const pretend = pretendOffice()
  const owned: Stage['owned'] = { by: 'nobody' }
  const reloaded: Config[] = []
  let failWith: ((failure: { exit: 74; reason: string }) => void) | undefined
  const own = (who: 'server' | 'command') => {
    if (owned.by !== 'nobody') return refuse('already-owned', `another Daruma is running on ${data}`)
    owned.by = who
    return undefined
  }
  const builder: Builder = {
    async serve(config) {
      const other = own('server')
      if (other) return other
      const servers: NetServer[] = []
      const listeners = []
      for (const door of doorNames) {
        for (const at of config.listen[door]) {
          const server = createServer((socket) => socket.on('error', () => undefined).end(`${GREETING[door]}\r\n`))
          const isBound = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(at.port, at.host, () => resolve(true)))
          if (!isBound) {
            servers.forEach((one) => one.close())
            owned.by = 'nobody'
            return refuse('port-taken', `${door} ${at.host}:${at.port}`)
          }
          servers.push(server)
          const { address, port } = server.address() as AddressInfo
          // The pretended doors speak no TLS.
          listeners.push({ door, address, port, tls: false })
        }
      }
      const failed = new Promise<{ exit: 74; reason: string }>((resolve) => (failWith = resolve))
      t.after(() => servers.forEach((one) => one.close()))
      const server: Server = {
        office: pretend.office, listeners, failed,
        healthy: () => true,
        adopt: () => undefined,
        facts: () => ({ refusing: null, paused: [], messagesTaken: 0, logins: 0, members: [], accountsInTrouble: 0 }),
        reload: async (next) => {
          reloaded.push(next)
          return understood(undefined)
        },
        stop: async () => {
          await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))))
          owned.by = 'nobody'
        },
      }
      return understood(server)
    },
    async openOwner() {
      const other = own('command')
      if (other) return other
      return understood({ office: pretend.office, close: async () => void (owned.by = 'nobody') })
    },
  }
  const worldFor = (said: { out: string; err: string }, hearers: Map<string, Set<() => void>>): World => ({
    env, folder, clock: systemClock, random: seededRandom(1), packageFolder: folder, machineName: 'mx.example.org', pid: process.pid,
    program: { execPath: process.execPath, execArgv: [], main: '', args: [] }, channel: undefined,
    out: (words) => void (said.out += words),
    err: (words) => void (said.err += words),
    readStandardInput: async () => Buffer.from(input),
    onSignal: (signal, call) => {
      const calls = hearers.get(signal) ?? new Set()
      hearers.set(signal, calls.add(call))
      return () => calls.delete(call)
    },
    isAlive: () => owned.by === 'server',
    exitNow: (code) => assert.fail(`ended on the spot with ${code}`),
    builder: async () => builder,
  })
  return {
    folder, data, pretend, owned, reloaded,
    async daruma(...argv) {
      const said = { out: '', err: '' }
      const exit = await runCommandLine(argv[0] === 'trial' || argv[0] === 'serve' ? [...argv, '--alone'] : argv, worldFor(said, new Map()))
      return { exit, ...said }
    },
    start(...argv) {
      const said = { out: '', err: '' }
      const hearers = new Map<string, Set<() => void>>()
      const ended = runCommandLine([...argv, '--alone'], worldFor(said, hearers))
      return { ended, out: () => said.out, err: () => said.err, signal: (name) => hearers.get(name)?.forEach((call) => call()) }
    },
    fail: (reason) => failWith?.({ exit: 74, reason }),
  }
}

const anyPorts = doorNames.flatMap((door) => ['--listen', `${door}=127.0.0.1:0`])

test('trial: a screen, an account, the ports; then status, commands, stop', async (t) => {
  const { daruma, start, data, pretend } = stage(t)
  const server = start('trial', ...anyPorts)
  const status = await daruma('status', '--wait', '20', '--json')
  assert.equal(status.exit, 0, status.err)
  const seen = JSON.parse(status.out) as { running: boolean; messages_total: number; accounts: number; listeners: { door: string; port: number; answers: boolean }[]; uptime_seconds: number; queue_waiting: number }
  assert.deepEqual(seen.listeners.map((one) => [one.door, one.answers]), doorNames.map((door) => [door, true]))
  assert.equal(seen.running, true)

  const file = readFileSync(join(data, 'trial.txt'), 'utf8')
  assert.match(file, /^address: trial@localhost\.example\npassword: [a-z2-9-]{24}\n$/)
  assert.equal(statSync(join(data, 'trial.txt')).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(readFileSync(join(data, 'ports.json'), 'utf8')), Object.fromEntries(seen.listeners.map((one) => [one.door, one.port])))
  assert.equal(readFileSync(join(data, 'daruma.pid'), 'utf8'), `${process.pid}\n`)
  const password = /password: (.*)/.exec(file)?.[1] ?? ''
  for (const words of ['trial@localhost.example', password, 'trial.txt', String(seen.listeners[0]?.port), 'curl', 'swaks']) assert.ok(server.out().includes(words), words)

  pretend.messages.set([...pretend.office.store.directory.accounts()][0]?.account as never, 5)
  assert.equal((JSON.parse((await daruma('status', '--json')).out) as { messages_total: number }).messages_total, 5)
  const listed = await daruma('account', 'list')
  assert.match(listed.out, /^address +account +state +messages +octets_used +quota +created\ntrial@localhost\.example +100 +active +5 +4\.9K +- +2026-/)

  const stopped = await daruma('stop', '--wait', '20')
  assert.equal(await server.ended, 0)
  assert.equal(stopped.exit, 0, stopped.err)
  assert.equal(existsSync(join(data, 'daruma.pid')), false)
  assert.equal((await daruma('status')).exit, 69)
})

test('trial a second time keeps its account; without its file the password is a new one', async (t) => {
  const { start, daruma, data } = stage(t)
  const passwords: string[] = []
  for (const round of [1, 2, 3]) {
    if (round === 3) rmSync(join(data, 'trial.txt'))
    const server = start('trial', ...anyPorts)
    await daruma('status', '--wait', '20')
    passwords.push(readFileSync(join(data, 'trial.txt'), 'utf8'))
    server.signal('SIGTERM')
    assert.equal(await server.ended, 0)
  }
  assert.equal(passwords[0], passwords[1])
  assert.notEqual(passwords[1], passwords[2])
})

test('a stopped server: the command becomes the owner itself, and lets go', async (t) => {
  const { daruma, owned } = stage(t, { input: 'a secret of her own\n' })
  const added = await daruma('account', 'add', 'ada@example.org', '--password-stdin')
  assert.equal(added.exit, 0, added.err)
  assert.equal(added.out, 'added ada@example.org\n')
  assert.match(added.err, /example\.org was not a domain of this server yet and was added/)
  const made = await daruma('account', 'passwd', 'ada@example.org')
  assert.match(made.out, /^password: [a-z2-9-]{24}$/m)
  assert.equal(owned.by, 'nobody')
  const again = await daruma('account', 'add', 'ada@example.org')
  assert.deepEqual([again.exit, again.err], [1, 'daruma: there is an account ada@example.org already\n'])
})

test('reading what is not there makes nothing', async (t) => {
  const { daruma, data } = stage(t)
  const listed = await daruma('account', 'list')
  assert.equal(listed.exit, 69)
  assert.match(listed.err, /there is no data directory/)
  assert.equal(existsSync(data), false)
})

test('two servers on one data directory are refused, a taken port too', async (t) => {
  const { start, daruma, data } = stage(t)
  const server = start('trial', ...anyPorts)
  await daruma('status', '--wait', '20')
  const second = await daruma('trial', ...anyPorts)
  assert.equal(second.exit, 75)
  assert.match(second.err, new RegExp(`another Daruma is running on ${data}`))
  const { smtp } = JSON.parse(readFileSync(join(data, 'ports.json'), 'utf8')) as { smtp: number }
  const other = stage(t)
  const taken = await other.daruma('trial', '--listen', `smtp=127.0.0.1:${smtp}`)
  assert.equal(taken.exit, 69)
  assert.ok(taken.err.includes(`127.0.0.1:${smtp} (smtp) is taken by another program`), taken.err)
  server.signal('SIGINT')
  assert.equal(await server.ended, 0)
})

test('serve: the config is checked with file and line, reloaded, and what needs a restart is named', async (t) => {
  const { start, daruma, folder, reloaded } = stage(t)
  const file = join(folder, 'daruma.toml')
  writeFileSync(file, 'hostname = "mail.example.org"\nlissten = 1\n')
  const wrong = await daruma('serve', '--config', file)
  assert.deepEqual([wrong.exit, wrong.err], [78, `${file}:2: unknown key "lissten"; did you mean "listen"?\n`])
  assert.equal((await daruma('serve', '--config', join(folder, 'absent.toml'))).exit, 78)
  assert.equal((await daruma('serve')).exit, 2)
  assert.equal((await daruma('trial', '--config', file)).exit, 2)

  writeFileSync(file, 'hostname = "mail.example.org"\ndata = "data"\n[listen]\nsmtp = "127.0.0.1:0"\n')
  const server = start('serve', '--config', file)
  const status = await daruma('status', '--wait', '20', '--config', 'daruma.toml')
  assert.equal(status.exit, 0, status.err)
  assert.match(status.out, /^hostname +mail\.example\.org$/m)
  writeFileSync(file, 'hostname = "other.example.org"\ndata = "data"\n[listen]\nsmtp = "127.0.0.1:0"\n[limits]\nrecipients_max = 5\n')
  const reload = await daruma('reload', '--config', file)
  assert.deepEqual([reload.exit, reload.out], [0, 'reloaded: limits.recipients_max\nthese changes need a restart: hostname\n'])
  assert.equal(reloaded[0]?.limits.recipients_max, 5)
  assert.equal(reloaded[0]?.hostname, 'mail.example.org')
  writeFileSync(file, 'hostname = 5\n')
  const broken = await daruma('reload', '--config', file, '--data', join(folder, 'data'))
  assert.equal(broken.exit, 78)
  assert.equal(reloaded.length, 1)
  server.signal('SIGTERM')
  assert.equal(await server.ended, 0)
})

test('a server that failed ends with exit 74 and says why', async (t) => {
  const { start, daruma, fail } = stage(t)
  const server = start('trial', ...anyPorts)
  await daruma('status', '--wait', '20')
  fail('fdatasync data/journal: i/o error')
  assert.equal(await server.ended, 74)
  assert.match(server.err(), /^daruma: fdatasync data\/journal: i\/o error$/m)
})

test('DARUMA_CONFIG and DARUMA_DATA', async (t) => {
  const { daruma } = stage(t, { env: { DARUMA_DATA: 'elsewhere' } })
  assert.match((await daruma('account', 'list')).err, /\/elsewhere;/)
  assert.match((await daruma('account', 'list', '--data', '/nowhere/at/all')).err, / \/nowhere\/at\/all;/)
  const other = stage(t, { env: { DARUMA_CONFIG: '/nowhere/daruma.toml', LANG: 'ja_JP.UTF-8' } })
  const read = await other.daruma('account', 'list')
  assert.equal(read.exit, 78)
  assert.match(read.err, /設定ファイル：there is no file \/nowhere\/daruma\.toml/)
})

test('config check', async (t) => {
  const { daruma, folder } = stage(t)
  const file = join(folder, 'daruma.toml')
  writeFileSync(file, '[listen]\nsmtp = "127.0.0.1:0"\n')
  assert.deepEqual(await daruma('config', 'check', '--config', file), { exit: 0, out: `${file}: good\n`, err: '' })
  writeFileSync(file, '[listen]\nsmtp = "127.0.0.1:0"\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n')
  const missing = await daruma('config', 'check', file)
  assert.equal(missing.exit, 78)
  assert.match(missing.err, /tls: there is no file .*c\.pem\n.*tls: there is no file .*k\.pem/s)
  assert.equal((await daruma('config', 'check')).exit, 2)
})

test('wrong values on the command line', async (t) => {
  const { daruma } = stage(t)
  for (const argv of [['status', '--wait', 'long'], ['account', 'add', 'a@b.example', '--quota', 'much'], ['trial', '--listen', 'ftp=127.0.0.1:21'], ['queue', 'list', '--limit', '0']]) {
    const ended = await daruma(...argv)
    assert.equal(ended.exit, 2, argv.join(' '))
    assert.match(ended.err, /^daruma: --/)
  }
})
