// Pausing, strangers under pressure, guessers: on the real doors. (The flood itself is a benchmark: npm run bench:overload.)
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawConnection } from '../harness/raw-connection.ts'
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

const PROXIED = '[proxy]\nnetworks = ["127.0.0.1/32"]\n'

/** The first line that somebody with this address hears; a PROXY header says who it is. */
async function knock(port: number, address: string): Promise<{ line: string; connection: RawConnection }> {
  const connection = await RawConnection.open({ port })
  connection.write(`PROXY TCP4 ${address} 192.0.2.250 40000 25\r\n`)
  return { line: (await connection.line()).toString('latin1'), connection }
}

/** The code that a login by submission gets; undefined: not even a greeting. */
async function logInFrom(port: number, address: string, user: string, password: string): Promise<number | undefined> {
  const { line, connection } = await knock(port, address)
  const reply = async (): Promise<number> => {
    for (;;) {
      const text = (await connection.line()).toString('latin1')
      if (text[3] !== '-') return Number(text.slice(0, 3))
    }
  }
  const say = (text: string) => {
    connection.write(`${text}\r\n`)
    return reply()
  }
  try {
    if (!line.startsWith('220')) return undefined
    await say('EHLO client.example')
    await say('STARTTLS')
    await connection.startTls()
    await say('EHLO client.example')
    return await say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)
  } finally {
    connection.destroy()
  }
}

test('whoever guesses is banned, an account that is guessed at is slow for strangers, and its owner is kept out by neither, not after a restart either', async (t) => {
  const server = await startDaruma(t, {
    accounts: { ada: 'secret', bob: 'word' },
    config: `[limits]\nlogin_failures_per_address_max = 4\nlogin_failures_per_account_max = 6\nlogin_slow_ms = 50\n${PROXIED}`,
  })
  const attempt = (address: string, user: string, password: string) => logInFrom(server.ports.submission, address, `${user}@test.example`, password)
  const [home, guesser, stranger] = ['192.0.2.10', '198.51.100.7', '203.0.113.5']
  assert.equal(await attempt(home, 'ada', 'secret'), 235)
  for (let n = 0; n < 5; n += 1) assert.equal(await attempt(guesser, 'ada', `guess ${n}`), 535)
  assert.equal(await attempt(guesser, 'ada', 'secret'), undefined, 'the guesser is not let in any more')
  assert.equal(await attempt('198.51.100.8', 'ada', 'last'), 535)
  assert.equal(await attempt(stranger, 'ada', 'secret'), 454, 'an address that has never logged in waits')
  assert.equal(await attempt(stranger, 'bob', 'word'), 235, 'at another account it need not')
  assert.equal(await attempt(home, 'ada', 'secret'), 235)
  // An old password in a telephone at home: the address is banned, and stays open for who is known there.
  for (let n = 0; n < 5; n += 1) assert.equal(await attempt(home, 'bob', 'old'), 535)
  assert.equal(await attempt(home, 'bob', 'word'), 454)
  assert.equal(await attempt(home, 'ada', 'secret'), 235)

  assert.equal(await server.stop(), 0)
  await server.start()
  for (let n = 0; n < 6; n += 1) assert.equal(await attempt(`198.51.${n}.9`, 'ada', `guess ${n}`), 535)
  assert.equal(await attempt('203.0.113.77', 'ada', 'secret'), 454)
  assert.equal(await attempt(home, 'ada', 'secret'), 235, 'it is remembered where the owner logs in from')
})
