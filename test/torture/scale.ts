// R12: a server with so much mail and so long a queue is killed under load, again and again; how long until it answers?
//   node test/torture/scale.ts [--messages 1000000] [--queued 100000] [--accounts 1000] [--starts 11]
//   --data DIR   is filled if it is new, kept, and used again by the next run; without it a scratch folder that goes
//   --small      ten accounts and a hundred messages: what every restart costs
// Ends with 1 when the worst start took longer than --within MS (2000). Everything goes in over SMTP and submission;
// what is queued goes to a smart host that says 451 to everything.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { spread, untilAnswering, type Answering } from './answering.ts'
import { accountName, fill, makeAccounts } from './scale-fill.ts'
import { Sink } from './sink.ts'

const PASSWORD = 'a password at scale'
const CONNECTIONS = 40
/** Load before each kill: longer than databases wait for their flush. */
const LOAD_MS = Number(process.env["LOAD_MS"] ?? 3000)

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' }, queued: { type: 'string', default: '100000' }, accounts: { type: 'string', default: '1000' },
    starts: { type: 'string', default: '11' }, data: { type: 'string' }, small: { type: 'boolean', default: false }, within: { type: 'string', default: '2000' }, level: { type: 'string', default: 'info' },
  },
})
const size = values.small ? { messages: 100, queued: 10, accounts: 10 } : { messages: Number(values.messages), queued: Number(values.queued), accounts: Number(values.accounts) }

interface Filled {
  messages: number
  queued: number
  accounts: number
}

const scratch = values.data === undefined ? mkdtempSync(join(tmpdir(), 'daruma-scale-')) : undefined
const folder = scratch ?? (values.data as string)
const data = join(folder, 'data')
const noteFile = join(folder, 'filled.json')
mkdirSync(data, { recursive: true })

const sink = await Sink.open()
sink.refuseEvery = 1
const server = new DarumaProcess({
  data,
  config: `log.level = "${values.level}"\nlimits.session_messages_max = 100000000\nlimits.connections_per_address_max = 1000\n`
    + `[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = ${sink.port}\n`,
})
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

try {
  await server.start()
  server.keepPorts()
  const filled = existsSync(noteFile) ? (JSON.parse(readFileSync(noteFile, 'utf8')) as Filled) : await fillAll()
  console.log(`filled with ${filled.messages} messages in ${filled.accounts} accounts, ${filled.queued} queued`)
  const times: Answering[] = []
  for (let start = 0; start < Number(values.starts) && !stop.signal.aborted; start++) {
    const time = await killAndStart(filled, start)
    times.push(time)
    console.log(`start ${start + 1}: greeting ${Math.round(time.greetingMs)}, RCPT 250 ${Math.round(time.rcptMs)}, SELECT OK ${Math.round(time.selectMs)} ms after the kill`)
  }
  report(filled, times)
} finally {
  await server.dispose()
  sink.close()
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
}

async function fillAll(): Promise<Filled> {
  const { messages, queued, accounts } = size
  const since = performance.now()
  const say = (what: string) => console.log(`${Math.round((performance.now() - since) / 1000)} s: ${what}`)
  await makeAccounts(join(data, 'control.sock'), accounts, PASSWORD)
  say(`${accounts} accounts`)
  const from = (index: number) => `s${index % 97}@sender.example`
  const local = await fill({
    port: server.ports.smtp, count: messages, connections: CONNECTIONS, from, to: (index) => accountName(index % accounts), signal: stop.signal,
    said: (done) => done % 100_000 === 0 && say(`${done} messages`),
  })
  say(`${local} messages`)
  const user = accountName(0)
  const out = await fill({
    port: server.ports.submission, count: queued, connections: CONNECTIONS, from: () => user, to: (index) => `q${index}@away.example`,
    login: { user, password: PASSWORD }, signal: stop.signal,
  })
  say(`${out} queued`)
  const filled: Filled = { messages: local, queued: out, accounts }
  if (!stop.signal.aborted) writeFileSync(noteFile, JSON.stringify(filled))
  return filled
}

async function killAndStart({ accounts }: Filled, start: number): Promise<Answering> {
  const loading = new AbortController()
  const load = fill({
    port: server.ports.smtp, count: 10_000_000, connections: 10, from: () => 'load@sender.example',
    to: (index) => accountName((index * 7919 + start) % accounts), signal: loading.signal,
  }).catch(() => 0)
  await new Promise((resolve) => setTimeout(resolve, LOAD_MS))
  loading.abort()
  const sinceMs = performance.now()
  await server.kill()
  await load
  const who = accountName((start * 31 + 7) % accounts)
  const answering = untilAnswering({ smtpPort: server.ports.smtp, imapPort: server.ports.imap, recipient: who, user: who, password: PASSWORD }, sinceMs, stop.signal)
  const [time] = await Promise.all([answering, server.start()])
  return time
}

function report(filled: Filled, times: readonly Answering[]): void {
  const load = loadavg().map((value) => value.toFixed(1)).join(' ')
  console.log(`${filled.messages} messages, ${filled.queued} queued, ${filled.accounts} accounts; ${times.length} kills under load; ${cpus().length} cores (${cpus()[0]?.model}), load average ${load}`)
  console.log(`  greeting: ${spread(times.map((time) => time.greetingMs))}`)
  console.log(`  RCPT 250: ${spread(times.map((time) => time.rcptMs))}`)
  console.log(`  login and SELECT: ${spread(times.map((time) => time.selectMs))}`)
  const worst = Math.max(...times.flatMap((time) => [time.rcptMs, time.selectMs]))
  if (worst > Number(values.within)) {
    console.log(`the worst took ${Math.round(worst)} ms, more than ${values.within}`)
    process.exitCode = 1
  }
}
