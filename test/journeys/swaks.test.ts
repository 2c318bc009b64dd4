// swaks, the mail administrator's first tool, in the ways it is used to see whether a server is well.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { simpleParser } from 'mailparser'
import { startDaruma } from '../harness/daruma-process.ts'
import { attempt, missing, run, scratchFolder } from '../harness/program.ts'

test('plain, STARTTLS, AUTH PLAIN and LOGIN, TLS from the first octet, an attachment, pipelining, and refusals', { skip: missing('swaks') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  const folder = scratchFolder(t)
  const bytes = Buffer.from(Array.from({ length: 30_000 }, (_, index) => (index * 31) & 255))
  writeFileSync(join(folder, 'picture.bin'), bytes)
  const at = (port: number) => ['--server', '127.0.0.1', '--port', String(port)]
  const login = (kind: string) => ['--auth', kind, '--auth-user', 'ada@test.example', '--auth-password', 'secret']
  const stranger = ['--from', 'x@elsewhere.example', '--to', 'bob@test.example']
  const own = ['--from', 'ada@test.example', '--to', 'bob@test.example']
  const { smtp, submission, submissions } = server.ports
  const send = (subject: string, ...args: string[]) => run('swaks', [...args, '--header', `Subject: ${subject}`, '--ehlo', 'client.example'])

  await send('plain', ...at(smtp), ...stranger)
  const secured = await send('STARTTLS from a stranger', ...at(smtp), ...stranger, '--tls')
  assert.match(secured.stdout, /=== TLS started with cipher TLSv1\.3/)
  await send('PLAIN', ...at(submission), ...own, '--tls', ...login('PLAIN'))
  await send('LOGIN', ...at(submission), ...own, '--tls', ...login('LOGIN'))
  await send('TLS from the first octet', ...at(submissions), ...own, '--tls-on-connect', ...login('PLAIN'))
  await send('attachment', ...at(submissions), ...own, '--tls-on-connect', ...login('PLAIN'), '--body', 'see attached', '--attach-type', 'application/octet-stream', '--attach', `@${join(folder, 'picture.bin')}`)
  await send('pipelined', ...at(smtp), ...stranger, '--pipeline')
  await send('older than EHLO', ...at(smtp), ...stranger, '--protocol', 'SMTP')
  const version1_2 = await send('TLS 1.2', ...at(smtp), ...stranger, '--tls', '--tls-protocol', 'tlsv1_2')
  assert.match(version1_2.stdout, /TLSv1\.2/)

  const code = async (...args: string[]) => {
    const ended = await attempt('swaks', [...args, '--ehlo', 'client.example'])
    return [ended.code, /^<~?\*\* (5\d\d[ -]\d\.\d\.\d)/m.exec(ended.stdout)?.[1]]
  }
  // swaks: 24 is a refused recipient, 28 a failed login, 23 a refused sender.
  assert.deepEqual(await code(...at(smtp), '--from', 'x@elsewhere.example', '--to', 'nobody@test.example'), [24, '550 5.1.1'])
  assert.deepEqual(await code(...at(smtp), '--from', 'x@elsewhere.example', '--to', 'x@elsewhere.example'), [24, '550 5.7.1'])
  assert.equal((await code(...at(submission), ...own, '--tls', '--auth', 'PLAIN', '--auth-user', 'ada@test.example', '--auth-password', 'wrong'))[0], 28)

  const reader = await server.imap('bob@test.example', 'secret')
  await reader.waitForMessages(9)
  const messages = await Promise.all((await reader.fetch('1:*', '(BODY.PEEK[])')).map(({ items }) => simpleParser(items.get('BODY[]') as Buffer)))
  assert.deepEqual(messages.map(({ subject }) => subject), [
    'plain', 'STARTTLS from a stranger', 'PLAIN', 'LOGIN', 'TLS from the first octet', 'attachment', 'pipelined', 'older than EHLO', 'TLS 1.2',
  ])
  const received = messages.map(({ headerLines }) => headerLines.find(({ key }) => key === 'received')?.line ?? '')
  // RFC 3848: what was used stands in the Received line. RFC 6409 §8 lets submission hide where its users are.
  assert.match(received[0] ?? '', /with ESMTP\b/)
  assert.match(received[1] ?? '', /with ESMTPS\b/)
  assert.match(received[2] ?? '', /with ESMTPSA\b/)
  assert.match(received[7] ?? '', /with SMTP\b/)
  assert.match(received[0] ?? '', /127\.0\.0\.1/)
  assert.doesNotMatch(received[2] ?? '', /127\.0\.0\.1/)
  assert.ok(messages[5]?.attachments[0]?.content.equals(bytes))
  await reader.logout()
})
