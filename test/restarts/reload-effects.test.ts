// Every door takes over what a reload may change, for the sessions that come after it.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawConnection } from '../harness/raw-connection.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { until } from '../harness/until.ts'

test('logins in the clear, SCRAM, proxies and the log', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const capability = async () => {
    const client = await RawImap.open({ port: server.ports.imap })
    const { untagged } = await client.command('CAPABILITY')
    await client.logout()
    return JSON.stringify(untagged)
  }
  assert.match(await capability(), /AUTH=PLAIN/)
  const written = readFileSync(server.configFile, 'utf8')
  writeFileSync(server.configFile, `${written.replace('plaintext_login = "loopback"', 'plaintext_login = "never"\nscram = false')}\n[proxy]\nnetworks = ["127.0.0.0/8"]\n[log]\nlevel = "warn"\n[limits]\nsnapshot_records = 777\n`)
  const report = await server.json<{ changed: string[]; need_restart: string[] }>(['reload'])
  assert.deepEqual(report.changed.sort(), ['log.level', 'proxy.networks', 'security.plaintext_login', 'security.scram'])
  assert.deepEqual(report.need_restart, ['limits.snapshot_records'])

  // From now on the loopback is a proxy, which says for whom it speaks.
  const throughProxy = async () => {
    const connection = await RawConnection.open({ port: server.ports.imap })
    connection.write('PROXY TCP4 192.0.2.7 192.0.2.1 40000 143\r\na CAPABILITY\r\n')
    const lines = [await connection.line(), await connection.line()].map(String)
    connection.destroy()
    return lines
  }
  const [greeting = '', capabilities = ''] = await until('a greeting behind a PROXY header', async () => {
    const lines = await throughProxy()
    return lines[1]?.startsWith('* CAPABILITY') && lines
  })
  assert.match(greeting, /^\* OK/)
  assert.match(capabilities, /LOGINDISABLED/)
  assert.doesNotMatch(capabilities, /AUTH=/)

  const smtp = await RawConnection.open({ port: server.ports.smtp })
  smtp.write('PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n')
  assert.match(String(await smtp.line()), /^220 /)
  for (const line of ['HELO c.example', 'MAIL FROM:<a@c.example>', 'RCPT TO:<ada@test.example>', 'DATA', 'x: y\r\n\r\n.']) {
    smtp.write(`${line}\r\n`)
    assert.match(String(await smtp.line()), /^[23]/)
  }
  smtp.destroy()
  assert.doesNotMatch(server.stderr, /"msg":"message kept"/, 'the log says no more than warnings')

  writeFileSync(server.configFile, written)
  await server.json(['reload'])
  const ada = await until('a login in the clear', () => server.imap('ada@test.example', 'secret'))
  await ada.waitForMessages(1)
  await ada.command('SELECT INBOX')
  const [mail] = await ada.fetch('1', '(BODY.PEEK[HEADER])')
  assert.match(String(mail?.items.get('BODY[HEADER]')), /^Received: from c\.example \(\[192\.0\.2\.7\]\)/m, 'the proxy is not the peer')
  await ada.logout()
})

test('the level of the log reaches the threads of the store', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  await server.stop()
  await server.start()
  writeFileSync(server.configFile, `${readFileSync(server.configFile, 'utf8')}\n[log]\nlevel = "debug"\n`)
  await server.json(['reload'])
  const ada = await server.imap('ada@test.example', 'secret')
  await ada.command('SELECT INBOX')
  await until('the account thread says that it opened her database', () => /"msg":"database open","thread":"accounts","database":100,/.test(server.stderr))
  await ada.logout()
})
