import test from 'node:test'
import assert from 'node:assert/strict'
import { QUEUE, accountId, sequence, type AccountRow, type ArrivalMeta, type Directory } from '../store/store.ts'
import { createReportDelivery } from './deliver-report.ts'

const ada = { account: accountId(100), address: 'ada@here.example', addressKey: 'ada@here.example' } as AccountRow
const directory = {
  domain: (name: string) => (name === 'here.example' ? { name, catchAll: null } : undefined), accounts: () => [ada], aliasByKey: () => undefined,
  accountByKey: (key: string) => (key === ada.addressKey ? ada : undefined), account: () => ada,
} as unknown as Directory

test('a report is filed with our own, sent to others, and ends where nobody can take it', async () => {
  const kept: ArrivalMeta[] = []
  const deliver = createReportDelivery({
    store: { directory, accept: (meta) => Promise.resolve(sequence(kept.push(meta))) }, delivery: () => ({ subaddressSeparator: '+', postmaster: undefined }),
  })
  const report = (to: string) => ({ to, bytes: Buffer.from('From: MAILER-DAEMON@here.example\r\nMessage-ID: <r1@here.example>\r\n\r\nsorry\r\n'), origin: { database: QUEUE, position: sequence(7), n: 0 }, smtputf8: false })
  assert.deepEqual(await deliver(report('ada+list@here.example')), { kept: true })
  assert.deepEqual(await deliver(report('x@there.example')), { kept: true })
  assert.equal((await deliver(report('gone@here.example'))).kept, false)
  const [own, far] = kept
  assert.deepEqual([own?.sender, own?.via, own?.plans.map(({ account }) => account), own?.work], ['', 'bounce', [100], []])
  assert.match(own?.plans[0]?.prefix ?? '', /^Return-Path: <>\r\nDelivered-To: ada\+list@here\.example\r\n$/)
  assert.equal(own?.facts.messageId, 'r1@here.example', 'as with any arrival: without its brackets')
  assert.deepEqual([far?.plans, far?.work], [[], [{ recipient: 'x@there.example', domain: 'there.example', notify: 'NEVER' }]])
})
