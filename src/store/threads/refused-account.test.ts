// An account that the directory refuses is refused before the append: it leaves no database behind, whose number
// would be given out again after a restart.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeClock } from '../../base/clock.ts'
import { seededRandom } from '../../base/random.ts'
import { accountId, type AccountId } from '../ids.ts'
import { openInlineStore } from '../inline.ts'
import type { DirectoryChange } from '../operations.ts'

const add = (account: AccountId, addressKey: string): DirectoryChange => ({ kind: 'account-add', account, address: addressKey, addressKey, credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] })

test('an account that is refused makes no database, whatever is submitted beside it', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'daruma-refused-account-'))
  const opened = await openInlineStore({ dataDirectory, clock: new FakeClock(), random: seededRandom(1), segmentSizeOctets: 4 * 1024 * 1024 })
  assert.ok(opened.ok)
  const { store, close } = opened.value
  await store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
  await store.submitDirectory({ kind: 'alias-add', address: 'info@example.org', addressKey: 'info@example.org', targets: ['x@far.example'] })
  const numbers: AccountId[] = []
  for (let n = 0; n < 5; n += 1) numbers.push(await store.nextAccountId())
  const [first, second, third, fourth, fifth] = numbers as [AccountId, AccountId, AccountId, AccountId, AccountId]
  // Two at one moment for one address, an alias's address, a domain that goes just before.
  const outcomes = await Promise.all([
    store.submitDirectory(add(first, 'ada@example.org')), store.submitDirectory(add(second, 'ada@example.org')), store.submitDirectory(add(third, 'info@example.org')),
    store.submitDirectory(add(fourth, 'x@other.example')), store.submitDirectory(add(first, 'bob@example.org')),
    store.submitDirectory({ kind: 'account-quota', account: accountId(4711), octetsMax: 5 }), store.submitDirectory(add(fifth, 'bob@example.org')),
  ])
  assert.deepEqual(outcomes.map((outcome) => (outcome.end === 'refused' ? outcome.code : outcome.end)), ['done', 'exists', 'exists', 'no-such-thing', 'exists', 'no-such-thing', 'done'])
  await store.ready(first)
  await store.ready(fifth)
  await close()
  assert.deepEqual(readdirSync(join(dataDirectory, 'accounts')).sort(), [String(first), String(fifth)])
  assert.ok(existsSync(join(dataDirectory, 'journal')))
  rmSync(dataDirectory, { recursive: true })
})
