// What a full disk is not, and looks like: no file descriptor left, and a disk that has become read-only. Nobody is
// answered wrongly, nothing is lost, and all goes on when it is relieved: by itself where the process could live on,
// at the next start where it could not.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { missing } from '../harness/program.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { LoopDisk, noLoop } from './loop-disk.ts'
import { message, PASSWORD, SentMail } from './sent-mail.ts'

const USER = 'user@test.example'
const CONFIG = 'journal.segment_size = "1M"\n[limits]\ndisk_reserve_octets = "1M"\n'

function limitFiles(pid: number, count: number): void {
  const done = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(done.stderr)
}

const skipDescriptors = process.getuid?.() !== 0 ? 'needs root to lower another process\'s limit' : missing('prlimit')

test('no file descriptor left: mail is put off with 4xx, nothing ends, and all goes on by itself', { skip: skipDescriptors }, async (t) => {
  const server = new DarumaProcess({ config: CONFIG })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(10)
  await mail.check()
  const sender = await RawSmtp.open({ port: server.ports.smtp })
  const reader = await server.imap(USER, PASSWORD)
  await reader.waitForMessages(10)
  limitFiles(server.pid, 3)
  assert.ok(readdirSync(`/proc/${server.pid}/fd`).length > 3)
  const refused: string[] = []
  let kept = 0
  // Small ones go on until the next segment needs a file; large ones need a file each.
  for (let i = 0; i < 120; i++) {
    const name = `x${i}`
    const large = i % 10 === 9
    const reply = await sender.send({ from: 's@sender.example', to: [USER], bytes: message(name, large ? 1_500_000 : 30_000) })
    if (reply.code === 250) kept += 1
    else refused.push(`${reply.code} ${reply.lines.join(' ')}`)
  }
  assert.ok(kept > 0, 'what needs no new file is taken')
  assert.ok(refused.length > 20, `${refused.length} were refused`)
  for (const reply of refused) assert.match(reply, /^45[12] 4\./)
  assert.ok(refused.some((reply) => /descriptor/.test(reply)), `the reason is said: ${refused.at(-1)}`)
  assert.equal((await reader.command('NOOP')).status, 'OK')
  assert.match((await reader.bytesOf(1)).toString('latin1'), /Subject: m\d+/)
  limitFiles(server.pid, 4096)
  await until('mail is taken again', async () => (await sender.send({ from: 's@sender.example', to: [USER], bytes: message('again', 1_500_000) })).code === 250, 30_000)
  await reader.waitForMessages(10 + kept + 1)
  reader.connection.destroy()
  await sender.quit()
  await mail.send(5)
  await server.kill()
  await server.start()
  const after = await server.imap(USER, PASSWORD)
  await after.waitForMessages(10 + kept + 1 + 5)
  after.connection.destroy()
  assert.equal(await server.stop(), 0)
})

test('the only disk becomes read-only: the server ends within a second with 74 and says why; it starts again when the disk can be written', { skip: noLoop }, async (t) => {
  const disk = LoopDisk.mount(t)
  const data = join(disk.folder, 'data')
  const server = new DarumaProcess({ data, config: CONFIG })
  t.after(() => server.dispose())
  await server.start()
  server.addAccount(USER, PASSWORD)
  const mail = new SentMail(server, USER)
  await mail.ready()
  await mail.send(20)
  let ended: number | string | undefined
  void server.exited().then((how) => (ended = how))
  disk.die('read-only')
  const diedMs = performance.now()
  await mail.send(10)
  assert.equal(await until('the server to end', () => ended, 20_000), 74)
  assert.ok(performance.now() - diedMs < 3000, `${performance.now() - diedMs} ms`)
  assert.deepEqual(mail.refused.filter(({ code }) => code >= 500), [])
  assert.match(server.stderr, /read-only/)
  const refused = await server.command(['serve', '--alone'])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /read-only|cannot be written|EROFS/i)
  disk.comeBack('read-only')
  server.changeConfig(CONFIG) // it lay on that disk too
  await server.start()
  await mail.send(5)
  await mail.check()
  assert.equal(await server.stop(), 0)
})
