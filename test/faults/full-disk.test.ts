// A disk that is really full, to the last octet or inode, and a disk of the databases alone: mail is refused with 452,
// never lost, reading and deleting go on, and when room returns everything goes on without a restart.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { until } from '../harness/until.ts'
import { message, PASSWORD, SentMail } from './sent-mail.ts'
import { noMount as skip, SmallDisk } from './small-disk.ts'

const USER = 'user@test.example'

async function start(t: TestContext, data: string, limits = '', reserve = '1K'): Promise<{ server: DarumaProcess; mail: SentMail }> {
  mkdirSync(data, { recursive: true })
  const server = new DarumaProcess({ data, config: `journal.segment_size = "1M"\n[limits]\ndisk_reserve_octets = ${JSON.stringify(reserve)}\n${limits}` })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(10, { octets: 8000 })
  await mail.check()
  return { server, mail }
}

/** Sends until it was refused so often. */
async function untilRefused(mail: SentMail, octets: number): Promise<void> {
  for (let i = 0; i < 60 && mail.refused.length < 10; i++) await mail.send(10, { octets })
  assert.ok(mail.refused.length >= 10, 'mail is refused')
  for (const { code, text } of mail.refused) assert.match(`${code} ${text}`, /^(452 4\.3\.1|451 4\.3\.\d) /)
  assert.ok(mail.refused.some(({ code }) => code === 452))
  assert.equal(mail.open.size, 0, 'nobody is left without an answer')
}

async function takenAgain(mail: SentMail): Promise<void> {
  const before = mail.kept.size
  await until('mail is taken again', async () => {
    await mail.send(1, { connections: 1 })
    return mail.kept.size > before
  }, 30_000)
}

test('not an octet left: refused with 452, reading goes on, and all goes on when there is room', { skip }, async (t) => {
  const disk = SmallDisk.mount(t, { size: '48m' })
  const { server, mail } = await start(t, join(disk.folder, 'data'))
  disk.fill()
  await untilRefused(mail, 30_000)
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(10)
  assert.match((await client.bytesOf(1)).toString('latin1'), /Subject: m\d+/)
  const appended = await client.command('APPEND INBOX ', message('appended', 60_000))
  assert.match(`${appended.status} ${appended.text}`, /^NO \[(UNAVAILABLE|OVERQUOTA)\]/)
  client.connection.destroy()
  assert.match(server.run(['status']), /\S/)
  disk.empty()
  await takenAgain(mail)
  await mail.send(20, { octets: 30_000 })
  await mail.check()
  // Full once more, and killed: it starts on a full disk all the same.
  disk.fill()
  await mail.send(20, { octets: 30_000 })
  await server.kill()
  await server.start()
  disk.empty()
  await takenAgain(mail)
  await mail.check()
  assert.equal(await server.stop(), 0)
})

test('a few megabytes left: expunge and flags go on while mail is refused', { skip }, async (t) => {
  const disk = SmallDisk.mount(t, { size: '96m' })
  const { server, mail } = await start(t, join(disk.folder, 'data'), '', '16M')
  disk.fill(24 * 1024 * 1024)
  await untilRefused(mail, 60_000)
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(mail.kept.size)
  assert.equal((await client.command('STORE 1 +FLAGS (\\Deleted)')).status, 'OK')
  assert.equal((await client.command('EXPUNGE')).status, 'OK')
  client.connection.destroy()
  const [first] = mail.kept.keys()
  mail.kept.delete(first as string)
  await mail.check()
  disk.empty()
  await takenAgain(mail)
  await mail.check()
})

test('no inode left: refused with 452 or 451, nothing lost, and all goes on when there are some', { skip }, async (t) => {
  const disk = SmallDisk.mount(t, { size: '64m', inodes: 90 })
  const { server, mail } = await start(t, join(disk.folder, 'data'), 'large_message_octets = "64K"\n')
  disk.fillInodes()
  // Large ones need a file each; small ones go on until a segment is full.
  await mail.send(3, { octets: 100_000 })
  await untilRefused(mail, 30_000)
  await mail.check()
  disk.emptyInodes()
  await takenAgain(mail)
  await mail.send(5, { octets: 100_000 })
  await mail.check()
  await server.kill()
  await server.start()
  await mail.check()
  assert.equal(await server.stop(), 0)
})

test('the databases have no room, the journal has: mail is taken and waits, and is filed when there is room', { skip }, async (t) => {
  const server = new DarumaProcess({ config: 'journal.segment_size = "1M"\n' })
  t.after(() => server.kill())
  const disk = SmallDisk.mount(t, { size: '4m', at: join(server.data, 'accounts') })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(10)
  await mail.check()
  disk.fill()
  await mail.send(300)
  assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [])
  assert.ok(mail.kept.size > 100, `${mail.kept.size} were taken`)
  assert.equal(mail.open.size, 0)
  disk.empty()
  await mail.check()
  await server.kill()
  await server.start()
  await mail.check()
  assert.equal(await server.stop(), 0)
})

for (const drops of [false, true]) {
  test(`the mirror's disk is full: ${drops ? 'it is dropped where that was wished for, and comes back when there is room' : 'mail is refused with 452, nothing is dropped, and all goes on when there is room'}`, { skip }, async (t) => {
    const disk = SmallDisk.mount(t, { size: '16m' })
    const mirror = join(disk.folder, 'mirror')
    const server = new DarumaProcess({ config: `journal.segment_size = "1M"\njournal.mirrors = ["${mirror}"]\njournal.drop_full_mirror = ${drops}\n[limits]\ndisk_reserve_octets = "1K"\n` })
    t.after(() => server.dispose())
    await server.start()
    server.addAccount(USER, PASSWORD)
    const mail = new SentMail(server, USER)
    await mail.ready()
    await mail.send(10, { octets: 8000 })
    disk.fill()
    const states = () => (JSON.parse(server.run(['status', '--json'])) as { members: { state: string }[] }).members.map(({ state }) => state)
    if (drops) {
      // Beyond two segments: what was made ahead is used up. Until the mirror is dropped, admission counts its room.
      await until('the full mirror to be dropped', async () => {
        await mail.send(20, { octets: 30_000 })
        return /is left out from now on/.test(server.stderr)
      })
      assert.equal(states()[1], 'dropped')
      await takenAgain(mail)
    } else {
      await untilRefused(mail, 30_000)
      assert.deepEqual(states(), ['in', 'in'])
    }
    disk.empty()
    await takenAgain(mail)
    await until('both to take part', () => states().every((state) => state === 'in'), 30_000)
    await mail.send(5)
    await mail.check()
    assert.equal(await server.stop(), 0)
  })
}
