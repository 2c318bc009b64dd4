import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { localMoment } from '../base/local-time.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { suggestWindows } from './suggest.ts'
import { type HourOfTraffic, HOUR_MS, TRAFFIC_HOURS, openTraffic } from './traffic.ts'
import type { MaintenanceWindow } from './window.ts'

/** A Wednesday. */
const nowMs = new Date(2026, 10, 25, 9, 30).getTime()

function weeks(busy: (weekday: number, hour: number) => number): HourOfTraffic[] {
  const last = Math.floor(nowMs / HOUR_MS) * HOUR_MS - HOUR_MS
  return Array.from({ length: TRAFFIC_HOURS - 2 }, (_, index) => {
    const hourMs = last - index * HOUR_MS
    const { weekday, hour } = localMoment(hourMs)
    const messages = busy(weekday, hour)
    return { hourMs, messages, logins: 0 }
  })
}

const suggest = (hours: HourOfTraffic[], lengthMs = HOUR_MS, windows: MaintenanceWindow[] = []) => {
  const got = suggestWindows({ hours, windows, lengthMs, nowMs })
  assert.ok(got.ok)
  return got.value.map((one) => ({ ...localMoment(one.fromMs), messages: one.messages, why: one.why, fromMs: one.fromMs, toMs: one.toMs }))
}

test('the quietest hours come first, each on another night', () => {
  // Saturday at four is quiet, Monday at two nearly so.
  const found = suggest(weeks((weekday, hour) => (weekday === 6 && hour === 4 ? 1 : weekday === 1 && hour === 2 ? 5 : 100)))
  assert.deepEqual(found.slice(0, 2).map(({ weekday, hour, messages }) => [weekday, hour, messages]), [[6, 4, 1], [1, 2, 5]])
  assert.equal(found.length, 3)
  assert.equal(new Set(found.map(({ day }) => day)).size, 3)
  assert.match(found[0]?.why.en ?? '', /Saturdays from 04:00 to 05:00: 1 messages and 0 logins \(the last 4 weeks/)
  assert.match(found[0]?.why.ja ?? '', /土曜日/)
})

test('a longer one needs all of its hours to be quiet', () => {
  const [best] = suggest(weeks((weekday, hour) => (weekday === 6 && hour === 4 ? 0 : weekday === 0 && (hour === 1 || hour === 2) ? 10 : 100)), 2 * HOUR_MS)
  assert.deepEqual([best?.weekday, best?.hour, best?.messages], [0, 1, 20])
  assert.equal((best?.toMs ?? 0) - (best?.fromMs ?? 0), 2 * HOUR_MS)
})

test('a quiet afternoon is no night', () => {
  const found = suggest(weeks((_, hour) => (hour === 14 ? 0 : 100)))
  assert.ok(found.every(({ hour }) => hour < 6))
})

test('planned windows are kept clear of', () => {
  const hours = weeks((weekday, hour) => (weekday === 6 && hour === 4 ? 1 : 100))
  const [first] = suggest(hours)
  assert.ok(first)
  const taken: MaintenanceWindow = { id: 'M1', fromMs: first.fromMs - HOUR_MS, toMs: first.toMs, what: 'x', mode: 'take', mail: false, state: 'planned' }
  const [next] = suggest(hours, HOUR_MS, [taken])
  assert.ok(next && (next.fromMs >= taken.toMs || next.toMs <= taken.fromMs))
})

test('without knowledge it says so, and proposes three in the morning', () => {
  const found = suggest([])
  assert.deepEqual(found.map(({ hour, messages }) => [hour, messages]), [[3, null], [3, null], [3, null]])
  assert.match(found[0]?.why.en ?? '', /not enough is known/)
})

test('counts of an hour that is not over, or of the future, are no knowledge', () => {
  const thisHour = Math.floor(nowMs / HOUR_MS) * HOUR_MS
  const found = suggest([{ hourMs: thisHour, messages: 0, logins: 0 }, { hourMs: thisHour + 20 * HOUR_MS, messages: 0, logins: 0 }])
  assert.ok(found.every(({ messages }) => messages === null))
})

test('what cannot fit into a night is refused', () => {
  for (const lengthMs of [0, 7 * HOUR_MS, 1000]) assert.equal(suggestWindows({ hours: [], windows: [], lengthMs, nowMs }).ok, false)
  assert.equal(suggestWindows({ hours: [], windows: [], lengthMs: 6 * HOUR_MS, nowMs }).ok, true)
})

test('counts add up in their hour, survive a restart, and are a ring', () => {
  const clock = new FakeClock(nowMs)
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  const open = () => openTraffic({ directory: '/data/status', disk, clock, log: silentLog })
  const traffic = open()
  traffic.record(nowMs, { messages: 3, logins: 1 })
  traffic.record(nowMs + 60_000, { messages: 4, logins: 0 })
  clock.advance(6 * 60_000)
  assert.deepEqual(open().hours(), [{ hourMs: Math.floor(nowMs / HOUR_MS) * HOUR_MS, messages: 7, logins: 1 }])
  for (let hour = 0; hour < 2 * TRAFFIC_HOURS; hour += 1) traffic.record(nowMs + hour * HOUR_MS, { messages: 1, logins: 0 })
  traffic.close()
  assert.equal(open().hours().length, TRAFFIC_HOURS)
  assert.ok(open().hours().every(({ hourMs }) => hourMs >= nowMs + (TRAFFIC_HOURS - 1) * HOUR_MS))
})
