// Python's own smtplib and imaplib, verifying the certificate, as thousands of small scripts use them.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { missing, run } from '../harness/program.ts'

const script = (name: string) => join(import.meta.dirname, 'python', name)

test('smtplib sends, imaplib reads, sorts and throws away', { skip: missing('python3') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'auch geheim' } })
  const { ports, certificateFile } = server
  const sent = await run('python3', [script('send.py'), '127.0.0.1', String(ports.submission), String(ports.submissions), certificateFile, 'ada@test.example', 'secret', 'bob@test.example'])
  for (const extension of ['8bitmime', 'auth', 'chunking', 'dsn', 'enhancedstatuscodes', 'pipelining', 'size', 'smtputf8']) {
    assert.ok(sent.stdout.split(/\s+/).includes(extension), `${extension} is offered: ${sent.stdout}`)
  }
  assert.ok(!sent.stdout.includes('starttls'), 'STARTTLS is not offered a second time')
  const reader = await server.imap('bob@test.example', 'auch geheim')
  await reader.waitForMessages(3)
  await reader.logout()
  await run('python3', [script('read.py'), String(ports.imap), String(ports.imaps), certificateFile, 'bob@test.example', 'auch geheim', 'by STARTTLS', 'one of two', 'Grüße, 世界'])
})
