import test from 'node:test'
import assert from 'node:assert/strict'
import { createAdmission } from './admission.ts'
import { createMemoryBudget } from './memory-budget.ts'
import { FakeClock } from '../base/clock.ts'

const wide = { connectionsPerNetworkMax: 100, arrivalsPerMinuteMax: 1000, networkArrivalsPerMinuteMax: 1000 }

test('connections are counted, together and by address', () => {
  const admission = createAdmission({ ...wide, connectionsMax: 3, connectionsPerAddressMax: 2 }, new FakeClock())
  const leaveFirst = admission.enter('192.0.2.1')
  admission.enter('192.0.2.1')
  assert.equal(admission.judge('192.0.2.1'), 'too-many-from-you')
  assert.equal(admission.judge('192.0.2.2'), 'go')
  leaveFirst()
  leaveFirst()
  assert.equal(admission.judge('192.0.2.1'), 'go')
  admission.enter('192.0.2.3')
  admission.enter('192.0.2.4')
  assert.equal(admission.judge('192.0.2.5'), 'too-many')
  assert.equal(admission.inside, 3)
})

test('places may be kept free for others', () => {
  const admission = createAdmission({ ...wide, connectionsMax: 3, connectionsPerAddressMax: 9 }, new FakeClock())
  admission.enter('192.0.2.1')
  assert.equal(admission.judge('192.0.2.1', { keepFree: 1 }), 'go')
  admission.enter('192.0.2.1')
  assert.equal(admission.judge('192.0.2.1', { keepFree: 1 }), 'too-many')
  assert.equal(admission.judge('192.0.2.1'), 'go')
})

test('one /64 is one neighbour', () => {
  const admission = createAdmission({ ...wide, connectionsMax: 9, connectionsPerAddressMax: 1 }, new FakeClock())
  admission.enter('2001:db8:1:2:3:4:5:6')
  assert.equal(admission.judge('2001:db8:1:2::9'), 'too-many-from-you')
  assert.equal(admission.judge('2001:0db8:0001:0002::9'), 'too-many-from-you')
  assert.equal(admission.judge('2001:db8:1:3::9'), 'go')
  admission.enter('::1')
  assert.equal(admission.judge('0:0:0:0:0:0:0:2'), 'too-many-from-you')
})

test('a memory budget gives what it has and takes it back', () => {
  const budget = createMemoryBudget(10)
  assert.ok(budget.reserve(6))
  assert.ok(!budget.reserve(5))
  assert.ok(budget.reserve(4))
  budget.release(6)
  assert.equal(budget.usedOctets, 4)
})

test('a network is counted as well, and how often somebody comes', () => {
  const clock = new FakeClock()
  const admission = createAdmission({ connectionsMax: 100, connectionsPerAddressMax: 9, connectionsPerNetworkMax: 2, arrivalsPerMinuteMax: 3, networkArrivalsPerMinuteMax: 5 }, clock)
  admission.enter('192.0.2.1')
  admission.enter('192.0.2.2')
  assert.equal(admission.judge('192.0.2.3'), 'too-many-from-you')
  for (const answer of ['go', 'go', 'go', 'too-often']) assert.equal(admission.judge('198.51.100.1'), answer)
  for (const answer of ['go', 'go', 'too-often']) assert.equal(admission.judge('198.51.100.2'), answer, 'the /24')
  clock.advance(30_000)
  assert.equal(admission.judge('198.51.100.1'), 'go')
  for (let n = 0; n < 9; n += 1) assert.equal(admission.judge('127.0.0.1'), 'go', 'this machine is not counted')
})

test('strangers are sent away while the server is hard pressed', () => {
  const admission = createAdmission({ ...wide, connectionsMax: 10, connectionsPerAddressMax: 9 }, new FakeClock())
  assert.equal(admission.judge('192.0.2.1', { hardPressed: true }), 'hard-pressed')
  assert.equal(admission.judge('192.0.2.1'), 'go')
})
