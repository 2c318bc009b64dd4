import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../base/clock.ts'
import { Outage } from '../../base/errors.ts'
import { silentLog, type Log } from '../../base/log.ts'
import { DirectoryRefresh, refreshLimits } from './directory-refresh.ts'

function world() {
  const clock = new FakeClock()
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (msg) => void warnings.push(msg) }
  const state = { fails: 0, readings: 0 }
  const refresh = new DirectoryRefresh({
    clock, log,
    read: () => {
      state.readings += 1
      return state.fails-- > 0 ? Promise.reject(new Outage('no file handles left', { operation: 'open' })) : Promise.resolve()
    },
  })
  return { clock, warnings, state, refresh }
}

/** Lets what was begun inside a timer come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('a reading of the directory that fails is made again, later each time, until it succeeds', async () => {
  const { clock, state, refresh, warnings } = world()
  state.fails = 3
  await refresh.refresh()
  assert.equal(state.readings, 1)
  for (const [n, ms] of [100, 200, 400].entries()) {
    clock.advance(ms - 1)
    await settle()
    assert.equal(state.readings, n + 1)
    clock.advance(1)
    await settle()
    assert.equal(state.readings, n + 2)
  }
  assert.equal(warnings.length, 3)
  clock.advance(60_000)
  await settle()
  assert.equal(state.readings, 4, 'it has succeeded')
})

test('the pause between readings has an end, and begins anew after a success', async () => {
  const { clock, state, refresh } = world()
  state.fails = 20
  await refresh.refresh()
  for (let n = 0; n < 20; n++) {
    clock.advance(refreshLimits.retry_most_ms)
    await settle()
  }
  assert.equal(state.readings, 21)
  state.fails = 1
  await refresh.refresh()
  clock.advance(refreshLimits.retry_first_ms)
  await settle()
  assert.equal(state.readings, 23)
})

test('failures side by side make one retry, and a success does not cancel it: it may have begun before them', async () => {
  const { clock, state, refresh } = world()
  state.fails = 2
  await Promise.all([refresh.refresh(), refresh.refresh()])
  await refresh.refresh()
  assert.equal(state.readings, 3)
  clock.advance(60_000)
  await settle()
  assert.equal(state.readings, 4)
})

test('what fails because the store closes is neither warned of nor tried again', async () => {
  const { clock, state, refresh, warnings } = world()
  state.fails = 1
  const under = refresh.refresh()
  refresh.close()
  await under
  clock.advance(60_000)
  await settle()
  assert.equal(state.readings, 1)
  assert.deepEqual(warnings, [])
})
