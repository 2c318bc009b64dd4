// The doors on real sockets: what sessions without sockets (test/transcripts/smtp) cannot show.
import test, { type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import { systemClock } from '../base/clock.ts'
import { defaultLimits } from '../base/limits.ts'
import { silentLog, type Log } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { createLoginJudges, knownLoginsIn, newKnownLoginsMemory } from '../guard/guard.ts'
import { loopbackDoor, testContexts, until } from '../net/loopback-for-tests.ts'
import type { ServerContexts } from '../net/server-contexts.ts'
import { accountId, addressKey, makeCredential, sequence, type AccountRow, type ArrivalMeta, type BodyDraft, type Directory } from '../store/store.ts'
import { createSmtpDoors, type SmtpDoorKind } from './smtp.ts'

const credential = await makeCredential('pass word', { random: systemRandom, scram: true })
const user: AccountRow = { account: accountId(100), address: 'user@here.example', addressKey: 'user@here.example', suspended: false, octetsMax: null, credential, createdMs: 0 }
const directory: Directory = {
  isCurrent: true, domain: (name) => (name === 'here.example' ? { name, catchAll: null } : undefined), domains: () => [], account: (account) => (account === user.account ? user : undefined),
  accountByKey: (key) => (key === addressKey(user.address) ? user : undefined), accounts: () => [user], aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
}

interface Kept { meta: ArrivalMeta; text: string }

async function door(t: TestContext, kind: SmtpDoorKind, options: { tlsFirst?: boolean; connectionsMax?: number } = {}) {
  const kept: Kept[] = []
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (msg) => warnings.push(msg), error: (msg) => warnings.push(msg), with: () => log }
  const { contexts } = testContexts(['here.example'])
  const doors = createSmtpDoors({
    store: {
      directory, admission: () => ({ admit: true }), largeWriter: () => assert.fail('no large message here'),
      accept: (meta, body: BodyDraft) => {
        assert.equal(body.at, 'memory')
        kept.push({ meta, text: Buffer.from(body.at === 'memory' ? body.bytes : '').toString('latin1') })
        return Promise.resolve(sequence(kept.length))
      },
    },
    logins: createLoginJudges({ directory, clock: systemClock, random: systemRandom, decoyKey: new Uint8Array(32), limits: () => defaultLimits, known: knownLoginsIn(newKnownLoginsMemory(), new Uint8Array(32)) }), memoryOctets: () => 0, clock: systemClock, random: systemRandom, log, hostname: 'here.example', tls: contexts,
    limits: { ...defaultLimits, connections_per_address_max: options.connectionsMax ?? 100 }, delivery: { subaddressSeparator: '+', postmaster: undefined }, receivedShowsClient: false,
    plaintextLogin: 'never', scram: true,
  })
  const { listener, sweeper } = await loopbackDoor(t, {
    admit: (address) => doors.admit(kind, address), enter: (address) => doors.enter(address), onConnection: (connection) => doors.accept(kind, connection), ...(options.tlsFirst ? { tls: contexts as ServerContexts } : {}),
  })
  return { kept, warnings, doors, listener, sweeper, port: listener.address.port }
}

class Client {
  socket: Socket
  #text = ''
  constructor(socket: Socket) {
    this.socket = socket
    this.#listen()
  }
  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => { this.#text += chunk.toString() })
    this.socket.on('error', () => {})
  }
  async reply(): Promise<string> {
    await until(() => /^\d{3} .*\r\n/m.test(this.#text) || this.socket.destroyed)
    const match = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#text)
    assert.ok(match, `no reply but "${this.#text}"`)
    this.#text = this.#text.slice(match[0].length)
    return match[0]
  }
  async say(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`)
    return this.reply()
  }
  async startTls(): Promise<void> {
    this.socket.removeAllListeners('data')
    this.socket = connectTls({ socket: this.socket, rejectUnauthorized: false, servername: 'here.example' })
    this.#listen()
    await once(this.socket, 'secureConnect')
  }
}

async function dial(t: TestContext, port: number, tls = false): Promise<Client> {
  const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connectPlain({ port, host: '127.0.0.1' })
  t.after(() => socket.destroy())
  await once(socket, tls ? 'secureConnect' : 'connect')
  return new Client(socket)
}

test('STARTTLS, a login and a message', async (t) => {
  const { kept, port } = await door(t, 'submission')
  const client = await dial(t, port)
  assert.match(await client.reply(), /^220 here\.example ESMTP/)
  assert.doesNotMatch(await client.say('EHLO client.example'), /AUTH/)
  assert.match(await client.say('STARTTLS'), /^220 /)
  await client.startTls()
  assert.match(await client.say('EHLO client.example'), /AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n/)
  assert.match(await client.say(`AUTH PLAIN ${Buffer.from('\0user@here.example\0pass word').toString('base64')}`), /^235 /)
  assert.match(await client.say('MAIL FROM:<user@here.example>'), /^250 /)
  assert.match(await client.say('RCPT TO:<far@there.example>'), /^250 /)
  assert.match(await client.say('DATA'), /^354 /)
  assert.match(await client.say('Subject: hello\r\n\r\nworld\r\n.'), /^250 2\.0\.0 kept as 1\r\n$/)
  assert.match(await client.say('QUIT'), /^221 /)
  await once(client.socket, 'close')
  const [message] = kept
  assert.ok(message)
  assert.equal(message.text, 'Subject: hello\r\n\r\nworld\r\n')
  assert.match(message.meta.relayPrefix ?? '', /^Received: by here\.example with ESMTPSA id .*TLSv1\.3.*\r\nDate: .*\r\nFrom: <user@here\.example>\r\nMessage-ID: <.*@here\.example>\r\n$/s)
  assert.match(message.meta.facts.envelope ?? '', /"user" "here\.example".*<[^>]+@here\.example>/)
})

test('TLS from the first octet', async (t) => {
  const { port } = await door(t, 'submission', { tlsFirst: true })
  const client = await dial(t, port, true)
  assert.match(await client.reply(), /^220 /)
  assert.match(await client.say('EHLO client.example'), /AUTH /)
})

test('a command slipped in behind STARTTLS, in the same packet, is never obeyed', async (t) => {
  const { kept, warnings, port } = await door(t, 'smtp')
  const client = await dial(t, port)
  await client.reply()
  await client.say('EHLO client.example')
  assert.match(await client.say('STARTTLS\r\nMAIL FROM:<evil@there.example>'), /^501 5\.5\.1 /)
  // The session goes on in the clear, and nothing of it was heard.
  assert.match(await client.say('RCPT TO:<user@here.example>'), /^503 /)
  assert.deepEqual([kept.length, warnings], [0, ['commands behind STARTTLS were thrown away']])
})

test('replies of a batch leave together, and a client that ends its side gets them all', async (t) => {
  const { kept, port } = await door(t, 'smtp')
  const client = await dial(t, port)
  await client.reply()
  client.socket.end('EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<user@here.example>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@here.example>\r\nQUIT\r\n')
  assert.match(await client.reply(), /^250-/)
  for (const code of [250, 250, 354, 250, 250, 550, 221]) assert.match(await client.reply(), new RegExp(`^${code} `))
  await once(client.socket, 'close')
  assert.equal(kept.length, 1)
})

test('too many connections are told so', async (t) => {
  const { port, doors } = await door(t, 'smtp', { connectionsMax: 1 })
  const first = await dial(t, port)
  await first.reply()
  const second = await dial(t, port)
  assert.match(await second.reply(), /^421 4\.7\.0 /)
  first.socket.destroy()
  await until(() => doors.sessions === 0)
  const third = await dial(t, port)
  assert.match(await third.reply(), /^220 /)
})

test('who has not begun the handshake on a door that speaks TLS first is counted too', async (t) => {
  const { port, doors } = await door(t, 'submission', { tlsFirst: true, connectionsMax: 1 })
  const silent = await dial(t, port)
  await until(() => doors.sessions === 1)
  const second = await dial(t, port)
  await once(second.socket, 'close')
  silent.socket.destroy()
  await until(() => doors.sessions === 0)
  assert.match(await (await dial(t, port, true)).reply(), /^220 /)
})

test('a thousand connections that say nothing cost little, and leave when the door closes', async (t) => {
  const { listener, port, doors } = await door(t, 'smtp', { connectionsMax: 2000 })
  const clients: Client[] = []
  for (let n = 0; n < 1000; n += 1) clients.push(await dial(t, port))
  await until(() => doors.sessions === 1000)
  const started = process.cpuUsage()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(process.cpuUsage(started).user < 500_000)
  const closed = listener.close({ graceMs: 5000 })
  for (const client of clients) {
    assert.match(await client.reply(), /^220 /)
    assert.match(await client.reply(), /^421 4\.3\.2 /)
    client.socket.end()
  }
  await closed
  assert.equal(doors.sessions, 0)
})
