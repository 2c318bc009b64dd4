// One life of a server, always the same: mail is accepted (small and large), appended, moved, expunged, delivered
// elsewhere, bounced, and a snapshot is taken. Each step is in the ledger before it is tried; what breaks off breaks off.
import { hash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../src/base/random.ts'
import type { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap, fetchItems } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import type { Ledger, SentMessage } from './ledger.ts'
import { attempt, changed, expand } from './load.ts'
import type { Sink } from './sink.ts'

export const PASSWORD = 'a password for every call'
export const READERS = ['r1@test.example', 'r2@test.example'] as const
export const WRITER = 'w1@test.example'
export const SUBMITTER = 'sub@test.example'
/** Records after which a snapshot is due: the writer's part has more. */
export const SNAPSHOT_RECORDS = 5
const SNAPSHOT_MS = 20_000

export interface Life {
  server: DarumaProcess
  ledger: Ledger
  sink: Sink
  random: Random
  /** Bounces that were submitted, by id. */
  bounces: Map<string, SentMessage>
  /** Counts the lives: no two messages have one name. */
  number: number
  /** The process has ended: nobody need wait any more. */
  dead: () => boolean
}

/** True when it came to its end; false when the server had gone before. */
export async function live(life: Life): Promise<boolean> {
  try {
    await accept(life)
    await write(life)
    await deliver(life)
    await bounce(life)
    await snapshot(life)
    return true
  } catch (error) {
    // It may take a moment until the process is known to have gone.
    if (await until('the server to have ended', life.dead, 3000).catch(() => false)) return false
    throw error
  }
}

function compose(life: Life, name: string, recipients: readonly string[], octets: number, from = 'torture@sender.example'): SentMessage {
  const id = `${name}-${life.number}`
  const lines = [`From: ${from}`, `Subject: ${id}`, 'Date: Tue, 24 Nov 2026 10:00:00 +0900', `Message-ID: <${id}@torture.example>`, `X-Ledger: ${id}`, '']
  for (let size = 0; size < octets; size += 74) lines.push(Buffer.from(life.random.bytes(54)).toString('base64'))
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n`)
  return { id, bytes, sha256: sha256(bytes), recipients: [...recipients], uncertain: 0, acknowledged: 0 }
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

async function send(client: RawSmtp, book: Map<string, SentMessage>, message: SentMessage, from: string): Promise<void> {
  const reply = await client.send({ from, to: message.recipients, bytes: message.bytes }, () => {
    message.uncertain += 1
    book.set(message.id, message)
  })
  message.bytes = new Uint8Array(0)
  if (reply.code === 250) {
    message.acknowledged += 1
    message.uncertain -= 1
  } else if (reply.code >= 500) throw new Error(`${message.id} was refused for good: ${reply.code} ${reply.lines.join(' ')}`)
}

async function accept(life: Life): Promise<void> {
  const { server, ledger } = life
  const client = await RawSmtp.open({ port: server.ports.smtp, helo: 'every-call.example' })
  await send(client, ledger.sent, compose(life, 'one', [READERS[0]], 800), 's@sender.example')
  await send(client, ledger.sent, compose(life, 'both', READERS, 3000), 's@sender.example')
  await send(client, ledger.sent, compose(life, 'large', READERS, 1_200_000), 's@sender.example')
  client.connection.destroy()
}

async function write(life: Life): Promise<void> {
  const { server, ledger, random } = life
  const client = await RawImap.open({ port: server.ports.imap })
  const login = await client.login(WRITER, PASSWORD)
  if (login.status !== 'OK') throw new Error(`login: ${login.text}`)
  await client.command('CREATE Work')
  await client.command('CREATE Other')
  await client.command('SELECT Work (CONDSTORE)')
  const work = ledger.model(WRITER, 'Work')
  const other = ledger.model(WRITER, 'Other')
  const appended: number[] = []
  for (const part of ['a', 'b', 'c', 'd']) {
    const { id, bytes } = compose(life, `w-${part}`, [], 400 + random.int(400))
    const held = { id, flags: '\\Seen' }
    await attempt(client, WRITER, ledger, { what: 'append', fresh: [{ mailbox: 'Work', held }] }, ['APPEND Work (\\Seen) ', bytes], (text) => {
      const uid = Number(/\[APPENDUID \d+ (\d+)\]/.exec(text)?.[1])
      work.set(uid, held)
      appended.push(uid)
    })
  }
  const [moved, copied, deleted] = appended as [number, number, number]
  for (const [verb, uid] of [['MOVE', moved], ['COPY', copied]] as const) {
    const held = work.get(uid)
    if (!held) throw new Error('the model has lost a message')
    const gone = verb === 'MOVE' ? [{ mailbox: 'Work', uid }] : []
    await attempt(client, WRITER, ledger, { what: verb, fresh: [{ mailbox: 'Other', held: { ...held } }], gone }, [`UID ${verb} ${uid} Other`], (text, untagged) => {
      const code = /\[COPYUID \d+ \S+ (\S+)\]/.exec(`${untagged} ${text}`)
      other.set(expand(code?.[1] ?? '')[0] as number, { ...held })
      if (verb === 'MOVE') work.delete(uid)
    })
  }
  const flags = changed(work.get(deleted)?.flags ?? '', '\\Deleted', true)
  await attempt(client, WRITER, ledger, { what: 'delete', flags: [{ mailbox: 'Work', uid: deleted, flags }] }, [`UID STORE ${deleted} +FLAGS.SILENT (\\Deleted)`], () => {
    const held = work.get(deleted)
    if (held) held.flags = flags
  })
  await attempt(client, WRITER, ledger, { what: 'expunge', gone: [{ mailbox: 'Work', uid: deleted }] }, [`UID EXPUNGE ${deleted}`], () => void work.delete(deleted))
  client.connection.destroy()
}

async function submitter(life: Life): Promise<RawSmtp> {
  const client = await RawSmtp.open({ port: life.server.ports.submission, helo: 'every-call.example' })
  const login = await client.login(SUBMITTER, PASSWORD)
  if (login.code !== 235) throw new Error(`login for submission: ${login.code}`)
  return client
}

async function deliver(life: Life): Promise<void> {
  const { ledger, sink } = life
  const client = await submitter(life)
  const message = compose(life, 'out', ['a@away.example'], 600, SUBMITTER)
  await send(client, ledger.submitted, message, SUBMITTER)
  client.connection.destroy()
  await until('it has gone out', () => life.dead() || sink.received.has(message.id))
}

async function bounce(life: Life): Promise<void> {
  const client = await submitter(life)
  const message = compose(life, 'bounce', ['gone@away.example'], 600, SUBMITTER)
  await send(client, life.bounces, message, SUBMITTER)
  client.connection.destroy()
  await until('the report', async () => life.dead() || (await reports(life)).get(message.id) === 1)
  if (life.dead()) throw new Error('gone')
}

/** How many reports there are about each message, in the submitter's INBOX. */
export async function reports({ server }: Pick<Life, 'server'>): Promise<Map<string, number>> {
  const client = await server.imap(SUBMITTER, PASSWORD)
  try {
    await client.command('EXAMINE INBOX')
    const answer = await client.command('UID FETCH 1:* (BODY.PEEK[])')
    const counts = new Map<string, number>()
    for (const values of answer.untagged) {
      const body = fetchItems(values)?.items.get('BODY[]')
      const id = Buffer.isBuffer(body) ? /^X-Ledger: (\S+)/m.exec(body.toString('latin1'))?.[1] : undefined
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  } finally {
    client.connection.destroy()
  }
}

async function snapshot(life: Life): Promise<void> {
  const folder = join(life.server.data, 'snapshots')
  const there = () => {
    try {
      return readdirSync(folder, { recursive: true }).map(String).filter((name) => !name.endsWith('.part') && !name.endsWith('.new'))
    } catch {
      return []
    }
  }
  const before = new Set(life.number === 0 ? [] : there())
  await until('a snapshot', () => life.dead() || there().some((name) => !before.has(name)), SNAPSHOT_MS)
  if (life.dead()) throw new Error('gone')
}
