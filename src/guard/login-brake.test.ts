import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { knownLoginsIn, newKnownLoginsMemory } from './known-logins.ts'
import { createLoginBrake } from './login-brake.ts'

const limits = { login_failures_per_address_max: 6, login_failures_per_network_max: 12, login_failures_per_account_max: 5, login_ban_ms: 60_000, login_slow_ms: 2000 }
const memory = () => knownLoginsIn(newKnownLoginsMemory(), new Uint8Array(32))
const brakeOf = (clock: FakeClock, known = memory()) => createLoginBrake(clock, () => limits, known)

test('an address that fails is answered late, and with too many failures banned for a while, whatever it tries', () => {
  const clock = new FakeClock()
  const brake = brakeOf(clock)
  const waits = [0, 1, 2, 3, 4, 5].map((n) => brake.failed('192.0.2.1', `u${n}`))
  assert.deepEqual(waits, [0, 0, 0, 2000, 2000, 2000])
  assert.equal(brake.isBanned('192.0.2.1'), false)
  brake.failed('192.0.2.1', 'u9')
  assert.equal(brake.isBanned('192.0.2.1'), true)
  assert.equal(brake.mayTry('192.0.2.1', 'somebody'), false)
  assert.equal(brake.mayTry('192.0.2.2', 'somebody'), true)
  clock.advance(60_001)
  assert.equal(brake.isBanned('192.0.2.1'), false)
  assert.equal(brake.mayTry('192.0.2.1', 'somebody'), true)
})

test('a network whose addresses take turns is banned as one', () => {
  const brake = brakeOf(new FakeClock())
  for (let n = 0; n < 12; n += 1) brake.failed(`198.51.100.${n}`, `u${n}`)
  assert.equal(brake.isBanned('198.51.100.200'), false)
  brake.failed('198.51.100.99', 'u99')
  assert.equal(brake.isBanned('198.51.100.200'), true)
  assert.equal(brake.mayTry('198.51.100.200', 'somebody'), false)
  assert.equal(brake.isBanned('198.51.101.1'), false)
})

test('an account that many fail at is slow for strangers, never for where its owner logs in from', () => {
  const clock = new FakeClock()
  const brake = brakeOf(clock)
  brake.succeeded('192.0.2.50', 'hanako')
  for (let n = 0; n < 5; n += 1) brake.failed(`198.51.${n}.1`, 'hanako')
  assert.equal(brake.mayTry('203.0.113.1', 'hanako'), false)
  assert.equal(brake.mayTry('203.0.113.1', 'taro'), true)
  assert.equal(brake.mayTry('192.0.2.50', 'hanako'), true)
  clock.advance(3600_000)
  assert.equal(brake.mayTry('203.0.113.1', 'hanako'), true)
})

test('an address that is banned stays open for those who have logged in from there, and for nobody else', () => {
  const known = memory()
  // Seen by the other thread, or before a restart.
  brakeOf(new FakeClock(), known).succeeded('192.0.2.50', 'hanako')
  const brake = brakeOf(new FakeClock(), known)
  for (let n = 0; n < 20; n += 1) brake.failed('192.0.2.50', 'taro')
  assert.equal(brake.isBanned('192.0.2.50'), false, 'the door stays open')
  assert.equal(brake.mayTry('192.0.2.50', 'hanako'), true)
  assert.equal(brake.mayTry('192.0.2.50', 'taro'), false)
  assert.equal(brake.failed('192.0.2.50', 'hanako'), 2000, 'guesses at it are slow all the same')
})

test('this machine is never banned and never slow', () => {
  const brake = brakeOf(new FakeClock())
  for (let n = 0; n < 20; n += 1) assert.equal(brake.failed('127.0.0.1', 'hanako'), 0)
  assert.equal(brake.isBanned('127.0.0.1'), false)
  assert.equal(brake.mayTry('127.0.0.1', 'hanako'), true)
})
