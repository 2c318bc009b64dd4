import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf } from '../base/bytes.ts'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { printLocalDay } from '../base/local-time.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { addStretch, goOn, newHistory, parseHistory, printHistory } from './history.ts'
import { openHistory } from './history-keeper.ts'
import { allIsWell, serviceStates } from './services.ts'

const HOUR = 3600_000
const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime()
const well = serviceStates(allIsWell)
const ill = serviceStates({ ...allIsWell, server: 'down' })

function keeping(startMs = at(10, 12)) {
  const clock = new FakeClock(startMs)
  const disk = new SimulatedDisk({ random: seededRandom(3) })
  const open = () => openHistory({ directory: '/data/status', disk, clock, log: silentLog })
  return { clock, disk, open }
}

test('a stretch over midnight goes to both days', () => {
  const days = addStretch({}, at(10, 22), at(11, 3), () => 'degraded')
  assert.equal(days['2026-11-10']?.smtp?.degraded, 2 * HOUR)
  assert.equal(days['2026-11-11']?.smtp?.degraded, 3 * HOUR)
  assert.equal(days['2026-11-11']?.smtp?.up, 0)
})

test('time goes on in the level that stands, and since when it stands is known', () => {
  const { clock, open } = keeping()
  const history = open()
  assert.equal(history.stand(well), false)
  clock.advance(HOUR)
  assert.equal(history.stand(ill), true)
  const since = clock.nowMs()
  clock.advance(HOUR)
  assert.equal(history.stand(ill), false)
  const today = history.days().at(-1)
  assert.equal(today?.day, printLocalDay(clock.nowMs()))
  assert.deepEqual(today?.of.imap, { up: HOUR, degraded: 0, down: HOUR, maintenance: 0 })
  assert.equal(history.services().find((one) => one.name === 'imap')?.sinceMs, since)
  assert.equal(history.days().length, 90)
  assert.equal(history.days()[0]?.of.imap, undefined, 'nothing is known of the days before')
})

test('whoever was killed left a sign of life, and the gap since then counts as down', () => {
  const { clock, open } = keeping()
  open().stand(well)
  clock.advance(10 * 60_000 + 5000)
  const killedMs = clock.nowMs()
  // The timers of the dead one go on in this clock: only wall time passes.
  clock.jump(HOUR)
  const history = open()
  assert.ok(history.absence && Math.abs(history.absence.fromMs - killedMs) <= 60_000)
  const today = history.days().at(-1)?.of.smtp
  assert.ok(today && today.down >= HOUR && today.down <= HOUR + 60_000, `down ${today?.down}`)
  assert.equal(today.up + today.down, HOUR + 10 * 60_000 + 5000)
})

test('a quick restart is no absence', () => {
  const { clock, open } = keeping()
  const first = open()
  first.stand(well)
  clock.advance(30_000)
  first.close()
  clock.jump(3000)
  assert.equal(open().absence, undefined)
})

test('a clock that jumps ahead adds nothing but what has passed; set back, it takes what it had filled with it', () => {
  const data = newHistory(at(10, 12))
  const ahead = goOn(data, at(10, 12) + 40 * 24 * HOUR, 1000)
  assert.equal(Object.values(ahead.days).reduce((sum, day) => sum + (day.smtp?.up ?? 0), 0), 1000)
  const back = goOn(ahead, at(10, 13), 1000)
  assert.deepEqual(back.days, {}, 'a day of the future stays')
  assert.equal(back.seenMs, at(10, 13))
})

test('what is written is read again; damage is set aside and does not stop anybody', () => {
  const data = { ...newHistory(at(10, 12)), days: addStretch({}, at(10, 1), at(10, 2), () => 'down' as const) }
  assert.deepEqual(parseHistory(printHistory(data)), data)
  for (const words of ['', 'null', '[]', '{"version":1}', '{"version":2,"seenMs":1}', '{"version":1,"seenMs":1e300}']) assert.equal(parseHistory(words), undefined, words)
  assert.deepEqual(parseHistory('{"version":1,"seenMs":5,"days":{"2026-01-01":{"smtp":[1,"x"]},"__proto__":{"smtp":[1]},"x":1}}')?.days, { '2026-01-01': {} })

  const { clock, disk, open } = keeping()
  open()
  disk.writeWhole('/data/status/history.json', bytesOf('{"half'))
  const history = open()
  history.stand(well)
  clock.advance(1000)
  assert.equal(history.days().at(-1)?.of.smtp?.up, 1000)
  assert.equal(disk.exists('/data/status/history.json.aside'), true)
})

test('a full disk is tried again with the next minute', () => {
  const { clock, disk, open } = keeping()
  const history = open()
  disk.capacityOctets = 1
  history.stand(ill)
  disk.capacityOctets = Infinity
  clock.advance(61_000)
  assert.equal(open().services().find((one) => one.name === 'smtp')?.level, 'down')
})

test('180 days are kept, however long it runs', () => {
  let data = newHistory(at(1, 0))
  for (let day = 0; day < 300; day += 1) data = goOn(data, data.seenMs + 24 * HOUR, 24 * HOUR)
  assert.equal(Object.keys(data.days).length, 180)
})
