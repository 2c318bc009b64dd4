import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outage } from '../base/errors.ts'
import { type WorkRow, accountId, sequence } from '../store/store.ts'
import { type Answer, type Office, EXIT } from './office.ts'
import { perform } from './operations.ts'
import { readAddress, readDomain } from './operator-address.ts'
import { pretendOffice } from './pretend-office-for-tests.ts'

async function good(office: Office, name: string, args: unknown): Promise<unknown> {
  const answer = await perform(office, name, args)
  assert.ok(answer.ok, answer.ok ? '' : answer.reason.en)
  return answer.result
}

async function refusal(office: Office, name: string, args: unknown) {
  const answer = await perform(office, name, args)
  assert.ok(!answer.ok, `${name} was done although it must be refused`)
  return answer
}

test('an account is added once, with its domain and a password that is shown only when made here', async () => {
  const { office, submitted } = pretendOffice()
  const made = await good(office, 'account-add', { address: 'Ada@Example.org', password: null, quota: 5000 }) as { password: string; domainAdded: string; account: number }
  assert.match(made.password, /^([a-z2-9]{4}-){4}[a-z2-9]{4}$/)
  assert.equal(made.domainAdded, 'example.org')
  assert.deepEqual(submitted.map((change) => change.kind), ['domain-add', 'account-add'])
  const added = submitted[1]
  assert.ok(added?.kind === 'account-add')
  assert.equal(added.addressKey, 'ada@example.org')
  assert.equal(added.octetsMax, 5000)
  assert.deepEqual(added.credential, { argon2: `verifier of ${made.password}`, scram: null })
  assert.deepEqual(added.mailboxes.map((mailbox) => mailbox.role), ['drafts', 'sent', 'junk', 'trash', 'archive'])

  const second = await good(office, 'account-add', { address: 'bob@example.org', password: 'his own', quota: null }) as { password: null; domainAdded: null; account: number }
  assert.deepEqual([second.password, second.domainAdded], [null, null])
  assert.notEqual(second.account, made.account)
  assert.equal((await refusal(office, 'account-add', { address: 'ADA@example.ORG', password: null, quota: null })).code, 'exists')
})

test('accounts are listed, also when one cannot be read', async () => {
  const { office, messages, damaged } = pretendOffice()
  await good(office, 'account-add', { address: 'b@example.org', password: 'x', quota: null })
  await good(office, 'account-add', { address: 'a@example.org', password: 'x', quota: 10_000 })
  await good(office, 'account-suspend', { address: 'a@example.org', suspended: true })
  messages.set(accountId(100), 3)
  damaged.add(accountId(101))
  const created = '2026-01-01T00:00:00.000Z'
  assert.deepEqual(await good(office, 'account-list', {}), [
    { address: 'a@example.org', account: 101, state: 'suspended', messages: null, octetsUsed: null, quota: 10_000, created },
    { address: 'b@example.org', account: 100, state: 'active', messages: 3, octetsUsed: 3000, quota: null, created },
  ])
})

test('passwords, quotas, deletion', async () => {
  const { office, submitted } = pretendOffice()
  await good(office, 'account-add', { address: 'ada@example.org', password: 'x', quota: null })
  await good(office, 'account-passwd', { address: 'ada@example.org', password: 'new' })
  assert.deepEqual(submitted.at(-1), { kind: 'account-credential', account: 100, credential: { argon2: 'verifier of new', scram: null } })
  for (const password of ['', 'two\nlines', 'x'.repeat(1001)]) assert.equal((await refusal(office, 'account-passwd', { address: 'ada@example.org', password })).code, 'bad-password')
  assert.deepEqual(await good(office, 'account-quota', { address: 'ada@example.org', quota: null, none: false }), { address: 'ada@example.org', octetsUsed: 0, quota: null })
  assert.deepEqual(await good(office, 'account-quota', { address: 'ada@example.org', quota: 99, none: false }), { address: 'ada@example.org', octetsUsed: 0, quota: 99 })
  assert.deepEqual(await good(office, 'account-quota', { address: 'ada@example.org', quota: null, none: true }), { address: 'ada@example.org', octetsUsed: 0, quota: null })
  const unknown = await refusal(office, 'account-delete', { address: 'adda@example.org' })
  assert.equal(unknown.reason.en, 'there is no account adda@example.org; did you mean ada@example.org?')
  await good(office, 'account-delete', { address: 'ada@example.org' })
  assert.equal((await refusal(office, 'account-delete', { address: 'ada@example.org' })).code, 'no-such-account')
})

test('aliases lead to something that is there, domains go only when empty', async () => {
  const { office } = pretendOffice()
  await good(office, 'account-add', { address: 'ada@example.org', password: 'x', quota: null })
  assert.equal((await refusal(office, 'alias-add', { address: 'info@example.org', targets: ['nobody@example.org'] })).code, 'no-such-target')
  assert.equal((await refusal(office, 'alias-add', { address: 'info@other.example', targets: ['ada@example.org'] })).code, 'no-such-domain')
  assert.equal((await refusal(office, 'alias-add', { address: 'ada@example.org', targets: ['x@far.example'] })).code, 'exists')
  assert.equal((await refusal(office, 'alias-add', { address: 'info@example.org', targets: ['info@example.org'] })).code, 'bad-targets')
  await good(office, 'alias-add', { address: 'info@example.org', targets: ['ada@example.org', 'x@far.example'] })
  assert.equal((await refusal(office, 'alias-add', { address: 'INFO@example.org', targets: ['ada@example.org'] })).code, 'exists')
  assert.equal((await refusal(office, 'account-add', { address: 'info@example.org', password: null, quota: null })).code, 'exists')
  assert.deepEqual(await good(office, 'domain-list', {}), [{ domain: 'example.org', catchAll: null, accounts: 1, aliases: 1 }])
  assert.equal((await refusal(office, 'domain-delete', { domain: 'example.org' })).code, 'not-empty')
  await good(office, 'alias-delete', { address: 'info@example.org' })
  await good(office, 'account-delete', { address: 'ada@example.org' })
  await good(office, 'domain-delete', { domain: 'Example.ORG' })
  assert.equal((await refusal(office, 'domain-delete', { domain: 'example.org' })).code, 'no-such-domain')
})

test('whoever deletes an address is told what still names it, and what leads nowhere from then on', async () => {
  const { office } = pretendOffice()
  for (const address of ['ada@example.org', 'bob@example.org']) await good(office, 'account-add', { address, password: 'x', quota: null })
  await good(office, 'alias-add', { address: 'only@example.org', targets: ['Ada@example.org'] })
  await good(office, 'alias-add', { address: 'both@example.org', targets: ['ada@example.org', 'bob@example.org'] })
  await good(office, 'alias-add', { address: 'away@example.org', targets: ['ada@example.org', 'x@far.example'] })
  await good(office, 'alias-add', { address: 'other@example.org', targets: ['bob@example.org'] })
  await good(office, 'alias-add', { address: 'chain@example.org', targets: ['only@example.org'] })
  await good(office, 'domain-add', { domain: 'example.org', catchAll: 'ada@example.org' })
  assert.deepEqual(await good(office, 'account-delete', { address: 'ada@example.org' }), {
    address: 'ada@example.org',
    stillNamedBy: [
      { address: '*@example.org', leadsNowhere: true }, { address: 'away@example.org', leadsNowhere: false },
      { address: 'both@example.org', leadsNowhere: false }, { address: 'only@example.org', leadsNowhere: true },
    ],
  })
  assert.deepEqual(await good(office, 'account-delete', { address: 'bob@example.org' }), {
    address: 'bob@example.org', stillNamedBy: [{ address: 'both@example.org', leadsNowhere: true }, { address: 'other@example.org', leadsNowhere: true }],
  })
  assert.deepEqual(await good(office, 'alias-delete', { address: 'only@example.org' }), { address: 'only@example.org', stillNamedBy: [{ address: 'chain@example.org', leadsNowhere: true }] })
  assert.deepEqual(await good(office, 'alias-delete', { address: 'chain@example.org' }), { address: 'chain@example.org', stillNamedBy: [] })
})

test('a domain is known by its U-labels; adding it again only changes its catch-all', async () => {
  const { office } = pretendOffice()
  assert.deepEqual(await good(office, 'domain-add', { domain: 'xn--r8jz45g.jp', catchAll: null }), { domain: '例え.jp' })
  assert.equal((await refusal(office, 'domain-add', { domain: '例え.jp', catchAll: null })).code, 'exists')
  await good(office, 'domain-add', { domain: '例え.jp', catchAll: 'ada@例え.jp' })
  assert.deepEqual(await good(office, 'domain-list', {}), [{ domain: '例え.jp', catchAll: 'ada@例え.jp', accounts: 0, aliases: 0 }])
})

function workRow(arrival: number, n: number, state: WorkRow['state']): WorkRow {
  return {
    id: { arrival: sequence(arrival), n }, sender: 'a@example.org', recipient: `r${n}@far.example`, domain: 'far.example', notify: null, orcpt: null, envid: null, ret: null,
    smtputf8: false, bodyType: '7BIT', size: 10, relayPrefix: '', submitter: null, messageId: 'm@x', state, createdMs: 0, dueMs: 5000, attempts: 1, lastAttemptMs: 0, lastReply: '451 later', lastRemote: 'mx.far.example', delayNotified: false, livedMinutes: 0,
  }
}

test('work is held, released, retried and deleted by recipient, by message or all at once', async () => {
  const { office, work, submitted, clock } = pretendOffice()
  work.push(workRow(7, 0, 'waiting'), workRow(7, 1, 'held'), workRow(8, 0, 'waiting'))
  const states = () => work.map((row) => row.state)
  assert.deepEqual(await good(office, 'queue-change', { wish: 'hold', ids: ['7'] }), { changed: 1 })
  assert.deepEqual(states(), ['held', 'held', 'waiting'])
  assert.deepEqual(await good(office, 'queue-change', { wish: 'release', ids: ['7.1'] }), { changed: 1 })
  assert.deepEqual(states(), ['held', 'waiting', 'waiting'])
  assert.deepEqual(await good(office, 'queue-change', { wish: 'retry', ids: ['all'] }), { changed: 2 })
  assert.deepEqual(submitted.at(-1), { kind: 'work-retry', works: [{ arrival: 7, n: 1 }, { arrival: 8, n: 0 }], dueMs: clock.nowMs() })
  assert.deepEqual(await good(office, 'queue-change', { wish: 'delete', ids: ['8.0'] }), { changed: 1 })
  assert.equal((await refusal(office, 'queue-change', { wish: 'hold', ids: ['9.0'] })).code, 'no-such-work')
  assert.equal((await refusal(office, 'queue-show', { id: 'seven' })).exit, EXIT.usage)
  assert.equal(((await good(office, 'queue-list', { limit: null })) as unknown[]).length, 2)
})

test('trace looks for a Message-ID first, then for an address', async () => {
  const { office, traced } = pretendOffice()
  traced.push({ sequence: sequence(5), timeMs: 0, via: 'smtp', sender: 'a@far.example', messageId: 'm@far.example', recipients: [{ address: 'x@example.org', fate: 'filed' }, { address: 'y@example.org', fate: 'pending' }] })
  const rows = await good(office, 'trace', { what: '<m@far.example>', limit: null })
  assert.deepEqual(rows, await good(office, 'trace', { what: 'a@far.example', limit: null }))
  assert.deepEqual((rows as { recipient: string; fate: string }[]).map((row) => [row.recipient, row.fate]), [['x@example.org', 'filed'], ['y@example.org', 'pending']])
  assert.equal((await refusal(office, 'trace', { what: 'nobody@far.example', limit: null })).code, 'nothing-known')
})

test('what only a server can do is refused without one', async () => {
  const { office } = pretendOffice()
  for (const name of ['status', 'reload', 'stop']) assert.equal((await refusal(office, name, {})).exit, EXIT.unavailable)
})

test('wrong requests and failures come back as answers', async () => {
  const { office } = pretendOffice()
  assert.equal((await refusal(office, 'constructor', {})).exit, EXIT.usage)
  assert.equal((await refusal(office, 'account-add', { address: 7 })).exit, EXIT.usage)
  assert.equal((await refusal(office, 'account-delete', { address: 'a@b.example', more: 1 })).exit, EXIT.usage)
  assert.equal((await refusal(office, 'account-add', null)).exit, EXIT.usage)
  const failing = (error: Error): Promise<Answer<unknown>> => perform({ ...office, makeCredential: () => Promise.reject(error) }, 'account-add', { address: 'a@b.example', password: null, quota: null })
  const [io, later] = [await failing(new Outage('write failed', { operation: 'write', code: 'EIO' })), await failing(new Error('who knows'))]
  assert.ok(!io.ok && io.exit === EXIT.io)
  assert.ok(!later.ok && later.exit === EXIT.tryAgain)
})

test('addresses as operators type them', () => {
  const table: [words: string, key: string | undefined][] = [
    ['Ada@Example.org', 'ada@example.org'],
    [' ada@example.org ', 'ada@example.org'],
    ['da..ru.ma.@docomo.example', 'da..ru.ma.@docomo.example'], // Japanese carriers gave such names out
    ['ada+tag@example.org', 'ada+tag@example.org'],
    ['用户@例え.jp', '用户@例え.jp'],
    ['ada@xn--r8jz45g.jp', 'ada@例え.jp'],
    ['ada', undefined], ['@example.org', undefined], ['ada@', undefined], ['a b@example.org', undefined], ['"a b"@example.org', undefined],
    ['ada@exa mple.org', undefined], ['ada@-x.example', undefined], ['ada@192.0.2.1', undefined], ['ada@[192.0.2.1]', undefined], ['a\u0000@example.org', undefined],
    [`${'a'.repeat(65)}@example.org`, undefined], [`a@${'b'.repeat(64)}.example`, undefined],
  ]
  for (const [words, key] of table) {
    const read = readAddress(words)
    assert.equal(read.ok ? read.value.key : undefined, key, words)
  }
  assert.equal(readDomain('localhost.example').ok, true)
  assert.equal(readDomain('').ok, false)
})
