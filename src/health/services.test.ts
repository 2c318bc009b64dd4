import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HealthFacts, type ServiceLevel, allIsWell, serviceNames, serviceStates, worstLevel } from './services.ts'

/** smtp, submission, imap, queue, storage */
const TABLE: [what: string, facts: Partial<HealthFacts>, levels: string][] = [
  ['all is well', {}, 'up up up up up'],
  ['a planned restart: nobody notices', { server: 'restarting' }, 'up up up up up'],
  ['the first seconds', { server: 'starting' }, 'degraded degraded degraded degraded up'],
  ['down, and nobody at the door', { server: 'down' }, 'down down down down up'],
  ['down, the understudy takes', { server: 'down', understudy: 'taking' }, 'degraded down down down up'],
  ['hung, the understudy is on its way', { server: 'hung', understudy: 'starting' }, 'degraded down down down up'],
  ['starting behind the understudy', { server: 'starting', understudy: 'taking' }, 'degraded down down down up'],
  ['maintenance, mail is taken', { server: 'down', understudy: 'taking', maintenance: 'take' }, 'maintenance maintenance maintenance maintenance up'],
  ['maintenance, mail is put off', { server: 'down', understudy: 'deferring', maintenance: 'defer' }, 'maintenance maintenance maintenance maintenance up'],
  ['a window runs and the server with it', { maintenance: 'take' }, 'up up up up up'],
  ['the journal broke', { server: 'down', journalFailed: true, understudy: 'taking' }, 'degraded down down down down'],
  ['disk full', { refusing: 'disk-full' }, 'down down up up degraded'],
  ['lag', { refusing: 'lag' }, 'degraded up up up up'],
  ['paused', { paused: ['smtp'] }, 'degraded up up up up'],
  ['sending paused', { paused: ['submission'] }, 'up down up up up'],
  ['a mirror is gone', { mirrorsMissing: 1 }, 'up up up up degraded'],
  ['a mailbox is made again', { accountsInTrouble: 2 }, 'up up degraded up degraded'],
  ['the reading thread is started again', { frontsDown: ['reading'] }, 'up up degraded up up'],
  ['the taking thread is started again', { frontsDown: ['taking'] }, 'degraded degraded up up up'],
]

for (const [what, facts, levels] of TABLE) {
  test(`services: ${what}`, () => {
    const states = serviceStates({ ...allIsWell, ...facts })
    assert.equal(serviceNames.map((name) => states[name].level).join(' '), levels)
    for (const name of serviceNames) {
      const { level, because } = states[name]
      assert.equal(level === 'up', because === undefined, `${name}: why it is ${level} must be said`)
      if (because) assert.ok(because.en.length > 10 && /[ぁ-ん]/.test(because.ja), name)
    }
  })
}

test('the worst of all', () => {
  const worst = (...levels: ServiceLevel[]) => worstLevel(levels)
  assert.equal(worst(), 'up')
  assert.equal(worst('up', 'maintenance'), 'maintenance')
  assert.equal(worst('maintenance', 'degraded', 'up'), 'degraded')
  assert.equal(worst('down', 'degraded'), 'down')
})
