// The understudy as the supervisor runs it: a process of its own on sockets that it inherits. What it has said 250
// to is in its journal, whatever was done to it; what it cannot know or keep is put off, never refused; and it lives
// no longer than its supervisor.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { RawConnection } from '../harness/raw-connection.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { UNDERSTUDY, UnderstudyHost } from '../harness/understudy-process.ts'
import { until } from '../harness/until.ts'
import { missing } from '../harness/program.ts'
import { FailingDisk, type Order } from './failing-disk.ts'
import { SmallDisk, noMount } from './small-disk.ts'

const FROM = 's@sender.example'
const ADA = 'ada@example.org'

const message = (name: string, octets = 300): Buffer => Buffer.from(`Subject: ${name}\r\n\r\n.a dot first\r\n${'x'.repeat(70)}\r\n`.padEnd(octets, `${'y'.repeat(70)}\r\n`).replace(/\r?\n?$/, '\r\n'), 'latin1')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const nameOf = (bytes: Buffer): string => /^Subject: (\S+)/.exec(bytes.toString('latin1'))?.[1] ?? '?'

async function code(client: RawSmtp, line: string): Promise<string> {
  const reply = await client.command(line)
  return `${reply.code} ${reply.lines[0]}`
}

test('mail is taken with all that belongs to it, and read again octet for octet', async (t) => {
  const host = new UnderstudyHost(t)
  host.writeList({ 'example.org': { known: ['ada', 'bo'], deferred: new Set(['gone']) } })
  await host.start()
  const client = await RawSmtp.open({ port: host.port, helo: 'mx.sender.example' })
  const small = message('small')
  const large = message('large', 3_000_000)
  assert.match((await client.send({ from: FROM, to: [ADA, 'bo+tag@example.org'], bytes: small })).lines[0] ?? '', /^2\.0\.0 kept as U\d+$/)
  assert.equal((await client.send({ from: '', to: ['postmaster'], bytes: large })).code, 250)
  // Who is not taken, and why.
  assert.match(await code(client, `MAIL FROM:<${FROM}> RET=HDRS ENVID=e+2B1 BODY=8BITMIME SMTPUTF8`), /^250/)
  assert.match(await code(client, 'RCPT TO:<nobody@example.org>'), /^550 5\.1\.1/)
  assert.match(await code(client, 'RCPT TO:<ada@elsewhere.example>'), /^451 4\.7\.1/)
  assert.match(await code(client, 'RCPT TO:<gone@example.org>'), /^450 4\.2\.1/)
  assert.match(await code(client, `RCPT TO:<${ADA}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ada@old.example`), /^250/)
  assert.match(await code(client, 'DATA'), /^354/)
  client.connection.write('Subject: third\r\n\r\n..\r\n.\r\n')
  assert.equal((await client.reply()).code, 250)
  await client.quit()
  // The same under TLS.
  const secure = await RawSmtp.open({ port: host.port })
  assert.match(await code(secure, 'STARTTLS'), /^220/)
  await secure.connection.startTls()
  await secure.command('EHLO tls.example')
  assert.equal((await secure.send({ from: FROM, to: [ADA], bytes: message('secret') })).code, 250)
  await secure.quit()
  host.tell({ t: 'beat' })
  assert.equal((await host.hears('beat')).taken, 4)
  await host.stop()

  const taken = await host.read()
  assert.deepEqual(taken.map(({ bytes }) => nameOf(bytes)), ['small', 'large', 'third', 'secret'])
  const [first, second, third, fourth] = taken
  assert.ok(first && second && third && fourth)
  assert.ok(first.bytes.equals(small) && second.bytes.equals(large))
  assert.equal(third.bytes.toString(), 'Subject: third\r\n\r\n.\r\n')
  assert.equal(readdirSync(join(host.intake, 'large')).length, 1)
  assert.deepEqual({ ...first.meta, id: '', traceId: '' }, {
    kind: 'taken', via: 'smtp', sender: FROM, peer: '127.0.0.1', helo: 'mx.sender.example', extended: true, id: '', traceId: '', recipients: [{ address: ADA }, { address: 'bo+tag@example.org' }],
  })
  assert.equal(first.meta.traceId, `u.${first.meta.id}`)
  assert.equal(second.meta.sender, '')
  assert.deepEqual(third.meta.recipients, [{ address: ADA, notify: 'SUCCESS,FAILURE', orcpt: 'rfc822;ada@old.example' }])
  assert.deepEqual([third.meta.ret, third.meta.envid, third.meta.bodyType, third.meta.smtputf8], ['HDRS', 'e+1', '8BITMIME', true])
  assert.match(fourth.meta.tls?.protocol ?? '', /^TLSv1\.[23]$/)
  assert.equal(fourth.meta.helo, 'tls.example')
  assert.ok(Math.abs(first.timeMs - Date.now()) < 60_000)
})

test('a message that was smuggled, slipped in or is too large is not taken; chunks are put off', async (t) => {
  const host = new UnderstudyHost(t, { limits: { message_octets_max: 10_000, session_errors_max: 5 } })
  host.writeList()
  await host.start()
  const client = await RawSmtp.open({ port: host.port })
  const envelope = `MAIL FROM:<${FROM}>\r\nRCPT TO:<${ADA}>\r\nDATA\r\n`
  for (const [bytes, answer] of [['a\n.\r\n.\r\n', /^554/], ['a\r\n.\nMAIL FROM:<x@y>\r\n.\r\n', /^554/], ['a\rb\r\n.\r\n', /^554/], [`${'x'.repeat(10_001)}\r\n.\r\n`, /^552/]] as const) {
    client.connection.write(`${envelope}${bytes}`)
    const replies = [await client.reply(), await client.reply(), await client.reply(), await client.reply()]
    assert.match(`${replies[3]?.code}`, answer)
  }
  assert.match(await code(client, 'NONSENSE'), /^500/)
  assert.equal((await client.reply()).code, 421) // the fifth error
  await client.connection.closed()
  const injected = await RawSmtp.open({ port: host.port })
  injected.connection.write('STARTTLS\r\nMAIL FROM:<x@y>\r\n')
  assert.equal((await injected.reply()).code, 501)
  const chunks = await RawSmtp.open({ port: host.port })
  await chunks.command(`MAIL FROM:<${FROM}>`)
  await chunks.command(`RCPT TO:<${ADA}>`)
  chunks.connection.write('BDAT 30 LAST\r\nQUIT\r\nRCPT TO:<bo@example.org>\r\n')
  assert.equal((await chunks.reply()).code, 421)
  await chunks.connection.closed()
  await host.stop(100)
  assert.deepEqual(await host.read(), [])
})

test('addresses are known from the list alone, as it is now; without one everybody is put off', async (t) => {
  const host = new UnderstudyHost(t)
  await host.start()
  const asked = async (address: string) => {
    const client = await RawSmtp.open({ port: host.port }) // too many refusals would end a session
    await client.command(`MAIL FROM:<${FROM}>`)
    const answer = await code(client, `RCPT TO:<${address}>`)
    await client.quit()
    return answer
  }
  assert.match(await asked(ADA), /^451 4\.3\.0/)
  host.writeList({ 'example.org': { known: ['ada'] } })
  await until('the list to be read', async () => (await asked(ADA)).startsWith('250'))
  assert.match(await asked('new@example.org'), /^550/)
  // What an operator has done meanwhile may not be in it.
  writeFileSync(join(host.intake, 'door.stale'), '')
  await until('the mark to be seen', async () => (await asked('new@example.org')).startsWith('451'))
  assert.match(await asked(ADA), /^250/)
  rmSync(join(host.intake, 'door.stale'))
  writeFileSync(join(host.intake, 'door.json'), '{"version":1')
  await until('the damage to be seen', async () => (await asked(ADA)).startsWith('451'))
  await host.stop(100)
})

test('in maintenance nothing is kept: everybody hears when to come again', async (t) => {
  const host = new UnderstudyHost(t, { doors: ['smtp', 'submission', 'submissions', 'imap', 'imaps'] })
  host.writeList()
  await host.start({ mode: 'defer', until: '2026-11-28T04:00:00+09:00' })
  const client = await RawSmtp.open({ port: host.port })
  assert.match((await client.send({ from: FROM, to: [ADA], bytes: message('x') })).lines[0] ?? '', /^4\.3\.2 .*2026-11-28T04:00:00\+09:00/)
  for (const [door, tls, lines] of [['submission', false, [/^421 4\.3\.2 maintenance until 2026-11-28T04:00:00\+09:00/]], ['submissions', true, [/^421 4\.3\.2 maintenance/]], ['imap', false, [/^\* OK \[ALERT\] maintenance until 2026/, /^\* BYE /]], ['imaps', true, [/^\* OK \[ALERT\] /, /^\* BYE /]]] as const) {
    const peer = await RawConnection.open({ port: host.ports[door] ?? 0, tls })
    for (const line of lines) assert.match((await peer.line()).toString(), line)
    await peer.closed()
  }
  await host.stop(100)
  assert.deepEqual(readdirSync(host.intake), ['door.json'])
})

test('our own users are told to come back in a moment, also under TLS; nobody stays there', async (t) => {
  const host = new UnderstudyHost(t, { doors: ['smtp', 'submission', 'submissions', 'imap', 'imaps'] })
  host.writeList()
  await host.start()
  for (const [door, tls, line] of [['submission', false, /^421 4\.3\.2 .*in a moment/], ['submissions', true, /^421 4\.3\.2 /], ['imap', false, /^\* BYE \[UNAVAILABLE\] /], ['imaps', true, /^\* BYE \[UNAVAILABLE\] /]] as const) {
    const peer = await RawConnection.open({ port: host.ports[door] ?? 0, tls })
    assert.match((await peer.line()).toString(), line)
    await peer.closed()
  }
  await host.stop()
})

test('the door has bounds: all at once, messages in memory; signals of a terminal are not for it', async (t) => {
  const host = new UnderstudyHost(t, { limits: { smtp_connections_max: 3, understudy_memory_octets_max: 100_000, large_message_octets: 50_000, recipients_max: 2 } })
  host.writeList({ 'example.org': { known: ['a', 'b', 'c'] } })
  await host.start()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) host.child?.kill(signal)
  const clients = await Promise.all([1, 2, 3].map(() => RawSmtp.open({ port: host.port })))
  const fourth = await RawConnection.open({ port: host.port })
  assert.match((await fourth.line()).toString(), /^421 4\.3\.2/)
  await fourth.closed()
  // Together more than the memory that there is: some go through files.
  const sent = await Promise.all(clients.map((client, n) => client.send({ from: FROM, to: ['a@example.org'], bytes: message(`m${n}`, 45_000) })))
  assert.deepEqual(sent.map((reply) => reply.code), [250, 250, 250])
  const [client] = clients
  assert.ok(client)
  await client.command(`MAIL FROM:<${FROM}>`)
  const codes = []
  for (const local of ['a', 'b', 'c']) codes.push((await client.command(`RCPT TO:<${local}@example.org>`)).code)
  assert.deepEqual(codes, [250, 250, 452])
  await host.stop(100)
  const taken = await host.read()
  assert.deepEqual(taken.map(({ bytes }) => nameOf(bytes)).sort(), ['m0', 'm1', 'm2'])
  for (const { bytes } of taken) assert.ok(bytes.equals(message(nameOf(bytes), 45_000)))
})

/** One client that does nothing, and one in the midst of a message. */
async function idleAndBusy(t: TestContext) {
  const host = new UnderstudyHost(t)
  host.writeList()
  await host.start()
  const [idle, busy] = [await RawSmtp.open({ port: host.port }), await RawSmtp.open({ port: host.port })]
  for (const line of [`MAIL FROM:<${FROM}>`, `RCPT TO:<${ADA}>`]) assert.equal((await busy.command(line)).code, 250)
  assert.equal((await busy.command('DATA')).code, 354)
  return { host, idle, busy }
}

test('stopping: who is idle hears 421 at once, who is in the midst of a message finishes it', async (t) => {
  const { host, idle, busy } = await idleAndBusy(t)
  host.tell({ t: 'stop', graceMs: 20_000 })
  assert.equal((await idle.reply()).code, 421)
  await idle.connection.closed()
  busy.connection.write('Subject: last\r\n\r\n.\r\n')
  assert.equal((await busy.reply()).code, 250)
  assert.equal((await busy.reply()).code, 421)
  busy.connection.destroy()
  assert.equal(await host.ended(), 0)
  assert.ok(host.heard.some(({ t: what }) => what === 'stopped'))
  assert.deepEqual((await host.read()).map(({ bytes }) => nameOf(bytes)), ['last'])
})

test('without its supervisor it says 421 and ends at once', async (t) => {
  const { host, idle, busy } = await idleAndBusy(t)
  host.child?.disconnect()
  assert.equal((await idle.reply()).code, 421)
  assert.equal((await busy.reply()).code, 421)
  assert.equal(await host.ended(), 0)
  assert.deepEqual(await host.read(), [])
})

test('stopped in the midst of a message, it wakes up as an orphan and acknowledges nothing', async (t) => {
  const host = new UnderstudyHost(t)
  host.writeList()
  // A supervisor that can die: it starts the understudy on the same socket and tells it what it is told.
  const relay = spawn(process.execPath, ['--input-type=module', '-e', `
    import { spawn } from 'node:child_process'
    process.on('message', (start) => {
      const child = spawn(process.execPath, [${JSON.stringify(UNDERSTUDY)}], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', 4], serialization: 'advanced' })
      child.on('message', (message) => process.send({ ...message, pid: child.pid }))
      child.send(start)
    })`], { stdio: ['ignore', 'inherit', 'ignore', 'ipc', host.fd('smtp')], serialization: 'advanced', env: { ...process.env, UV_USE_IO_URING: '0' } })
  let pid: number | undefined
  t.after(() => {
    relay.kill('SIGKILL')
    if (pid !== undefined) try { process.kill(pid, 'SIGKILL') } catch { /* it has ended, as it should */ }
  })
  relay.on('message', (heard: { t: string; pid: number }) => {
    if (heard.t === 'ready') pid = heard.pid
  })
  relay.send(host.startMessage())
  const orphan = await until('the understudy to be ready', () => pid, 15_000)
  const client = await RawSmtp.open({ port: host.port })
  for (const line of [`MAIL FROM:<${FROM}>`, `RCPT TO:<${ADA}>`]) assert.equal((await client.command(line)).code, 250)
  assert.equal((await client.command('DATA')).code, 354)
  process.kill(orphan, 'SIGSTOP')
  client.connection.write('Subject: nobody adopts it\r\n\r\n.\r\n')
  relay.kill('SIGKILL')
  await until('the supervisor to be gone', () => relay.signalCode ?? undefined)
  process.kill(orphan, 'SIGCONT')
  const answer = await client.reply().catch(() => undefined)
  assert.ok(answer === undefined || answer.code === 421, `no 250: ${answer?.code}`)
  await until('the orphan to end', () => {
    try {
      process.kill(orphan, 0)
      return false
    } catch {
      return true
    }
  })
})

interface Ledger {
  kept: Map<string, string>
  refused: number[]
  /** No answer: may be there or not. */
  open: Set<string>
}

/** Sends until told to stop, over so many connections; stops on each that breaks. */
async function sendMany(host: UnderstudyHost, ledger: Ledger, options: { connections: number; each: number; octets?: number; prefix: string }): Promise<void> {
  const gone = host.gone // whoever connects to a dead one's socket waits for the next
  await Promise.all(Array.from({ length: options.connections }, async (_, n) => {
    const client = await Promise.race([RawSmtp.open({ port: host.port }).catch(() => undefined), gone])
    if (!client) return
    for (let m = 0; m < options.each; m += 1) {
      const name = `${options.prefix}-${n}-${m}`
      const bytes = message(name, options.octets ?? 2000)
      let dot = false
      try {
        const sent = await client.send({ from: FROM, to: [ADA], bytes }, () => (dot = true))
        const answered = sent.code
        if (answered === 250) ledger.kept.set(name, sha256(bytes))
        else ledger.refused.push(answered)
      } catch {
        if (dot) ledger.open.add(name)
        break
      }
    }
    client.connection.destroy()
  }))
}

async function checkLedger(host: UnderstudyHost, { kept, open }: Ledger): Promise<void> {
  const taken = await host.read()
  const found = new Map(taken.map(({ bytes }) => [nameOf(bytes), sha256(bytes)]))
  assert.equal(found.size, taken.length, 'nothing is there twice')
  for (const [name, hash] of kept) assert.equal(found.get(name), hash, `${name} was answered 250`)
  for (const name of found.keys()) assert.ok(kept.has(name) || open.has(name), `${name} was never sent, or refused`)
}

test('killed again and again under load: what it said 250 to is there, once; the next one goes on', async (t) => {
  const host = new UnderstudyHost(t)
  host.writeList()
  const ledger: Ledger = { kept: new Map(), refused: [], open: new Set() }
  for (let round = 0; round < 5; round += 1) {
    await host.start({ segmentSizeOctets: 256 * 1024 })
    const before = ledger.kept.size
    const sending = sendMany(host, ledger, { connections: 8, each: 10_000, prefix: `r${round}` })
    await until('some mail to be taken', () => ledger.kept.size > before + 60)
    await host.kill()
    await sending
  }
  assert.deepEqual(ledger.refused, [])
  await checkLedger(host, ledger)
})

const gcc = missing('gcc')

for (const how of ['kill', 'kill-after'] as const) {
  test(`${how === 'kill' ? 'killed before' : 'killed after'} each write, flush and rename of taking one small and one large message`, { skip: gcc }, async (t) => {
    let killed = true
    for (let nth = 1; killed; nth += 1) {
      assert.ok(nth < 80, 'an end comes')
      const disk = new FailingDisk(t)
      const host = new UnderstudyHost(t, { env: disk.env, limits: { large_message_octets: 20_000 } })
      host.writeList()
      await host.start()
      const ledger: Ledger = { kept: new Map(), refused: [], open: new Set() }
      disk.order({ calls: 'change', path: '/intake', nth, how })
      await sendMany(host, ledger, { connections: 1, each: 1, prefix: 'small' })
      await sendMany(host, ledger, { connections: 1, each: 1, octets: 200_000, prefix: 'large' })
      await sendMany(host, ledger, { connections: 1, each: 1, prefix: 'next' })
      host.tell({ t: 'stop', graceMs: 5000 })
      killed = (await host.ended()) === 'SIGKILL'
      if (!killed) assert.equal(ledger.kept.size, 3)
      await checkLedger(host, ledger)
      // The next one finds out what is there, and goes on.
      disk.mend()
      await host.start()
      await sendMany(host, ledger, { connections: 1, each: 2, prefix: 'after' })
      await host.stop()
      assert.ok(ledger.kept.has('after-0-1'))
      await checkLedger(host, ledger)
    }
  })
}

const DEADLY: [name: string, order: Order][] = [
  ['a flush fails', { calls: 'sync', path: '.seg$', nth: 3 }],
  ['a write fails', { calls: 'write', path: '.seg$', nth: 3 }],
]
for (const [name, order] of DEADLY) {
  test(`${name}: nothing in it is acknowledged, exit 74, and the next one goes on`, { skip: gcc }, async (t) => {
    const disk = new FailingDisk(t)
    const host = new UnderstudyHost(t, { env: disk.env })
    host.writeList()
    await host.start()
    const ledger: Ledger = { kept: new Map(), refused: [], open: new Set() }
    disk.order(order)
    await sendMany(host, ledger, { connections: 4, each: 20, prefix: 'a' })
    assert.equal(await host.ended(), 74)
    assert.ok(disk.tried()[0]?.startsWith('failed '), 'the fault came')
    assert.deepEqual(ledger.refused.filter((answered) => answered >= 500), [])
    disk.mend()
    await host.start()
    await sendMany(host, ledger, { connections: 2, each: 2, prefix: 'b' })
    await host.stop()
    assert.ok(ledger.kept.has('b-1-1'))
    await checkLedger(host, ledger)
  })
}

test('a full disk: 452, then 250 again when there is room, small and large alike; nothing else is lost', { skip: noMount }, async (t) => {
  const small = SmallDisk.mount(t, { size: '24m' })
  const host = new UnderstudyHost(t, { intake: join(small.folder, 'intake'), limits: { disk_reserve_octets: 1024 * 1024 } })
  host.writeList()
  await host.start()
  const ledger: Ledger = { kept: new Map(), refused: [], open: new Set() }
  await sendMany(host, ledger, { connections: 2, each: 5, prefix: 'before' })
  assert.equal(ledger.kept.size, 10)
  // It fills up by itself: with large messages, then with small ones, which find no room either.
  small.fill(8 * 1024 * 1024)
  await sendMany(host, ledger, { connections: 2, each: 20, octets: 1_500_000, prefix: 'large' })
  assert.ok(ledger.refused.length > 0 && ledger.kept.size > 10)
  await sendMany(host, ledger, { connections: 2, each: 3, octets: 1_500_000, prefix: 'full' })
  await sendMany(host, ledger, { connections: 2, each: 3, octets: 900_000, prefix: 'full-inline' })
  assert.deepEqual([...new Set(ledger.refused)], [452])
  assert.equal(host.child?.exitCode, null, 'it goes on')
  small.empty()
  const client = await RawSmtp.open({ port: host.port })
  await until('mail to be taken again', async () => (await client.send({ from: FROM, to: [ADA], bytes: message('again') })).code === 250)
  ledger.kept.set('again', sha256(message('again')))
  await client.quit()
  await host.stop()
  await checkLedger(host, ledger)
})

test('started where there is no room, it stands at the door and puts off; then it takes', { skip: noMount }, async (t) => {
  const small = SmallDisk.mount(t, { size: '24m' })
  const host = new UnderstudyHost(t, { intake: join(small.folder, 'intake') })
  host.writeList()
  small.fill()
  await host.start({ awaitReady: false })
  await host.hears('refused')
  const client = await until('the door to open', () => RawSmtp.open({ port: host.port }))
  assert.match(await code(client, `MAIL FROM:<${FROM}>`), /^45[12] /)
  small.empty()
  await host.hears('ready')
  assert.equal((await client.send({ from: FROM, to: [ADA], bytes: message('now') })).code, 250)
  await client.quit()
  await host.stop()
  assert.deepEqual((await host.read()).map(({ bytes }) => nameOf(bytes)), ['now'])
})

test('while somebody else has the journal it puts off; then it takes', async (t) => {
  const host = new UnderstudyHost(t)
  host.writeList()
  const release = host.holdLock()
  await host.start({ awaitReady: false })
  await host.hears('refused')
  const client = await until('the door to open', () => RawSmtp.open({ port: host.port }))
  assert.match(await code(client, `MAIL FROM:<${FROM}>`), /^451 4\.3\.2/)
  release()
  await host.hears('ready')
  assert.equal((await client.send({ from: FROM, to: [ADA], bytes: message('mine') })).code, 250)
  await client.quit()
  await host.stop()
})
