import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { Sweeper } from './sweeper.ts'

test('a deadline fires once, never early, at most two ticks late', () => {
  const clock = new FakeClock()
  const sweeper = new Sweeper({ clock })
  let fired = 0
  const deadline = sweeper.watch(() => fired++)
  clock.advance(700)
  deadline.set(5000)
  clock.advance(5000)
  assert.equal(fired, 0)
  clock.advance(2000)
  assert.equal(fired, 1)
  clock.advance(60_000)
  assert.equal(fired, 1)
  assert.equal(deadline.isSet, false)
})

test('setting it again puts it off; clearing and dropping stop it', () => {
  const clock = new FakeClock()
  const sweeper = new Sweeper({ clock })
  const fired: string[] = []
  const [put, cleared, dropped] = ['put', 'cleared', 'dropped'].map((name) => sweeper.watch(() => fired.push(name)))
  for (const deadline of [put, cleared, dropped]) deadline?.set(3000)
  for (let i = 0; i < 10; i++) {
    clock.advance(1000)
    put?.set(3000)
    if (i === 0) cleared?.clear()
    if (i === 0) dropped?.drop()
  }
  assert.deepEqual(fired, [])
  clock.advance(5000)
  assert.deepEqual(fired, ['put'])
})

test('one timer for all, none when nothing is watched, one again after that', () => {
  let timers = 0
  const clock = new FakeClock()
  const after = clock.after.bind(clock)
  clock.after = (ms, call) => {
    timers++
    const cancel = after(ms, () => { timers--; call() })
    return () => { timers--; cancel() }
  }
  const sweeper = new Sweeper({ clock })
  const deadlines = Array.from({ length: 1000 }, () => sweeper.watch(() => {}))
  assert.equal(timers, 1)
  clock.advance(10_000)
  assert.equal(timers, 1)
  for (const deadline of deadlines) deadline.drop()
  assert.equal(timers, 0)
  // The last one goes and a new one comes in the midst of a sweep.
  const last = sweeper.watch(() => {
    last.drop()
    sweeper.watch(() => {}).set(1000)
  })
  last.set(1000)
  clock.advance(3000)
  assert.equal(timers, 1)
  assert.equal(sweeper.watched, 1)
})

test('what one owner does wrong does not keep the others from their deadlines', async () => {
  const clock = new FakeClock()
  const bugs: unknown[] = []
  const sweeper = new Sweeper({ clock, onBug: (error) => bugs.push(error) })
  let fired = 0
  sweeper.watch(() => { throw new Error('mistake') }).set(1000)
  sweeper.watch(() => fired++).set(1000)
  clock.advance(3000)
  assert.equal(fired, 1)
  await Promise.resolve()
  assert.equal(bugs.length, 1)
})
