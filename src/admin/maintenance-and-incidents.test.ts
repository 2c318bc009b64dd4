import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { openIncidentBook } from '../health/health.ts'
import { openTraffic, openWindowBook, startMaintenance } from '../maintenance/maintenance.ts'
import type { Answer } from './office.ts'
import { type IncidentRow, type SuggestionRow, type WatchDesk, type WindowRow, performWatch } from './maintenance-and-incidents.ts'

function deskOf(options: { runs?: boolean } = {}) {
  const clock = new FakeClock(new Date(2026, 10, 25, 9, 30).getTime())
  const books = { disk: new SimulatedDisk({ random: seededRandom(6) }), clock, log: silentLog }
  const windows = openWindowBook({ directory: '/data', ...books })
  const incidents = openIncidentBook({ directory: '/data', ...books })
  const acts: string[] = []
  let changes = 0
  const maintenance = options.runs === false ? undefined : startMaintenance({
    book: windows, clock, log: silentLog, service: () => ({ hostname: 'mail.example.org', statusUrl: undefined }),
    hooks: { begin: async () => void acts.push('begin'), end: async () => void acts.push('end'), announce: async () => true, changed: () => undefined },
  })
  const desk: WatchDesk = { clock, windows, incidents, traffic: openTraffic({ directory: '/data/status', ...books }), maintenance, changed: () => (changes += 1) }
  const ask = async <R>(name: string, args: unknown) => (await performWatch(desk, name, args)) as Answer<R>
  return { clock, desk, incidents, acts, ask, changes: () => changes }
}
const plan = { from: 'tomorrow 02:00', to: '+2h', what: 'new disks', defer: false, mail: false }
const codeOf = (answer: Answer<unknown>) => (answer.ok ? 'done' : `${answer.code} ${answer.exit}`)

test('plan, list, cancel', async () => {
  const { ask, changes } = deskOf()
  const planned = await ask<WindowRow>('maintenance-plan', plan)
  assert.ok(planned.ok)
  assert.match(planned.result.from, /^2026-11-26 02:00 [+-]\d{4}$/)
  assert.match(planned.result.to, /^2026-11-26 04:00 /)
  assert.equal(codeOf(await ask('maintenance-plan', { ...plan, from: 'tomorrow 03:00' })), 'overlap 1')
  assert.equal(codeOf(await ask('maintenance-plan', { ...plan, from: 'whenever' })), 'time-syntax 2')
  assert.equal(codeOf(await ask('maintenance-plan', { ...plan, to: '2020-01-01 00:00' })), 'end-before-start 1')
  assert.equal(codeOf(await ask('maintenance-plan', { from: 'tomorrow 02:00' })), 'bad-request 2')
  assert.equal(codeOf(await ask('maintenance-cancel', { id: 'M1' })), 'done')
  assert.equal(codeOf(await ask('maintenance-cancel', { id: 'M1' })), 'over 1')
  const list = await ask<WindowRow[]>('maintenance-list', { all: false })
  assert.deepEqual(list.ok && list.result.map((row) => `${row.id} ${row.state}`), ['M1 cancelled'])
  assert.equal(changes(), 2)
})

test('begin and end, by id and at once', async () => {
  const { ask, acts } = deskOf()
  const nothing = { id: null, to: null, what: null, defer: false, mail: false }
  await ask('maintenance-plan', plan)
  assert.equal(codeOf(await ask('maintenance-begin', nothing)), 'bad-request 2')
  assert.equal(codeOf(await ask('maintenance-begin', { ...nothing, id: 'M1', what: 'x' })), 'bad-request 2')
  assert.equal(codeOf(await ask('maintenance-begin', { ...nothing, id: 'M1' })), 'done')
  assert.equal(codeOf(await ask('maintenance-end', {})), 'done')
  assert.equal(codeOf(await ask('maintenance-end', {})), 'not-running 1')
  const now = await ask<WindowRow>('maintenance-begin', { ...nothing, to: '+1h', what: 'now', defer: true })
  assert.equal(now.ok && now.result.mode, 'defer')
  assert.deepEqual(acts, ['begin', 'end', 'begin'])
})

test('without a supervisor: everything but begin and end', async () => {
  const { ask } = deskOf({ runs: false })
  assert.equal(codeOf(await ask('maintenance-plan', plan)), 'done')
  assert.equal(codeOf(await ask('maintenance-begin', { id: 'M1', to: null, what: null, defer: false, mail: false })), 'not-running 69')
  assert.equal(codeOf(await ask('maintenance-end', {})), 'not-running 69')
  assert.equal(codeOf(await ask('maintenance-suggest', { length: null })), 'done')
  assert.equal(codeOf(await ask('incidents-list', { all: false })), 'done')
})

test('suggest', async () => {
  const { ask } = deskOf()
  const found = await ask<SuggestionRow[]>('maintenance-suggest', { length: '2h' })
  assert.equal(found.ok && found.result.length, 3)
  assert.equal(codeOf(await ask('maintenance-suggest', { length: 'long' })), 'length 2')
  assert.equal(codeOf(await ask('maintenance-suggest', { length: '9h' })), 'length 1')
})

test('incidents: open ones and those of the week, or all', async () => {
  const { ask, incidents, clock } = deskOf()
  incidents.open('disk-full', { path: '/data' })
  incidents.close('disk-full')
  clock.advance(8 * 24 * 3600_000)
  incidents.open('server-down', { reason: 'killed' })
  const recent = await ask<IncidentRow[]>('incidents-list', { all: false })
  assert.deepEqual(recent.ok && recent.result.map((row) => row.kind), ['server-down'])
  assert.ok(recent.ok && recent.result[0]?.nextStep?.en.includes('killed'))
  const all = await ask<IncidentRow[]>('incidents-list', { all: true })
  assert.equal(all.ok && all.result.length, 2)
  assert.equal(codeOf(await ask('nonsense', {})), 'bad-request 2')
})
