import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { parseListenAddress, printListenAddress } from './listen-address.ts'

test('addresses of doors', () => {
  for (const text of ['127.0.0.1:2525', '0.0.0.0:0', '[::1]:65535', '[::]:25']) {
    const parsed = parseListenAddress(text)
    assert.ok(parsed.ok)
    assert.equal(printListenAddress(parsed.value), text)
  }
  const mapped = parseListenAddress('[::ffff:127.0.0.1]:25')
  assert.deepEqual(mapped.ok && mapped.value, { host: '127.0.0.1', family: 4, port: 25 })
})

test('what is no address of a door says what is wrong', () => {
  for (const [text, code, sentence] of [
    ['2525', 'listen-syntax', /expected "address:port"/],
    [':25', 'listen-syntax', /expected/],
    ['127.0.0.1:', 'listen-port', /0 to 65535/],
    ['127.0.0.1:65536', 'listen-port', /0 to 65535/],
    ['127.0.0.1:smtp', 'listen-port', /number/],
    ['::1:25', 'listen-brackets', /\[::1\]:25/],
    ['localhost:25', 'listen-host', /write 127\.0\.0\.1:25/],
    ['*:25', 'listen-host', /0\.0\.0\.0:25 and \[::\]:25/],
    ['mail.example:25', 'listen-host', /not a name/],
  ] as const) {
    const parsed = parseListenAddress(text)
    assert.ok(!parsed.ok, text)
    assert.equal(parsed.code, code)
    assert.match(parsed.reason, sentence)
  }
})
