import assert from 'node:assert/strict'
import test from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { defaultLimits } from '../base/limits.ts'
import { accountId, type AccountRow, type Directory } from '../store/store.ts'
import type { Mailbox } from '../wire/smtp/path.ts'
import type { Peer } from './envelope.ts'
import { judgeRecipient, type JudgeTools } from './judge-envelope.ts'

const user: AccountRow = { account: accountId(100), address: 'user@here.example', addressKey: 'user@here.example', suspended: false, octetsMax: null, credential: { argon2: '', scram: null }, createdMs: 0 }
const toolsOf = (isCurrent: boolean): JudgeTools => {
  const directory: Directory = {
    isCurrent, domain: (name) => (name === 'here.example' ? { name, catchAll: null } : undefined), domains: () => [], account: () => user,
    accountByKey: (key) => (key === user.addressKey ? user : undefined), accounts: () => [user], aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
  }
  return { store: { directory, admission: () => ({ admit: true }) }, limits: defaultLimits, delivery: { subaddressSeparator: '+', postmaster: undefined }, clock: new FakeClock() }
}
const peer: Peer = { via: 'smtp', address: '192.0.2.1', helo: 'c.example', isExtended: true, tls: undefined, submitter: undefined }
const mailbox = (local: string, domain: string): Mailbox => ({ local, domain, ascii: true })
const judged = (local: string, domain: string, isCurrent: boolean): number | 'taken' => {
  const answer = judgeRecipient(peer, { address: '', parameters: {} }, mailbox(local, domain), {}, toolsOf(isCurrent))
  return answer.take ? 'taken' : answer.reply.code
}

test('an address that is not found is refused for good only by a thread that has read the newest directory', () => {
  assert.equal(judged('nobody', 'here.example', true), 550)
  assert.equal(judged('nobody', 'here.example', false), 451)
  assert.equal(judged('user', 'elsewhere.example', true), 550)
  assert.equal(judged('user', 'elsewhere.example', false), 451)
  assert.equal(judged('user', 'here.example', false), 'taken')
})
