import { strict as assert } from 'node:assert'
import { isIP, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { inNetwork, ipOfOctets, isLoopback, parseIp, parseNetwork, plainAddress, printIp, printNetwork, sameNetwork } from './network.ts'
import type { IpAddress, Network } from './network.ts'

function ip(text: string): IpAddress {
  const parsed = parseIp(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}
function network(text: string): Network {
  const parsed = parseNetwork(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

test('addresses in all the forms of RFC 4291 §2.2, printed as RFC 5952 §4 asks', () => {
  for (const [text, printed] of [
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['ABCD:EF01:2345:6789:ABCD:EF01:2345:6789', 'abcd:ef01:2345:6789:abcd:ef01:2345:6789'],
    ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
    ['FF01:0:0:0:0:0:0:101', 'ff01::101'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::13.1.68.3', '::d01:4403'],
    ['::FFFF:129.144.52.38', '129.144.52.38'],
    ['::ffff:0:0', '0.0.0.0'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const) assert.equal(printIp(ip(text)), printed)
})

test('what is no address', () => {
  for (const text of ['', '1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.4 ', '1..2.3', '1.2.3.', '.1.2.3', ':', ':::', '1:2', '1::2::3', '12345::', '::g', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1.2.3', '1:2:3:4:5:6:7:1.2.3.4', '1.2.3.4::', '1.2.3.4%eth0', '[::1]', '1:', ':1', '0x1.2.3.4', 'localhost']) {
    assert.equal(parseIp(text).ok, false, text)
  }
})

test('what Node calls an address is one here, and the other way round', () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/)), (text) => {
    assert.equal(parseIp(text).ok, isIP(text) !== 0, text)
  }), { numRuns: 2000 })
})

test('printing and parsing again gives the same octets', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.array(fc.nat(15)), (octets, zeros) => {
    for (const at of zeros) octets[at] = 0
    const address = ipOfOctets(octets)
    const text = printIp(address)
    assert.deepEqual(ip(text), address)
    assert.equal(isIPv6(text), address.family === 6)
  }), { numRuns: 1000 })
})

test('networks', () => {
  const table: [string, string, boolean][] = [
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.0/24', '::ffff:192.0.2.7', true],
    ['::ffff:192.0.2.0/120', '192.0.2.7', true],
    ['10.0.0.0/9', '10.127.0.1', true],
    ['10.0.0.0/9', '10.128.0.1', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
  ]
  for (const [net, address, isIn] of table) assert.equal(inNetwork(ip(address), network(net)), isIn, `${address} in ${net}`)
  for (const text of ['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/-1', '192.0.2.0/024', '::/129', 'x/8', '::ffff:1.2.3.4/95']) assert.equal(parseNetwork(text).ok, false, text)
  const typo = parseNetwork('192.0.2.1/24')
  assert.ok(!typo.ok)
  assert.match(typo.reason, /did you mean 192\.0\.2\.0\/24\?/)
  assert.equal(printNetwork(network('2001:DB8::/32')), '2001:db8::/32')
})

test('neighbours, loopback and one spelling', () => {
  assert.ok(sameNetwork(ip('192.0.2.1'), ip('192.0.2.200')))
  assert.ok(!sameNetwork(ip('192.0.2.1'), ip('192.0.3.1')))
  assert.ok(sameNetwork(ip('2001:db8:1:2::1'), ip('2001:db8:1:2:ffff::1')))
  assert.ok(!sameNetwork(ip('2001:db8:1:2::1'), ip('2001:db8:1:3::1')))
  assert.ok(!sameNetwork(ip('192.0.2.1'), ip('2001:db8::1')))
  assert.ok(isLoopback(ip('127.9.9.9')) && isLoopback(ip('::1')) && isLoopback(ip('::ffff:127.0.0.1')))
  assert.ok(!isLoopback(ip('::2')) && !isLoopback(ip('128.0.0.1')))
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('2001:0DB8::1'), '2001:db8::1')
  assert.equal(plainAddress(''), '')
})
