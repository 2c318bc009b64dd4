import test from 'node:test'
import assert from 'node:assert/strict'
import { seededRandom } from '../../base/random.ts'
import { parseCommand } from './parse-command.ts'
import { addressOf } from './path.ts'

const options = { pathOctetsMax: 1024 }
const parse = (line: string) => parseCommand(Buffer.from(line), options)
const code = (line: string) => {
  const parsed = parse(line)
  return parsed.ok ? 'ok' : parsed.code
}
const sender = (path: string) => {
  const parsed = parse(`MAIL FROM:${path}`)
  if (!parsed.ok) return parsed.code
  return parsed.value.verb === 'MAIL' ? (parsed.value.sender ? addressOf(parsed.value.sender) : '<>') : '?'
}
const recipient = (path: string) => {
  const parsed = parse(`RCPT TO:${path}`)
  if (!parsed.ok) return parsed.code
  return parsed.value.verb === 'RCPT' ? addressOf(parsed.value.recipient) : '?'
}
const parameters = (line: string) => {
  const parsed = parse(line)
  if (!parsed.ok) return parsed.code
  return 'parameters' in parsed.value ? parsed.value.parameters : '?'
}

test('verbs in any case, with white space behind them', () => {
  for (const verb of ['DATA', 'RSET', 'NOOP', 'QUIT', 'STARTTLS'] as const) {
    assert.deepEqual(parse(verb), { ok: true, value: { verb } })
    assert.deepEqual(parse(`${verb.toLowerCase()} \t `), { ok: true, value: { verb } })
  }
  assert.deepEqual(parse('eHlO client.example'), { ok: true, value: { verb: 'EHLO', domain: 'client.example' } })
  assert.deepEqual(parse('HELO [192.0.2.1]'), { ok: true, value: { verb: 'HELO', domain: '[192.0.2.1]' } })
  assert.deepEqual(parse('EHLO my_pc'), { ok: true, value: { verb: 'EHLO', domain: 'my_pc' } })
  assert.deepEqual(parse('NOOP whatever it says'), { ok: true, value: { verb: 'NOOP' } })
  assert.deepEqual(parse('VRFY  someone'), { ok: true, value: { verb: 'VRFY', argument: 'someone' } })
  assert.deepEqual(parse('HELP'), { ok: true, value: { verb: 'HELP', argument: '' } })
})

test('what is no command is told apart from what is a wrong one', () => {
  for (const line of ['', 'A', 'GET / HTTP/1.1', 'MAILX', 'STARTTLSX', 'DATAx', '\0\0\0\0', 'EHLO\tx', 'étét']) assert.equal(code(line), 'command-unknown', line)
  for (const line of ['EHLO', 'HELO  ', 'VRFY', 'AUTH']) assert.equal(code(line), 'argument-missing', line)
  for (const line of ['DATA now', 'QUIT 1', 'RSET x', 'EHLO a b', 'EHLO (x)', 'EHLO a\0', 'STARTTLS now', 'MAIL <a@b>', 'MAIL', 'RCPT FROM:<a@b>', 'BDAT', 'BDAT x', 'BDAT 5 FIRST', 'BDAT -1', 'AUTH PLAIN a b', 'AUTH a/b']) assert.equal(code(line), 'argument-syntax', line)
})

test('paths (RFC 5321 §4.1.2)', () => {
  const good: [string, string][] = [
    ['<>', '<>'], ['<a@b.example>', 'a@b.example'], [' <a@b.example>', 'a@b.example'], ['a@b.example', 'a@b.example'],
    ['<@one.example,@two.example:a@b.example>', 'a@b.example'], ['<A.B+c@B.Example>', 'A.B+c@B.Example'],
    ['<"john doe"@b.example>', '"john doe"@b.example'], ['<"john"@b.example>', 'john@b.example'], ['<"a\\"b"@b.example>', '"a\\"b"@b.example'],
    ['<"a\\b"@b.example>', 'ab@b.example'], ['<"a@b"@c.example>', '"a@b"@c.example'], ['<" "@b.example>', '" "@b.example'],
    // Addresses of Japanese carriers, as they are really used.
    ['<taro..yamada@docomo.ne.jp>', 'taro..yamada@docomo.ne.jp'], ['<taro.@ezweb.ne.jp>', 'taro.@ezweb.ne.jp'], ['<.a-_-.@docomo.ne.jp>', '.a-_-.@docomo.ne.jp'],
    ['<"taro..yamada."@docomo.ne.jp>', '"taro..yamada."@docomo.ne.jp'],
    ['<a@[192.0.2.1]>', 'a@[192.0.2.1]'], ['<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]'], ['<a@under_score.example>', 'a@under_score.example'],
    ['<a@b.example.>', 'a@b.example'], ['<山田@例え.テスト>', '山田@例え.テスト'], ['<a@xn--r8jz45g.xn--zckzah>', 'a@xn--r8jz45g.xn--zckzah'], ['<user@localhost>', 'user@localhost'],
  ]
  for (const [path, address] of good) assert.equal(sender(path), address, path)
  const bad = [
    '', '<', '<a>', '<a@>', '<@b.example>', '<a@b', 'a b@c', '<a b@c.example>', '<a@b..example>', '<a@.example>', '<a@-b.example>', '<a@b-.example>', '<""@b.example>',
    '<a@[300.1.1.1]>', '<a@[192.0.2.1>', '<a@[IPv6:xyz]>', '<a@b.example>x', '<"a@b.example>', '<"a\0"@b.example>', '<a\x07@b.example>', '<a@b@c.example>', '<a,b@c.example>', `<a@${'x'.repeat(64)}.example>`,
    '<a@b.example> >', '<(x)a@b.example>', '<a\u0085b@c.example>', '<@one.example:>', '<postmaster>',
  ]
  for (const path of bad) assert.ok(['sender-syntax', 'argument-syntax', 'parameter-unknown'].includes(sender(path)), `${path} was ${sender(path)}`)
  assert.equal(sender(`<${'a'.repeat(1030)}@b.example>`), 'path-too-long')
  assert.equal(code('MAIL FROM:<\xff@b.example>'), 'ok') // U+00FF in UTF-8
  assert.equal(parseCommand(Buffer.from('MAIL FROM:<\xff@b.example>', 'latin1'), options).ok, false)
})

test('recipients', () => {
  assert.equal(recipient('<Postmaster>'), 'Postmaster')
  assert.equal(recipient('<"postmaster">'), 'postmaster')
  assert.equal(recipient('<user>'), 'recipient-syntax')
  assert.equal(recipient('<>'), 'recipient-syntax')
  assert.equal(recipient('<user+tag@b.example>'), 'user+tag@b.example')
})

test('parameters of MAIL', () => {
  assert.deepEqual(parameters('MAIL FROM:<a@b> SIZE=12345 BODY=8bitmime SMTPUTF8'), { size: 12345, body: '8BITMIME', smtputf8: true })
  assert.deepEqual(parameters('MAIL FROM:<a@b> ret=hdrs ENVID=QQ+3D31+2B AUTH=<>'), { ret: 'HDRS', envid: 'QQ=31+', auth: '' })
  assert.deepEqual(parameters('MAIL FROM:<> AUTH=e+3Dmc2@example.com BODY=BINARYMIME'), { auth: 'e=mc2@example.com', body: 'BINARYMIME' })
  for (const wrong of ['SIZE', 'SIZE=', 'SIZE=x', 'SIZE=1 SIZE=1', 'BODY=9BIT', 'SMTPUTF8=1', 'RET=ALL', 'ENVID=+4', 'ENVID=+00', `ENVID=${'x'.repeat(101)}`, 'AUTH', 'SIZE=1=2', 'BODY=7BIT\x01']) {
    assert.equal(parameters(`MAIL FROM:<a@b> ${wrong}`), 'parameter-syntax', wrong)
  }
  assert.equal(parameters('MAIL FROM:<a@b> FOO=1'), 'parameter-unknown')
  assert.equal(parameters('MAIL FROM:<a@b> NOTIFY=NEVER'), 'parameter-unknown')
})

test('parameters of RCPT (RFC 3461 §4)', () => {
  assert.deepEqual(parameters('RCPT TO:<a@b> NOTIFY=DELAY,success ORCPT=rfc822;Bob+2B1@ex.example'), { notify: 'SUCCESS,DELAY', orcpt: 'rfc822;Bob+1@ex.example' })
  assert.deepEqual(parameters('RCPT TO:<a@b> NOTIFY=NEVER'), { notify: 'NEVER' })
  assert.deepEqual(parameters('RCPT TO:<a@b> ORCPT=utf-8;\\x{5C71}@ex.example'), { orcpt: 'utf-8;山@ex.example' })
  assert.deepEqual(parameters('RCPT TO:<a@b> ORCPT=utf-8;山@ex.example'), { orcpt: 'utf-8;山@ex.example' })
  for (const wrong of ['NOTIFY', 'NOTIFY=', 'NOTIFY=NEVER,DELAY', 'NOTIFY=SOMETIMES', 'ORCPT=a@b', 'ORCPT=;a', 'ORCPT=rfc822;', 'ORCPT=utf-8;\\x{0A}@b.example', 'ORCPT=rfc822;a+0Ab']) {
    assert.equal(parameters(`RCPT TO:<a@b> ${wrong}`), 'parameter-syntax', wrong)
  }
})

test('BDAT and AUTH', () => {
  assert.deepEqual(parse('BDAT 0 LAST'), { ok: true, value: { verb: 'BDAT', octets: 0, last: true } })
  assert.deepEqual(parse('bdat 86 last'), { ok: true, value: { verb: 'BDAT', octets: 86, last: true } })
  assert.deepEqual(parse('BDAT 1000'), { ok: true, value: { verb: 'BDAT', octets: 1000, last: false } })
  assert.deepEqual(parse('AUTH plain AGEAYg=='), { ok: true, value: { verb: 'AUTH', mechanism: 'PLAIN', initial: 'AGEAYg==' } })
  assert.deepEqual(parse('AUTH SCRAM-SHA-256 ='), { ok: true, value: { verb: 'AUTH', mechanism: 'SCRAM-SHA-256', initial: '=' } })
})

test('no bytes make it throw, and no address holds a control octet (seeded)', () => {
  const random = seededRandom(77)
  const starts = ['MAIL FROM:<', 'RCPT TO:<', 'MAIL FROM:<a@b> ', 'RCPT TO:<a@b> ', 'EHLO ', 'AUTH ', 'BDAT ', '']
  for (let round = 0; round < 20_000; round += 1) {
    const start = starts[random.int(starts.length)] ?? ''
    const line = Buffer.concat([Buffer.from(start), random.bytes(random.int(20)), Buffer.from(random.int(2) ? '@b.example>' : '')])
    const parsed = parseCommand(line, options)
    if (!parsed.ok) continue
    const said = JSON.stringify(parsed.value)
    assert.ok(!/\\u00[01]|[\u007f-\u009f]|\\[nrtbf]/.test(said) || parsed.value.verb === 'HELP' || parsed.value.verb === 'VRFY' || parsed.value.verb === 'EXPN', said)
  }
})

test('a bare HELP that ends its buffer is understood', () => {
  assert.deepEqual(parseCommand(new Uint8Array([72, 69, 76, 80]), { pathOctetsMax: 1024 }), { ok: true, value: { verb: 'HELP', argument: '' } })
})
