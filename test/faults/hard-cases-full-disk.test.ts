// v1: a full disk is a temporary refusal. The data lies on a small file system of its own (tmpfs), which another file
// fills up; then that goes, and everything arrives without a restart. Mail once kept stays readable all the while.
// And: large messages that cannot be written, because their folder is none any more.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'
import { append } from '../corpus/mail-room.ts'

const password = 'correct horse'
const MIB = 1024 * 1024
const messages = 200
const messageOctets = 200 * 1024

/** A mounted tmpfs, or the reason why there is none. */
function smallDisk(t: TestContext, sizeMib: number): { folder: string } | { skip: string } {
  if (process.getuid?.() !== 0) return { skip: 'needs root to mount a small file system' }
  const folder = mkdtempSync(join(tmpdir(), 'daruma-small-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', folder])
  // A mount that failed would leave the test filling the root disk.
  if (mounted.status !== 0 || spawnSync('mountpoint', ['-q', folder]).status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    return { skip: 'root may not mount a file system here' }
  }
  t.after(() => {
    spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder }
}

function mail(number: number, octets: number): Buffer {
  return Buffer.from(`Subject: ${number}\r\nMessage-ID: <${number}@sender.example>\r\n\r\n${'x'.repeat(72)}\r\n`.padEnd(octets - 2, `${'y'.repeat(72)}\r\n`).replace(/\r?\n?$/, '\r\n'))
}

test('v1: a full disk: 452, nothing lost, reading and deleting go on, all arrives when there is room again', async (t) => {
  const disk = smallDisk(t, 128)
  if ('skip' in disk) return t.skip(disk.skip)
  const ballast = join(disk.folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(88 * MIB))
  const server = new DarumaProcess({ data: join(disk.folder, 'data'), config: `[journal]\nsegment_size = "4M"\n[limits]\ndisk_reserve_octets = ${16 * MIB}\n` })
  t.after(() => server.dispose())
  mkdirSync(server.data)
  await server.start()
  server.run(['domain', 'add', server.domain])
  const user = `user@${server.domain}`
  server.addAccount(user, password)

  const client = await RawSmtp.open({ port: server.ports.smtp })
  const refused: number[] = []
  const codes = new Set<number>()
  for (let number = 0; number < messages; number += 1) {
    const reply = await client.send({ from: 's@sender.example', to: [user], bytes: mail(number, messageOctets) })
    codes.add(reply.code)
    if (reply.code !== 250) refused.push(number)
  }
  assert.deepEqual([...codes].filter((code) => code !== 250 && code !== 452 && code !== 451), [], 'refusals are for now')
  assert.ok(refused.length > 0 && refused.length < messages, `${refused.length} refused`)

  const reader = await RawImap.open({ port: server.ports.imap })
  await reader.login(user, password)
  await reader.waitForMessages(messages - refused.length)
  assert.match((await reader.bytesOf(1)).toString(), /Subject: 0\r\n/)
  assert.equal((await append(reader, mail(1000, messageOctets), false)).status, 'NO')
  assert.equal((await reader.command('STORE 1 +FLAGS (\\Deleted)')).status, 'OK')
  assert.equal((await reader.command('EXPUNGE')).status, 'OK')

  rmSync(ballast)
  await until('mail is taken again', async () => (await client.send({ from: 's@sender.example', to: [user], bytes: mail(refused[0] as number, messageOctets) })).code === 250)
  for (const number of refused.slice(1)) assert.equal((await client.send({ from: 's@sender.example', to: [user], bytes: mail(number, messageOctets) })).code, 250)
  await reader.waitForMessages(messages - 1)
  const subjects = (await reader.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (Subject)])')).map(({ items }) => Number(/\d+/.exec(String([...items.values()][0]))?.[0]))
  assert.deepEqual(subjects.sort((a, b) => a - b), Array.from({ length: messages - 1 }, (_, i) => i + 1))
  reader.connection.destroy()
  await client.quit()
  assert.equal(await server.stop(), 0)
})

test('v1: large messages cannot be written: 451, and all arrive after the repair, without a restart', async (t) => {
  const server = new DarumaProcess()
  t.after(() => server.dispose())
  await server.start()
  server.run(['domain', 'add', server.domain])
  const user = `user@${server.domain}`
  server.addAccount(user, password)
  const client = await RawSmtp.open({ port: server.ports.smtp })
  const send = async (number: number) => (await client.send({ from: 's@sender.example', to: [user], bytes: mail(number, 3 * MIB) })).code
  assert.equal(await send(0), 250)
  const folder = largeFolder(server.data)
  renameSync(folder, `${folder}.away`)
  writeFileSync(folder, 'no folder any more')
  for (let number = 1; number <= 5; number += 1) assert.match(String(await send(number)), /^45[12]$/)
  // Small ones need no file of their own.
  assert.equal((await client.send({ from: 's@sender.example', to: [user], bytes: mail(6, 2000) })).code, 250)
  rmSync(folder)
  renameSync(`${folder}.away`, folder)
  for (let number = 1; number <= 5; number += 1) assert.equal(await send(number), 250)
  const reader = await RawImap.open({ port: server.ports.imap })
  await reader.login(user, password)
  await reader.waitForMessages(7)
  reader.connection.destroy()
  await client.quit()
  assert.equal(await server.stop(), 0)
})

/** The one folder under the data that holds a file above 1 MiB which is no segment. */
function largeFolder(data: string): string {
  const found = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name))
    .find((path) => /large/.test(path) && statSync(path).isFile() && statSync(path).size >= 3 * MIB)
  if (found === undefined) throw new Error('no large file')
  return join(found, '..')
}
