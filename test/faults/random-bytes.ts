// Random octets and nonsense on every port at once. As a program, for so many seconds with a seed:
//   npm run random-bytes -- [SECONDS] [SEED]
// Ends with 0 when the server is well afterwards, with 1 and what was wrong when it is not.
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { nonsense, type Dialect } from './nonsense.ts'
import { residentOctets } from './watch.ts'

export const password = 'correct horse'
const PEERS = 16
/** A peer that is not let go by then goes itself. */
const PEER_MS_MAX = 2000
const ADDED_OCTETS_MAX = 200 * 1024 * 1024

export interface Outcome {
  connections: number
  octets: number
  /** What was wrong afterwards; empty when all is well. */
  wrong: string[]
}

export async function openTarget(): Promise<DarumaProcess> {
  const server = new DarumaProcess({ config: '[limits]\nconnections_per_address_max = 5000\nsession_errors_max = 1000000\n[[route]]\ndomain = "*"\nhost = "127.0.0.1"\nport = 9\n' })
  await server.start()
  server.run(['domain', 'add', server.domain])
  for (const name of ['user', 'victim', 'well']) server.addAccount(`${name}@${server.domain}`, password)
  return server
}

export async function assault(server: DarumaProcess, options: { seconds: number; seed: number }): Promise<Outcome> {
  const outcome: Outcome = { connections: 0, octets: 0, wrong: [] }
  const before = residentOctets(server.pid)
  const untilMs = performance.now() + options.seconds * 1000
  await Promise.all(Array.from({ length: PEERS }, async (_, i) => {
    const random = seededRandom(options.seed * 1000 + i)
    while (performance.now() < untilMs && outcome.wrong.length === 0) await peer(server, random, outcome)
  }))
  outcome.wrong.push(...(await symptoms(server, before)))
  return outcome
}

/** One connection: comes, perhaps logs in, talks nonsense, goes. */
async function peer(server: DarumaProcess, random: Random, outcome: Outcome): Promise<void> {
  const doors = ['smtp', 'submission', 'submissions', 'imap', 'imaps'] as const
  const door = doors[random.int(doors.length)] ?? 'smtp'
  const dialect: Dialect = door.startsWith('imap') ? 'imap' : 'smtp'
  const underTls = door.endsWith('s') && random.int(4) > 0
  const socket = await open(server.ports[door], underTls)
  if (!socket) return
  outcome.connections += 1
  let heard = ''
  const over = new Promise<void>((resolve) => {
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
  })
  socket.on('data', (chunk: Buffer) => {
    heard = (heard + chunk.toString('latin1')).slice(-20_000)
    if (/\bSERVERBUG\b/.test(heard) && !outcome.wrong.some((one) => one.startsWith('SERVERBUG'))) outcome.wrong.push(`SERVERBUG after ${JSON.stringify(said.slice(-2000))}`)
  })
  let said = ''
  const say = (bytes: Uint8Array) => {
    said = (said + Buffer.from(bytes).toString('latin1')).slice(-5000)
    outcome.octets += bytes.length
    if (!socket.destroyed) socket.write(bytes)
  }
  if (random.int(2) === 0) {
    const user = `victim@${server.domain}`
    say(Buffer.from(dialect === 'imap'
      ? `l LOGIN ${user} "${password}"\r\ns SELECT INBOX\r\n`
      : `EHLO c.example\r\nAUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}\r\n`))
  }
  for (let left = 1 + random.int(30); left > 0 && !socket.destroyed; left -= 1) {
    say(nonsense(random, dialect))
    if (random.int(3) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  if (random.int(3) === 0) socket.destroy()
  else socket.end()
  const timer = setTimeout(() => socket.destroy(), PEER_MS_MAX)
  await over
  clearTimeout(timer)
}

function open(port: number, underTls: boolean): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = underTls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1')
    socket.once(underTls ? 'secureConnect' : 'connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}

/** Is it well? Mail goes in and comes out, the memory is back, its log tells of no fault of its own. */
async function symptoms(server: DarumaProcess, beforeOctets: number): Promise<string[]> {
  const wrong: string[] = []
  try {
    const sender = await RawSmtp.open({ port: server.ports.smtp })
    const reply = await sender.send({ from: 's@sender.example', to: [`well@${server.domain}`], bytes: Buffer.from('Subject: well?\r\n\r\nyes\r\n') })
    if (reply.code !== 250) wrong.push(`mail is answered ${reply.code} ${reply.lines.join(' ')}`)
    await sender.quit()
    const reader = await RawImap.open({ port: server.ports.imap })
    await reader.login(`well@${server.domain}`, password)
    await reader.waitForMessages(1)
    if (!(await reader.bytesOf('*')).toString().endsWith('\r\nyes\r\n')) wrong.push('the mail has changed')
    reader.connection.destroy()
    server.run(['status'])
    wrong.push(...(await miscounts(server)))
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error))
  }
  const added = residentOctets(server.pid) - beforeOctets
  if (added > ADDED_OCTETS_MAX) wrong.push(`${added} octets more in memory`)
  const faults = server.stderr.split('\n').filter((line) => line.includes('"level":"error"') || /Unhandled|Uncaught|Warning:/.test(line))
  if (faults.length > 0) wrong.push(...faults.slice(0, 5))
  return wrong
}

/** Mailboxes of the account that the nonsense was let into whose counts are not what is in them. */
async function miscounts(server: DarumaProcess): Promise<string[]> {
  const wrong: string[] = []
  const client = await RawImap.open({ port: server.ports.imap })
  await client.login(`victim@${server.domain}`, password)
  const listed = (await client.command('LIST "" "*"')).untagged.filter((values) => values[0] === 'LIST')
  for (const [, attributes, , name] of listed) {
    if (Array.isArray(attributes) && attributes.some((one) => /^\\no(?:select|nexistent)$/i.test(String(one)))) continue
    const octets = Buffer.isBuffer(name) ? name : Buffer.from(String(name), 'latin1')
    const shown = JSON.stringify(octets.toString('latin1').slice(0, 100))
    const selected = await client.command('EXAMINE ', octets)
    if (selected.status !== 'OK') {
      wrong.push(`${shown} is listed and cannot be selected: ${selected.text}`)
      continue
    }
    const status = (await client.command('STATUS ', octets, ' (MESSAGES UNSEEN SIZE UIDNEXT)')).untagged.find((values) => values[0] === 'STATUS')?.[2]
    const said = new Map<string, number>()
    if (Array.isArray(status)) for (let i = 0; i + 1 < status.length; i += 2) said.set(String(status[i]), Number(status[i + 1]))
    const found = said.get('MESSAGES') === 0 ? [] : await client.fetch('1:*', '(UID FLAGS RFC822.SIZE)')
    const sum = (of: (items: (typeof found)[number]['items']) => number) => found.reduce((total, { items }) => total + of(items), 0)
    const counted = {
      MESSAGES: found.length,
      UNSEEN: sum((items) => (String(items.get('FLAGS')).includes('\\Seen') ? 0 : 1)),
      SIZE: sum((items) => Number(items.get('RFC822.SIZE'))),
    }
    for (const [item, number] of Object.entries(counted)) if (said.get(item) !== number) wrong.push(`${shown}: ${item} is said to be ${said.get(item)}, it is ${number}`)
    if (found.some(({ items }) => Number(items.get('UID')) >= (said.get('UIDNEXT') ?? 0))) wrong.push(`${shown}: a UID is not below UIDNEXT`)
  }
  client.connection.destroy()
  return wrong.slice(0, 10)
}

if (import.meta.main) {
  const [seconds = 60, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number)
  const server = await openTarget()
  try {
    const { connections, octets, wrong } = await assault(server, { seconds, seed })
    console.log(`seed ${seed}: ${connections} connections, ${octets} octets in ${seconds} s: ${wrong.length === 0 ? 'well' : 'NOT WELL'}`)
    for (const one of wrong) console.log(one)
    process.exitCode = wrong.length === 0 ? 0 : 1
  } finally {
    await server.dispose()
  }
}
