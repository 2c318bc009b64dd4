// What a client should not do: nonsense, floods, silence in the middle, literals that never come, not reading.
// The session answers or ends; nothing is logged as a bug; memory stays bounded.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ImapStage, PASSWORD } from './imap-stage.ts'

let stage: ImapStage
let address: string
before(async () => {
  stage = await ImapStage.open({ limits: { session_errors_max: 1_000_000, login_failures_max: 1_000_000, message_octets_max: 100_000 } })
  ;({ address } = await stage.account())
  await fill(address)
})
after(async () => {
  await stage.close()
})

async function fill(who: string): Promise<void> {
  const client = stage.connect()
  await client.line()
  await client.command('l', `LOGIN ${who} "${PASSWORD}"`)
  for (let n = 0; n < 5; n += 1) {
    const message = `From: a@b.c\r\nSubject: ${n}\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n${'text '.repeat(n * 100)}\r\n--x--\r\n`
    assert.match((await client.command('a', `APPEND INBOX {${message.length}+}\r\n${message}`)).answer, /^OK/)
  }
  client.session.close()
}

const word = fc.constantFrom(
  'FETCH', 'UID', 'SEARCH', 'STORE', 'COPY', 'MOVE', 'EXPUNGE', 'SELECT', 'EXAMINE', 'INBOX', 'Sent', 'x/y', 'CREATE', 'DELETE', 'RENAME', 'LIST', 'LSUB', 'STATUS', 'APPEND', 'NOOP', 'CHECK', 'CLOSE', 'UNSELECT',
  'ENABLE', 'CONDSTORE', 'UTF8=ACCEPT', 'ID', 'NAMESPACE', 'SUBSCRIBE', 'CAPABILITY', '1:*', '1', '2,4', '*', '5:1', '99', '4294967295', '0', '(FLAGS)', '(UID FLAGS ENVELOPE BODY BODYSTRUCTURE)', 'BODY[]', 'BODY.PEEK[1.2.3]<5.100>', 'BINARY[1]',
  'BODY[HEADER.FIELDS (Subject)]', 'RFC822', 'MODSEQ', 'FAST', '+FLAGS', '-FLAGS.SILENT', 'FLAGS', '(\\Seen $a)', '\\Deleted', '(UNCHANGEDSINCE 3)', '(CHANGEDSINCE 1)', 'ALL', 'NOT', 'OR', 'SEEN', 'UNSEEN', 'TEXT', 'SUBJECT', 'CHARSET', 'UTF-8',
  'SINCE', '1-Jan-2020', 'RETURN', '(MIN MAX)', '()', '""', '"%"', '"a*"', '(MESSAGES RECENT SIZE)', '{3+}\r\nabc', '~{4+}\r\n\0\0ab', '{999+}\r\n', '(', ')', '"', '&', '[', ']', '$', 'NIL', '(USE (\\Sent))', '(CONDSTORE)', '(QRESYNC (1 1))', 'LOGIN', 'AUTHENTICATE', 'PLAIN', 'AGEAYg==',
)
const line = fc.array(fc.oneof({ weight: 8, arbitrary: word }, { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 8 }) }), { maxLength: 7 }).map((words) => words.join(' '))

async function stillAnswers(client: ReturnType<ImapStage['connect']>): Promise<void> {
  // Whatever it is in the middle of, it comes back: a literal is filled, an IDLE ended, a line closed.
  client.send(`${'\r\n'.repeat(600)}DONE\r\n*\r\nfuzzend NOOP\r\n`)
  for (;;) {
    const text = await client.line()
    if (text.startsWith('fuzzend ')) return
  }
}

test('nonsense in the words of the grammar', { timeout: 240_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.boolean(), async (lines, loggedIn) => {
    const client = stage.connect()
    await client.line()
    if (loggedIn) {
      await client.command('l', `LOGIN ${address} "${PASSWORD}"`)
      await client.command('s', 'SELECT INBOX')
    }
    for (const [n, text] of lines.entries()) client.send(`f${n} ${text}\r\n`, n % 3 === 0)
    await stillAnswers(client)
    client.session.close()
    assert.deepEqual(stage.complaints, [])
  }), { numRuns: 800 })
})

test('random bytes', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 }), async (chunks) => {
    const client = stage.connect()
    for (const chunk of chunks) client.session.receive(new Uint8Array(chunk))
    await new Promise((resolve) => setImmediate(resolve))
    client.session.close()
    assert.deepEqual(stage.complaints, [])
  }), { numRuns: 300 })
})

test('too many errors end the session', async () => {
  const strict = await ImapStage.open({ limits: { session_errors_max: 5, login_failures_max: 2 } })
  try {
    const client = strict.connect()
    await client.line()
    for (let n = 0; n < 7; n += 1) client.send(`a${n} NONSENSE\r\n`)
    let last = ''
    await assert.rejects(async () => {
      for (;;) last = await client.line()
    }, /ended/)
    assert.match(last, /^\* BYE/)
    const guesser = strict.connect()
    await guesser.line()
    guesser.send('a LOGIN x y\r\nb LOGIN x z\r\nc NOOP\r\n')
    assert.match(await guesser.line(), /^a NO/)
    assert.match(await guesser.line(), /^\* BYE/)
    assert.match(await guesser.line(), /^b NO/)
    await assert.rejects(guesser.line(), /ended/)
  } finally {
    await strict.close()
  }
})

test('a client that does not read is waited for, and one that floods is not read from', async () => {
  const other = (await stage.account()).address
  await fill(other)
  const client = stage.connect({ slow: true })
  client.letIn(1)
  client.send(`l LOGIN ${other} "${PASSWORD}"\r\ns SELECT INBOX\r\n`)
  for (let n = 0; n < 400; n += 1) client.send(`f${n} FETCH 1:* (BODY.PEEK[] ENVELOPE)\r\n`)
  for (let n = 0; n < 200; n += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(client.writtenOctets < 300_000, `${client.writtenOctets} octets were written to a client that takes none`)
  client.send('n NOOP\r\n'.repeat(100_000))
  assert.equal(client.paused, true)
  client.letIn(Number.POSITIVE_INFINITY)
  client.session.close()
})

test('no password before TLS, and nothing that was sent along with STARTTLS counts', async () => {
  const client = stage.connect({ startTls: true })
  const greeting = await client.line()
  assert.match(greeting, /STARTTLS LOGINDISABLED/)
  assert.doesNotMatch(greeting, /AUTH=/)
  assert.match((await client.command('a', `LOGIN ${address} "${PASSWORD}"`)).answer, /^NO \[PRIVACYREQUIRED\]/)
  assert.match((await client.command('b', 'AUTHENTICATE PLAIN AGEAYg==')).answer, /^NO \[PRIVACYREQUIRED\]/)
  client.send('c STARTTLS\r\nd CAPABILITY\r\ne NOOP\r\n')
  assert.match(await client.line(), /^c OK/)
  assert.match((await client.command('f', 'STARTTLS')).answer, /^BAD/)
  const { untagged, answer } = await client.command('g', 'CAPABILITY')
  assert.match(answer, /^OK/)
  assert.deepEqual(untagged.filter((line) => !line.startsWith('* CAPABILITY')), [], 'd and e were thrown away')
  assert.match(untagged[0]!, /AUTH=PLAIN/)
  assert.match((await client.command('h', `LOGIN ${address} "${PASSWORD}"`)).answer, /^OK/)
  client.session.close()
})

test('2 GB announced and not sent cost nothing', async () => {
  const client = stage.connect()
  await client.line()
  const before = process.memoryUsage().arrayBuffers
  client.send('a LOGIN {2147483647+}\r\n')
  for (let n = 0; n < 50; n += 1) client.session.receive(new Uint8Array(1024 * 1024))
  assert.ok(process.memoryUsage().arrayBuffers - before < 80 * 1024 * 1024)
  client.session.close()
})
