// Pausing, strangers under pressure, guessers: on the real doors. (The flood itself is a benchmark: npm run bench:overload.)
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseDoorList, printDoorList, type DoorList } from '../../src/intake/door-list.ts'
import { startDaruma } from '../harness/daruma-process.ts'
import { RawConnection } from '../harness/raw-connection.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { UnderstudyHost } from '../harness/understudy-process.ts'
import { until } from '../harness/until.ts'

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

test('what was paused is put off by the understudy too, until the time has come', async (t) => {
  const server = await startDaruma(t, { accounts: { a: 'secret' } })
  server.run(['pause', 'smtp-in', '--why', 'a look at the disk'])
  const list = await until('the list for the understudy knows of the pause', () => {
    const parsed = parseDoorList(readFileSync(join(server.data, 'intake/door.json')))
    return parsed.ok && parsed.value.pause !== undefined && parsed.value
  })
  const host = new UnderstudyHost(t)
  const write = (pause: DoorList['pause']) => writeFileSync(join(host.intake, 'door.json'), printDoorList({ ...list, pause }))
  write(list.pause)
  await host.start()
  const smtp = await RawSmtp.open({ port: host.port })
  const reply = await smtp.command('MAIL FROM:<b@client.example>')
  assert.match(`${reply.code} ${reply.lines[0]}`, /^451 4\.3\.2 mail is put off by the administrator: a look at the disk/)
  write({ untilMs: Date.now() - 1, words: 'it was until now' })
  await until('it takes mail again', async () => (await smtp.send(message)).code === 250)
  smtp.connection.destroy()
  await host.stop()
})

test('hard pressed, strangers hear 421 at the door and 451 at DATA and BDAT, our own users go on; then all are welcome again', async (t) => {
  const server = await startDaruma(t, { accounts: { a: 'secret' } })
  const open = async () => {
    const smtp = await RawSmtp.open({ port: server.ports.smtp })
    assert.equal((await smtp.command(`MAIL FROM:<${message.from}>`)).code, 250)
    assert.equal((await smtp.command('RCPT TO:<a@test.example>')).code, 250)
    return smtp
  }
  const [byData, byBdat, resting] = [await open(), await open(), await RawSmtp.open({ port: server.ports.smtp })]
  const greeting = async () => {
    const connection = await RawConnection.open({ port: server.ports.smtp })
    const line = (await connection.line()).toString('latin1')
    connection.destroy()
    return line
  }
  server.changeConfig('[limits]\nprocess_memory_octets_max = 1\n')
  server.run(['reload'])
  await until('strangers are sent away', async () => (await greeting()).startsWith('421 4.3.2 '))
  assert.equal((await byData.command('DATA')).code, 451)
  byBdat.connection.write('BDAT 3\r\nabcBDAT 0 LAST\r\nRSET\r\n')
  assert.deepEqual([(await byBdat.reply()).code, (await byBdat.reply()).code, (await byBdat.reply()).code], [451, 503, 250])
  assert.equal((await resting.send(message)).code, 451)
  const own = await RawSmtp.open({ port: server.ports.submission })
  assert.equal((await own.login('a@test.example', 'secret')).code, 235)
  assert.equal((await own.send({ ...message, from: 'a@test.example', bytes: Buffer.from('From: a@test.example\r\nSubject: x\r\n\r\nx\r\n') })).code, 250)
  server.changeConfig('')
  server.run(['reload'])
  await until('strangers are welcome again', async () => (await greeting()).startsWith('220 '))
  for (const smtp of [byData, byBdat, resting]) {
    assert.equal((await smtp.send(message)).code, 250)
    smtp.connection.destroy()
  }
  own.connection.destroy()
})

test('half-open connections, slow lorises and messages that never end make room when the doors are nearly full, and only then', async (t) => {
  const server = await startDaruma(t, { accounts: { a: 'secret' }, config: '[limits]\nsmtp_connections_max = 10\nsmtp_crowded_ms = "500ms"\n' })
  const holders = [] as RawConnection[]
  for (let n = 0; n < 9; n += 1) {
    const holder = await RawConnection.open({ port: server.ports.smtp })
    holders.push(holder)
    assert.match((await holder.line()).toString('latin1'), /^220 /)
    if (n % 3 === 0) continue
    holder.write(n % 3 === 1 ? 'N' : 'HELO x\r\nMAIL FROM:<b@client.example>\r\nRCPT TO:<a@test.example>\r\nDATA\r\nSubject: never\r\n')
    if (n % 3 === 2) for (const code of ['250', '250', '250', '354']) assert.match((await holder.line()).toString('latin1'), new RegExp(`^${code}`))
  }
  const dribbling = setInterval(() => holders[1]?.write('O'), 50)
  t.after(() => clearInterval(dribbling))
  const deliver = async () => {
    const smtp = await RawSmtp.open({ port: server.ports.smtp })
    try {
      return (await smtp.send(message)).code
    } finally {
      smtp.connection.destroy()
    }
  }
  await until('somebody with a message gets in', async () => (await deliver()) === 250)
  // Each goes when it has been there long enough and somebody comes.
  await until('the first three have been told', async () => {
    await deliver().catch(() => undefined)
    return holders.slice(0, 3).every((holder) => holder.pending() > 0)
  })
  for (const holder of holders.slice(0, 3)) assert.match((await holder.line()).toString('latin1'), /^421 4\.3\.2 others are waiting/)
  assert.equal(await deliver(), 250)
  for (const holder of holders) holder.destroy()
})

test('a command that trickles in is not waited for longer than one that does not come', async (t) => {
  const server = await startDaruma(t, { config: '[limits]\nsmtp_idle_ms = "1s"\n' })
  const loris = await RawConnection.open({ port: server.ports.smtp, timeoutMs: 10_000 })
  await loris.line()
  const trickling = setInterval(() => loris.write('N'), 100)
  t.after(() => clearInterval(trickling))
  assert.match((await loris.line()).toString('latin1'), /^421 4\.4\.2 /)
  loris.destroy()
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

test('port 25 has few places for one address and one network; those who log in have more', async (t) => {
  const server = await startDaruma(t, { config: `[limits]\nstranger_connections_per_address_max = 2\nstranger_connections_per_network_max = 3\n${PROXIED}` })
  const held = [] as RawConnection[]
  const heard = async (port: number, address: string) => {
    const { line, connection } = await knock(port, address)
    held.push(connection)
    return line.slice(0, 3)
  }
  const { smtp, submission } = server.ports
  assert.deepEqual([await heard(smtp, '192.0.2.1'), await heard(smtp, '192.0.2.1'), await heard(smtp, '192.0.2.1')], ['220', '220', '421'])
  assert.deepEqual([await heard(smtp, '192.0.2.2'), await heard(smtp, '192.0.2.3'), await heard(smtp, '192.0.3.1')], ['220', '421', '220'])
  assert.equal(await heard(submission, '192.0.2.1'), '220')
  for (const connection of held) connection.destroy()
})
