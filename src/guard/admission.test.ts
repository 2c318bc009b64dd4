import test from 'node:test'
import assert from 'node:assert/strict'
import { createAdmission } from './admission.ts'
import { createMemoryBudget } from './memory-budget.ts'

test('connections are counted, together and by address', () => {
  const admission = createAdmission({ connectionsMax: 3, connectionsPerAddressMax: 2 })
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
  const admission = createAdmission({ connectionsMax: 3, connectionsPerAddressMax: 9 })
  admission.enter('192.0.2.1')
  assert.equal(admission.judge('192.0.2.1', 1), 'go')
  admission.enter('192.0.2.1')
  assert.equal(admission.judge('192.0.2.1', 1), 'too-many')
  assert.equal(admission.judge('192.0.2.1'), 'go')
})

test('one /64 is one neighbour', () => {
  const admission = createAdmission({ connectionsMax: 9, connectionsPerAddressMax: 1 })
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
