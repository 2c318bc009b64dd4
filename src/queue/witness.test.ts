import { test } from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../base/clock.ts'
import { createWitness } from './witness.ts'

const HOUR = 3600_000

test('age runs with lived time', () => {
  const clock = new FakeClock()
  const witness = createWitness(clock)
  const created = clock.nowMs()
  clock.advance(3 * HOUR)
  assert.equal(witness.ageMs(created), 3 * HOUR)
})

test('what an earlier process wrote is as old as wall time says', () => {
  const clock = new FakeClock()
  const witness = createWitness(clock)
  const created = clock.nowMs() - 50 * HOUR
  clock.advance(HOUR)
  assert.equal(witness.ageMs(created), 51 * HOUR)
})

test('a jump ahead by years makes nothing old, before or after it', () => {
  const clock = new FakeClock()
  const witness = createWitness(clock)
  const before = clock.nowMs()
  clock.advance(HOUR)
  clock.jump(3 * 365 * 24 * HOUR)
  assert.equal(witness.observe(), true)
  assert.equal(witness.ageMs(before), HOUR)
  const after = clock.nowMs()
  clock.advance(2 * HOUR)
  assert.equal(witness.ageMs(before), 3 * HOUR)
  assert.equal(witness.ageMs(after), 2 * HOUR)
})

test('a jump back: both eras are told apart, and what fits neither is new', () => {
  const clock = new FakeClock()
  clock.jump(100 * 24 * HOUR)
  const witness = createWitness(clock)
  const wrongEra = clock.nowMs()
  clock.advance(HOUR)
  clock.jump(-100 * 24 * HOUR)
  witness.observe()
  const rightEra = clock.nowMs()
  clock.advance(HOUR)
  assert.equal(witness.ageMs(wrongEra), 2 * HOUR)
  assert.equal(witness.ageMs(rightEra), HOUR)
  assert.equal(witness.ageMs(clock.nowMs() + 500 * 24 * HOUR), 0)
})

test('small steps of a time server are followed', () => {
  const clock = new FakeClock()
  const witness = createWitness(clock)
  const created = clock.nowMs()
  for (let step = 0; step < 20; step++) {
    clock.advance(HOUR)
    clock.jump(60_000)
    assert.equal(witness.observe(), false)
  }
  assert.equal(witness.ageMs(created), 20 * (HOUR + 60_000))
})

test('many jumps stay bounded and never age anything too much', () => {
  const clock = new FakeClock()
  const witness = createWitness(clock)
  const created = clock.nowMs()
  for (let n = 0; n < 200; n++) {
    clock.jump(HOUR)
    clock.advance(1000)
    witness.observe()
  }
  assert.ok(witness.ageMs(created) <= 200_000)
})
