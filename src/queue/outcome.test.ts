import { test } from 'node:test'
import assert from 'node:assert/strict'
import { seededRandom } from '../base/random.ts'
import { sequence } from '../store/store.ts'
import type { RecipientResult } from '../clients/delivery-result.ts'
import { attemptsBeforeGivingUp, decideOutcome, nextDueMs, standardRules } from './outcome.ts'
import { owesReport } from '../wire/smtp/owed-report.ts'
import type { Moment, WorkHistory } from './outcome.ts'

const HOUR = 3600_000
const DAY = 24 * HOUR
const work: WorkHistory = { id: { arrival: sequence(7), n: 0 }, sender: 'a@example.org', notify: null, attempts: 1, delayNotified: false }
const moment: Moment = { nowMs: 1_000_000, ageMs: 0, chance: 0.5 }
const facts = { reply: 'x', status: '4.0.0', remote: 'mx.example' }
const busy: RecipientResult = { end: 'temporary', ...facts }
const gone: RecipientResult = { end: 'permanent', ...facts, status: '5.1.1' }
const taken = (reportsPassedOn: boolean): RecipientResult => ({ end: 'delivered', ...facts, reportsPassedOn })

test('NOTIFY decides which reports are owed (RFC 3461 §4.1, §5.2)', () => {
  const table: [notify: string | null, delivered: string | undefined, passedOn: string | undefined, failed: string | undefined, delayed: string | undefined][] = [
    [null, undefined, undefined, 'failed', 'delayed'],
    ['NEVER', undefined, undefined, undefined, undefined],
    ['SUCCESS', 'relayed', undefined, undefined, undefined],
    ['FAILURE', undefined, undefined, 'failed', undefined],
    ['DELAY', undefined, undefined, undefined, 'delayed'],
    ['success,failure,delay', 'relayed', undefined, 'failed', 'delayed'],
  ]
  for (const [notify, delivered, passedOn, failed, delayed] of table) {
    const asked = { ...work, notify }
    const late = { ...moment, ageMs: 5 * HOUR }
    assert.equal(decideOutcome(asked, taken(false), moment).report, delivered, `${notify} relayed`)
    assert.equal(decideOutcome(asked, taken(true), moment).report, passedOn, `${notify} passed on`)
    assert.equal(decideOutcome(asked, gone, moment).report, failed, `${notify} failed`)
    assert.equal(decideOutcome(asked, busy, late).report, delayed, `${notify} delayed`)
  }
})

test('the null sender is never told anything (RFC 5321 §4.5.5)', () => {
  for (const notify of [null, 'SUCCESS,FAILURE,DELAY', 'NEVER']) {
    for (const event of ['SUCCESS', 'FAILURE', 'DELAY'] as const) assert.equal(owesReport({ sender: '', notify }, event), false)
  }
  assert.deepEqual(decideOutcome({ ...work, sender: '' }, gone, moment),
    { work: work.id, outcome: { end: 'failed', reply: 'x', remote: 'mx.example', status: '5.1.1' } })
})

test('five days of "busy" in one table: one delay notice after four hours, then one failure at the deadline', () => {
  const random = seededRandom(1)
  let atMs = 0
  let history = { ...work, attempts: 0 }
  const notices: number[] = []
  for (let guard = 0; guard < 1000; guard++) {
    history = { ...history, attempts: history.attempts + 1 }
    const settled = decideOutcome(history, busy, { nowMs: atMs, ageMs: atMs, chance: random.int(1000) / 1000 })
    if (settled.outcome.end === 'failed') {
      assert.equal(atMs, 5 * DAY, 'the last attempt is made at the deadline')
      assert.equal(settled.outcome.status, '4.4.7')
      assert.equal(settled.report, 'failed')
      assert.ok(history.attempts > 55 && history.attempts < 75, `${history.attempts} attempts`)
      assert.equal(notices.length, 1)
      assert.ok(notices[0]! >= 4 * HOUR && notices[0]! < 7 * HOUR)
      return
    }
    assert.equal(settled.outcome.end, 'retry')
    if (settled.outcome.end !== 'retry') return
    if (settled.report === 'delayed') {
      assert.equal(settled.outcome.delayNotice, true)
      notices.push(atMs)
      history = { ...history, delayNotified: true }
    } else assert.equal(settled.outcome.delayNotice, false)
    assert.ok(settled.outcome.dueMs > atMs)
    atMs = settled.outcome.dueMs
  }
  assert.fail('never given up')
})

test('a year of retries ends once, and not before', () => {
  const rules = { ...standardRules, lifetimeMs: 365 * DAY }
  let atMs = 0
  let attempts = 0
  for (;;) {
    attempts++
    assert.ok(attempts < 5000)
    const { outcome } = decideOutcome({ ...work, attempts }, busy, { nowMs: atMs, ageMs: atMs, chance: 0.5 }, rules)
    if (outcome.end !== 'retry') break
    atMs = outcome.dueMs
  }
  assert.equal(atMs, 365 * DAY)
  assert.equal(attempts, 5 + 4380) // every two hours, and the quick ones of the first
})

test('age alone gives nothing up: a server that was off for a week tries again first', () => {
  const needed = attemptsBeforeGivingUp(standardRules)
  assert.ok(needed > 8 && needed < 20, `${needed}`)
  const late = { ...moment, ageMs: 7 * DAY }
  assert.equal(decideOutcome({ ...work, attempts: needed - 1 }, busy, late).outcome.end, 'retry')
  assert.equal(decideOutcome({ ...work, attempts: needed }, busy, late).outcome.end, 'failed')
  // … and a permanent refusal needs no history.
  assert.equal(decideOutcome(work, gone, moment).outcome.end, 'failed')
})

test('a short life: the next time is the deadline, and one attempt may be all', () => {
  const rules = { ...standardRules, lifetimeMs: 60_000 }
  assert.equal(attemptsBeforeGivingUp(rules), 1)
  assert.equal(nextDueMs(work, { nowMs: 500, ageMs: 10_000, chance: 0.5 }, rules), 50_500)
  assert.equal(decideOutcome(work, busy, { nowMs: 500, ageMs: 60_000, chance: 0.5 }, rules).outcome.end, 'failed')
})

test('begun at the deadline: due again after a whole back-off, should the settlement be lost', () => {
  assert.equal(nextDueMs({ attempts: 1 }, { nowMs: 0, ageMs: 5 * DAY, chance: 0.5 }), 5 * 60_000)
})
