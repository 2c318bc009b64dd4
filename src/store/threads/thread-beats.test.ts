import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../base/clock.ts'
import { Gauges } from './gauges.ts'
import { watchTurns } from './thread-beats.ts'

test('a thread whose count stands still for half a minute is stuck (the account thread: two minutes), and is well again when it turns', () => {
  const gauges = new Gauges()
  const clock = new FakeClock()
  const watch = watchTurns(gauges, clock)
  const run = (seconds: number, turning: ('journalBeats' | 'accountBeats')[]) => {
    for (let n = 0; n < seconds; n += 1) {
      for (const name of turning) gauges.set(name, gauges.get(name) + 1)
      clock.advance(1000)
    }
  }
  run(60, ['journalBeats', 'accountBeats'])
  assert.equal(watch.healthy(), true)
  run(25, ['accountBeats'])
  assert.equal(watch.healthy(), true)
  run(10, ['accountBeats'])
  assert.equal(watch.healthy(), false)
  run(4, ['journalBeats', 'accountBeats'])
  assert.equal(watch.healthy(), true)
  run(100, ['journalBeats'])
  assert.equal(watch.healthy(), true)
  run(30, ['journalBeats'])
  assert.equal(watch.healthy(), false)
  run(4, ['journalBeats', 'accountBeats'])
  assert.equal(watch.healthy(), true)
  watch.close()
})
