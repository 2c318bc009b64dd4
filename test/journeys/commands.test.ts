// What an operator types, once at a running server and once at a stopped one; the accounts themselves are
// the witnesses: they log in, or do not.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DOOR_FILE, DOOR_STALE_FILE, judgeAtDoor, parseDoorList, type DoorList } from '../../src/intake/door-file.ts'
import { startDaruma, type DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

interface AccountRow { address: string; account: number; state: string; messages: number; octets_used: number; quota: number | null; created: string }

async function logsIn(server: DarumaProcess, address: string, password: string): Promise<boolean> {
  const client = await RawImap.open({ port: server.ports.imap })
  try {
    return (await client.login(address, password)).status === 'OK'
  } finally {
    client.connection.destroy()
  }
}

/** What the understudy goes by; it must not be marked as old. */
function doorList(server: DarumaProcess): DoorList {
  assert.ok(!existsSync(join(server.data, 'intake', DOOR_STALE_FILE)))
  const list = parseDoorList(readFileSync(join(server.data, 'intake', DOOR_FILE)))
  assert.ok(list.ok)
  return list.value
}

/** What is said once the thread of the door has read the newest directory: until then it is 451. */
function rcpt(server: DarumaProcess, recipient: string): Promise<string> {
  return until('an answer for good', async () => {
    const client = await RawSmtp.open({ port: server.ports.smtp })
    await client.command('MAIL FROM:<someone@elsewhere.example>')
    const reply = await client.command(`RCPT TO:<${recipient}>`)
    await client.quit()
    return reply.code !== 451 && `${reply.code} ${reply.lines[0]}`
  })
}

test('accounts, passwords and suspensions take effect at once in a running server', async (t) => {
  const server = await startDaruma(t)
  const added = await server.command(['account', 'add', 'ada@test.example'], { env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(added.code, 0, added.stderr)
  const generated = /^password: (\S+)$/m.exec(added.stdout)?.[1] ?? assert.fail('a generated password is one line')
  assert.match(added.stderr, /test\.example was not a domain of this server yet and was added/)
  assert.ok(await logsIn(server, 'ada@test.example', generated))
  assert.ok(await logsIn(server, 'ADA@Test.Example', generated), 'case does not matter in an address')

  server.run(['account', 'passwd', 'ada@test.example', '--password-stdin'], { input: 'another one, with blanks\n' })
  assert.ok(await logsIn(server, 'ada@test.example', 'another one, with blanks'))
  assert.ok(!(await logsIn(server, 'ada@test.example', generated)), 'the old password is gone, whatever was remembered')

  server.run(['account', 'suspend', 'ada@test.example'])
  assert.ok(!(await logsIn(server, 'ada@test.example', 'another one, with blanks')))
  assert.equal((await server.json<AccountRow[]>(['account', 'list']))[0]?.state, 'suspended')
  server.run(['account', 'resume', 'ada@test.example'])
  assert.ok(await logsIn(server, 'ada@test.example', 'another one, with blanks'))

  const again = await server.command(['account', 'add', 'ada@test.example', '--password-stdin'], { input: 'x\n', env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(again.code, 1)
  assert.match(again.stderr, /ada@test\.example/)
  assert.ok(await logsIn(server, 'ada@test.example', 'another one, with blanks'), 'a refused command changes nothing')

  server.run(['alias', 'add', 'info@test.example', 'ada@test.example'])
  const deleted = await server.command(['account', 'delete', 'ada@test.example'], { env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(deleted.code, 0)
  assert.match(deleted.stderr, /^daruma: info@test\.example led to ada@test\.example only: .*refused/m)
  assert.ok(!(await logsIn(server, 'ada@test.example', 'another one, with blanks')))
  assert.deepEqual(await server.json(['account', 'list']), [])
})

test('the same commands on a stopped server become the owner for a moment', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'while it ran' } })
  assert.equal(await server.stop(), 0)
  assert.equal((await server.command(['status'])).code, 69)
  server.addAccount('bob@test.example', 'while it stood')
  server.run(['account', 'passwd', 'ada@test.example', '--password-stdin'], { input: 'changed while it stood\n' })
  server.run(['domain', 'add', 'second.example'])
  server.run(['alias', 'add', 'info@second.example', 'bob@test.example'])
  const rows = await server.json<AccountRow[]>(['account', 'list'])
  assert.deepEqual(rows.map((row) => row.address), ['ada@test.example', 'bob@test.example'])
  assert.equal(statSync(join(server.data, 'control.sock'), { throwIfNoEntry: false }), undefined, 'no socket is left over')
  assert.deepEqual(['bob@test.example', 'info@second.example', 'nobody@test.example'].map((address) => judgeAtDoor(doorList(server), address)), ['take', 'take', 'unknown-user'], 'an understudy at work knows it')
  assert.equal(doorList(server).pause, undefined)
  server.run(['pause', 'smtp-in'])
  assert.notEqual(doorList(server).pause, undefined)
  server.run(['resume', 'smtp-in'])
  assert.equal(doorList(server).pause, undefined)
  await server.start()
  assert.ok(await logsIn(server, 'bob@test.example', 'while it stood'))
  assert.ok(await logsIn(server, 'ada@test.example', 'changed while it stood'))
  assert.ok(!(await logsIn(server, 'ada@test.example', 'while it ran')))
  assert.match(await rcpt(server, 'info@second.example'), /^250 /)
  assert.equal(statSync(join(server.data, 'control.sock')).mode & 0o777, 0o600)
})

test('aliases, a catch-all and domains decide at RCPT', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  assert.match(await rcpt(server, 'team@test.example'), /^550 5\.1\.1 /)
  server.run(['alias', 'add', 'team@test.example', 'ada@test.example', 'bob@test.example'])
  assert.match(await rcpt(server, 'team@test.example'), /^250 /)
  assert.match(await rcpt(server, 'ada+lists@test.example'), /^250 /)
  assert.match(await rcpt(server, 'someone@second.example'), /^550 5\.7\.1 /, 'another domain would be relaying')
  server.run(['domain', 'add', 'second.example'])
  assert.match(await rcpt(server, 'someone@second.example'), /^550 5\.1\.1 /)
  server.run(['domain', 'add', 'second.example', '--catch-all', 'ada@test.example'])
  assert.match(await rcpt(server, 'someone@second.example'), /^250 /)
  const sender = await RawSmtp.open({ port: server.ports.smtp })
  const sent = await sender.send({ from: 'x@elsewhere.example', to: ['team@test.example'], bytes: Buffer.from('Subject: for two\r\n\r\n.\r\n') })
  assert.equal(sent.code, 250)
  await sender.quit()
  for (const name of ['ada', 'bob']) {
    const reader = await server.imap(`${name}@test.example`, 'secret')
    await reader.waitForMessages(1)
    await reader.logout()
  }
  server.run(['alias', 'delete', 'team@test.example'])
  assert.match(await rcpt(server, 'team@test.example'), /^550 5\.1\.1 /)
  const aliases = await server.json<{ address: string; targets: string[] }[]>(['alias', 'list'])
  assert.deepEqual(aliases, [])
  const domains = await server.json<{ domain: string }[]>(['domain', 'list'])
  assert.deepEqual(domains.map((row) => row.domain), ['second.example', 'test.example'])
  assert.equal((await server.command(['domain', 'delete', 'test.example'])).code, 1, 'a domain with accounts stays')
})

test('a full mailbox is told so for now, and takes mail again when there is room', async (t) => {
  const server = await startDaruma(t)
  server.run(['account', 'add', 'ada@test.example', '--password-stdin', '--quota', '20K'], { input: 'secret\n' })
  const message = Buffer.from(`Subject: big\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(200)}`)
  const client = await RawSmtp.open({ port: server.ports.smtp })
  assert.equal((await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: message })).code, 250)
  // The second would fit no more: refused at RCPT once the view knows, at the latest after the dot.
  const over = await until('the mailbox to be full', async () => {
    const reply = await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: message })
    return reply.code !== 250 && reply
  })
  assert.equal(over.code, 452)
  assert.match(over.lines[0] ?? '', /^4\.2\.2 /)
  server.run(['account', 'quota', 'ada@test.example', 'none'])
  await until('mail to be taken again', async () => (await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: message })).code === 250)
  await client.quit()
  const quota = await server.json<{ quota: number | null }>(['account', 'quota', 'ada@test.example'])
  assert.equal(quota.quota, null)
})

test('status counts, trace tells, help and the config reference are there', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const client = await RawSmtp.open({ port: server.ports.smtp })
  const message = Buffer.from('Message-ID: <traced-1@elsewhere.example>\r\nSubject: hello\r\n\r\nhello\r\n')
  assert.equal((await client.send({ from: 'x@elsewhere.example', to: ['ada@test.example'], bytes: message })).code, 250)
  await client.quit()
  const status = await until('one message in all mailboxes', async () => {
    const now = await server.json<{ messages_total: number; listeners: { door: string; answers: boolean }[] }>(['status'])
    return now.messages_total === 1 && now
  })
  assert.deepEqual(status.listeners.map(({ door, answers }) => [door, answers]), [['smtp', true], ['submission', true], ['submissions', true], ['imap', true], ['imaps', true]])
  for (const what of ['<traced-1@elsewhere.example>', 'traced-1@elsewhere.example', 'ada@test.example', 'x@elsewhere.example']) {
    const rows = await server.json<{ recipient: string; sender: string; fate: string; message_id: string }[]>(['trace', what])
    assert.equal(rows.length, 1, what)
    assert.equal(rows[0]?.recipient, 'ada@test.example')
    assert.equal(rows[0].sender, 'x@elsewhere.example')
    assert.match(rows[0].fate, /^filed in /)
    assert.match(rows[0].message_id, /traced-1@elsewhere\.example/)
  }
  assert.deepEqual(await server.json(['queue', 'list']), [])
  assert.equal((await server.command(['queue', 'show', '1.0'])).code, 1)
  assert.equal((await server.command(['config', 'check'])).code, 0)
  assert.match((await server.command(['config', 'reference'])).stdout, /plaintext_login/)
  assert.equal((await server.command(['acount', 'list'])).code, 2)
  assert.match((await server.command(['acount', 'list'], { env: { LANG: 'C', LC_ALL: '' } })).stderr, /did you mean "account"/)
  server.changeConfig('[limits]\nmesage_octets_max = 5\n')
  const checked = await server.command(['config', 'check'], { env: { LANG: 'C', LC_ALL: '' } })
  assert.equal(checked.code, 78)
  assert.match(checked.stderr, /:\d+:.*mesage_octets_max.*message_octets_max/s)
})
