// What an operator decides about an account counts at once, also for sessions that are under way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { until } from '../harness/until.ts'

test('a suspended account neither reads nor sends on, and mail for it is still taken', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  const reader = await server.imap('ada@test.example', 'secret')
  await reader.command('SELECT INBOX')
  const sender = await RawSmtp.open({ port: server.ports.submission })
  await sender.login('ada@test.example', 'secret')
  const mail = { from: 'ada@test.example', to: ['bob@test.example'], bytes: Buffer.from('From: ada@test.example\r\n\r\nhello\r\n') }
  assert.equal((await sender.send(mail)).code, 250)

  server.run(['account', 'suspend', 'ada@test.example'])
  await until('sending to end', async () => {
    const { code, lines } = await sender.command('MAIL FROM:<ada@test.example>')
    await sender.command('RSET')
    return code === 550 && lines[0]?.startsWith('5.7.13 ')
  })
  await until('reading to end', async () => {
    try {
      await reader.command('NOOP')
      return false
    } catch {
      return true // BYE, and the connection is closed
    }
  })
  const stranger = await RawSmtp.open({ port: server.ports.smtp })
  assert.equal((await stranger.send({ ...mail, from: 'x@elsewhere.example', to: ['ada@test.example'] })).code, 250)

  server.run(['account', 'resume', 'ada@test.example'])
  const again = await until('reading to begin again', () => server.imap('ada@test.example', 'secret'))
  await again.waitForMessages(1)
  await again.logout()
})
