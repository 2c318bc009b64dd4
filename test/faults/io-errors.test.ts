// A disk that says EIO, takes half of a write, or is full, at every kind of call: nothing is acknowledged that a failed
// write or flush was for, a flush is never tried again, and after a restart all that was acknowledged is there.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { missing } from '../harness/program.ts'
import { until } from '../harness/until.ts'
import { FailingDisk, type Order } from './failing-disk.ts'
import { PASSWORD, SentMail } from './sent-mail.ts'

const skip = missing('gcc')
const USER = 'user@test.example'

async function start(t: TestContext, config = ''): Promise<{ server: DarumaProcess; disk: FailingDisk; mail: SentMail }> {
  const disk = new FailingDisk(t)
  const server = new DarumaProcess({ config: `journal.segment_size = "1M"\n${config}`, env: disk.env })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(10)
  assert.equal(mail.kept.size, 10)
  return { server, disk, mail }
}

/** Within a second or so: this machine may be busy. */
async function endOf(server: DarumaProcess): Promise<number | string> {
  let ended: number | string | undefined
  void server.exited().then((how) => (ended = how))
  return until('the server to end', () => ended, 30_000)
}

async function restartAndCheck(server: DarumaProcess, disk: FailingDisk, mail: SentMail): Promise<void> {
  disk.mend()
  await server.start()
  await mail.check()
  await mail.send(5)
  await mail.check()
  assert.equal(await server.stop(), 0)
}

const DEADLY: [name: string, order: Order][] = [
  ['a flush of the journal fails', { calls: 'sync', path: '.seg$' }],
  ['a later flush of the journal fails', { calls: 'sync', path: '.seg$', nth: 6 }],
  ['a write to the journal fails', { calls: 'write', path: '.seg$', nth: 2 }],
  ['a flush of the journal\'s folder fails', { calls: 'sync', path: '/journal$' }],
  ['a flush of a database fails', { calls: 'fdatasync', path: 'mail.1.db-wal$' }],
]

for (const [name, order] of DEADLY) {
  test(`${name}: no acknowledgement for what was in it, exit 74, nothing lost, and no second flush`, { skip }, async (t) => {
    const { server, disk, mail } = await start(t)
    const keptBefore = mail.kept.size
    disk.order(order)
    const ended = endOf(server)
    // Large enough that segments change.
    await mail.send(160, { connections: 8, octets: 20_000 })
    assert.equal(await ended, 74)
    assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [], 'an I/O error is nobody\'s fault but ours')
    if (order.path === '.seg$' && (order.nth ?? 1) === 1) assert.equal(mail.kept.size, keptBefore, 'what was in the batch is not acknowledged')
    const tried = disk.tried()
    assert.ok(tried[0]?.startsWith('failed '), `the fault came: ${tried[0]}`)
    const path = tried[0]?.split(' ')[2]
    if (order.calls !== 'write') assert.deepEqual(tried.slice(1).filter((line) => line.endsWith(` ${path}`)), [], 'no flush is tried again')
    await restartAndCheck(server, disk, mail)
  })
}

test('a flush of a database by SQLite itself fails: exit 74, nothing lost', { skip }, async (t) => {
  const { server, disk, mail } = await start(t)
  await mail.send(150)
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(160)
  disk.order({ calls: 'fsync', path: 'mail.1.db-wal$' })
  const ended = endOf(server)
  // Changes until the -wal is long enough for SQLite to copy it into the database, which it flushes before that.
  for (let i = 0; i < 1000; i++) {
    const answer = await client.command(`STORE 1:* ${i % 2 === 0 ? '+' : '-'}FLAGS.SILENT (\\Seen)`).catch(() => undefined)
    if (!answer) break
  }
  assert.equal(await ended, 74)
  assert.ok(disk.tried()[0]?.startsWith('failed fsync '))
  await restartAndCheck(server, disk, mail)
})

for (const how of ['short', 'enospc'] as const) {
  test(`a write to the journal that is ${how === 'short' ? 'only half taken' : 'refused for lack of room'}: 452, a new segment, nothing lost, no restart`, { skip }, async (t) => {
    const { server, disk, mail } = await start(t)
    disk.order({ calls: 'write', path: '.seg$', nth: 3, how })
    await mail.send(60, { connections: 6 })
    assert.ok(disk.tried()[0]?.startsWith('failed '), 'the fault came')
    // The runtime writes the rest of a write that was half taken by itself.
    assert.ok(how === 'short' || mail.refused.length > 0, 'somebody was told')
    for (const { code, text } of mail.refused) assert.equal(`${code} ${text.slice(0, 5)}`, '452 4.3.1')
    assert.equal(mail.open.size, 0)
    disk.mend()
    await mail.send(20)
    await mail.check()
    await server.kill()
    await restartAndCheck(server, disk, mail)
  })
}

test('killed at a write or a flush, wherever it is', { skip }, async (t) => {
  const { server, disk, mail } = await start(t)
  const orders: Order[] = [
    { calls: 'sync', path: '.seg$', nth: 4 }, { calls: 'write', path: 'mail.1.db-wal$', nth: 20 }, { calls: 'write', path: '/large/', nth: 2 },
  ]
  for (const order of orders) {
    disk.order({ ...order, how: 'kill' })
    const ended = endOf(server)
    await mail.send(2, { octets: 1_500_000 })
    await mail.send(60, { octets: 8000 })
    assert.equal(await ended, 'SIGKILL', JSON.stringify(order))
    disk.mend()
    await server.start()
    await mail.check()
  }
  assert.equal(await server.stop(), 0)
})

test('a large message whose file cannot be written or flushed is not acknowledged; the others go on', { skip }, async (t) => {
  const { server, disk, mail } = await start(t)
  for (const calls of ['write', 'sync'] as const) {
    disk.order({ calls, path: '/large/', how: 'eio' })
    const before = mail.kept.size
    await mail.send(1, { octets: 1_500_000, connections: 1 })
    assert.equal(mail.kept.size, before)
    assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [])
    disk.mend()
    // Ended with 74 or gone on: both are honest.
    const died = await Promise.race([server.exited(), mail.send(3, { octets: 1_500_000 }).then(() => undefined)])
    if (died !== undefined) {
      assert.equal(died, 74)
      await server.start()
    }
    await mail.check()
  }
  assert.equal(readdirSync(join(server.data, 'large')).filter((name) => name.endsWith('.part')).length, 0)
})

test('a segment that cannot be read for a while: NO for what is asked, new mail waits, and all is there afterwards', { skip }, async (t) => {
  const { server, disk, mail } = await start(t)
  await mail.send(20, { octets: 30_000 })
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(30)
  disk.order({ calls: 'read', path: '.seg$', times: 0 })
  const answer = await client.command('FETCH 1:* (BODY.PEEK[])')
  assert.equal(answer.status, 'NO')
  await mail.send(20)
  assert.equal(mail.refused.filter(({ code }) => code >= 500).length, 0)
  assert.equal((await client.command('NOOP')).status, 'OK')
  disk.mend()
  await mail.check()
  assert.doesNotMatch(server.stderr, /set aside/)
  await server.kill()
  await restartAndCheck(server, disk, mail)
})

test('the mirror answers for a segment that cannot be read', { skip }, async (t) => {
  const mirror = new DarumaProcess()
  t.after(() => mirror.dispose())
  const { server, disk, mail } = await start(t, `journal.mirrors = ["${mirror.data}"]\n`)
  disk.order({ calls: 'read', path: `${server.data.split('/').at(-1)}/journal/`, times: 0 })
  await mail.send(20)
  await mail.check()
  assert.ok(disk.tried().length > 0)
  assert.equal(mail.kept.size, 30)
})
