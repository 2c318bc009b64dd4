// What people see from outside while the mail server is well, killed, and worked on: the status page, its published
// copy, the book of incidents, and the message that announces maintenance.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { askServer } from '../../src/cli/control-client.ts'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { RawConnection } from '../harness/raw-connection.ts'
import { until } from '../harness/until.ts'

interface StatusJson {
  readonly status: string
  readonly services: readonly { name: string; status: string }[]
  readonly incidents: readonly { id: string; kind: string; ended: string | null }[]
  readonly maintenance: readonly { id: string; state: string; what: string }[]
}

/** One request as a browser makes it; the whole answer. */
function get(port: number, path: string, language = 'en'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(`GET ${path} HTTP/1.1\r\nHost: status.example\r\nAccept-Language: ${language}\r\n\r\n`))
    const parts: Buffer[] = []
    socket.on('data', (part: Buffer) => parts.push(part))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(parts).toString('utf8')))
  })
}

async function startWithPage(t: TestContext, status = ''): Promise<{ server: DarumaProcess; port: number; json: () => Promise<StatusJson> }> {
  const server = await startDaruma(t, {
    supervised: true, accounts: { ada: 'secret', ben: 'secret' },
    config: `[status]\nlisten = "127.0.0.1:0"\ntitle = "Example <Mail>"\n${status}`,
  })
  const port = await until('the page is served', () => Number(/the status page is served","[^\n]*"address":"127\.0\.0\.1:(\d+)"/.exec(server.stderr)?.[1] ?? 0))
  const json = async () => JSON.parse((await get(port, '/status.json')).split('\r\n\r\n')[1] ?? '') as StatusJson
  await until('all is well', async () => (await json()).status === 'up')
  return { server, port, json }
}

async function serverPid(server: DarumaProcess): Promise<number> {
  const asked = await askServer(join(server.data, 'supervisor.sock'), 'supervisor-status', {})
  assert.ok(asked.at === 'answered' && asked.answer.ok)
  return (asked.answer.result as { server: { pid: number } }).server.pid
}

test('a server that is killed: the page goes on, says so, and remembers', async (t) => {
  const { server, port, json } = await startWithPage(t)
  assert.match(await get(port, '/'), /<html lang="en">[^]*Status of Example &lt;Mail&gt;[^]*All services work\./)
  assert.match(await get(port, '/', 'ja'), /<html lang="ja">[^]*すべてのサービスが正常です。/)
  assert.match(await get(port, '/status.rss'), /<rss version="2\.0">/)

  process.kill(await serverPid(server), 'SIGKILL')
  await until('the incident is on the page', async () => (await json()).incidents.some((one) => one.kind === 'server-down'))
  await until('all is well again', async () => {
    const now = await json()
    return now.status === 'up' && now.incidents.every((one) => one.ended !== null)
  })
  const { stdout } = await server.command(['incidents'])
  assert.match(stdout, /server-down[^]*The server is back\.[^]*what to do/)
  assert.match(await get(port, '/'), /What has happened[^]*The mail server stopped unexpectedly\./)
})

test('maintenance: planned, announced once, begun, said at the door, ended', async (t) => {
  const { server, port, json } = await startWithPage(t)
  const planned = await server.json<{ id: string; state: string }>(['maintenance', 'plan', '--from', 'tomorrow 02:00', '--to', '+2h', '--what', '新しいディスク <b>', '--mail'])
  assert.equal(planned.state, 'planned')
  assert.match(await get(port, '/'), /Planned maintenance[^]*新しいディスク &lt;b&gt;/)
  const overlapping = await server.command(['maintenance', 'plan', '--from', 'tomorrow 03:00', '--to', '+2h', '--what', 'x'])
  assert.equal(overlapping.code, 1)
  assert.match(overlapping.stderr, /overlaps with M1/)

  await until('the announcement is filed', async () => (await server.json<{ announced: string | null }[]>(['maintenance', 'list']))[0]?.announced)
  for (const name of ['ada', 'ben']) {
    const imap = await server.imap(`${name}@${server.domain}`, 'secret')
    await imap.waitForMessages(1)
    await imap.command('SELECT INBOX')
    assert.match((await imap.bytesOf(1)).toString('latin1'), /^Subject: Maintenance on/m)
    await imap.logout()
  }
  // Asked to announce the same again, as after a crash in the middle: nobody gets a second one.
  const twice = { id: 'again.1', subject: 'Once', body: 'only\n' }
  for (let n = 0; n < 2; n += 1) {
    const asked = await askServer(join(server.data, 'control.sock'), 'announce', twice)
    assert.ok(asked.at === 'answered' && asked.answer.ok, JSON.stringify(asked))
  }
  await askServer(join(server.data, 'control.sock'), 'announce', { ...twice, id: 'again.2' })
  const ada = await server.imap(`ada@${server.domain}`, 'secret')
  await ada.waitForMessages(3)

  const begun = await server.command(['maintenance', 'begin', planned.id])
  assert.equal(begun.code, 0, begun.stderr)
  const during = await json()
  assert.equal(during.status, 'maintenance')
  assert.deepEqual(during.maintenance.map((one) => `${one.id} ${one.state}`), ['M1 running'])
  const imap = await RawConnection.open({ port: server.ports.imap })
  const greeting = (await imap.line()).toString('latin1')
  assert.match(greeting, /ALERT.*aintenance until/)
  imap.destroy()

  assert.equal((await server.command(['maintenance', 'end'])).code, 0)
  await until('all is well again', async () => (await json()).status === 'up')
  assert.equal((await server.json<{ state: string }[]>(['maintenance', 'list']))[0]?.state, 'done')
  const after = await server.imap(`ada@${server.domain}`, 'secret')
  assert.equal((await after.statusOf('INBOX', 'MESSAGES'))['MESSAGES'], 3)
})

test('the page is published as files that everybody may read, and the last one says that nobody is there', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'daruma-page-'))
  t.after(() => rmSync(scratch, { recursive: true, force: true }))
  const folder = join(scratch, 'page')
  const { server, port } = await startWithPage(t, `publish = "${folder}"\n`)
  const names = ['index.html', 'index.ja.html', 'status.json', 'status.rss', 'status.ja.rss']
  await until('it is published', () => names.every((name) => existsSync(join(folder, name))))
  for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o644, name)
  assert.equal(statSync(folder).mode & 0o777, 0o755)
  await server.command(['maintenance', 'plan', '--from', '+1h', '--to', '+2h', '--what', 'a change'])
  await until('the change is published', () => readFileSync(join(folder, 'index.html'), 'utf8').includes('a change'))
  assert.ok((await get(port, '/')).includes('a change'))
  server.changeConfig(`[status]\nlisten = "127.0.0.1:0"\ntitle = "Another name"\npublish = "${folder}"\n`)
  assert.equal((await server.command(['reload'])).code, 0)
  await until('the new name is published', () => readFileSync(join(folder, 'index.html'), 'utf8').includes('Status of Another name'))
  await server.stop()
  const last = JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8')) as StatusJson
  assert.equal(last.status, 'down')
})
