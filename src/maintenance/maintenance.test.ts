import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf } from '../base/bytes.ts'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { type Announcement, announcementOf, imapWords, pageWords, smtpWords } from './announcement.ts'
import { startMaintenance } from './maintenance-keeper.ts'
import { parseLength, parseMoment } from './parse-time.ts'
import { type MaintenanceWindow, type WindowWish, dueNow, judgeWish, nextDueMs, parseWindows, printWindows } from './window.ts'
import { openWindowBook } from './window-book.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3600_000, 24 * 3600_000]
const at = (day: number, hour: number, minute = 0) => new Date(2026, 10, day, hour, minute).getTime()
const now = at(25, 9, 30)
const wish = (change: Partial<WindowWish> = {}): WindowWish => ({ fromMs: at(28, 2), toMs: at(28, 4), what: 'new disks', mode: 'take', mail: false, ...change })
const planned = (change: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({ id: 'M1', ...wish(), state: 'planned', ...change })

// ---------------------------------------------------------------- times

const TIMES: [words: string, expected: number | string][] = [
  ['2026-11-28 02:00', at(28, 2)],
  ['2026-11-28T02:00', at(28, 2)],
  ['  2026-11-28   02:00 ', at(28, 2)],
  ['2026-11-28T02:00Z', Date.UTC(2026, 10, 28, 2)],
  ['2026-11-28T02:00:30+09:00', Date.UTC(2026, 10, 27, 17, 0, 30)],
  ['2026-11-28 02:00 +0900', Date.UTC(2026, 10, 27, 17)],
  ['now', now],
  ['today 23:15', at(25, 23, 15)],
  ['tomorrow 02:00', at(26, 2)],
  ['Tomorrow 2:00', at(26, 2)],
  ['明日 02:00', at(26, 2)],
  ['10:00', at(25, 10)],
  ['09:30', at(26, 9, 30)],
  ['02:00', at(26, 2)],
  ['+2h', now + 2 * HOUR],
  ['+1h30m', now + 90 * MINUTE],
  ['+2d', now + 2 * DAY],
  ['', 'time-syntax'], ['soon', 'time-syntax'], ['25:00', 'time-syntax'], ['10:60', 'time-syntax'], ['2026-02-30 02:00', 'time-syntax'], ['2026-13-01 02:00', 'time-syntax'],
  ['2026-11-28', 'time-syntax'], ['2h', 'time-syntax'], ['+', 'time-syntax'], ['+2', 'time-syntax'], ['constructor 10:00', 'time-syntax'], ['2026-11-28 02:00 +9999', 'time-syntax'], ['x'.repeat(10_000), 'time-syntax'],
]
for (const [words, expected] of TIMES) {
  test(`time: ${words.slice(0, 40)}`, () => {
    const got = parseMoment(words, now)
    assert.equal(got.ok ? got.value : got.code, expected)
  })
}

test('an end counts from the start; tomorrow is the operator\'s', () => {
  const end = (words: string) => parseMoment(words, now, at(28, 2))
  assert.deepEqual(end('+2h'), { ok: true, value: at(28, 4) })
  assert.deepEqual(end('04:00'), { ok: true, value: at(28, 4) })
  assert.deepEqual(end('01:00'), { ok: true, value: at(29, 1) })
  assert.deepEqual(end('tomorrow 04:00'), { ok: true, value: at(26, 4) })
})

test('an hour that summer time leaves out is refused with the reason', () => {
  const before = process.env['TZ']
  process.env['TZ'] = 'Europe/Berlin'
  try {
    const got = parseMoment('2027-03-28 02:30', now)
    assert.equal(!got.ok && got.code, 'no-such-time')
    assert.equal(parseMoment('2027-03-28 03:30', now).ok, true)
  } finally {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  }
})

test('lengths', () => {
  assert.equal(parseLength('1h'), HOUR)
  assert.equal(parseLength('90m'), 90 * MINUTE)
  assert.equal(parseLength('1d 2h'), DAY + 2 * HOUR)
  for (const words of ['', '1', 'h', '1s', '-1h', '1.5h']) assert.equal(parseLength(words), undefined, words)
})

// ---------------------------------------------------------------- what a window may be

const WISHES: [what: string, change: Partial<WindowWish>, code: string | undefined][] = [
  ['as it should be', {}, undefined],
  ['end before start', { toMs: at(28, 1) }, 'end-before-start'],
  ['end at the start', { toMs: at(28, 2) }, 'end-before-start'],
  ['past', { fromMs: at(25, 9), toMs: at(25, 11) }, 'past'],
  ['this very minute', { fromMs: now - 30_000, toMs: now + HOUR }, undefined],
  ['seconds', { toMs: at(28, 2) + 30_000 }, 'too-short'],
  ['a week and a minute', { toMs: at(28, 2) + 7 * DAY + MINUTE }, 'too-long'],
  ['in two years', { fromMs: at(28, 2) + 730 * DAY, toMs: at(28, 4) + 730 * DAY }, 'too-far'],
  ['no reason', { what: ' \n ' }, 'no-reason'],
  ['a novel', { what: 'x'.repeat(501) }, 'reason-too-long'],
  ['inside another', { fromMs: at(30, 2, 10), toMs: at(30, 2, 20) }, 'overlap'],
  ['around another', { fromMs: at(30, 1), toMs: at(30, 5) }, 'overlap'],
  ['right behind another', { fromMs: at(30, 3), toMs: at(30, 4) }, undefined],
]
for (const [what, change, code] of WISHES) {
  test(`window: ${what}`, () => {
    const got = judgeWish(wish(change), [planned({ id: 'M7', fromMs: at(30, 2), toMs: at(30, 3) }), planned({ id: 'M8', state: 'cancelled' })], now)
    assert.equal(got.ok ? undefined : got.code, code)
    if (!got.ok) assert.ok(got.reason.en !== '' && /[ぁ-んァ-ヶ]/.test(got.reason.ja))
  })
}

test('what is due, in order', () => {
  const acts = (windows: MaintenanceWindow[], atMs: number) => dueNow(windows, atMs).map(({ act, window }) => `${act} ${window.id}`)
  const one = planned()
  assert.deepEqual(acts([one], at(28, 1, 59)), [])
  assert.deepEqual(acts([one], at(28, 2)), ['begin M1'])
  assert.deepEqual(acts([one], at(28, 4)), ['missed M1'])
  assert.deepEqual(acts([planned({ state: 'running' })], at(28, 3)), [])
  assert.deepEqual(acts([planned({ state: 'running' }), planned({ id: 'M2', fromMs: at(28, 4), toMs: at(28, 5) })], at(28, 4)), ['end M1', 'begin M2'])
  assert.deepEqual(acts([planned({ mail: true })], now), ['announce M1'])
  assert.deepEqual(acts([planned({ mail: true, announcedMs: now })], now), [])
  assert.deepEqual(acts([planned({ mail: true, announcedMs: now, state: 'cancelled' })], now), ['announce-cancelled M1'])
  assert.deepEqual(acts([planned({ mail: true, state: 'cancelled' })], now), [])
  assert.deepEqual(acts([planned({ mail: true, announcedMs: now, state: 'cancelled' })], at(29, 0)), [], 'nobody needs to hear of what is past')
  assert.equal(nextDueMs([one]), at(28, 2))
  assert.equal(nextDueMs([planned({ state: 'running' })]), at(28, 4))
  assert.equal(nextDueMs([planned({ state: 'done' })]), undefined)
})

// ---------------------------------------------------------------- the book

function booked() {
  const clock = new FakeClock(now)
  const disk = new SimulatedDisk({ random: seededRandom(9) })
  return { clock, disk, open: () => openWindowBook({ directory: '/data', disk, clock, log: silentLog }) }
}

test('what was answered is on the disk: plan, begin, end, cancel', () => {
  const { clock, disk, open } = booked()
  const first = open().plan(wish())
  assert.equal(first.ok && first.value.id, 'M1')
  disk.crash('lose')
  const overlap = open().plan(wish({ fromMs: at(28, 3), toMs: at(28, 5) }))
  assert.equal(!overlap.ok && overlap.code, 'overlap')
  assert.equal(open().plan(wish({ fromMs: at(29, 3), toMs: at(29, 5) })).ok, true)
  assert.equal(open().cancel('M2').ok, true)
  const again = open().cancel('M2')
  assert.equal(!again.ok && again.code, 'over')
  const strange = open().cancel('M99')
  assert.equal(!strange.ok && strange.code, 'no-such-window')
  clock.advance(HOUR)
  assert.equal(open().begin('M1').ok, true)
  disk.crash('lose')
  assert.equal(open().running()?.fromMs, now + HOUR, 'begun before its time, it begins now')
  const running = open().cancel('M1')
  assert.equal(!running.ok && running.code, 'running')
  assert.equal(open().end('M1').ok, true)
  assert.deepEqual(open().list().map((one) => `${one.id} ${one.state}`), ['M1 done', 'M2 cancelled'])
})

test('numbers are never used again, and past windows are bounded', () => {
  const { open } = booked()
  const book = open()
  for (let n = 0; n < 150; n += 1) {
    const got = book.plan(wish({ fromMs: at(28, 2), toMs: at(28, 3) }))
    assert.equal(got.ok && got.value.id, `M${n + 1}`)
    if (got.ok) book.cancel(got.value.id)
  }
  assert.equal(open().list().length, 100)
})

test('a disk that takes nothing changes nothing', () => {
  const { disk, open } = booked()
  const book = open()
  book.plan(wish())
  disk.capacityOctets = 1
  assert.throws(() => book.begin('M1'))
  assert.equal(book.find('M1')?.state, 'planned')
  disk.capacityOctets = Infinity
  assert.equal(open().find('M1')?.state, 'planned')
})

test('a file that is damaged is set aside', () => {
  const { disk, open } = booked()
  disk.makeDirectory('/data')
  disk.writeWhole('/data/maintenance.json', bytesOf('{"version":1,"windows":'))
  assert.deepEqual(open().list(), [])
  assert.equal(disk.exists('/data/maintenance.json.aside'), true)
  const windows = [planned(), planned({ id: 'M2', state: 'cancelled', announcedMs: 5, cancelAnnouncedMs: 6 })]
  assert.deepEqual(parseWindows(printWindows(3, windows)), { next: 3, windows })
  for (const words of ['', 'null', '{}', '{"version":2,"windows":[]}']) assert.equal(parseWindows(words), undefined)
  assert.deepEqual(parseWindows('{"version":1,"windows":[{"id":"M5"},null,1]}'), { next: 1, windows: [] })
})

// ---------------------------------------------------------------- the keeper

function keeping(change: { canAnnounce?: boolean } = {}) {
  const world = booked()
  const book = world.open()
  const said: string[] = []
  const mails: Announcement[] = []
  const start = () => startMaintenance({
    book: world.open(), clock: world.clock, log: silentLog, service: () => ({ hostname: 'mail.example.org', statusUrl: undefined }),
    hooks: {
      begin: async (window) => void said.push(`begin ${window.id}`),
      end: async (window) => void said.push(`end ${window.id}`),
      announce: async (mail) => {
        if (change.canAnnounce === false) return false
        mails.push(mail)
        return true
      },
      changed: () => undefined,
    },
  })
  return { ...world, book, said, mails, start, change }
}
const turns = async () => {
  for (let n = 0; n < 50; n += 1) await Promise.resolve()
}
/** The keeper looks every five seconds, each time after what was begun has ended. */
async function advance(clock: FakeClock, ms: number) {
  clock.jump(ms - 10_000)
  for (let n = 0; n < 2; n += 1) {
    clock.advance(5000)
    await turns()
  }
}

test('a window begins and ends in its time', async () => {
  const { clock, book, said, start, open } = keeping()
  book.plan(wish())
  const keeper = start()
  await advance(clock, at(28, 1) - now)
  assert.deepEqual(said, [])
  await advance(clock, HOUR)
  assert.deepEqual(said, ['begin M1'])
  assert.equal(open().running()?.id, 'M1')
  await advance(clock, 2 * HOUR)
  assert.deepEqual(said, ['begin M1', 'end M1'])
  assert.equal(open().find('M1')?.state, 'done')
  keeper.close()
})

test('a supervisor that dies in a window goes on with it; one that comes too late ends it', async () => {
  const { clock, book, said, start } = keeping()
  book.plan(wish({ fromMs: now, toMs: now + 2 * HOUR }))
  start().close()
  book.begin('M1')
  await turns()
  said.length = 0
  const second = start()
  await turns()
  assert.deepEqual(said, ['begin M1'])
  second.close()
  clock.jump(3 * HOUR)
  said.length = 0
  start()
  await turns()
  assert.deepEqual(said, ['end M1'])
})

test('begun by hand, and ended by hand', async () => {
  const { said, start } = keeping()
  const keeper = start()
  const none = await keeper.end()
  assert.equal(!none.ok && none.code, 'not-running')
  const begun = await keeper.beginNow({ toMs: now + HOUR, what: 'disks', mode: 'defer', mail: false })
  assert.equal(begun.ok && begun.value.state, 'running')
  const second = await keeper.beginNow({ toMs: now + HOUR, what: 'disks', mode: 'take', mail: false })
  assert.equal(!second.ok && second.code, 'running')
  const ended = await keeper.end()
  assert.equal(ended.ok && ended.value.state, 'done')
  assert.deepEqual(said, ['begin M1', 'end M1'])
})

test('announced once, as soon as somebody is there to file it; and so is a cancellation', async () => {
  const { clock, book, mails, start, change, open } = keeping({ canAnnounce: false })
  book.plan(wish({ mail: true }))
  const keeper = start()
  await turns()
  assert.equal(mails.length, 0)
  change.canAnnounce = true
  for (let n = 0; n < 30; n += 1) {
    clock.advance(5000)
    await turns()
  }
  assert.equal(mails.length, 1)
  keeper.close()
  assert.ok(open().find('M1')?.announcedMs)
  open().cancel('M1')
  start()
  await turns()
  assert.equal(mails.length, 2)
  assert.notEqual(mails[0]?.id, mails[1]?.id)
  assert.ok(mails[1]?.subject.includes('cancelled'))
})

// ---------------------------------------------------------------- words

test('protocol words are short and plain ASCII; people read both languages', () => {
  const window = planned()
  for (const words of [smtpWords(window, now), imapWords(window, now)]) {
    assert.match(words, /^[ -~]{10,200}$/)
    assert.match(words, /until 2026-11-28 04:00 [+-]\d{4}/)
  }
  assert.match(smtpWords(window, at(28, 3)), /until 04:00 [+-]\d{4}/)
  for (const mode of ['take', 'defer'] as const) {
    const { en, ja } = pageWords(planned({ mode }))
    assert.match(en, /^From 2026-11-28 02:00 [+-]\d{4} to 04:00/)
    assert.ok(ja.includes('から'))
  }
  const mail = announcementOf(planned({ what: 'ディスクの交換' }), { hostname: 'mail.example.org', statusUrl: 'https://status.example.org/' })
  assert.ok(mail.body.includes('mail.example.org') && mail.body.includes('ディスクの交換') && mail.body.includes('https://status.example.org/') && mail.body.includes('メンテナンスを行います'))
  assert.ok(!mail.subject.includes('\n'))
})
