// Who may come in: so many together, from one address, and new ones in a minute.
import test from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../../base/clock.ts'
import { Crowd } from './crowd.ts'

const limits = { connectionsMax: 4, connectionsPerAddressMax: 2, arrivalsPerMinuteMax: 3 }

test('all together, and from one address; a /64 is one', () => {
  const crowd = new Crowd({ ...limits, arrivalsPerMinuteMax: 100 }, new FakeClock())
  const leaves = ['2001:db8::1', '2001:db8::2'].map((address) => crowd.enter(address))
  assert.equal(crowd.judge('2001:db8:0:0:ffff::9'), 'too-many-from-you')
  assert.equal(crowd.judge('2001:db8:0:1::1'), 'go')
  leaves.push(crowd.enter('192.0.2.1'), crowd.enter('192.0.2.2'))
  assert.equal(crowd.judge('192.0.2.3'), 'too-many')
  assert.equal(crowd.inside, 4)
  for (const leave of leaves) leave()
  assert.equal(crowd.inside, 0)
  assert.equal(crowd.judge('2001:db8::1'), 'go')
})

test('new ones in a minute, but not from this machine', () => {
  const clock = new FakeClock()
  const crowd = new Crowd(limits, clock)
  const knock = (address: string) => Array.from({ length: 4 }, () => crowd.judge(address))
  assert.deepEqual(knock('192.0.2.1'), ['go', 'go', 'go', 'too-many-from-you'])
  assert.equal(crowd.judge('192.0.2.2'), 'go')
  assert.deepEqual(knock('127.0.0.1'), ['go', 'go', 'go', 'go'])
  clock.advance(60_000)
  assert.equal(crowd.judge('192.0.2.1'), 'go')
})
