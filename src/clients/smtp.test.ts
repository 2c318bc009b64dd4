import { test } from 'node:test'
import type { TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { bytesOfLatin1 } from '../base/bytes.ts'
import { scriptedServer } from './scripted-server-for-tests.ts'
import type { ScriptedServer } from './scripted-server-for-tests.ts'
import { openSmtp, standardTimeouts } from './smtp-open.ts'
import type { OpenOptions, Opened, OpenSession, SmtpTimeouts } from './smtp-open.ts'
import { sendMessage } from './smtp.ts'
import type { OutgoingBody, OutgoingMessage, SendResult } from './smtp.ts'

const quick: SmtpTimeouts = { ...standardTimeouts, greetingMs: 100, commandMs: 100, mailMs: 100, rcptMs: 100, dataMs: 100, blockMs: 1000, finalMs: 100 }

function open(server: ScriptedServer, more: Partial<OpenOptions> = {}): Promise<Opened> {
  return openSmtp({
    host: 'mx.example', address: '127.0.0.1', port: server.port, helloName: 'us.example', tls: 'opportunistic',
    sweeper: server.sweeper, timeouts: standardTimeouts, signal: new AbortController().signal, ...more,
  })
}

async function opened(server: ScriptedServer, more: Partial<OpenOptions> = {}): Promise<OpenSession> {
  const answer = await open(server, more)
  assert.ok(answer.ok, JSON.stringify(answer))
  return answer.session
}

function bodyOf(text: string): OutgoingBody {
  const bytes = bytesOfLatin1(text)
  return { sizeOctets: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) }
}

function message(more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { sender: 'a@us.example', recipients: [{ address: 'b@mx.example' }], smtpUtf8: false, bodyType: '7BIT', prefix: bytesOfLatin1('Received: x\r\n'), body: bodyOf('Subject: y\r\n\r\n.dot\r\nend'), ...more }
}

/** Opens, sends once and goes. */
async function exchange(t: TestContext, script: string, more: Partial<OutgoingMessage> = {}, timeouts = standardTimeouts): Promise<{ results: SendResult[]; server: ScriptedServer }> {
  const server = await scriptedServer(t, [script])
  const session = await opened(server)
  const results = await sendMessage(session, message(more), timeouts)
  if (session.link.isUsable) session.link.quit()
  await server.done
  return { results, server }
}

const HELLO = 'S: 220 hi\nC: EHLO us.example\nS: 250 hi'

test('RFC 5321: a plain exchange, dots doubled, prefix first, connection used twice', async (t) => {
  const once = 'C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@mx.example>\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 2.0.0 kept as 17'
  const server = await scriptedServer(t, [`${HELLO}\n${once}\n${once}`])
  const session = await opened(server)
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(await sendMessage(session, message(), standardTimeouts),
      [{ end: 'delivered', reply: '250 2.0.0 kept as 17', status: '2.0.0', remote: `mx.example [127.0.0.1]:${server.port}`, reportsPassedOn: false }])
    assert.ok(session.link.isUsable)
  }
  session.link.quit()
  await server.done
  assert.deepEqual(server.data, Array(2).fill('Received: x\r\nSubject: y\r\n\r\n..dot\r\nend\r\n'))
  assert.equal(server.commands.at(-1), 'QUIT')
})

test('"log in first" and "TLS first" are no words about the message: it waits for our operator', async (t) => {
  for (const reply of ['530 5.7.0 authentication required', '530 5.7.0 must issue a STARTTLS command first', '538 5.7.11 encryption required']) {
    const { results } = await exchange(t, `${HELLO}\nC: MAIL\nS: ${reply}\nC: RSET\nS: 250 ok`)
    assert.deepEqual(results.map(({ end, reply: said, status }) => [end, said, status]), [['temporary', reply, '4.0.0']])
  }
})

test('every recipient has its own answer (RFC 5321 §3.3)', async (t) => {
  const { results, server } = await exchange(t, `${HELLO}
    C: MAIL
    S: 250 ok
    C: RCPT TO:<one@mx.example>
    S: 550 5.1.1 no such user
    C: RCPT TO:<two@mx.example>
    S: 251 2.1.5 will forward
    C: RCPT TO:<three@mx.example>
    S: 450-4.2.0 greylisted
    S: 450 4.2.0 come again
    C: RCPT TO:<four@mx.example>
    S: 552 too many
    C: DATA
    S: 354 go
    D
    S: 250 ok
    C: MAIL
    S: 250 ok
    C: RCPT TO:<four@mx.example>
    S: 250 ok
    C: DATA
    S: 354 go
    D
    S: 250 ok`, { recipients: ['one', 'two', 'three', 'four'].map((name) => ({ address: `${name}@mx.example` })) })
  assert.deepEqual(results.map(({ end, reply, status }) => [end, reply, status]), [
    ['permanent', '550 5.1.1 no such user', '5.1.1'],
    ['delivered', '250 ok', '2.0.0'],
    ['temporary', '450 4.2.0 greylisted / come again', '4.2.0'],
    ['delivered', '250 ok', '2.0.0'], // RFC 5321 §4.5.3.1.10: in a transaction of its own
  ])
  assert.equal(server.data.length, 2)
})

test('the whole message refused, for now or for good; nobody accepted; no sender', async (t) => {
  const begin = `${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA`
  const table: [string, string, string][] = [
    [`${begin}\nS: 354 go\nD\nS: 554 5.7.1 spam`, 'permanent', '5.7.1'],
    [`${begin}\nS: 354 go\nD\nS: 451 4.3.0 later`, 'temporary', '4.3.0'],
    [`${begin}\nS: 354 go\nD\nS: 399 what`, 'temporary', '4.5.0'],
    [`${begin}\nS: 554 5.5.1 no\nC: RSET\nS: 250 ok`, 'permanent', '5.5.1'],
    [`${begin}\nS: 452 4.3.1 full\nC: RSET\nS: 250 ok`, 'temporary', '4.3.1'],
    [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RSET\nS: 250 ok`, 'permanent', '5.0.0'],
    [`${HELLO}\nC: MAIL\nS: 550 5.7.1 not from you\nC: RSET\nS: 250 ok`, 'permanent', '5.7.1'],
    [`${HELLO}\nC: MAIL\nS: 451 busy\nC: RSET\nS: 250 ok`, 'temporary', '4.0.0'],
    [`${HELLO}\nC: MAIL\nS: 421 4.3.2 shutting down`, 'unanswered', '4.3.2'],
    [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 552 5.5.3 too many\nC: RSET\nS: 250 ok`, 'temporary', '4.0.0'],
  ]
  for (const [script, end, status] of table) {
    const { results } = await exchange(t, script)
    assert.deepEqual(results.map((result) => [result.end, result.status]), [[end, status]], script)
  }
})

test('a connection lost anywhere: unanswered before the dot, temporary after it', async (t) => {
  const positions: [string, string][] = [
    [`${HELLO}\nC: MAIL`, 'unanswered'],
    [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT`, 'unanswered'],
    [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA`, 'unanswered'],
    [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD`, 'temporary'],
  ]
  for (const [script, end] of positions) {
    for (const how of ['END', 'RESET', 'S: hello?\nHOLD', 'HOLD']) {
      const { results } = await exchange(t, `${script}\n${how}`, {}, quick)
      assert.equal(results[0]?.end, end, `${script}\n${how}`)
      assert.match(results[0]?.status ?? '', /^4\./)
    }
  }
})

test('opening fails at every position, temporary unless the server says 5xx', async (t) => {
  const table: [script: string, at: string, permanent: boolean][] = [
    ['END', 'greeting', false],
    ['RESET', 'greeting', false],
    ['HOLD', 'greeting', false],
    ['S: 421 4.3.2 busy', 'greeting', false],
    ['S: 554 5.7.1 go away', 'greeting', true],
    ['S: SSH-2.0', 'greeting', false],
    ['S: 220 hi\nC: EHLO\nEND', 'hello', false],
    ['S: 220 hi\nC: EHLO\nHOLD', 'hello', false],
    ['S: 220 hi\nC: EHLO\nS: 451 later', 'hello', false],
    ['S: 220 hi\nC: EHLO\nS: 502 what\nC: HELO\nS: 550 go away', 'hello', true],
  ]
  for (const [script, at, permanent] of table) {
    const server = await scriptedServer(t, [script])
    const answer = await open(server, { timeouts: quick })
    assert.deepEqual(!answer.ok && [answer.failure.at, answer.failure.permanent], [at, permanent], script)
    await server.done
  }
})

test('nobody listens', async (t) => {
  const server = await scriptedServer(t, [])
  const answer = await open({ ...server, port: 1 })
  assert.ok(!answer.ok)
  assert.deepEqual([answer.failure.at, answer.failure.permanent, answer.failure.status], ['connect', false, '4.4.1'])
})

test('HELO when EHLO is not known: no parameters are said', async (t) => {
  const { results, server } = await exchange(t, `S: 220 hi\nC: EHLO us.example\nS: 500 what\nC: HELO us.example\nS: 250 hi\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`,
    { bodyType: '8BITMIME', ret: 'HDRS', envid: 'x', recipients: [{ address: 'b@mx.example', notify: 'NEVER' }] })
  assert.equal(results[0]?.end, 'delivered')
  assert.deepEqual(server.commands.slice(2, 4), ['MAIL FROM:<a@us.example>', 'RCPT TO:<b@mx.example>'])
})

const offering = (...words: string[]) => `S: 220 hi\nC: EHLO us.example\nS: 250-mx.example\n${words.map((word, n) => `S: 250${n === words.length - 1 ? ' ' : '-'}${word}`).join('\n')}`

test('parameters where they are offered: SIZE, BODY, SMTPUTF8, DSN with xtext (RFC 1870, 6152, 6531, 3461 §4)', async (t) => {
  const { results, server } = await exchange(t, `${offering('SIZE 1000', '8BITMIME', 'SMTPUTF8', 'DSN')}
    C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`,
    { bodyType: '8BITMIME', smtpUtf8: true, ret: 'HDRS', envid: 'a+b=c d', recipients: [{ address: 'b@mx.example', notify: 'SUCCESS,DELAY', orcpt: 'rfc822;B+x@mx.example' }] })
  assert.deepEqual(results.map((result) => result.end === 'delivered' && result.reportsPassedOn), [true])
  assert.deepEqual(server.commands.slice(1, 3), [
    'MAIL FROM:<a@us.example> SIZE=36 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+3Dc+20d',
    'RCPT TO:<b@mx.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B+2Bx@mx.example',
  ])
})

test('PIPELINING: MAIL and all RCPT are said before an answer is read (RFC 2920)', async (t) => {
  const { results } = await exchange(t, `${offering('PIPELINING')}
    C: MAIL\nC: RCPT TO:<1@\nC: RCPT TO:<2@\nC: RCPT TO:<3@
    S: 250 ok\nS: 250 ok\nS: 550 5.1.1 no\nS: 250 ok
    C: DATA\nS: 354 go\nD\nS: 250 ok`, { recipients: ['1', '2', '3'].map((name) => ({ address: `${name}@mx.example` })) })
  assert.deepEqual(results.map(({ end }) => end), ['delivered', 'permanent', 'delivered'])
})

test('PIPELINING: what follows a refused sender is not mistaken for answers about recipients', async (t) => {
  const { results } = await exchange(t, `${offering('PIPELINING')}
    C: MAIL\nC: RCPT\nC: RCPT\nS: 451 4.7.1 greylisted\nS: 503 5.5.1 no sender\nS: 503 5.5.1 no sender\nC: RSET\nS: 250 ok`,
    { recipients: [{ address: '1@mx.example' }, { address: '2@mx.example' }] })
  assert.deepEqual(results.map(({ end, status }) => [end, status]), [['temporary', '4.7.1'], ['temporary', '4.7.1']])
})

test('too large for the server: refused without being sent (RFC 1870 §6.2)', async (t) => {
  const { results } = await exchange(t, offering('SIZE 20'))
  assert.deepEqual(results.map(({ end, status }) => [end, status]), [['permanent', '5.3.4']])
})

test('addresses that are not ASCII, to a server without SMTPUTF8 (RFC 6531 §3.5)', async (t) => {
  const { results, server } = await exchange(t, `${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT TO:<b@xn--r8jz45g.jp>\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`,
    { recipients: [{ address: '利用者@mx.example' }, { address: 'b@例え.jp' }, { address: 'evil@x>\r\nRCPT TO:<y@z' }] })
  assert.deepEqual(results.map(({ end, status }) => [end, status]), [['permanent', '5.6.7'], ['delivered', '2.0.0'], ['permanent', '5.1.3']])
  assert.ok(!server.commands.some((line) => line.includes('y@z')))
  const header = await exchange(t, HELLO, { smtpUtf8: true, body: bodyOf('Subject: \xe3\x81\x82\r\n\r\n') })
  assert.equal(header.results[0]?.status, '5.6.9')
})

test('BINARYMIME goes by BDAT, untouched (RFC 3030)', async (t) => {
  const { results, server } = await exchange(t, `${offering('BINARYMIME', 'CHUNKING')}
    C: MAIL FROM:<a@us.example> BODY=BINARYMIME\nS: 250 ok\nC: RCPT\nS: 250 ok
    C: BDAT 13\nB 13\nS: 250 ok\nC: BDAT 8\nB 8\nS: 250 ok\nC: BDAT 0 LAST\nS: 250 ok`,
    { bodyType: 'BINARYMIME', body: bodyOf('\n.\0\r.\n.\n') })
  assert.equal(results[0]?.end, 'delivered')
  assert.deepEqual(server.data, ['Received: x\r\n', '\n.\0\r.\n.\n'])
})

test('BINARYMIME to a server without it: text in truth goes as text, the rest is refused', async (t) => {
  const text = await exchange(t, `${offering('8BITMIME')}\nC: MAIL FROM:<a@us.example> BODY=8BITMIME\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 ok`, { bodyType: 'BINARYMIME', body: bodyOf('A: b\r\n\r\n\xff\r\n') })
  assert.equal(text.results[0]?.end, 'delivered')
  const binary = await exchange(t, offering('8BITMIME'), { bodyType: 'BINARYMIME', body: bodyOf('A: b\r\n\r\n\0') })
  assert.deepEqual(binary.results.map(({ end, status }) => [end, status]), [['permanent', '5.6.3']])
})

test('a body that cannot be read is never ended with a dot', async (t) => {
  const body: OutgoingBody = { sizeOctets: 600_000, read: async (offset) => {
    if (offset > 300_000) throw new Error('the bytes do not match their hash')
    return new Uint8Array(256 * 1024).fill(97)
  } }
  const { results, server } = await exchange(t, `${offering('PIPELINING')}\nC: MAIL\nC: RCPT\nS: 250 ok\nS: 250 ok\nC: DATA\nS: 354 go\nHOLD`, { body })
  assert.deepEqual(results.map(({ end, status }) => [end, status]), [['temporary', '4.3.0']])
  assert.equal(server.data.length, 0)
})

test('STARTTLS, then EHLO anew (RFC 3207 §4.2)', async (t) => {
  const server = await scriptedServer(t, [`${offering('STARTTLS')}\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO us.example\nS: 250-mx\nS: 250 DSN\nC: QUIT\nS: 221 bye`])
  const session = await opened(server, { tls: 'verified', rootsPem: server.certificatePem })
  assert.equal(session.link.connection.tls?.verified, true)
  assert.deepEqual([session.capabilities.dsn, session.capabilities.startTls], [true, false])
  session.link.quit()
  await server.done
})

test('TLS that fails: in clear on a new connection when opportunistic, never when required', async (t) => {
  const broken = ['JUNK\nHOLD', 'END', 'RESET']
  for (const how of broken) {
    const server = await scriptedServer(t, [`${offering('STARTTLS')}\nC: STARTTLS\nS: 220 go\n${how}`, `${offering('STARTTLS')}\nC: QUIT`])
    const session = await opened(server)
    assert.equal(session.link.connection.tls, undefined)
    session.link.quit()
    await server.done
  }
  const required = await scriptedServer(t, [`${offering('STARTTLS')}\nC: STARTTLS\nS: 220 go\nJUNK\nHOLD`])
  const answer = await open(required, { tls: 'required' })
  assert.equal(!answer.ok && answer.failure.at, 'tls')
  const absent = await scriptedServer(t, [`${offering('SIZE')}\nC: QUIT`])
  const refused = await open(absent, { tls: 'required' })
  assert.equal(!refused.ok && refused.failure.status, '4.7.4')
  const stranger = await scriptedServer(t, [`${offering('STARTTLS')}\nC: STARTTLS\nS: 220 go\nTLS`])
  const untrusted = await open(stranger, { tls: 'verified' })
  assert.match(untrusted.ok ? '' : untrusted.failure.reply, /cannot be trusted/)
})

test('STARTTLS answered 454: in clear on the same connection when opportunistic (RFC 3207 §4)', async (t) => {
  const server = await scriptedServer(t, [`${offering('STARTTLS')}\nC: STARTTLS\nS: 454 4.7.0 not now\nC: QUIT`])
  const session = await opened(server)
  session.link.quit()
  await server.done
})

test('TLS from the first byte, and AUTH PLAIN, for a smart host', async (t) => {
  const server = await scriptedServer(t, [`TLS\n${offering('AUTH LOGIN PLAIN')}\nC: AUTH PLAIN AHUAcA==\nS: 235 2.7.0 ok\nC: QUIT`])
  const session = await opened(server, { tls: 'verified', implicitTls: true, rootsPem: server.certificatePem, login: { user: 'u', password: 'p' } })
  session.link.quit()
  await server.done
})

test('AUTH LOGIN; a refused login is temporary', async (t) => {
  const server = await scriptedServer(t, [`${offering('AUTH=LOGIN')}\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dQ==\nS: 334 UGFzc3dvcmQ6\nC: cA==\nS: 535 5.7.8 no\nC: QUIT`])
  const answer = await open(server, { login: { user: 'u', password: 'p' } })
  assert.ok(!answer.ok)
  assert.deepEqual([answer.failure.at, answer.failure.permanent, answer.failure.status], ['login', false, '4.7.8'])
  await server.done
})

test('an abort lets go at once', async (t) => {
  const server = await scriptedServer(t, ['HOLD'])
  const controller = new AbortController()
  const answer = open(server, { signal: controller.signal })
  setImmediate(() => controller.abort(new Error('stop')))
  assert.equal((await answer).ok, false)
})
