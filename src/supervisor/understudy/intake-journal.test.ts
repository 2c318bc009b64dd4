// Keeping mail: one append for all that waits, answers only behind it, and none at all once the supervisor has gone
// or the disk has failed.
import test from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { JournalDead, OutOfSpace, type RecordDraft } from '../../store/journal/journal.ts'
import { IntakeJournal, type Outcome } from './intake-journal.ts'

const draft: RecordDraft = { type: 'arrival', version: 1, timeMs: 1, databases: [], meta: new Uint8Array(2) }
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

function made(options: { append?: (count: number) => void; mayAcknowledge?: () => boolean } = {}) {
  const seen = { batches: [] as number[], answers: [] as Outcome[], dead: 0, closedIdle: 0, closed: 0, free: 1000 }
  const clock = new FakeClock()
  let sequence = 0
  const journal = new IntakeJournal({
    journal: {
      append(drafts) {
        assert.equal(seen.answers.length, seen.batches.reduce((a, b) => a + b, 0), 'nothing is answered before its append')
        options.append?.(drafts.length)
        seen.batches.push(drafts.length)
        return drafts.map(() => (sequence += 1))
      },
      closeIdle: () => (seen.closedIdle += 1) > 0, tend: () => false, close: () => void (seen.closed += 1),
    },
    directory: '/intake', disk: { freeOctets: () => seen.free }, clock, log: silentLog, diskReserveOctets: 100,
    mayAcknowledge: options.mayAcknowledge ?? (() => true), onDead: () => void (seen.dead += 1),
  })
  const keep = (count: number, octets = 10) => {
    for (let n = 0; n < count; n += 1) journal.keep(draft, octets, (outcome) => seen.answers.push(outcome))
  }
  return { journal, seen, keep, clock }
}

test('all that waits in one turn is one append, then the answers in order', async () => {
  const { journal, seen, keep } = made()
  keep(5)
  assert.equal(seen.answers.length, 0)
  await nextTurn()
  assert.deepEqual(seen.batches, [5])
  assert.deepEqual(seen.answers, [1, 2, 3, 4, 5].map((sequence) => ({ end: 'kept', sequence })))
  assert.equal(journal.taken, 5)
})

test('a batch has its bounds', async () => {
  const { seen, keep } = made()
  keep(3, 10 * 1024 * 1024)
  await nextTurn()
  assert.deepEqual(seen.batches, [1, 1, 1])
  seen.batches.length = seen.answers.length = 0
  keep(4500)
  await nextTurn()
  assert.deepEqual(seen.batches, [2000, 2000, 500])
})

test('no room: that batch is put off, the next one is tried', async () => {
  let full = true
  const { journal, seen, keep, clock } = made({ append: () => { if (full) throw new OutOfSpace('/intake') } })
  keep(2)
  await nextTurn()
  assert.deepEqual(seen.answers, [{ end: 'no-space' }, { end: 'no-space' }])
  assert.equal(journal.hasRoom(1), false, 'not tried again at once')
  clock.advance(1000)
  assert.equal(journal.hasRoom(1), true)
  assert.equal(journal.hasRoom(901), false)
  full = false
  seen.answers.length = 0
  keep(1)
  await nextTurn()
  assert.equal(seen.answers[0]?.end, 'kept')
  assert.equal(seen.dead, 0)
})

test('a failed flush: no answer says kept, nothing more is appended, the process is told to end', async () => {
  const { seen, keep } = made({ append: () => { throw new JournalDead('gone', { operation: 'append' }) } })
  keep(2, 10 * 1024 * 1024)
  await nextTurn()
  assert.deepEqual(seen.answers, [{ end: 'unknown' }, { end: 'closed' }])
  assert.equal(seen.dead, 1)
  keep(1)
  assert.deepEqual(seen.answers.at(-1), { end: 'closed' })
})

test('an orphan acknowledges nothing: the flush has happened, the supervisor has gone', async () => {
  let there = true
  const { journal, seen, keep } = made({ append: () => void (there = false), mayAcknowledge: () => there })
  keep(3)
  await nextTurn()
  assert.deepEqual(seen.batches, [3])
  assert.deepEqual(seen.answers, [{ end: 'unknown' }, { end: 'unknown' }, { end: 'unknown' }])
  assert.equal(seen.dead, 1)
  assert.equal(journal.taken, 0)
})

test('stopping keeps what has gathered, seals once, and refuses what comes later', () => {
  const { journal, seen, keep } = made()
  keep(2)
  journal.stop()
  assert.deepEqual(seen.batches, [2])
  assert.equal(seen.closed, 1)
  keep(1)
  assert.deepEqual(seen.answers.at(-1), { end: 'closed' })
})

test('an idle journal is closed after a second, once', async () => {
  const { seen, keep, clock } = made()
  keep(1)
  await nextTurn()
  clock.advance(900)
  assert.equal(seen.closedIdle, 0)
  clock.advance(200)
  assert.equal(seen.closedIdle, 1)
  clock.advance(10_000)
  assert.equal(seen.closedIdle, 1)
})
