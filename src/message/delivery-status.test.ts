import assert from 'node:assert/strict'
import { test } from 'node:test'
import PostalMime from 'postal-mime'
import { isAscii } from 'node:buffer'
import { bytesOf, latin1Of, textOf } from '../base/bytes.ts'
import { bodyStructureOf } from './bodystructure.ts'
import { composeDeliveryStatus, type DeliveryStatusFacts, type RecipientStatus } from './delivery-status.ts'
import { decodeEncodedWords } from './encoded-word.ts'
import { firstFieldValue } from './headers.ts'
import { scanStructure } from './structure.ts'
import { readBody } from './testing/imap-grammar.ts'

const atMs = Date.UTC(2026, 10, 2, 1, 0, 0)
const failed: RecipientStatus = { address: 'x@c.example', original: { type: 'RFC822', address: 'X+y@c.example' }, action: 'failed', status: '5.1.1', diagnostic: { type: 'smtp', text: '550-5.1.1 no such user\r\n550 5.1.1 here' }, remoteMta: 'mx.c.example', lastAttemptMs: atMs }
const facts: DeliveryStatusFacts = {
  reportingMta: 'mx.a.example', from: 'MAILER-DAEMON@mx.a.example', to: 's@b.example', messageId: '<1@mx.a.example>', boundaryToken: 'k3', atMs, zoneMinutes: 540,
  envelopeId: 'QQ314', arrivalMs: atMs - 3600_000, originalMessageId: '<o@b.example>', originalSubject: '見積', recipients: [failed],
  original: bytesOf('From: s@b.example\r\nSubject: x\r\nMessage-ID: <o@b.example>\r\n\r\nbody\r\n'), returnFull: false,
}

function parts(bytes: Uint8Array) {
  const root = scanStructure(bytes)
  readBody(bodyStructureOf(root), true)
  return { root, types: root.children.map((part) => `${part.type}/${part.subtype}`), text: (index: number) => textOf(bytes.subarray(root.children[index]!.bodyStart, root.children[index]!.bodyEnd)) }
}

test('RFC 3464: a failure, header only', async () => {
  const bytes = composeDeliveryStatus(facts)
  assert.ok(isAscii(bytes))
  const { root, types, text } = parts(bytes)
  assert.equal(`${root.type}/${root.subtype}`, 'multipart/report')
  assert.deepEqual(root.parameters.find(({ name }) => name === 'report-type')?.value, 'delivery-status')
  assert.deepEqual(types, ['text/plain', 'message/delivery-status', 'text/rfc822-headers'])
  assert.equal(text(1), 'Original-Envelope-Id: QQ314\r\nReporting-MTA: dns; mx.a.example\r\nArrival-Date: Mon, 2 Nov 2026 09:00:00 +0900\r\n\r\nOriginal-Recipient: rfc822; X+y@c.example\r\nFinal-Recipient: rfc822; x@c.example\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.c.example\r\nDiagnostic-Code: smtp; 550-5.1.1 no such user 550 5.1.1 here\r\nLast-Attempt-Date: Mon, 2 Nov 2026 10:00:00 +0900\r\n')
  assert.equal(text(2), 'From: s@b.example\r\nSubject: x\r\nMessage-ID: <o@b.example>\r\n\r\n')
  for (const [name, value] of [['auto-submitted', 'auto-replied'], ['to', '<s@b.example>'], ['in-reply-to', '<o@b.example>'], ['date', 'Mon, 2 Nov 2026 10:00:00 +0900']] as const) assert.equal(firstFieldValue(bytes, name), value)
  assert.equal(decodeEncodedWords(firstFieldValue(bytes, 'subject')!), 'Your message could not be delivered / メールを配送できませんでした')
  for (const line of latin1Of(bytes).split('\r\n')) assert.ok(line.length <= 78 && !line.includes('\n'))
  const seen = await PostalMime.parse(bytes) // words as another program reads them
  for (const words of ['件名: 見積', 'x@c.example', 'there is no such mailbox', 'メールボックスが存在しません']) assert.ok(seen.text?.includes(words), words)
})

test('RET=FULL returns the message of a failure, and of nothing else (RFC 3461 §4.3)', () => {
  const full = composeDeliveryStatus({ ...facts, returnFull: true })
  const { types, text } = parts(full)
  assert.equal(types[2], 'message/rfc822')
  assert.equal(text(2), latin1Of(facts.original))
  const delivered = composeDeliveryStatus({ ...facts, returnFull: true, recipients: [{ address: 'x@c.example', action: 'delivered', status: '2.0.0' }] })
  assert.equal(parts(delivered).types[2], 'text/rfc822-headers')
})

test('a delay says until when', () => {
  const { text } = parts(composeDeliveryStatus({ ...facts, recipients: [{ address: 'x@c.example', action: 'delayed', status: '4.4.1', willRetryUntilMs: atMs + 86_400_000 }] }))
  assert.ok(text(1).endsWith('Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Tue, 3 Nov 2026 10:00:00 +0900\r\n'))
})

test('RFC 6533: addresses and headers beyond ASCII', () => {
  const bytes = composeDeliveryStatus({
    ...facts, returnFull: true, recipients: [{ ...failed, address: '田中@c.example', original: { type: 'utf-8', address: '田中@c.example' } }],
    original: bytesOf('Subject: 見積\r\n\r\nbody\r\n'),
  })
  const { root, types, text } = parts(bytes)
  assert.deepEqual(types, ['text/plain', 'message/global-delivery-status', 'message/global'])
  assert.ok(text(1).includes('Original-Recipient: utf-8; 田中@c.example\r\nFinal-Recipient: utf-8; 田中@c.example\r\n'))
  assert.equal(root.encoding, '8bit')
  assert.equal(parts(composeDeliveryStatus({ ...facts, original: bytesOf('Subject: 見積\r\n\r\n') })).types[2], 'message/global-headers')
})

test('an 8-bit body returned in full is declared so', () => {
  const { root } = parts(composeDeliveryStatus({ ...facts, returnFull: true, original: bytesOf('Subject: x\r\n\r\n見積\r\n') }))
  assert.equal(root.encoding, '8bit')
  assert.equal(root.children[2]!.type, 'message')
})

test('a boundary that stands in the original is not used', () => {
  const { types } = parts(composeDeliveryStatus({ ...facts, returnFull: true, original: bytesOf('Subject: x\r\n\r\n--=_k3\r\n\r\nx\r\n--=_k3x--\r\n') }))
  assert.equal(types.length, 3)
})

test('a hostile reply cannot begin a field', () => {
  const { text } = parts(composeDeliveryStatus({ ...facts, recipients: [{ ...failed, remoteMta: 'mx\r\nX: y', diagnostic: { type: 'smtp', text: '550 a\r\n\r\nFinal-Recipient: rfc822; evil\0é' } }] }))
  assert.equal(text(1).match(/^Final-Recipient/gm)?.length, 1)
  assert.ok(!/[\0\x80-\xff]/.test(text(1)))
})
