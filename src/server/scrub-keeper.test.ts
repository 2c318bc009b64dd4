import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { done, type JobState, type RepairJobs } from '../admin/admin.ts'
import { ScrubKeeper } from './scrub-keeper.ts'

const DAY_MS = 24 * 3600_000

function stage() {
  const clock = new FakeClock()
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/data')
  const begun: number[] = []
  let state: JobState['state'] = 'done'
  const jobs: Pick<RepairJobs, 'running' | 'start' | 'look'> = {
    get running() {
      return state === 'running'
    },
    start(wish) {
      begun.push(clock.nowMs())
      assert.deepEqual(wish, { kind: 'scrub', octetsPerSecond: 1000 })
      state = 'running'
      return done({ job: '1', state, progress: null, report: null, because: null })
    },
    look: () => ({ job: '1', state, progress: null, report: { kind: 'scrub', check: null, planned: [], done: [], failed: [], unknown: [] }, because: null }),
  }
  const keeper = () => new ScrubKeeper({ dataDirectory: '/data', disk, clock, log: silentLog, jobs, plan: () => ({ everyMs: 7 * DAY_MS, octetsPerSecond: 1000 }) })
  const run = (days: number) => {
    for (let minute = 0; minute < days * 24 * 60; minute += 10) clock.advance(600_000)
  }
  return { clock, begun, keeper, run, end: () => void (state = 'done') }
}

test('everything is read again when it is due, and not before the last time has ended', () => {
  const { begun, keeper, run, end } = stage()
  const first = keeper()
  run(6)
  assert.equal(begun.length, 0)
  run(2)
  assert.equal(begun.length, 1)
  run(20)
  assert.equal(begun.length, 1, 'one at a time')
  end()
  run(6)
  assert.equal(begun.length, 1)
  run(2)
  assert.equal(begun.length, 2)
  first.close()
})

test('a restart neither skips nor repeats it', () => {
  const { begun, keeper, run } = stage()
  keeper().close()
  run(8)
  const second = keeper()
  run(0.1)
  assert.equal(begun.length, 1)
  second.close()
})
