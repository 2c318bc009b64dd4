import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { createLoginBrake } from './login-brake.ts'

const limits = { login_failures_per_address_max: 3, login_failures_per_account_max: 5, login_ban_ms: 60_000 }
const brakeOf = (clock: FakeClock) => createLoginBrake(clock, () => limits)

test('an address that fails too often is banned for a while, whatever it tries', () => {
  const clock = new FakeClock()
  const brake = brakeOf(clock)
  for (let n = 0; n < 3; n += 1) brake.failed('192.0.2.1', `u${n}`)
  assert.equal(brake.isBanned('192.0.2.1'), false)
  brake.failed('192.0.2.1', 'u9')
  assert.equal(brake.isBanned('192.0.2.1'), true)
  assert.equal(brake.mayTry('192.0.2.1', 'somebody'), false)
  assert.equal(brake.mayTry('192.0.2.2', 'somebody'), true)
  clock.advance(60_001)
  assert.equal(brake.isBanned('192.0.2.1'), false)
})

test('an account that many fail at is slow for strangers, never for where its owner logs in from', () => {
  const clock = new FakeClock()
  const brake = brakeOf(clock)
  brake.succeeded('192.0.2.50', 'hanako')
  for (let n = 0; n < 5; n += 1) brake.failed(`198.51.100.${n}`, 'hanako')
  assert.equal(brake.mayTry('203.0.113.1', 'hanako'), false)
  assert.equal(brake.mayTry('203.0.113.1', 'taro'), true)
  assert.equal(brake.mayTry('192.0.2.50', 'hanako'), true)
  clock.advance(3600_000)
  assert.equal(brake.mayTry('203.0.113.1', 'hanako'), true)
})

test('a proof that was right takes its charge back; this machine is never banned', () => {
  const brake = brakeOf(new FakeClock())
  for (let n = 0; n < 20; n += 1) {
    brake.failed('192.0.2.1', 'hanako')
    brake.succeeded('192.0.2.1', 'hanako', true)
    brake.failed('127.0.0.1', 'hanako')
  }
  assert.equal(brake.isBanned('192.0.2.1'), false)
  assert.equal(brake.isBanned('127.0.0.1'), false)
})
