import { test } from 'node:test'
import assert from 'node:assert/strict'
import { latin1Of } from '../base/bytes.ts'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { QUEUE } from '../store/store.ts'
import type { Settlement } from '../store/store.ts'
import { FakeStore, turns } from './fake-store-for-tests.ts'
import type { FakeArrival } from './fake-store-for-tests.ts'
import { startReports } from './reports.ts'
import type { DeliverReport, OutgoingReport } from './reports.ts'

function stage(deliver?: DeliverReport) {
  const clock = new FakeClock()
  const store = new FakeStore(clock)
  const reports: OutgoingReport[] = []
  const begin = () => startReports({
    store, clock, random: seededRandom(1), log: silentLog, hostname: () => 'us.example', lifetimeMs: () => 5 * 24 * 3600_000,
    deliverReport: async (report) => {
      reports.push(report)
      return deliver ? await deliver(report) : { kept: true }
    },
  })
  const settle = async (arrival: FakeArrival, report: NonNullable<Settlement['report']>, more: { reply?: string; remote?: string; status?: string } = {}) => {
    const id = store.arrive(arrival)
    await store.submitQueue({ kind: 'settled', settlements: arrival.work.map((_, n) => ({
      work: { arrival: id, n }, report,
      outcome: { end: 'failed', reply: more.reply ?? '550 5.1.1 no such user', remote: more.remote ?? 'mx.far.example [192.0.2.1]:25', status: more.status ?? '5.1.1' },
    })) })
    return id
  }
  return { clock, store, reports, begin, settle }
}

test('a failure becomes one report to the sender, and its row is struck out', async () => {
  const { store, reports, begin, settle } = stage()
  await settle({ sender: 'a@us.example', envid: 'e1', relayPrefix: 'Received: by us\r\n', body: 'Subject: =?UTF-8?B?44GC?=\r\n\r\nsecret\r\n',
    work: [{ recipient: 'b@far.example', orcpt: 'rfc822;B@far.example' }, { recipient: 'c@far.example' }] }, 'failed')
  begin()
  await turns()
  assert.equal(reports.length, 1)
  assert.equal(store.outbox.length, 0)
  const { to, bytes, origin, smtputf8 } = reports[0]!
  assert.equal(to, 'a@us.example')
  assert.equal(origin.database, QUEUE)
  assert.equal(smtputf8, false)
  const text = latin1Of(bytes)
  assert.match(text, /^From: .*<MAILER-DAEMON@us\.example>\r\n/)
  assert.match(text, /Original-Envelope-Id: e1\r\n/)
  assert.match(text, /Original-Recipient: rfc822; B@far\.example\r\nFinal-Recipient: rfc822; b@far\.example\r\nAction: failed\r\nStatus: 5\.1\.1\r\nRemote-MTA: dns; mx\.far\.example\r\nDiagnostic-Code: smtp; 550 5\.1\.1 no such user\r\n/)
  assert.match(text, /Final-Recipient: rfc822; c@far\.example/)
  assert.match(text, /Received: by us\r\nSubject: =\?UTF-8\?B\?44GC\?=/)
  assert.doesNotMatch(text, /secret/)
})

test('RET=FULL returns the whole; our own finding is no smtp reply', async () => {
  const { reports, begin, settle } = stage()
  await settle({ ret: 'FULL', body: 'Subject: x\r\n\r\nthe body\r\n', work: [{ recipient: 'b@nowhere.example' }] }, 'failed',
    { reply: 'the domain does not exist', remote: 'nowhere.example', status: '5.1.2' })
  begin()
  await turns()
  const text = latin1Of(reports[0]!.bytes)
  assert.match(text, /the body/)
  assert.match(text, /Diagnostic-Code: x-daruma; the domain does not exist/)
  assert.doesNotMatch(text, /Remote-MTA/)
})

test('an original that cannot be read is reported about all the same', async () => {
  const { store, reports, begin, settle } = stage()
  const arrival = await settle({ work: [{ recipient: 'b@far.example' }] }, 'failed')
  store.bodies.delete(arrival)
  begin()
  await turns()
  assert.match(latin1Of(reports[0]!.bytes), /Final-Recipient: rfc822; b@far\.example/)
  assert.equal(store.outbox.length, 0)
})

test('trouble that passes: tried again with the same origin, others go on meanwhile', async () => {
  let broken = true
  const { clock, store, reports, begin, settle } = stage(async ({ to }) => {
    if (to === 'slow@us.example' && broken) throw new Error('no space')
    return { kept: true }
  })
  await settle({ sender: 'slow@us.example', work: [{ recipient: 'b@far.example' }] }, 'failed')
  await settle({ sender: 'quick@us.example', work: [{ recipient: 'b@far.example' }] }, 'failed')
  begin()
  await turns()
  assert.deepEqual(reports.map(({ to }) => to), ['slow@us.example', 'quick@us.example'])
  assert.equal(store.outbox.length, 1)
  broken = false
  clock.advance(31_000)
  await turns()
  assert.equal(store.outbox.length, 0)
  assert.deepEqual(reports[2]!.origin, reports[0]!.origin)
})

test('killed after the arrival, before the row is struck out: the same origin once more', async () => {
  const { store, reports, begin, settle, clock } = stage()
  await settle({ work: [{ recipient: 'b@far.example' }] }, 'failed')
  store.failNext = 'outbox-done'
  const first = begin()
  await turns()
  await first.stop()
  assert.equal(store.outbox.length, 1)
  begin()
  await turns()
  clock.advance(1)
  assert.equal(store.outbox.length, 0)
  assert.deepEqual(reports.map(({ origin }) => origin), [reports[0]!.origin, reports[0]!.origin])
})

test('nobody can take it: struck out, not tried for ever', async () => {
  const { store, begin, settle } = stage(async () => ({ kept: false, reason: 'no such user' }))
  await settle({ work: [{ recipient: 'b@far.example' }] }, 'failed')
  begin()
  await turns()
  assert.equal(store.outbox.length, 0)
})
