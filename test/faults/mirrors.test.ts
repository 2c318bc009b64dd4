// Two copies of the journal: what one has lost is answered from the other and mended, on the disk too, while the server
// runs. With one copy it is reported and never served. A copy that is missing or fails is never passed over in silence.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { missing } from '../harness/program.ts'
import { until } from '../harness/until.ts'
import { flipOctet, segmentsIn } from '../torture/damage.ts'
import { FailingDisk } from './failing-disk.ts'
import { message, PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const LARGE_OCTETS = 1_500_000

async function start(t: TestContext, options: { mirror: boolean; env?: Record<string, string> }): Promise<{ server: DarumaProcess; mirror: string; mail: SentMail }> {
  const mirror = mkdtempSync(join(tmpdir(), 'daruma-mirror-'))
  const server = new DarumaProcess({ config: `journal.segment_size = "1M"\n${options.mirror ? `journal.mirrors = ["${mirror}"]\n` : ''}`, ...(options.env ? { env: options.env } : {}) })
  t.after(async () => {
    await server.dispose()
    rmSync(mirror, { recursive: true, force: true })
  })
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  return { server, mirror, mail }
}

/** One octet in the middle of the message is another one. */
function damageMessage(root: string, name: string): { path: string; offset: number } {
  for (const path of [...segmentsIn(root), ...readdirSync(join(root, 'large')).map((file) => join(root, 'large', file))]) {
    const offset = readFileSync(path).indexOf(`Subject: ${name}\r\n`)
    if (offset < 0) continue
    flipOctet(path, offset + 400)
    return { path, offset: offset + 400 }
  }
  throw new Error(`${name} is in no file of ${root}`)
}

async function untilLevel(server: DarumaProcess, mirror: string): Promise<void> {
  await until('the mirror to be level', () => {
    const { members } = JSON.parse(server.run(['status', '--json'])) as { members: { root: string; state: string }[] }
    return members.some(({ root, state }) => root === mirror && state === 'in')
  }, 30_000)
}

const octetAt = ({ path, offset }: { path: string; offset: number }): number => readFileSync(path)[offset] as number

test('an octet flipped in a segment and in a large file is answered from the mirror, and mended on the disk', async (t) => {
  const { server, mirror, mail } = await start(t, { mirror: true })
  await mail.send(5, { connections: 1 })
  await mail.send(1, { connections: 1, octets: LARGE_OCTETS })
  const places = ['m2', 'm6'].map((name) => damageMessage(server.data, name))
  await mail.check()
  for (const place of places) assert.equal(octetAt(place), octetAt({ ...place, path: place.path.replace(server.data, mirror) }), 'it is mended on the disk')
  assert.equal(server.stderr.match(/has been mended from/g)?.length, 2)
  assert.equal(await server.stop(), 0)
})

test('without a mirror damage is reported and never served; everything else goes on', async (t) => {
  const { server, mail } = await start(t, { mirror: false })
  await mail.send(5, { connections: 1 })
  await mail.send(1, { connections: 1, octets: LARGE_OCTETS })
  damageMessage(server.data, 'm2')
  damageMessage(server.data, 'm6')
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(6)
  for (const number of [2, 6]) {
    const answer = await client.command(`FETCH ${number} (BODY.PEEK[])`)
    assert.equal(answer.status, 'NO')
    assert.doesNotMatch(JSON.stringify(answer.untagged), /BODY\[\]/)
  }
  for (const number of [1, 3, 4, 5]) assert.ok((await client.bytesOf(number)).includes(`Subject: m${number}\r\n`))
  const all = await client.command('FETCH 1:* (UID BODY.PEEK[])')
  assert.equal(all.status, 'NO')
  assert.equal((await client.command('NOOP')).status, 'OK')
  assert.ok((server.stderr.match(/damaged/g)?.length ?? 0) >= 2, 'it is reported')
  assert.equal((await client.command('APPEND INBOX ', message('new', 2000))).status, 'OK')
  client.connection.destroy()
  assert.equal(await server.stop(), 0)
})

test('a large message that was whole when it was last read and is damaged now is not served', async (t) => {
  const { server, mirror, mail } = await start(t, { mirror: true })
  await mail.send(1, { connections: 1, octets: LARGE_OCTETS })
  await mail.check()
  const place = damageMessage(server.data, 'm1')
  await mail.check()
  assert.equal(octetAt(place), octetAt({ ...place, path: place.path.replace(server.data, mirror) }), 'it is mended')
  damageMessage(server.data, 'm1')
  damageMessage(mirror, 'm1')
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(1)
  assert.notEqual(await client.command('FETCH 1 (BODY.PEEK[]<0.1000>)').then((answer) => answer.status, () => 'closed'), 'OK')
  client.connection.destroy()
})

test('a mirror that is missing refuses the start with its name, unless the loss is accepted; when it returns it is brought level by itself', async (t) => {
  const { server, mirror, mail } = await start(t, { mirror: true })
  await mail.send(10)
  assert.equal(await server.stop(), 0)
  renameSync(mirror, `${mirror}.away`)
  const refused = await server.command(['serve', '--alone'])
  assert.notEqual(refused.code, 0)
  assert.ok(refused.stderr.includes(mirror) && refused.stderr.includes('--accept-loss'), refused.stderr)

  const accepting = new DarumaProcess({ data: server.data, config: `journal.segment_size = "1M"\njournal.mirrors = ["${mirror}"]\n`, args: ['--accept-loss'] })
  t.after(() => accepting.dispose())
  await accepting.start()
  const more = new SentMail(accepting, USER, 'n')
  for (const [name, hash] of mail.kept) more.kept.set(name, hash)
  await more.check()
  await more.send(5)
  await more.check()
  assert.equal(await accepting.stop(), 0)

  // The disk comes back as it was: it lacks what was taken meanwhile, is not taken for whole, and no reason to refuse.
  assert.ok(!existsSync(mirror), 'nothing was made where it should have been')
  renameSync(`${mirror}.away`, mirror)
  await server.start()
  await untilLevel(server, mirror)
  const client = await server.imap(USER, PASSWORD)
  await client.waitForMessages(15)
  client.connection.destroy()
  assert.deepEqual(segmentsIn(mirror).map((path) => path.replace(mirror, '')), segmentsIn(server.data).map((path) => path.replace(server.data, '')))
  assert.equal(await server.stop(), 0)
})

test('a flush of the mirror fails once: it is dropped, never flushed again, and comes back by itself', { skip: missing('gcc') }, async (t) => {
  const disk = new FailingDisk(t)
  const { server, mirror, mail } = await start(t, { mirror: true, env: disk.env })
  await mail.send(10)
  disk.order({ calls: 'sync', path: `${mirror.split('/').at(-1)}/journal/`, nth: 3, times: 1 })
  await mail.send(60, { connections: 6 })
  assert.equal(mail.kept.size, 70)
  assert.match(server.stderr, /is left out from now on/)
  const [failed, ...after] = disk.tried()
  assert.ok(failed?.startsWith('failed '))
  assert.deepEqual(after.filter((line) => line.endsWith(` ${failed?.split(' ')[2]}`)), [], 'no flush is tried again on that file')
  await untilLevel(server, mirror)
  await mail.send(5)
  await mail.check()
  assert.equal(await server.stop(), 0)
  assert.deepEqual(segmentsIn(mirror).map((path) => path.replace(mirror, '')), segmentsIn(server.data).map((path) => path.replace(server.data, '')))
})

test('a mirror that goes on failing stays out; when the other fails too the server ends with 74, and nothing acknowledged is lost', { skip: missing('gcc') }, async (t) => {
  const disk = new FailingDisk(t)
  const { server, mirror, mail } = await start(t, { mirror: true, env: disk.env })
  await mail.send(10)
  disk.order({ calls: 'sync', path: `${mirror.split('/').at(-1)}/journal/`, nth: 1, times: 0 })
  await mail.send(20, { connections: 6 })
  assert.equal(mail.kept.size, 30)
  let ended: number | string | undefined
  void server.exited().then((how) => (ended = how))
  disk.order({ calls: 'sync', path: '.seg$', nth: 3, times: 0 })
  await mail.send(60, { connections: 6 })
  assert.equal(await until('the server to end', () => ended, 30_000), 74)
  disk.mend()
  await server.start()
  await mail.check()
  assert.equal(await server.stop(), 0)
})
