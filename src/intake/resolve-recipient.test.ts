import test from 'node:test'
import assert from 'node:assert/strict'
import { accountId, addressKey, type AccountRow, type Directory } from '../store/store.ts'
import { mayUseAddress } from './judge-envelope.ts'
import { resolveRecipient, type DeliveryRules } from './resolve-recipient.ts'

function directoryOf(given: { domains: Record<string, string | null>; accounts: string[]; aliases?: Record<string, string[]> }): Directory {
  const accounts = given.accounts.map((address, index): AccountRow => ({
    account: accountId(100 + index), address, addressKey: addressKey(address), suspended: false, octetsMax: null, credential: { argon2: '', scram: null }, createdMs: 0,
  }))
  const aliases = Object.entries(given.aliases ?? {}).map(([address, targets]) => ({ address, addressKey: addressKey(address), targets }))
  const domains = Object.entries(given.domains).map(([name, catchAll]) => ({ name, catchAll }))
  return {
    isCurrent: true, domain: (name) => domains.find((row) => row.name === name), domains: () => domains,
    account: (account) => accounts.find((row) => row.account === account), accountByKey: (key) => accounts.find((row) => row.addressKey === key), accounts: () => accounts,
    aliasByKey: (key) => aliases.find((row) => row.addressKey === key), aliases: () => aliases, setting: () => undefined, octetsUsed: () => 0,
  }
}

const directory = directoryOf({
  domains: { 'a.example': null, 'b.example': 'boss@a.example', '例え.example': null },
  accounts: ['boss@a.example', 'mary-ann@a.example', '"john doe"@a.example'],
  aliases: {
    'all@a.example': ['boss@a.example', 'MARY-ANN@A.Example', 'ghost@a.example', 'out@far.example', 'OUT@far.example'],
    'ghosts@a.example': ['ghost@a.example'], 'ring@a.example': ['ring2@a.example'], 'ring2@a.example': ['ring@a.example', 'ring2@a.example'],
    'half-ring@a.example': ['half-ring@a.example', 'boss@a.example'], 'deep0@a.example': ['deep1@a.example'],
    ...Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`deep${n + 1}@a.example`, [`deep${n + 2}@a.example`]])),
    'wide@a.example': Array.from({ length: 3000 }, (_, n) => `x${n}@far.example`), 'tagged@a.example': ['boss+alias@a.example'],
  },
})
const rules: DeliveryRules = { subaddressSeparator: '+', postmaster: undefined }
const resolve = (address: string, given = rules) => {
  const found = resolveRecipient(address, directory, given)
  return found.end === 'found' ? [...found.accounts, ...found.outside].join(' ') : found.end
}

test('accounts, in any spelling', () => {
  for (const address of ['boss@a.example', 'BOSS@A.EXAMPLE', '"boss"@a.example', 'boss@a.example.', 'boss+x@a.example', 'boss+x+y@a.example']) assert.equal(resolve(address), '100', address)
  assert.equal(resolve('"john doe"@a.example'), '102')
  assert.equal(resolve('nobody@a.example'), 'unknown-user')
  assert.equal(resolve('+boss@a.example'), 'unknown-user')
  assert.equal(resolve('boss@far.example'), 'elsewhere')
})

test('the separator can be another, or none', () => {
  const dash = { ...rules, subaddressSeparator: '-' }
  assert.equal(resolve('mary-ann@a.example', dash), '101')
  assert.equal(resolve('mary-ann-tag@a.example', dash), '101')
  assert.equal(resolve('boss-a-b@a.example', dash), '100')
  assert.equal(resolve('boss+x@a.example', dash), 'unknown-user')
  assert.equal(resolve('boss+x@a.example', { ...rules, subaddressSeparator: '' }), 'unknown-user')
})

test('aliases: each account once, targets that are gone passed over, loops ended', () => {
  assert.equal(resolve('all@a.example'), '100 101 out@far.example')
  assert.equal(resolve('all+tag@a.example'), '100 101 out@far.example')
  assert.equal(resolve('tagged@a.example'), '100')
  assert.equal(resolve('ghosts@a.example'), 'unknown-user')
  assert.equal(resolve('ring@a.example'), 'alias-loop')
  assert.equal(resolve('half-ring@a.example'), '100')
  assert.equal(resolve('deep0@a.example'), 'alias-loop')
  assert.equal(resolve('wide@a.example').split(' ').length, 1000)
})

test('postmaster is always somebody; a catch-all takes the rest', () => {
  assert.equal(resolve('postmaster'), '100')
  assert.equal(resolve('PostMaster@a.example'), '100')
  assert.equal(resolve('postmaster@例え.example'), '100')
  assert.equal(resolve('postmaster@[192.0.2.1]'), '100')
  assert.equal(resolve('postmaster@a.example', { ...rules, postmaster: 'mary-ann@a.example' }), '101')
  assert.equal(resolve('postmaster', { ...rules, postmaster: 'admin@far.example' }), 'admin@far.example')
  assert.equal(resolve('whoever@b.example'), '100')
})

test('who may use which sender address', () => {
  const may = (account: number, address: string) => mayUseAddress(accountId(account), address, directory, rules)
  assert.ok(may(100, 'Boss@a.example') && may(100, 'boss+tag@a.example') && may(100, 'all@a.example') && may(101, 'all@a.example') && may(100, 'any@b.example'))
  assert.ok(!may(101, 'boss@a.example') && !may(100, 'nobody@a.example') && !may(100, 'boss@far.example') && !may(101, 'any@b.example'))
})
