import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { bytesOfLatin1, concatBytes } from '../base/bytes.ts'
import { parseProxyHeader } from './proxy-header.ts'

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

/** Whole, and after every octet: "more" until it is complete, and always the same answer then. */
function parsed(header: Uint8Array, tail = 'EHLO x\r\n') {
  for (let at = 0; at < header.length; at++) {
    const partial = parseProxyHeader(header.subarray(0, at))
    assert.ok(partial.ok && partial.value === undefined, `complete after ${at} octets`)
  }
  const whole = parseProxyHeader(concatBytes([header, bytesOfLatin1(tail)]))
  assert.ok(whole.ok && whole.value)
  assert.equal(whole.value.octets, header.length)
  return whole.value.source
}

test('version 1 (proxy-protocol.txt §2.1)', () => {
  assert.deepEqual(parsed(bytesOfLatin1('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n')), { address: '255.255.255.255', port: 65535 })
  assert.deepEqual(parsed(bytesOfLatin1('PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n')), { address: '2001:db8::7', port: 56324 })
  assert.deepEqual(parsed(bytesOfLatin1('PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 56324 25\r\n')), { address: '192.0.2.7', port: 56324 })
  assert.equal(parsed(bytesOfLatin1('PROXY UNKNOWN\r\n')), undefined)
  assert.equal(parsed(bytesOfLatin1('PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n')), undefined)
})

test('version 2 (§2.2), with extras that are skipped', () => {
  assert.deepEqual(parsed(Uint8Array.from([...SIGNATURE, 0x21, 0x11, 0, 12, 192, 0, 2, 7, 192, 0, 2, 1, 0xdc, 4, 0, 25])), { address: '192.0.2.7', port: 0xdc04 })
  assert.deepEqual(parsed(Uint8Array.from([...SIGNATURE, 0x21, 0x11, 0, 16, 192, 0, 2, 7, 192, 0, 2, 1, 0xdc, 4, 0, 25, 4, 0, 1, 9])), { address: '192.0.2.7', port: 0xdc04 })
  const v6 = [...SIGNATURE, 0x21, 0x21, 0, 36, 0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7, 0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1, 1, 0, 0, 25]
  assert.deepEqual(parsed(Uint8Array.from(v6)), { address: '2001:db8::7', port: 256 })
  assert.equal(parsed(Uint8Array.from([...SIGNATURE, 0x20, 0x00, 0, 0])), undefined, 'LOCAL: the proxy looks whether we live')
  assert.equal(parsed(Uint8Array.from([...SIGNATURE, 0x21, 0x31, 0, 3, 1, 2, 3])), undefined, 'a UNIX socket')
})

test('what is none is refused, early', () => {
  for (const [header, code] of [
    ['EHLO client.example\r\n', 'proxy-header-missing'],
    ['G', 'proxy-header-missing'],
    ['PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\n', 'proxy-header-syntax'],
    ['PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n', 'proxy-header-syntax'],
    ['PROXY TCP4 192.0.2.7 192.0.2.1 56324 65536\r\n', 'proxy-header-syntax'],
    ['PROXY TCP4 192.0.2.7 192.0.2.1 056 25\r\n', 'proxy-header-syntax'],
    ['PROXY TCP4 2001:db8::7 2001:db8::1 1 25\r\n', 'proxy-header-syntax'],
    ['PROXY TCP6 192.0.2.7 192.0.2.1 1 25\r\n', 'proxy-header-syntax'],
    ['PROXY TCP4  192.0.2.7 192.0.2.1 1 25\r\n', 'proxy-header-syntax'],
    ['PROXY UDP4 192.0.2.7 192.0.2.1 1 25\r\n', 'proxy-header-syntax'],
    [`PROXY UNKNOWN ${'x'.repeat(100)}`, 'proxy-header-too-long'],
    [String.fromCharCode(...SIGNATURE, 0x11, 0x11, 0, 12), 'proxy-header-version'],
    [String.fromCharCode(...SIGNATURE, 0x22, 0x11, 0, 12), 'proxy-header-version'],
    [String.fromCharCode(...SIGNATURE, 0x21, 0x11, 0xff, 0xff), 'proxy-header-too-long'],
    [String.fromCharCode(...SIGNATURE, 0x21, 0x11, 0, 4, 1, 2, 3, 4), 'proxy-header-syntax'],
  ] as const) {
    const answer = parseProxyHeader(bytesOfLatin1(header))
    assert.ok(!answer.ok, JSON.stringify(header))
    assert.equal(answer.code, code, JSON.stringify(header))
  }
})
