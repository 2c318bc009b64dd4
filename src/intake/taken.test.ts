// What the understudy writes beside a message: as printed it is read, and nothing else is taken for it.
import test from 'node:test'
import assert from 'node:assert/strict'
import { bytesOf } from '../base/bytes.ts'
import { parseTakenMeta, printTakenMeta, type TakenMeta } from './taken.ts'

const whole: TakenMeta = {
  kind: 'taken', via: 'smtp', sender: 'ada@example.net', smtputf8: true, bodyType: '8BITMIME', ret: 'HDRS', envid: 'e+1', peer: '192.0.2.7', helo: 'mx.example.net',
  extended: true, tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }, traceId: 'u.1', id: '00ff',
  recipients: [{ address: '太郎@example.org', notify: 'SUCCESS,FAILURE', orcpt: 'utf-8;太郎@example.org' }, { address: 'bo@example.org' }],
}
const least: TakenMeta = { kind: 'taken', via: 'smtp', sender: '', peer: '2001:db8::1', helo: 'x', traceId: 't', id: 'i', recipients: [{ address: 'postmaster' }] }

test('what is printed is read again, field by field', () => {
  for (const meta of [whole, least]) assert.deepEqual(parseTakenMeta(printTakenMeta(meta)), { ok: true, value: meta })
})

test('fields of a later version are passed over', () => {
  const parsed = parseTakenMeta(bytesOf(JSON.stringify({ ...least, later: 1, recipients: [{ address: 'postmaster', later: true }] })))
  assert.deepEqual(parsed, { ok: true, value: least })
})

test('anything else is refused and never thrown at', () => {
  const without = (field: keyof TakenMeta) => JSON.stringify({ ...whole, [field]: undefined })
  for (const text of [
    '', '{', 'null', '[]', '"taken"', '\u0000', JSON.stringify({ ...whole, kind: 'arrival' }), JSON.stringify({ ...whole, via: 'lmtp' }), JSON.stringify({ ...whole, recipients: [] }),
    JSON.stringify({ ...whole, recipients: [{}] }), JSON.stringify({ ...whole, recipients: [null] }), JSON.stringify({ ...whole, recipients: [{ address: 'a@b', notify: 1 }] }),
    without('sender'), without('peer'), without('helo'), without('traceId'), without('id'), without('recipients'),
  ]) assert.equal(parseTakenMeta(bytesOf(text)).ok, false, text)
})
