// Pausing, on the real doors. (The flood itself is a benchmark: npm run bench:overload.)
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'

const message = { from: 'b@client.example', to: ['a@test.example'], bytes: Buffer.from('Subject: x\r\n\r\nx\r\n') }

test('a pause puts strangers off with the reason, lets our own users send, outlives a restart, and is over when it is resumed', async (t) => {
  const server = await startDaruma(t, { accounts: { a: 'secret' } })
  server.keepPorts()
  server.run(['pause', 'smtp-in', '--for', '2h', '--why', 'a look at the disk'])
  const paused = async () => {
    const smtp = await RawSmtp.open({ port: server.ports.smtp })
    const reply = await smtp.command('MAIL FROM:<b@client.example>')
    smtp.connection.destroy()
    return `${reply.code} ${reply.lines[0]}`
  }
  assert.match(await paused(), /^451 4\.3\.2 mail is put off by the administrator until .*: a look at the disk/)
  const own = await RawSmtp.open({ port: server.ports.submission })
  assert.equal((await own.login('a@test.example', 'secret')).code, 235)
  assert.equal((await own.send({ ...message, from: 'a@test.example', bytes: Buffer.from('From: a@test.example\r\nSubject: x\r\n\r\nx\r\n') })).code, 250)
  own.connection.destroy()
  const status = await server.json<{ paused: { what: string; why: string }[] }>(['status'])
  assert.deepEqual(status.paused.map(({ what, why }) => [what, why]), [['smtp-in', 'a look at the disk']])
  await server.kill('SIGKILL')
  await server.start()
  assert.match(await paused(), /^451 /)
  server.run(['resume', 'smtp-in'])
  const smtp = await RawSmtp.open({ port: server.ports.smtp })
  assert.equal((await smtp.send(message)).code, 250)
  smtp.connection.destroy()
  assert.match((await server.command(['resume', 'smtp-in'])).stderr, /not paused/)
  assert.match((await server.command(['pause', 'everything'])).stderr, /cannot be paused/)
})
