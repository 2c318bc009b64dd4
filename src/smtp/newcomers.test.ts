import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { createNewcomers } from './newcomers.ts'

test('the oldest have to go, a few at a time, once they have been there long enough; who has proven itself stays', () => {
  const clock = new FakeClock()
  const newcomers = createNewcomers(clock, () => 60_000)
  const gone: number[] = []
  const proven = Array.from({ length: 10 }, (_, n) => {
    clock.advance(1000)
    return newcomers.add(() => gone.push(n))
  })
  newcomers.makeRoom()
  assert.deepEqual(gone, [], 'nobody has been there for a minute')
  proven[0]?.()
  proven[2]?.()
  clock.advance(55_000) // the first six have now
  newcomers.makeRoom()
  assert.deepEqual(gone, [1, 3, 4])
  clock.advance(60_000)
  newcomers.makeRoom()
  assert.deepEqual(gone, [1, 3, 4, 5, 6, 7, 8])
  newcomers.makeRoom()
  newcomers.makeRoom()
  assert.deepEqual(gone, [1, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(newcomers.count, 0)
})
