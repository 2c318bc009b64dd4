import test from 'node:test'
import assert from 'node:assert/strict'
import { systemClock } from '../base/clock.ts'
import { systemRandom } from '../base/random.ts'
import { accountId, addressKey, makeCredential, type AccountRow, type Directory } from '../store/store.ts'
import { knownLoginsIn, newKnownLoginsMemory } from './known-logins.ts'
import { createLoginJudge, createLoginJudges } from './login.ts'

const ada: AccountRow = {
  account: accountId(100), address: 'ada@here.example', addressKey: addressKey('ada@here.example'), suspended: false, octetsMax: null, createdMs: 0,
  credential: await makeCredential('right', { random: systemRandom, scram: true }),
}
const directory = {
  accountByKey: (key: string) => (key === ada.addressKey ? ada : undefined),
  account: (account: number) => (account === ada.account ? ada : undefined),
} as unknown as Directory
const judge = (decoyKey = new Uint8Array(32)) => createLoginJudge({ directory, clock: systemClock, random: systemRandom, decoyKey })

test('a SCRAM exchange looks the same for somebody and for nobody: the same salt at every door and after every start', () => {
  const [here, there] = [judge(), judge()]
  for (const user of ['ada@here.example', 'nobody@here.example']) {
    const [first, second] = [here.scram(user), there.scram(user)]
    assert.deepEqual(first, second, user)
    assert.equal(first.salt.length, 16)
    assert.equal(first.iterations, 4096)
  }
  assert.deepEqual(here.scram('Nobody@HERE.example').salt, here.scram('nobody@here.example').salt, 'spelling tells nothing either')
  assert.notDeepEqual(here.scram('nobody@here.example').salt, here.scram('nobody2@here.example').salt)
  assert.notDeepEqual(here.scram('nobody@here.example').salt, judge(new Uint8Array(32).fill(1)).scram('nobody@here.example').salt)
})

test('a wrong name and a wrong password are one answer', async () => {
  const here = judge()
  assert.deepEqual(await here.plain('ada@here.example', 'wrong'), { end: 'refused' })
  assert.deepEqual(await here.plain('nobody@here.example', 'right'), { end: 'refused' })
  assert.deepEqual(await here.plain('ADA@here.example', 'right'), { end: 'in', account: ada })
  assert.deepEqual(await here.plain('ADA@here.example', 'wrong'), { end: 'refused' }, 'also when the right one is remembered')
})

test('whoever guesses is sent away, also with the right password in the end; others are not', async () => {
  const judges = createLoginJudges({
    directory, clock: systemClock, random: systemRandom, decoyKey: new Uint8Array(32),
    limits: () => ({ login_failures_per_address_max: 2, login_failures_per_network_max: 100, login_failures_per_account_max: 100, login_ban_ms: 60_000, login_slow_ms: 1 }),
    known: knownLoginsIn(newKnownLoginsMemory(), new Uint8Array(32)),
  })
  const guesser = judges.from('198.51.100.7')
  for (let n = 0; n < 3; n += 1) assert.deepEqual(await guesser.plain('ada@here.example', `guess ${n}`), { end: 'refused' })
  assert.equal(judges.isBanned('198.51.100.7'), true)
  assert.deepEqual(await guesser.plain('ada@here.example', 'right'), { end: 'busy' })
  assert.equal(guesser.scram('ada@here.example'), undefined, 'no exchange is begun')
  assert.deepEqual(await judges.from('198.51.100.8').plain('ada@here.example', 'right'), { end: 'in', account: ada })
})

test('exchanges that are begun count for nothing; wrong proofs do', async () => {
  const judges = createLoginJudges({
    directory, clock: systemClock, random: systemRandom, decoyKey: new Uint8Array(32),
    limits: () => ({ login_failures_per_address_max: 2, login_failures_per_network_max: 100, login_failures_per_account_max: 100, login_ban_ms: 60_000, login_slow_ms: 1 }),
    known: knownLoginsIn(newKnownLoginsMemory(), new Uint8Array(32)),
  })
  const office = judges.from('198.51.100.9')
  for (let n = 0; n < 50; n += 1) assert.ok(office.scram('ada@here.example')) // a whole office that comes back at once
  assert.equal(judges.isBanned('198.51.100.9'), false)
  for (let n = 0; n < 3; n += 1) await office.wrongProof('ada@here.example')
  assert.equal(judges.isBanned('198.51.100.9'), true)
})
