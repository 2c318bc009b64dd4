import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { seededRandom } from '../base/random.ts'
import { generateMessageId } from './message-id.ts'
import { printAddressLiteral, printDeliveredTo, printReceived, printReturnPath, protocolKeyword } from './trace-fields.ts'

const atMs = Date.UTC(2026, 10, 2, 1, 0, 0)

test('keywords of RFC 3848 and RFC 6531 §4.3', () => {
  const base = { isExtended: true, isTls: false, isAuthenticated: false }
  assert.equal(protocolKeyword({ ...base, isExtended: false }), 'SMTP')
  assert.equal(protocolKeyword(base), 'ESMTP')
  assert.equal(protocolKeyword({ ...base, isTls: true }), 'ESMTPS')
  assert.equal(protocolKeyword({ ...base, isAuthenticated: true }), 'ESMTPA')
  assert.equal(protocolKeyword({ ...base, isTls: true, isAuthenticated: true }), 'ESMTPSA')
  assert.equal(protocolKeyword({ ...base, isTls: true, isUtf8: true }), 'UTF8SMTPS')
  assert.equal(protocolKeyword({ ...base, isLmtp: true }), 'LMTP')
})

test('Received is folded and complete', () => {
  const field = printReceived({ from: { helo: 'client.example', address: '2001:db8::1', hostname: 'host.client.example' }, by: 'mx.a.example', protocol: 'ESMTPS', id: 'abc123', tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384', recipient: 'user@a.example', atMs, zoneMinutes: 540 })
  assert.equal(field.replaceAll('\r\n ', ' '), 'Received: from client.example (host.client.example [IPv6:2001:db8::1]) by mx.a.example with ESMTPS id abc123 (TLSv1.3 TLS_AES_256_GCM_SHA384) for <user@a.example>; Mon, 2 Nov 2026 10:00:00 +0900\r\n')
  for (const line of field.split('\r\n')) assert.ok(line.length <= 78)
})

test('a client can neither begin a field nor end the comment', () => {
  const field = printReceived({ from: { helo: 'a\r\nBcc: x (', address: '192.0.2.1)' }, by: 'mx', protocol: 'SMTP', id: '1', recipient: 'a>\r\nX: b', atMs })
  assert.equal(field, 'Received: from aBcc:x ([192.0.2.1]) by mx with SMTP id 1 for <aX: b>; Mon, 2\r\n'.replace('; Mon, 2\r\n', ';') + field.slice(field.indexOf('>;') + 2))
  assert.equal(field.match(/\r\n(?! )/g)?.length, 1)
})

test('without the client, as for submission', () => {
  assert.ok(printReceived({ by: 'mx.a.example', protocol: 'ESMTPSA', id: '1', atMs }).startsWith('Received: by mx.a.example with ESMTPSA id 1;'))
})

test('literals, Return-Path, Delivered-To', () => {
  assert.equal(printAddressLiteral('::ffff:192.0.2.1'), '[192.0.2.1]')
  assert.equal(printAddressLiteral('fe80::1%eth0'), '[IPv6:fe80::1]')
  assert.equal(printReturnPath(''), 'Return-Path: <>\r\n')
  assert.equal(printReturnPath('a@b.test\r\n'), 'Return-Path: <a@b.test>\r\n')
  assert.equal(printDeliveredTo('ü@b.test'), 'Delivered-To: ü@b.test\r\n')
})

test('message ids', () => {
  assert.match(generateMessageId('a.example', new FakeClock(), seededRandom(1)), /^<[0-9a-z]+\.[0-9a-f]{20}@a\.example>$/)
})
