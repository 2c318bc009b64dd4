// What an understudy took becomes ours exactly once, also when the server is killed at each step of taking it over.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, openSync, readdirSync, readFileSync, writeSync, closeSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { nodeDisk } from '../../src/base/disk.ts'
import { silentLog } from '../../src/base/log.ts'
import { seededRandom, systemRandom } from '../../src/base/random.ts'
import { printTakenMeta, type TakenMeta, type TakenRecipient } from '../../src/intake/taken.ts'
import { ADOPTION_STEPS } from '../../src/store/journal/crash-point.ts'
import { openJournal } from '../../src/store/journal/journal.ts'
import { LargeStore } from '../../src/store/journal/large-writer.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { until } from '../harness/until.ts'

const TAKEN_MS = Date.UTC(2026, 0, 2, 3, 4, 5)
const accounts = ['a@test.example', 'b@test.example']
const PASSWORD = 'secret'

interface Taken {
  subject: string
  to: string[]
  octets?: number
  from?: string
  notify?: TakenRecipient['notify']
}

const bytesOfMessage = ({ subject, octets = 200 }: Taken): Buffer =>
  Buffer.from(`From: x@client.example\r\nSubject: ${subject}\r\n\r\n${`${'y'.repeat(76)}\r\n`.repeat(Math.ceil(octets / 78))}`)

/** As an understudy leaves it. */
async function leave(data: string, messages: readonly Taken[]): Promise<void> {
  const directory = join(data, 'intake')
  mkdirSync(directory, { recursive: true })
  const { journal } = openJournal({ dataDirectory: directory, segmentSizeOctets: 1024 * 1024, disk: nodeDisk, clock: systemClock, random: systemRandom, log: silentLog })
  const large = new LargeStore({ dataDirectory: directory, mirrors: [], random: systemRandom })
  for (const message of messages) {
    const bytes = bytesOfMessage(message)
    const sha256 = createHash('sha256').update(bytes).digest()
    const meta: TakenMeta = {
      kind: 'taken', via: 'smtp', sender: message.from ?? 'x@client.example', peer: '192.0.2.1', helo: 'client.example', extended: true, traceId: `t${message.subject}`, id: message.subject,
      recipients: message.to.map((address) => ({ address, ...(message.notify ? { notify: message.notify } : {}) })),
    }
    let body
    if (bytes.length > 1024 * 1024) {
      const writer = large.writer()
      await writer.write(bytes)
      const { name, length } = await writer.finish()
      body = { place: 'large' as const, name, length, sha256 }
    } else body = { place: 'inline' as const, parts: [bytes], sha256 }
    journal.append([{ type: 'arrival', version: 1, timeMs: TAKEN_MS, databases: [], meta: printTakenMeta(meta), body }])
  }
  journal.close()
}

const segments = (data: string): string[] => (existsSync(join(data, 'intake/journal')) ? readdirSync(join(data, 'intake/journal')) : [])

async function prepared(t: TestContext): Promise<DarumaProcess> {
  const server = new DarumaProcess({ config: 'journal.segment_size = "1M"\n[[route]]\ndomain = "away.example"\nhost = "127.0.0.1"\nport = 9\n' })
  t.after(() => server.dispose())
  await server.start()
  for (const account of accounts) server.addAccount(account, PASSWORD)
  server.run(['alias', 'add', 'both@test.example', ...accounts, 'far@away.example'])
  await server.stop()
  return server
}

/** Subject → how often, with INTERNALDATE and bytes checked. */
async function mailOf(server: DarumaProcess, account: string, messages: readonly Taken[]): Promise<Map<string, number>> {
  const imap = await server.imap(account, PASSWORD)
  await imap.command('SELECT INBOX')
  const found = new Map<string, number>()
  const bySubject = new Map(messages.map((message) => [message.subject, message]))
  for (const { items } of await imap.fetch('1:*', '(INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])').catch(() => [])) {
    const subject = /Subject: (\S+)/.exec(String(items.get('BODY[HEADER.FIELDS (SUBJECT)]')))?.[1] ?? '?'
    found.set(subject, (found.get(subject) ?? 0) + 1)
    assert.equal(Date.parse(String(items.get('INTERNALDATE')).replace(/^(\s?\d+)-(\w+)-(\d+) /, '$1 $2 $3 ')), TAKEN_MS, subject)
    const whole = bytesOfMessage(bySubject.get(subject) ?? { subject, to: [] })
    assert.equal(String(items.get('BODY[TEXT]')), whole.subarray(whole.indexOf('\r\n\r\n') + 4).toString(), subject)
  }
  imap.connection.destroy()
  return found
}

const messages: readonly Taken[] = [
  { subject: 'one', to: ['a@test.example'] },
  { subject: 'two', to: ['both@test.example', 'b@test.example'] },
  { subject: 'big', to: ['b@test.example'], octets: 3 * 1024 * 1024 },
  { subject: 'nobody', to: ['gone@test.example'] },
  { subject: 'told', to: ['b@test.example'], from: 'teller@away.example', notify: 'SUCCESS' },
  ...Array.from({ length: 30 }, (_, n) => ({ subject: `more-${n}`, to: ['a@test.example'], octets: 60_000 })),
  { subject: 'last', to: ['a@test.example', 'b@test.example'] },
]

async function checkAll(server: DarumaProcess): Promise<void> {
  await until('everything is adopted', () => segments(server.data).length === 0)
  const expected = (account: string) => new Map(messages.filter(({ to }) => to.includes(account) || to.includes('both@test.example')).map(({ subject }) => [subject, 1] as const))
  // Whoever is not there any more: the postmaster has it, which is the first account.
  assert.deepEqual(await mailOf(server, 'a@test.example', messages), new Map([...expected('a@test.example'), ['nobody', 1] as const]))
  assert.deepEqual(await mailOf(server, 'b@test.example', messages), expected('b@test.example'))
  // What leads outside, and the report that the sender asked for: each once.
  await until('the report is in the queue', async () => {
    const queue = await server.json<{ recipient: string }[]>(['queue', 'list'])
    return queue.some(({ recipient }) => recipient === 'teller@away.example')
  })
  const queue = await server.json<{ recipient: string }[]>(['queue', 'list'])
  assert.deepEqual(queue.map(({ recipient }) => recipient).sort(), ['far@away.example', 'teller@away.example'])
  assert.deepEqual(readdirSync(join(server.data, 'intake/large')), [])
}

/** Starts it, to be killed when it comes by that point. */
async function dieAt(server: DarumaProcess, point: string): Promise<void> {
  process.env['DARUMA_CRASH_AT'] = point
  let died = false
  try {
    await server.start()
    const how = await Promise.race([server.exited(), until('adopted without dying', () => segments(server.data).length === 0).then(() => 'alive')])
    died = how === 'SIGKILL'
  } catch (error) {
    died = String(error).includes('SIGKILL')
    if (!died) throw error
  } finally {
    delete process.env['DARUMA_CRASH_AT']
  }
  assert.ok(died, `${point} was never reached`)
}

test('killed at one step of adopting after the other: everything is there once, with its own time, and nothing is left behind', async (t) => {
  const server = await prepared(t)
  await leave(server.data, messages)
  // Each time at another message: who dies twice on one sets it aside.
  for (const point of [
    'append-flush:after:3', 'large-rename:after:1', 'adopt-accept:before:6', 'adopt-accept:after:8',
    'adopt-through:before:1', 'adopt-through:after:1', 'adopt-remove:before:1', 'adopt-remove:after:2',
  ]) await dieAt(server, point)
  await server.start()
  await checkAll(server)
  assert.ok(!existsSync(join(server.data, 'intake/aside')) || readdirSync(join(server.data, 'intake/aside')).every((name) => name.endsWith('.cut')), 'nothing was set aside')
})

// Each costs a server of its own: two of them by chance, all of them with DARUMA_LONG=1.
const seed = Number(process.env['DARUMA_SEED'] ?? Math.floor(Math.random() * 1e9))

test(`killed at one step alone, whichever it is (DARUMA_SEED=${seed})`, async (t) => {
  const random = seededRandom(seed)
  const every = ['append-write', 'append-flush', 'large-rename', ...ADOPTION_STEPS.filter((name) => name !== 'adopt-aside')].flatMap((name) => [`${name}:before`, `${name}:after`])
  const points = process.env['DARUMA_LONG'] === '1' ? every : [random.int(every.length), random.int(every.length)].map((at) => every[at] ?? '')
  for (const point of points) {
    const server = await prepared(t)
    await leave(server.data, messages)
    await dieAt(server, `${point}:${/remove|through|open|large/.test(point) ? 1 : 3}`)
    await server.start()
    await checkAll(server)
    await server.dispose()
  }
})

test('a damaged message is set aside, and the rest goes on; trace knows what the understudy said', async (t) => {
  const server = await prepared(t)
  await leave(server.data, [{ subject: 'whole-1', to: ['a@test.example'] }, { subject: 'broken', to: ['a@test.example'] }, { subject: 'whole-2', to: ['a@test.example'] }])
  const segment = segments(server.data).filter((name) => name.endsWith('.seg')).map((name) => join(server.data, 'intake/journal', name)).find((path) => readFileSync(path).includes('Subject: broken')) as string
  const at = readFileSync(segment).indexOf('yyyy', readFileSync(segment).indexOf('Subject: broken'))
  const file = openSync(segment, 'r+')
  writeSync(file, Buffer.from('z'), 0, 1, at)
  closeSync(file)
  await server.start()
  await until('everything is adopted', () => segments(server.data).length === 0)
  const imap = await server.imap('a@test.example', PASSWORD)
  await imap.waitForMessages(2)
  imap.connection.destroy()
  const aside = readdirSync(join(server.data, 'intake/aside'))
  const facts = aside.find((name) => name.endsWith('.json')) as string
  assert.ok(facts, aside.join())
  const told = JSON.parse(readFileSync(join(server.data, 'intake/aside', facts), 'utf8')) as { because: string; takenMs: number; bytes: string; meta: { recipients: { address: string }[] } }
  assert.deepEqual([told.because, told.takenMs, told.meta.recipients.map(({ address }) => address)], ['its bytes are damaged', TAKEN_MS, ['a@test.example']])
  // All but the octet that was hit.
  const kept = readFileSync(join(server.data, 'intake/aside', told.bytes))
  const sent = bytesOfMessage({ subject: 'broken', to: [] })
  assert.equal(kept.length, sent.length)
  assert.equal([...kept].filter((octet, n) => octet !== sent[n]).length, 1)
  assert.match(server.run(['trace', 'U1']), /a@test\.example/)
})
