import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, concatBytes, textOf } from '../base/bytes.ts'
import { FakeClock } from '../base/clock.ts'
import { text } from '../base/language.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { parseBookLine } from './incident.ts'
import { openIncidentBook } from './incident-book.ts'
import { incidentKinds } from './incident-kinds.ts'

const MINUTE = 60_000
const PATH = '/data/incidents.jsonl'

function bookOf(options: { incidentsMax?: number } = {}) {
  const clock = new FakeClock()
  const disk = new SimulatedDisk({ random: seededRandom(5) })
  let changes = 0
  const open = () => openIncidentBook({ directory: '/data', disk, clock, log: silentLog, onChange: () => (changes += 1), ...options })
  return { clock, disk, open, changes: () => changes, lines: () => textOf(disk.readWhole(PATH)).split('\n').length - 1 }
}

test('an incident is opened once, goes on with new facts, gets notes, and ends', () => {
  const { clock, open } = bookOf()
  const book = open()
  const id = book.open('server-down', { reason: 'killed' })
  clock.advance(MINUTE)
  assert.equal(book.open('server-down', { reason: 'killed again' }), id)
  book.note(id, text('It is tried again.', 'もう一度試みています。'))
  book.note('server-down', text('Still.', 'まだです。'))
  assert.equal(book.current().length, 1)
  clock.advance(MINUTE)
  book.close('server-down')
  const again = open().list()
  assert.equal(again.length, 1)
  const [one] = again
  assert.equal(one?.id, id)
  assert.equal(one?.endedMs, clock.nowMs())
  assert.equal(one?.beganMs, clock.nowMs() - 2 * MINUTE)
  assert.deepEqual(one?.notes.map((note) => note.sentence.en), ['It is tried again.', 'Still.'])
  assert.equal(one?.facts['reason'], 'killed again')
  assert.ok(one?.nextStep?.en.includes('killed again'))
  assert.equal(one?.ending?.en, 'The server is back.')
  assert.deepEqual(open().current(), [])
})

test('what comes back within five minutes is the same incident; later it is another', () => {
  const { clock, open } = bookOf()
  const book = open()
  const id = book.open('server-hung')
  book.close(id)
  clock.advance(4 * MINUTE)
  assert.equal(book.open('server-hung'), id)
  book.close('server-hung')
  clock.advance(6 * MINUTE)
  const other = book.open('server-hung')
  assert.notEqual(other, id)
  const [newest, oldest] = open().list()
  assert.equal(newest?.id, other)
  assert.equal(oldest?.times, 2)
})

test('incidents of one kind with different subjects stand side by side', () => {
  const { open } = bookOf()
  const book = open()
  book.open('mirror-dropped', { subject: '/mnt/a', path: '/mnt/a' })
  book.open('mirror-dropped', { subject: '/mnt/b', path: '/mnt/b' })
  assert.equal(book.current().length, 2)
  book.close('mirror-dropped//mnt/a')
  assert.deepEqual(open().current().map((one) => one.subject), ['/mnt/b'])
})

test('what is over already is recorded with its own times', () => {
  const { clock, open } = bookOf()
  const nowMs = clock.nowMs()
  open().record('nobody-there', {}, { fromMs: nowMs - MINUTE, toMs: nowMs })
  const [one] = open().list()
  assert.equal(one?.beganMs, nowMs - MINUTE)
  assert.equal(one?.endedMs, nowMs)
})

test('a torn last line is passed over, and the book goes on', () => {
  const { disk, open } = bookOf()
  const book = open()
  book.open('disk-full', { path: '/data' })
  book.note('disk-full', text('One.', '一。'))
  const whole = disk.readWhole(PATH)
  for (let cut = whole.length - 1; cut > 0; cut -= 7) {
    disk.writeWhole(PATH, whole.subarray(0, cut))
    const after = open()
    const id = after.open('server-down')
    const read = open().list()
    assert.ok(read.some((one) => one.id === id), `cut at ${cut}`)
    assert.ok(read.length <= 2)
  }
})

test('a power cut at any moment loses nothing that was flushed', () => {
  const { disk, open } = bookOf()
  const book = open()
  const id = book.open('server-down')
  book.note(id, text('Kept.', '保存。'))
  disk.crash('tear')
  assert.deepEqual(open().list().map((one) => [one.id, one.notes.length]), [[id, 1]])
})

test('strange lines are passed over', () => {
  const { disk, open } = bookOf()
  const id = open().open('server-down')
  disk.writeWhole(PATH, concatBytes([bytesOf('nonsense\n{"t":"open","id":"I99"}\n[]\n{"t":"close","id":"I7","atMs":1,"sentence":{"en":"x","ja":"y"}}\n'), disk.readWhole(PATH)]))
  assert.deepEqual(open().list().map((one) => one.id), [id])
  for (const words of ['', '{', 'null', '1', '{"t":"open","id":"I0","atMs":1}', '{"t":"note","id":"I1","atMs":"x"}', '{"t":"new","id":"I1","atMs":1}']) assert.equal(parseBookLine(words), undefined, words)
})

test('a full disk stops nobody: the book is kept in memory and written when there is room', () => {
  const { clock, disk, open } = bookOf()
  const book = open()
  book.open('server-down')
  disk.capacityOctets = 1
  const id = book.open('disk-full', { path: '/data' })
  book.note(id, text('Full.', '満杯。'))
  assert.equal(book.current().length, 2)
  disk.capacityOctets = Infinity
  clock.advance(11_000)
  assert.deepEqual(open().list().map((one) => one.kind), ['disk-full', 'server-down'])
})

test('a flush that failed is not believed: the whole book goes to another file', () => {
  const { disk, clock, open } = bookOf()
  const book = open()
  book.open('server-down')
  const before = disk.operations
  // The write and then its flush.
  disk.failAt(before + 2, 'EIO')
  book.note('server-down', text('After a failed flush.', '失敗の後。'))
  clock.advance(11_000)
  disk.crash('lose')
  assert.equal(open().list()[0]?.notes.length, 1)
})

test('the book is bounded: old ones go, open ones stay, numbers are never used again', () => {
  const { clock, open } = bookOf({ incidentsMax: 10 })
  const book = open()
  const first = book.open('mirror-dropped', { path: '/mnt/a' })
  for (let n = 0; n < 3000; n += 1) {
    clock.advance(10 * MINUTE)
    book.open('server-down', { reason: 'x'.repeat(500) })
    book.close('server-down')
  }
  book.shut()
  const read = open()
  assert.ok(read.list().length < 1500, `${read.list().length} are kept`)
  assert.deepEqual(read.current().map((one) => one.id), [first])
  assert.equal(read.open('disk-full'), 'I3002')
})

test('facts that change every moment do not fill the disk', () => {
  const { clock, open, lines } = bookOf()
  const book = open()
  book.open('understudy-only', { taken: 0 })
  for (let n = 1; n <= 1000; n += 1) {
    clock.advance(10)
    book.open('understudy-only', { taken: n })
  }
  assert.ok(lines() < 10, `${lines()} lines`)
  assert.equal(book.current()[0]?.facts['taken'], 1000)
})

test('words from anywhere become one line each', () => {
  const { open } = bookOf()
  const book = open()
  book.open('start-failed', { reason: 'one\ntwo\u001b[31m\u0000' + 'x'.repeat(5000) })
  const reason = String(book.current()[0]?.facts['reason'])
  assert.ok(reason.length <= 1000 && !/[\u0000-\u001f]/.test(reason))
})

test('every kind says everything in both languages, and the public part names nothing', () => {
  for (const [kind, { say }] of Object.entries(incidentKinds)) {
    const secret = 'ada@example.org /var/lib/daruma'
    const { what, doing, nextStep, over } = say({ reason: secret, path: secret, account: secret, subject: secret })
    for (const sentence of [what, doing, over, ...(nextStep ? [nextStep] : [])]) assert.ok(sentence.en.length > 10 && /[ぁ-んァ-ヶ]/.test(sentence.ja), kind)
    for (const sentence of [what, doing, over]) assert.ok(!`${sentence.en}${sentence.ja}`.includes(secret), kind)
  }
})
