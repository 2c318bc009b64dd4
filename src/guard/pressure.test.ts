import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { createPressure } from './pressure.ts'

const limits = { messages_in_flight_max: 2, writer_delay_ms: 2000, loop_delay_ms: 500, process_memory_octets_max: 1000 }

test('what waits for the journal presses, until it is kept', () => {
  const clock = new FakeClock()
  const pressure = createPressure({ clock, limits: () => limits, memoryOctets: () => 0 })
  const first = pressure.begin()
  assert.equal(pressure.now(), undefined)
  const second = pressure.begin()
  assert.equal(pressure.now(), 'messages')
  second()
  assert.equal(pressure.now(), undefined)
  clock.advance(2001)
  assert.equal(pressure.now(), 'writer')
  first()
  first()
  assert.equal(pressure.now(), undefined)
  assert.equal(pressure.inFlight, 0)
  pressure.close()
})

test('memory presses while it is there', () => {
  const clock = new FakeClock()
  let memory = 1001
  const pressure = createPressure({ clock, limits: () => limits, memoryOctets: () => memory })
  assert.equal(pressure.now(), 'memory')
  memory = 900
  clock.advance(2000)
  assert.equal(pressure.now(), undefined)
  pressure.close()
})

test('memory that cannot be read just now is what it was', () => {
  const clock = new FakeClock()
  let reads = 0
  const pressure = createPressure({ clock, limits: () => limits, memoryOctets() {
    reads += 1
    if (reads > 1) throw new Error('EMFILE: too many open files')
    return 1001
  } })
  clock.advance(5000)
  assert.ok(reads > 2)
  assert.equal(pressure.now(), 'memory')
  pressure.close()
})

test('a loop that is late presses, and is well again after some ticks', () => {
  let nowMs = 0
  let fire: () => void = () => {}
  const clock = { monotonicMs: () => nowMs, nowMs: () => nowMs, sleep: () => Promise.resolve(), after: (_: number, call: () => void) => ((fire = call), () => {}) }
  const pressure = createPressure({ clock, limits: () => limits, memoryOctets: () => 0 })
  nowMs = 900 // the tick of 50 ms comes 850 ms late
  fire()
  assert.equal(pressure.now(), undefined, 'once: it was halted')
  nowMs += 900
  fire()
  assert.equal(pressure.now(), 'loop')
  nowMs += 50
  fire()
  assert.equal(pressure.now(), undefined)
})
