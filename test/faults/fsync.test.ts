// A flush that fails once and says "fine" ever after, as kernels do (R3): nothing that was in it is acknowledged, the
// process ends within a second, and no second flush of that file is believed, or even asked for.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { missing } from '../harness/program.ts'
import { until } from '../harness/until.ts'
import { FailingDisk } from './failing-disk.ts'
import { noLoop } from './loop-disk.ts'
import { PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const END_WITHIN_MS = 1000

for (const nth of [1, 4]) {
  test(`flush ${nth} of the journal fails once and lies afterwards: no acknowledgement, ended with 74 within a second, no second flush`, { skip: missing('gcc') }, async (t) => {
    const disk = new FailingDisk(t)
    const server = new DarumaProcess({ config: 'journal.segment_size = "4M"\n', env: disk.env })
    t.after(() => server.dispose())
    await server.start()
    server.addAccount(USER, PASSWORD)
    const mail = new SentMail(server, USER)
    await mail.ready()
    let endedAtMs = 0
    const ended = server.exited().then((how) => {
      endedAtMs = Date.now()
      return how
    })
    disk.order({ calls: 'sync', path: '.seg$', nth, times: 1 })
    await mail.send(200, { connections: 8 })
    assert.equal(await ended, 74)
    const failedAtMs = disk.failedAtMs()
    assert.ok(failedAtMs !== undefined, 'the fault came')
    assert.ok(endedAtMs - failedAtMs < END_WITHIN_MS, `it took ${endedAtMs - failedAtMs} ms`)
    assert.ok(nth > 1 || mail.kept.size === 0, 'what was in the batch is not acknowledged')
    assert.ok(mail.open.size > 0, 'somebody waited for it')
    const [failed = '', ...later] = disk.tried()
    const path = failed.split(' ')[2] as string
    assert.deepEqual(later.filter((line) => line.endsWith(` ${path}`)), [], 'the file that failed is never flushed again')
    disk.mend()
    await server.start()
    await mail.check()
    assert.equal(await server.stop(), 0)
  })
}

/**
 * A file system in a sparse file on a tmpfs that is too small for it: writes are taken, the flush fails, the next one
 * says "fine". With a journal: on ext4 without one, the end of a batch whose fdatasync had said "fine" was zeros after
 * the remount (in 4 of 6 runs), although its place had been written and flushed before.
 */
class Overcommitted {
  readonly folder: string
  readonly #base: string

  constructor(t: TestContext) {
    this.#base = mkdtempSync(join(tmpdir(), 'daruma-sparse-'))
    this.folder = join(this.#base, 'mnt')
    const below = join(this.#base, 'below')
    mkdirSync(this.folder)
    mkdirSync(below)
    t.after(() => {
      for (const place of [this.folder, below]) if (spawnSync('mountpoint', ['-q', place]).status === 0) spawnSync('umount', ['-l', place])
      rmSync(this.#base, { recursive: true, force: true })
    })
    run('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', below])
    run('mountpoint', ['-q', below])
    run('truncate', ['-s', '400M', join(below, 'image')])
    run('mkfs.ext4', ['-q', '-F', '-m', '0', '-J', 'size=4', '-E', 'lazy_itable_init=1', join(below, 'image')])
    this.#mount()
  }

  #mount(): void {
    run('mount', ['-o', 'loop', join(this.#base, 'below/image'), this.folder])
    run('mountpoint', ['-q', this.folder])
  }

  /** As after a reboot with a larger disk below: what was never written is gone from memory too. */
  restart(): void {
    run('umount', [this.folder])
    run('mount', ['-o', 'remount,size=600m', join(this.#base, 'below')])
    spawnSync('e2fsck', ['-fy', join(this.#base, 'below/image')])
    this.#mount()
  }
}

function run(program: string, args: readonly string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}`)
}

test('a disk that takes writes for which it has no room, and says so at the flush: what was acknowledged is there after a reboot', { skip: noLoop }, async (t) => {
  const disk = new Overcommitted(t)
  const data = join(disk.folder, 'data')
  mkdirSync(data)
  const config = 'journal.segment_size = "1M"\nlimits.disk_reserve_octets = "1M"\n'
  const server = new DarumaProcess({ data, config })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  let ended: number | string | undefined
  void server.exited().then((how) => (ended = how))
  await until('the disk below to be full', async () => {
    await mail.send(50, { octets: 30_000 })
    return ended !== undefined || mail.refused.length > 0
  })
  t.diagnostic(`${mail.kept.size} acknowledged; the server ${ended === undefined ? 'goes on and refuses' : `ended with ${ended}`}`)
  assert.ok(mail.kept.size > 0)
  assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [])
  if (ended !== undefined) assert.equal(ended, 74)
  await server.kill()
  disk.restart()
  server.changeConfig(config) // the file stood on that disk too
  await server.start()
  await mail.check()
  await mail.send(5)
  await mail.check()
  assert.equal(await server.stop(), 0)
})
