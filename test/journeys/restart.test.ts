// Killed in the middle of the work. Whatever was acknowledged is there at the next start, under the same UIDs,
// whole, and once. (The long form, with hundreds of kills and power cuts, is test/torture.)
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { Gone } from '../harness/raw-connection.ts'
import { until } from '../harness/until.ts'

const SENDERS = 5
const MAILED_BEFORE_KILL = 60
const FLAGGED_BEFORE_KILL = 10

/** Repeats until the server is gone. Anything else that goes wrong is a finding. */
async function untilGone(act: () => Promise<void>): Promise<void> {
  try {
    for (;;) await act()
  } catch (error) {
    if (!(error instanceof Gone)) throw error
  }
}

const idOf = (bytes: Uint8Array) => /^Message-ID: <(.+)>\r?$/m.exec(Buffer.from(bytes).toString('latin1'))?.[1] ?? ''

test('killed with mail, appends and flags under way', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  server.keepPorts()
  const bytesOf = (id: string) => Buffer.from(`Message-ID: <${id}>\r\nSubject: ${id}\r\n\r\n${`${id} `.repeat(50)}\r\n.\r\nend\r\n`)
  const mailed = new Set<string>()
  const inFlight = new Set<string>()
  const appended = new Map<string, number>()
  const flagged = new Set<number>()
  const enough = () => mailed.size >= MAILED_BEFORE_KILL && flagged.size >= FLAGGED_BEFORE_KILL

  // One that is kept in a file of its own.
  const large = Buffer.from(`Message-ID: <large@elsewhere.example>\r\n\r\n${`${'0123456789'.repeat(7)}\r\n`.repeat(45_000)}`)
  const first = await RawSmtp.open({ port: server.ports.smtp })
  assert.equal((await first.send({ from: 'x@elsewhere.example', to: ['ada@test.example', 'bob@test.example'], bytes: large }, () => inFlight.add('large@elsewhere.example'))).code, 250)
  mailed.add('large@elsewhere.example')
  await first.quit()

  const before = await server.imap('ada@test.example', 'secret')
  const validity = await before.statusOf('INBOX', 'UIDVALIDITY')
  const work: Promise<void>[] = []
  for (let n = 0; n < SENDERS; n += 1) {
    const client = await RawSmtp.open({ port: server.ports.smtp })
    let count = 0
    work.push(untilGone(async () => {
      const id = `s${n}.${count += 1}@elsewhere.example`
      const reply = await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: bytesOf(id) }, () => inFlight.add(id))
      assert.equal(reply.code, 250)
      mailed.add(id)
    }))
  }
  const writer = await server.imap('bob@test.example', 'secret')
  await writer.command('SELECT INBOX')
  let count = 0
  work.push(untilGone(async () => {
    const id = `a.${count += 1}@test.example`
    inFlight.add(id)
    const done = await writer.command('APPEND INBOX ', bytesOf(id))
    assert.equal(done.status, 'OK')
    const uid = Number(/APPENDUID \d+ (\d+)/.exec(done.text)?.[1])
    appended.set(id, uid)
    const marked = await writer.command(`UID STORE ${uid} +FLAGS.SILENT (\\Flagged)`)
    assert.equal(marked.status, 'OK')
    flagged.add(uid)
  }))
  // One sender stops in the middle of its message, one behind its last dot's CR: neither is a message.
  const halves = await Promise.all(['half a message', 'half a dot'].map(async (what) => {
    const client = await RawSmtp.open({ port: server.ports.smtp })
    for (const line of ['MAIL FROM:<x@elsewhere.example>', 'RCPT TO:<ada@test.example>', 'DATA']) await client.command(line)
    client.connection.write(`Message-ID: <${what}>\r\n\r\n${what}${what === 'half a dot' ? '\r\n.\r' : ''}`)
    return client
  }))
  await until('enough to be acknowledged', enough)
  await server.kill('SIGKILL')
  await Promise.all(work)
  for (const client of [...halves, before, writer]) client.connection.destroy()
  assert.ok(enough())

  await server.start()
  const ada = await server.imap('ada@test.example', 'secret')
  assert.deepEqual(await ada.statusOf('INBOX', 'UIDVALIDITY'), validity)
  await ada.waitForMessages(mailed.size)
  const kept = (await ada.fetch('1:*', '(UID BODY.PEEK[])')).map(({ items }) => ({ uid: Number(items.get('UID')), bytes: items.get('BODY[]') as Buffer }))
  const ids = kept.map(({ bytes }) => idOf(bytes))
  assert.deepEqual([...mailed].filter((id) => !ids.includes(id)), [], 'every 250 is kept')
  assert.deepEqual(ids.filter((id) => !inFlight.has(id)), [], 'nothing else is')
  assert.equal(new Set(ids).size, ids.length, 'nothing is there twice')
  assert.equal(new Set(kept.map(({ uid }) => uid)).size, kept.length)
  for (const { bytes } of kept) {
    const sent = idOf(bytes) === 'large@elsewhere.example' ? large : bytesOf(idOf(bytes))
    assert.ok(bytes.subarray(-sent.length).equals(sent), 'each is whole')
  }

  const bob = await server.imap('bob@test.example', 'secret')
  await bob.command('SELECT INBOX')
  const there = new Map((await bob.fetch('1:*', '(UID FLAGS BODY.PEEK[])')).map(({ items }) => [Number(items.get('UID')), items]))
  for (const [id, uid] of appended) {
    assert.ok((there.get(uid)?.get('BODY[]') as Buffer | undefined)?.equals(bytesOf(id)), `${id} is UID ${uid}`)
    if (flagged.has(uid)) assert.ok((there.get(uid)?.get('FLAGS') as string[] | undefined)?.includes('\\Flagged'), `the flag of UID ${uid}`)
  }
  const next = await bob.command('APPEND INBOX ', bytesOf('later@test.example'))
  const uid = Number(/APPENDUID \d+ (\d+)/.exec(next.text)?.[1])
  assert.ok(uid > Math.max(...there.keys()), 'no UID is given out twice')
  await bob.logout()
  await ada.logout()
  assert.equal(await server.stop(), 0)
})

test('killed over and over while starting', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  server.keepPorts()
  const client = await RawSmtp.open({ port: server.ports.smtp })
  for (let n = 0; n < 20; n += 1) {
    const bytes = Buffer.from(`Message-ID: <${n}@elsewhere.example>\r\n\r\n${n}\r\n`)
    assert.equal((await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes })).code, 250)
  }
  await server.kill('SIGKILL')
  for (let round = 0; round < 3; round += 1) {
    // As soon as it says that it listens, and without any goodbye.
    await server.start()
    await server.kill('SIGKILL')
  }
  await server.start()
  const reader: RawImap = await server.imap('ada@test.example', 'secret')
  await reader.waitForMessages(20)
  const ids = await reader.fetch('1:*', '(BODY.PEEK[TEXT])')
  assert.deepEqual(ids.map(({ items }) => String(items.get('BODY[TEXT]')).trim()), Array.from({ length: 20 }, (_, n) => String(n)))
  assert.deepEqual(await reader.statusOf('INBOX', 'MESSAGES'), { MESSAGES: 20 })
  await reader.logout()
})

test('stopped while people are in the middle of something: they are told, and what is under way is finished', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  server.keepPorts()
  const idle = await RawSmtp.open({ port: server.ports.smtp })
  const reader = await server.imap('ada@test.example', 'secret')
  await reader.command('SELECT INBOX')
  const waiting = await server.imap('ada@test.example', 'secret')
  await waiting.command('SELECT INBOX')
  waiting.connection.write('i IDLE\r\n')
  assert.match((await waiting.connection.line()).toString(), /^\+/)
  const busy = await RawSmtp.open({ port: server.ports.smtp })
  for (const line of ['MAIL FROM:<x@elsewhere.example>', 'RCPT TO:<ada@test.example>']) assert.equal((await busy.command(line)).code, 250)
  assert.equal((await busy.command('DATA')).code, 354)
  busy.connection.write('Message-ID: <under-way@elsewhere.example>\r\n\r\nhalf of it')

  process.kill(server.pid, 'SIGTERM')
  assert.equal((await idle.reply()).code, 421)
  const bye = async (client: RawImap) => {
    for (;;) {
      const { text } = await client.response()
      if (text.startsWith('* BYE')) return text
    }
  }
  assert.match(await bye(reader), /^\* BYE /)
  assert.match(await bye(waiting), /^\* BYE /)
  busy.connection.write(', and the rest\r\n.\r\n')
  const reply = await busy.reply()
  assert.equal(reply.code, 250, reply.lines.join(' '))
  assert.equal((await busy.reply()).code, 421, 'then it is its turn')
  assert.equal(await server.exited(), 0)
  for (const { connection } of [idle, reader, waiting, busy]) connection.destroy()

  await server.start()
  const again = await server.imap('ada@test.example', 'secret')
  await again.waitForMessages(1)
  assert.equal(idOf(await again.bytesOf(1)), 'under-way@elsewhere.example')
  await again.logout()
})
