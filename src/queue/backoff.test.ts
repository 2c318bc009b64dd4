import { test } from 'node:test'
import assert from 'node:assert/strict'
import { attemptsWithin, backoffLongestMs, backoffMs, standardBackoff } from './backoff.ts'

const MINUTE = 60_000

test('five days without jitter: often at first, then every two hours (RFC 5321 §4.5.4.1)', () => {
  const minutes: number[] = []
  let atMs = 0
  for (let attempts = 1; atMs <= 5 * 24 * 60 * MINUTE; attempts++) {
    minutes.push(atMs / MINUTE)
    atMs += backoffMs(attempts, 0.5)
  }
  assert.deepEqual(minutes.slice(0, 9), [0, 5, 15, 35, 75, 155, 275, 395, 515])
  assert.equal(minutes.length, 64)
  assert.ok(minutes.every((at, n) => n < 6 || at - minutes[n - 1]! === 120))
})

test('jitter is a fifth either way and never more', () => {
  for (let attempts = 1; attempts < 100; attempts++) {
    const middle = backoffMs(attempts, 0.5)
    assert.ok(Math.abs(backoffMs(attempts, 0) - 0.8 * middle) <= 1)
    assert.ok(Math.abs(backoffMs(attempts, 0.999999) - 1.2 * middle) <= middle / 1e5)
    assert.ok(backoffMs(attempts, 0.999999) <= backoffLongestMs(standardBackoff))
  }
})

test('odd numbers of attempts still give a wait', () => {
  assert.equal(backoffMs(0, 0.5), 5 * MINUTE)
  assert.equal(backoffMs(-3, 0.5), 5 * MINUTE)
  assert.equal(backoffMs(1e9, 0.5), 120 * MINUTE)
})

test('attempts within a span', () => {
  assert.equal(attemptsWithin(0), 1)
  assert.equal(attemptsWithin(5 * MINUTE), 2)
  assert.equal(attemptsWithin(155 * MINUTE), 6)
})
