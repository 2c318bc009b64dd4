// One of two disks dies under load: answers EIO, becomes read-only, is unmounted. The other goes on: the dead one is
// dropped at once and shown, nothing that was acknowledged is lost, and when it comes back it is brought level by
// itself until both hold the same octets.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { until } from '../harness/until.ts'
import { type Death, LoopDisk, noLoop as skip } from './loop-disk.ts'
import { PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const LARGE_OCTETS = 1_500_000

interface Copy {
  root: string
  state: string
  because: string | null
}

function copiesOf(server: DarumaProcess): Copy[] {
  const { members } = JSON.parse(server.run(['status', '--json'])) as { members: Copy[] }
  return members
}

/** Names and octets of all segments and large messages. */
function filesOf(root: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const folder of ['journal', 'large']) {
    for (const name of readdirSync(join(root, folder))) if (/^[0-9a-f]{32}$|\.seg$/.test(name)) files.set(`${folder}/${name}`, readFileSync(join(root, folder, name)))
  }
  return files
}

function assertSame(a: string, b: string): void {
  const [one, other] = [filesOf(a), filesOf(b)]
  assert.deepEqual([...one.keys()], [...other.keys()])
  for (const [name, octets] of one) assert.ok(octets.equals(other.get(name) as Buffer), name)
}

const configOf = (mirror: string) => `journal.segment_size = "1M"\njournal.mirrors = ["${mirror}"]\n[limits]\ndisk_reserve_octets = "1M"\n`

async function start(t: TestContext, place: { data?: string; mirror: string }): Promise<{ server: DarumaProcess; mail: SentMail }> {
  const server = new DarumaProcess({ ...(place.data ? { data: place.data } : {}), config: configOf(place.mirror) })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  return { server, mail }
}

/** Load until it is ended. */
function load(mail: SentMail): { end: () => Promise<void> } {
  let going = true
  const run = (async () => {
    while (going) await mail.send(40, { connections: 4, octets: 10_000 })
  })()
  return {
    async end() {
      going = false
      await run
    },
  }
}

for (const death of ['io-errors', 'read-only', 'unmounted'] as const satisfies readonly Death[]) {
  test(`the mirror's disk dies (${death}) and comes back`, { skip }, async (t) => {
    const disk = LoopDisk.mount(t)
    const mirror = join(disk.folder, 'daruma')
    const { server, mail } = await start(t, { mirror })
    await mail.send(10)
    await mail.send(2, { octets: LARGE_OCTETS })
    const before = load(mail)
    await until('some mail to be taken', () => mail.kept.size > 60)
    disk.die(death)
    const diedMs = performance.now()
    const keptThen = mail.kept.size
    await until('the mirror to be dropped', () => /is left out from now on/.test(server.stderr))
    // What is unmounted while files are open is missed only when the next one is to be opened.
    if (death !== 'unmounted') assert.ok(performance.now() - diedMs < 1000, `${performance.now() - diedMs} ms`)
    await until('mail to be taken without it', () => mail.kept.size > keptThen + 40)
    await mail.send(2, { octets: LARGE_OCTETS, connections: 1 })
    await before.end()
    assert.deepEqual(mail.refused, [])
    assert.equal(mail.open.size, 0)
    const [data, out] = copiesOf(server)
    assert.equal(data?.state, 'in')
    assert.equal(out?.state, 'dropped')
    assert.ok(out?.because)
    await mail.check()
    // Killed and started with the disk still away: it was dropped by a record, so that is no reason to refuse.
    await server.kill()
    await server.start()
    await mail.check()

    const again = load(mail)
    disk.comeBack(death)
    await until('the mirror to be level', () => copiesOf(server)[1]?.state === 'in', 30_000)
    const keptLevel = mail.kept.size
    await until('mail to be taken by both', () => mail.kept.size > keptLevel + 20)
    await again.end()
    assert.deepEqual(mail.refused, [])
    await mail.check()
    assert.equal(await server.stop(), 0)
    assertSame(server.data, mirror)
    await server.start()
    await mail.check()
    assert.equal(await server.stop(), 0)
  })

  test(`the data folder's disk dies (${death}): what was acknowledged is on the mirror`, { skip }, async (t) => {
    const disk = LoopDisk.mount(t)
    const mirror = mkdtempSync(join(tmpdir(), 'daruma-mirror-'))
    t.after(() => rmSync(mirror, { recursive: true, force: true }))
    const data = join(disk.folder, 'data')
    const { server, mail } = await start(t, { data, mirror })
    await mail.send(10)
    await mail.send(1, { octets: LARGE_OCTETS })
    const before = load(mail)
    await until('some mail to be taken', () => mail.kept.size > 60)
    let ended: number | string | undefined
    void server.exited().then((how) => (ended = how))
    disk.die(death)
    const keptThen = mail.kept.size
    await until('the copy on it to be dropped, or the end', () => ended !== undefined || /is left out from now on/.test(server.stderr))
    await until('mail to be taken by the mirror alone, or the end', () => ended !== undefined || mail.kept.size > keptThen + 20)
    // The databases are on that disk: their first flush that fails ends the server. What is only unmounted lives on in open files.
    if (death !== 'unmounted') await until('the server to end', () => ended !== undefined, 20_000)
    await before.end()
    assert.ok(mail.kept.size > keptThen, 'the journal went on')
    assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [])
    if (death === 'unmounted') await server.kill()
    else assert.equal(ended, 74)

    if (death === 'read-only') {
      disk.replace()
      // The mirror says that it was dropped: there is nothing that only the lost disk could have held.
      const anew = new DarumaProcess({ data, config: configOf(mirror) })
      t.after(() => anew.dispose())
      mkdirSync(data)
      await anew.start()
      const found = new SentMail(anew, USER)
      for (const [name, hash] of mail.kept) found.kept.set(name, hash)
      for (const name of mail.open) found.open.add(name)
      await found.check()
      assert.equal(await anew.stop(), 0)
    } else {
      if (death === 'unmounted') {
        // The folder below it is empty: nothing is filled into that, neither now nor when it is there.
        assert.deepEqual(readdirSync(disk.folder, { recursive: true }), [])
        mkdirSync(data)
        server.changeConfig(configOf(mirror))
        const refused = await server.command(['serve', '--alone'])
        assert.notEqual(refused.code, 0)
        assert.match(refused.stderr, /nothing is mounted/)
        rmSync(data, { recursive: true })
        rmSync(server.configFile)
      }
      disk.comeBack(death)
      server.changeConfig(configOf(mirror)) // it lay on that disk too
      await server.start()
      await mail.send(5)
      await mail.check()
      assert.deepEqual(copiesOf(server).map(({ state }) => state), ['in', 'in'])
      assert.equal(await server.stop(), 0)
    }
    assertSame(data, mirror)
  })
}

test('a disk that is not mounted is not filled: nothing goes to the folder below it', { skip }, async (t) => {
  const disk = LoopDisk.mount(t)
  const mirror = join(disk.folder, 'daruma')
  const { server, mail } = await start(t, { mirror })
  await mail.send(10)
  assert.equal(await server.stop(), 0)
  disk.die('unmounted')
  const accepting = new DarumaProcess({ data: server.data, config: configOf(mirror), args: ['--accept-loss'] })
  t.after(() => accepting.dispose())
  await accepting.start()
  const more = new SentMail(accepting, USER, 'n')
  await more.send(10)
  await until('it to be said', () => copiesOf(accepting)[1]?.because?.includes('is not there') || copiesOf(accepting)[1]?.because?.includes('nothing is mounted'))
  assert.equal(existsSync(join(mirror, 'journal')), false)
  disk.comeBack('unmounted')
  await until('the mirror to be level', () => copiesOf(accepting)[1]?.state === 'in', 30_000)
  assert.equal(await accepting.stop(), 0)
  assertSame(server.data, mirror)
})

test('a mirror that is dropped is an incident as long as it is out', { skip }, async (t) => {
  const disk = LoopDisk.mount(t)
  const mirror = join(disk.folder, 'daruma')
  const server = new DarumaProcess({ config: configOf(mirror), supervised: true })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  const open = () => (JSON.parse(server.run(['incidents', '--json'])) as { kind: string; ended: string | null }[]).filter(({ kind, ended }) => kind === 'mirror-dropped' && ended === null).length
  disk.die('io-errors')
  await mail.send(5)
  assert.equal(mail.kept.size, 5)
  await until('the incident to be open', () => open() === 1)
  disk.comeBack('io-errors')
  await until('the incident to be closed', () => open() === 0, 40_000)
  await mail.check()
  assert.equal(await server.stop(), 0)
})
