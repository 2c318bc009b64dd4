import { test } from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import type { RecipientResult } from '../clients/delivery-result.ts'
import type { WorkRow } from '../store/store.ts'
import type { Delivery } from './attempt.ts'
import { FakeStore, turns } from './fake-store-for-tests.ts'
import { standardRules } from './outcome.ts'
import type { OutcomeRules } from './outcome.ts'
import { chooseRoute } from './route.ts'
import { startScheduler } from './scheduler.ts'
import type { Scheduler } from './scheduler.ts'
import { createWitness } from './witness.ts'

const MINUTE = 60_000
const DAY = 24 * 3600_000
const facts = { reply: '250 ok', status: '2.0.0', remote: 'mx' }
const delivered: RecipientResult = { end: 'delivered', ...facts, reportsPassedOn: false }
const busy: RecipientResult = { end: 'temporary', reply: '451 busy', status: '4.0.0', remote: 'mx' }

interface Stage {
  clock: FakeClock
  store: FakeStore
  scheduler: Scheduler
  /** Batches as they were carried: destination and recipients. */
  carried: { destination: string; recipients: string[] }[]
  /** Moves the clock in steps, letting everything run in between. */
  pass(ms: number, stepMs?: number): Promise<void>
}

type Deliver = (works: readonly WorkRow[], destination: string) => Promise<Delivery> | Delivery
const sendAll: Deliver = (works) => ({ results: works.map(() => delivered), unreachable: false })

function stage(options: { deliver?: Deliver; store?: FakeStore; clock?: FakeClock; perDestinationMax?: number; sessionsMax?: number; rules?: OutcomeRules; readyPerLaneMax?: number } = {}): Stage {
  const clock = options.clock ?? new FakeClock()
  const store = options.store ?? new FakeStore(clock)
  const carried: Stage['carried'] = []
  const scheduler = startScheduler({
    store, clock, random: seededRandom(5), log: silentLog, witness: createWitness(clock), rules: () => options.rules ?? standardRules, signal: new AbortController().signal,
    lanes: { perDestinationMax: options.perDestinationMax ?? 20, sessionsMax: options.sessionsMax ?? 200, readyMax: 1000, readyPerLaneMax: options.readyPerLaneMax ?? 200, batchRecipientsMax: 50, coolingMs: MINUTE },
    chooseRoute: (domain) => chooseRoute(domain, { port: 25, routes: [] }),
    openCourier: (route) => ({
      deliver: async (works) => {
        carried.push({ destination: route.key, recipients: works.map((work) => work.recipient) })
        return await (options.deliver ?? sendAll)(works, route.key)
      },
      close: async () => {},
    }),
  })
  return {
    clock, store, scheduler, carried,
    async pass(ms, stepMs = ms) {
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left))
        await turns()
      }
    },
  }
}

const to = (...recipients: string[]) => recipients.map((recipient) => ({ recipient }))

test('recipients of one arrival for one destination go together, each destination on its own', async () => {
  const { store, carried } = stage()
  const arrival = store.arrive({ work: to('1@a.example', '2@b.example', '3@a.example') })
  await turns()
  assert.deepEqual(carried, [
    { destination: 'mx a.example', recipients: ['1@a.example', '3@a.example'] },
    { destination: 'mx b.example', recipients: ['2@b.example'] },
  ])
  assert.deepEqual([0, 1, 2].map((n) => store.row(arrival, n).state), ['done', 'done', 'done'])
})

test('INV-5: begun is durable, with the next time moved out, before anything is carried', async () => {
  const seen: string[] = []
  const { store, clock } = stage({ deliver: (works) => {
    const row = store.row(works[0]!.id.arrival)
    seen.push(`carried after ${store.changes.at(-1)?.kind}`)
    assert.equal(row.attempts, 1)
    assert.ok(row.dueMs >= clock.nowMs() + 4 * MINUTE)
    return sendAll(works, '')
  } })
  store.arrive({ work: to('1@a.example') })
  await turns()
  assert.deepEqual(seen, ['carried after attempt-begun'])
  assert.deepEqual(store.changes.map((change) => change.kind), ['attempt-begun', 'settled'])
})

test('begun cannot be recorded: nothing is dialled, and it goes on when the store does', async () => {
  const { store, carried, pass } = stage()
  store.failNext = 'attempt-begun'
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  assert.equal(carried.length, 0)
  await pass(6000)
  assert.equal(carried.length, 1)
  assert.equal(store.row(arrival).state, 'done')
})

test('a settlement that the store cannot take is kept and tried again, not sent again', async () => {
  const { store, carried, pass } = stage()
  store.failNext = 'settled'
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  assert.equal(store.row(arrival).state, 'waiting')
  await pass(2000)
  assert.equal(store.row(arrival).state, 'done')
  assert.equal(carried.length, 1)
})

test('killed between begun and settled: due again after its back-off, not before', async () => {
  const clock = new FakeClock()
  const store = new FakeStore(clock)
  const first = stage({ clock, store, deliver: () => new Promise<Delivery>(() => {}) })
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  assert.equal(store.row(arrival).attempts, 1)
  void first.scheduler.stop() // its session never ends: as good as killed
  const second = stage({ clock, store })
  await second.pass(3 * MINUTE, MINUTE)
  assert.equal(second.carried.length, 0)
  await second.pass(4 * MINUTE, MINUTE)
  assert.deepEqual(second.carried.map(({ recipients }) => recipients), [['1@a.example']])
  assert.equal(store.row(arrival).state, 'done')
  assert.equal(store.row(arrival).attempts, 2)
})

test('one dead destination among many: a hand for it, all others at once, its own work told in one record', async () => {
  const silent: (() => void)[] = []
  const { store, carried, pass, scheduler } = stage({ sessionsMax: 10, deliver: async (works, destination) => {
    if (destination !== 'mx dead.example') return sendAll(works, destination)
    await new Promise<void>((resolve) => silent.push(resolve))
    return { results: works.map(() => busy), unreachable: true }
  } })
  for (let n = 0; n < 500; n++) store.arrive({ work: to(`${n}@dead.example`) })
  for (let n = 0; n < 100; n++) store.arrive({ work: to(`x@alive${n}.example`) })
  await turns(300)
  const alive = [...store.rows.values()].filter((row) => row.domain.startsWith('alive'))
  assert.ok(alive.every((row) => row.state === 'done'), 'nobody waits for the dead one')
  assert.ok(scheduler.sessions <= 4, `${scheduler.sessions} hands`)
  for (let give = silent.shift(); give; give = silent.shift()) {
    give()
    await turns(100)
  }
  const dead = [...store.rows.values()].filter((row) => row.domain === 'dead.example')
  assert.ok(dead.every((row) => row.attempts === 1 && row.lastReply === '451 busy'))
  const dialled = carried.filter(({ destination }) => destination === 'mx dead.example').length
  assert.ok(dialled <= 4, `${dialled} dialled, the others share the result`)
  assert.ok(store.settled('settled') < 100 + 30)
  await pass(1000)
})

test('a big backlog for one destination hides nobody: newcomers elsewhere go at once', async () => {
  const { store, carried } = stage({ sessionsMax: 10, perDestinationMax: 3, readyPerLaneMax: 50, deliver: async (works, destination) => {
    if (destination === 'mx slow.example') await new Promise<void>(() => {})
    return sendAll(works, destination)
  } })
  for (let n = 0; n < 5000; n++) store.arrive({ work: to(`${n}@slow.example`) })
  await turns(100)
  const late = store.arrive({ work: to('x@quick.example') })
  await turns(100)
  assert.equal(store.row(late).state, 'done')
  assert.equal(carried.filter(({ destination }) => destination === 'mx slow.example').length, 3)
})

test('when hands are short, a session makes room for a destination that has none', async () => {
  const order: string[] = []
  const { store } = stage({ sessionsMax: 1, deliver: async (works, destination) => {
    order.push(destination)
    await turns(1)
    return sendAll(works, destination)
  } })
  for (let n = 0; n < 5; n++) store.arrive({ work: to('x@one.example') })
  store.arrive({ work: to('x@two.example') })
  await turns(200)
  assert.equal(order.length, 6)
  assert.ok(order.indexOf('mx two.example') <= 2, order.join(', '))
})

test('five days of "busy": as the table of outcome says, one delay notice, one failure, 60 attempts', async () => {
  const { store, pass, carried } = stage({ deliver: (works) => ({ results: works.map(() => busy), unreachable: false }) })
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  await pass(5 * DAY + 3600_000, 10 * MINUTE)
  assert.equal(store.row(arrival).state, 'failed')
  assert.ok(carried.length > 55 && carried.length < 75, `${carried.length}`)
  assert.deepEqual(store.outbox.map((row) => row.report.kind), ['delayed', 'failed'])
  assert.equal(store.outbox[1]?.report.works[0]?.status, '4.4.7')
})

test('a jump of the clock ahead by a year gives nothing up', async () => {
  const { clock, store, pass } = stage({ deliver: (works) => ({ results: works.map(() => busy), unreachable: false }) })
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  await pass(3600_000, MINUTE)
  clock.jump(365 * DAY)
  await pass(DAY, 10 * MINUTE)
  assert.equal(store.row(arrival).state, 'waiting')
  assert.deepEqual(store.outbox.map((row) => row.report.kind), ['delayed'])
})

test('a jump back by a year: nothing waits longer than one back-off', async () => {
  const clock = new FakeClock()
  clock.jump(365 * DAY)
  const store = new FakeStore(clock)
  let answer: RecipientResult = busy
  const { pass } = stage({ clock, store, deliver: (works) => ({ results: works.map(() => answer), unreachable: false }) })
  const arrival = store.arrive({ work: to('1@a.example') })
  await turns()
  answer = delivered
  clock.jump(-365 * DAY)
  await pass(10 * MINUTE, MINUTE)
  assert.equal(store.row(arrival).state, 'done')
})

test('held or deleted work that waits in memory is let go', async () => {
  const { store, carried } = stage({ sessionsMax: 1, deliver: async (works, destination) => {
    await turns(20)
    return sendAll(works, destination)
  } })
  store.arrive({ work: to('1@a.example') })
  const held = store.arrive({ work: to('2@a.example', '3@a.example') })
  await turns(5)
  await store.submitQueue({ kind: 'work-state', works: [{ arrival: held, n: 0 }], state: 'held' })
  await turns(200)
  assert.deepEqual(carried.map(({ recipients }) => recipients), [['1@a.example'], ['3@a.example']])
  await store.submitQueue({ kind: 'work-state', works: [{ arrival: held, n: 0 }], state: 'waiting' })
  await turns(200)
  assert.equal(store.row(held).state, 'done')
})

test('a courier with a bug: temporary for its batch, nobody else (INV-10)', async () => {
  const { store } = stage({ deliver: (works, destination) => {
    if (destination === 'mx bug.example') throw new TypeError('x is not a function')
    return sendAll(works, destination)
  } })
  const broken = store.arrive({ work: to('1@bug.example') })
  const fine = store.arrive({ work: to('1@fine.example') })
  await turns()
  assert.equal(store.row(broken).state, 'waiting')
  assert.equal(store.row(broken).lastReply, 'local error while sending')
  assert.equal(store.row(fine).state, 'done')
})

test('stop: what is under way ends, nothing new begins', async () => {
  let release: (() => void) | undefined
  const { store, scheduler } = stage({ deliver: async (works, destination) => {
    await new Promise<void>((resolve) => (release = resolve))
    return sendAll(works, destination)
  } })
  const first = store.arrive({ work: to('1@a.example') })
  await turns()
  let stopped = false
  const stopping = scheduler.stop().then(() => (stopped = true))
  const second = store.arrive({ work: to('1@b.example') })
  await turns()
  assert.equal(stopped, false)
  release?.()
  await stopping
  assert.equal(store.row(first).state, 'done')
  assert.equal(store.row(second).attempts, 0)
})
