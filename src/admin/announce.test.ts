import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../base/bytes.ts'
import { announcementOf } from '../maintenance/maintenance.ts'
import { composeAnnouncement, originOfAnnouncement } from './announce.ts'
import { pretendOffice } from './pretend-office-for-tests.ts'
import { perform } from './operations.ts'
import type { Office, RunningServer } from './office.ts'

const server = { hostname: 'mail.example.org' } as RunningServer
const args = { id: 'M1.5', subject: 'Wartung / メンテナンス', body: 'First line.\n二行目です。\n' }

async function withAccounts(count: number) {
  const pretend = pretendOffice()
  const office: Office = { ...pretend.office, server }
  await perform(office, 'domain-add', { domain: 'example.org', catchAll: null })
  for (let n = 0; n < count; n += 1) await perform(office, 'account-add', { address: `user${n}@example.org`, password: 'long enough password', quota: null })
  return { pretend, office }
}

test('every account gets it once, a page of accounts a record, each record with bytes of its own', async () => {
  const { pretend, office } = await withAccounts(1203)
  assert.deepEqual(await perform(office, 'announce', args), { ok: true, result: { accounts: 1203 } })
  assert.deepEqual(pretend.accepted.map(({ arrival }) => arrival.plans.length), [500, 500, 203])
  const recipients = pretend.accepted.flatMap(({ arrival }) => arrival.plans.map((plan) => plan.recipients[0]))
  assert.equal(new Set(recipients).size, 1203)
  assert.ok(pretend.accepted.every(({ octets }) => octets.length > 100))
  assert.ok(pretend.accepted.every(({ arrival }) => arrival.sender === '' && arrival.work.length === 0))
})

test('said again, it has the same origin, which the databases know; other news has another', async () => {
  const { pretend, office } = await withAccounts(1)
  await perform(office, 'announce', args)
  await perform(office, 'announce', args)
  assert.deepEqual(pretend.accepted[0]?.arrival.origin, pretend.accepted[1]?.arrival.origin)
  assert.notDeepEqual(originOfAnnouncement('M1.5'), originOfAnnouncement('M1.6'))
  const { database, position } = originOfAnnouncement('M1.5')
  assert.ok(database < 100 && database > 1, 'never the number of a database')
  assert.ok(Number.isSafeInteger(position) && position > 0)
})

test('without a server, or with an id that is none, nothing is filed', async () => {
  const { pretend, office } = await withAccounts(1)
  const codes: string[] = []
  for (const answer of [await perform({ ...office, server: undefined }, 'announce', args), await perform(office, 'announce', { ...args, id: 'a b\r\n' }), await perform(office, 'announce', { ...args, id: '' })]) {
    codes.push(answer.ok ? 'done' : answer.code)
  }
  assert.deepEqual(codes, ['not-running', 'bad-id', 'bad-id'])
  assert.equal(pretend.accepted.length, 0)
})

test('where there is no room it is put off, not refused for good', async () => {
  const { pretend, office } = await withAccounts(1)
  const full: Office = { ...office, store: { ...office.store, admission: () => ({ admit: false, because: 'disk-full' }) } }
  const answer = await perform(full, 'announce', args)
  assert.equal(!answer.ok && answer.exit, 75)
  assert.equal(pretend.accepted.length, 0)
})

test('the message is one that every mail program shows: 7-bit lines, both languages inside', () => {
  const window = { id: 'M1', fromMs: 1e12, toMs: 1e12 + 3600_000, what: 'ディスクの交換'.repeat(60), mode: 'take', mail: true, state: 'planned' } as const
  const { id, subject, body } = announcementOf(window, { hostname: 'mail.example.org', statusUrl: undefined })
  const text = textOf(composeAnnouncement({ id, subject, body, hostname: 'mail.example.org', sender: 'postmaster@example.org', nowMs: 0 }))
  assert.match(text, /^[\r\n\x20-\x7e]*$/)
  for (const line of text.split('\r\n')) assert.ok(line.length <= 78, line)
  assert.ok(!/[^\r]\n/.test(text))
  const [head = '', encoded = ''] = text.split('\r\n\r\n')
  for (const name of ['Date', 'From', 'To', 'Subject', 'Message-ID', 'Auto-Submitted', 'MIME-Version']) assert.equal(head.split('\r\n').filter((line) => line.startsWith(`${name}: `)).length, 1, name)
  assert.equal(Buffer.from(encoded, 'base64').toString('utf8'), body.replaceAll('\n', '\r\n'))
})
