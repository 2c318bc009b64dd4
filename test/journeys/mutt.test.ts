// mutt on a terminal: opens the INBOX over IMAP, answers a message, and sends the answer by submission with a
// copy in Sent. mutt built with GNU SASL picks SCRAM-SHA-256-PLUS wherever it is offered, though it cannot bind to
// TLS 1.3, and does not try another way when sending: so a way is named in its settings.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { simpleParser } from 'mailparser'
import { startDaruma } from '../harness/daruma-process.ts'
import { missing, run, scratchFolder } from '../harness/program.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'

test('mutt reads a mailbox and replies', { skip: missing('mutt', 'script') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret', bob: 'secret' } })
  const folder = scratchFolder(t)
  const sender = await RawSmtp.open({ port: server.ports.submissions, tls: true })
  await sender.login('bob@test.example', 'secret')
  const question = 'From: Bob <bob@test.example>\r\nTo: ada@test.example\r\nSubject: =?UTF-8?B?6LOq5ZWP?=\r\nMessage-ID: <question@test.example>\r\nDate: Tue, 6 Jan 2026 10:00:00 +0900\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n会議は何時ですか。\r\n'
  assert.equal((await sender.send({ from: 'bob@test.example', to: ['ada@test.example'], bytes: Buffer.from(question) })).code, 250)
  await sender.quit()
  const ada = await server.imap('ada@test.example', 'secret')
  t.after(() => ada.connection.destroy())
  await ada.waitForMessages(1)

  writeFileSync(join(folder, 'answer.sh'), `#!/bin/sh\nprintf '%s\\n' 'At ten.' >>"$1"\n`, { mode: 0o755 })
  writeFileSync(join(folder, 'muttrc'), `
set folder = "imaps://localhost:${server.ports.imaps}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set imap_user = "ada@test.example"
set imap_pass = "secret"
set smtp_url = "smtps://ada%40test.example@localhost:${server.ports.submissions}/"
set smtp_pass = "secret"
set smtp_authenticators = "scram-sha-256"
set certificate_file = "${server.certificateFile}"
set from = "ada@test.example"
set realname = "Ada"
set hostname = "test.example"
set use_envelope_from = yes
set editor = "${join(folder, 'answer.sh')}"
set fast_reply = yes
set autoedit = yes
set include = yes
set abort_unmodified = no
set quit = yes
set wait_key = no
set pipe_decode = yes
set charset = "utf-8"
set send_charset = "utf-8"
set header_cache = ""
set message_cachedir = ""
set move = no
set beep = no
set sleep_time = 0
`)
  const keys = `push "<pipe-message>cat >${join(folder, 'read')}<enter><reply><send-message><quit>"`
  await run('script', ['-qec', `mutt -n -F '${join(folder, 'muttrc')}' -e '${keys}'`, join(folder, 'screen')], {
    env: { HOME: folder, TERM: 'xterm', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', COLUMNS: '80', LINES: '24' }, timeoutMs: 40_000,
  }).catch((error: unknown) => assert.fail(`${String(error)}\n${readFileSync(join(folder, 'screen'), 'latin1').slice(-3000)}`))
  const read = readFileSync(join(folder, 'read'), 'utf8')
  assert.match(read, /Subject: 質問/)
  assert.match(read, /会議は何時ですか。/)

  const bob = await server.imap('bob@test.example', 'secret')
  t.after(() => bob.connection.destroy())
  await bob.waitForMessages(1)
  const reply = await simpleParser(await bob.bytesOf(1))
  assert.equal(reply.subject, 'Re: 質問')
  assert.equal(reply.inReplyTo, '<question@test.example>')
  assert.match(reply.text ?? '', /> 会議は何時ですか。\n[^]*At ten\./)
  assert.equal(reply.from?.value[0]?.address, 'ada@test.example')

  await ada.command('NOOP')
  const [asked] = await ada.fetch('1', '(FLAGS)')
  assert.deepEqual((asked?.items.get('FLAGS') as string[] | undefined)?.filter((flag) => flag !== '\\Recent').sort(), ['\\Answered', '\\Seen'])
  await ada.waitForMessages(1, 'Sent')
  assert.equal((await simpleParser(await ada.bytesOf(1))).subject, 'Re: 質問')
})

test('mutt sends an attachment from a script', { skip: missing('mutt') }, async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const folder = scratchFolder(t)
  writeFileSync(join(folder, 'データ.csv'), 'a,b\n1,2\n')
  writeFileSync(join(folder, 'muttrc'), `
set smtp_url = "smtp://ada%40test.example@localhost:${server.ports.submission}/"
set smtp_pass = "secret"
set ssl_starttls = yes
set ssl_force_tls = yes
set smtp_authenticators = "scram-sha-256"
set certificate_file = "${server.certificateFile}"
set from = "ada@test.example"
set use_envelope_from = yes
set record = ""
set charset = "utf-8"
set rfc2047_parameters = no
`)
  await run('mutt', ['-n', '-F', join(folder, 'muttrc'), '-s', '表です', '-a', join(folder, 'データ.csv'), '--', 'ada@test.example'], {
    input: 'Anbei.\n', env: { HOME: folder, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
  })
  const reader = await server.imap('ada@test.example', 'secret')
  await reader.waitForMessages(1)
  const read = await simpleParser(await reader.bytesOf(1))
  assert.equal(read.subject, '表です')
  assert.equal(read.attachments[0]?.filename, 'データ.csv')
  assert.equal(read.attachments[0].content.toString(), 'a,b\r\n1,2\r\n')
  await reader.logout()
})
