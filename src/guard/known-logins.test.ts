import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownLoginsIn, newKnownLoginsMemory } from './known-logins.ts'

const key = new Uint8Array(32).fill(7)

test('what one thread adds, another knows', () => {
  const memory = newKnownLoginsMemory()
  const [here, there] = [knownLoginsIn(memory, key), knownLoginsIn(memory, key)]
  assert.equal(there.knows('192.0.2.1', 'hanako'), false)
  here.add('192.0.2.1', 'hanako')
  assert.equal(there.knows('192.0.2.1', 'hanako'), true)
  assert.equal(there.knowsNeighbour('192.0.2.1'), true)
  assert.equal(there.knows('192.0.2.1', 'taro'), false)
  assert.equal(there.knows('192.0.2.2', 'hanako'), false)
  assert.equal(there.knowsNeighbour('192.0.2.2'), false)
})

test('it counts what is new, and is written down and read again', () => {
  const before = knownLoginsIn(newKnownLoginsMemory(), key)
  for (let n = 0; n < 1000; n += 1) before.add(`192.0.2.${n % 250}`, `u${n}`)
  const { changes } = before
  before.add('192.0.2.1', 'u1')
  assert.equal(before.changes, changes)
  const after = knownLoginsIn(newKnownLoginsMemory(), key)
  after.take(before.print())
  for (let n = 0; n < 1000; n += 1) assert.equal(after.knows(`192.0.2.${n % 250}`, `u${n}`), true)
  assert.deepEqual(after.print(), before.print())
  const otherKey = knownLoginsIn(newKnownLoginsMemory(), new Uint8Array(32))
  otherKey.take(before.print())
  assert.equal(otherKey.knows('192.0.2.1', 'u1'), false)
})

test('it never grows; who comes again and again is not forgotten for a crowd', () => {
  const known = knownLoginsIn(newKnownLoginsMemory(), key)
  for (let n = 0; n < 60_000; n += 1) {
    if (n % 1000 === 0) known.add('192.0.2.1', 'hanako')
    known.add(`198.51.100.${n}`, `u${n}`)
  }
  assert.equal(known.knows('192.0.2.1', 'hanako'), true)
  assert.ok(known.print().length <= 8 * 8 * 4096)
})

test('any octets can be taken', () => {
  const known = knownLoginsIn(newKnownLoginsMemory(), key)
  known.take(new Uint8Array(0))
  known.take(new Uint8Array(7).fill(1))
  known.take(new Uint8Array(2_000_000).fill(3))
  assert.equal(known.knowsNeighbour('192.0.2.1'), false)
})
