// curl speaks SMTP and IMAP too, and is on every machine.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { attempt, missing, run, scratchFolder } from '../harness/program.ts'

test('curl sends by smtp and smtps, and reads, appends, searches and stores by imap and imaps', { skip: missing('curl') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'geheim' } })
  const { ports } = server
  const folder = scratchFolder(t)
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const curl = (...args: string[]) => run('curl', ['-sS', '--cacert', server.certificateFile, '--max-time', '30', ...args])
  const envelope = ['--mail-from', 'ada@test.example', '--mail-rcpt', 'bob@test.example']
  const message = (subject: string) => `From: ada@test.example\r\nTo: bob@test.example\r\nSubject: ${subject}\r\nDate: Tue, 6 Jan 2026 10:00:00 +0900\r\nMessage-ID: <${subject}@test.example>\r\n\r\n.dot\r\n..\r\nlast\r\n`

  await curl(`smtp://127.0.0.1:${ports.smtp}/client.example`, '--mail-from', 'x@elsewhere.example', '--mail-rcpt', 'bob@test.example', '-T', file('one', message('one')))
  await curl('--ssl-reqd', `smtp://localhost:${ports.submission}/client.example`, '--user', 'ada@test.example:secret', ...envelope, '-T', file('two', message('two')))
  await curl(`smtps://localhost:${ports.submissions}/client.example`, '--user', 'ada@test.example:secret', ...envelope, '-T', file('three', message('three')))
  await curl(`smtps://localhost:${ports.submissions}/client.example`, '--user', 'ada@test.example:secret', '--login-options', 'AUTH=LOGIN', ...envelope, '-T', file('four', message('four')))
  // Exit 55: the server refused; 67: the login failed.
  assert.equal((await attempt('curl', ['-sS', '-k', `smtps://localhost:${ports.submissions}`, '--user', 'ada@test.example:wrong', ...envelope, '-T', file('no', message('no'))])).code, 67)
  assert.equal((await attempt('curl', ['-sS', `smtp://127.0.0.1:${ports.smtp}`, '--mail-from', 'x@elsewhere.example', '--mail-rcpt', 'nobody@test.example', '-T', file('no', message('no'))])).code, 55)

  const reader = await server.imap('bob@test.example', 'geheim')
  await reader.waitForMessages(4)
  await reader.logout()
  const imaps = `imaps://localhost:${ports.imaps}`
  const user = ['--user', 'bob@test.example:geheim']
  const read = await curl(...user, `${imaps}/INBOX;MAILINDEX=3`)
  assert.ok(read.stdout.endsWith(message('three')), 'the message ends with the bytes that were sent')
  assert.match(read.stdout, /^Return-Path: <ada@test\.example>\r\n/)
  const { stdout: subject } = await curl('--ssl-reqd', ...user, `imap://localhost:${ports.imap}/INBOX;MAILINDEX=2;SECTION=HEADER.FIELDS%20(SUBJECT)`)
  assert.match(subject, /^Subject: two\r\n/)
  assert.match((await curl(...user, `${imaps}/INBOX`, '-X', 'SEARCH SUBJECT "four"')).stdout, /^\* SEARCH 4\r$/m)
  await curl(...user, `${imaps}/INBOX`, '-X', 'STORE 1 +FLAGS (\\Flagged)')
  assert.match((await curl(...user, `${imaps}/INBOX`, '-X', 'FETCH 1 (FLAGS)')).stdout, /^\* 1 FETCH \(.*\\Flagged.*\)\r$/m)
  await curl(...user, `${imaps}/`, '-X', 'CREATE Notes')
  await curl(...user, `${imaps}/Notes`, '-T', file('note', 'Subject: note\r\n\r\nappended by curl\r\n'))
  assert.equal((await curl(...user, `${imaps}/Notes;UID=1`)).stdout, 'Subject: note\r\n\r\nappended by curl\r\n')
  assert.match((await curl(...user, `${imaps}/`)).stdout, /^\* LIST \(.*\) "\/" "?Notes"?\r$/m)
  assert.equal((await attempt('curl', ['-sS', '-k', '--user', 'bob@test.example:wrong', `${imaps}/INBOX`])).code, 67)
})
