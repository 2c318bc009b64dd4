// The shared view and its sessions against a naive model: every session is a list of messages as its client
// must see it, moved only by what it was told.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { mailboxId } from '../store/store.ts'
import type { MailboxRow, ViewRow } from '../store/store.ts'
import { rangesOf } from '../wire/imap/sequence-set.ts'
import { MailboxView } from './mailbox-view.ts'
import { SequenceTracker } from './sequence-tracker.ts'

const row = (messages: readonly ViewRow[], uidNext: number, modseq: number): MailboxRow => ({
  mailbox: mailboxId(1), name: 'INBOX', role: null, selectable: true, uidValidity: 7, uidNext, highestModseq: modseq,
  total: messages.length, unseen: 0, deleted: 0, sizeOctets: 0,
})

/** The store, kept as simply as can be. */
class Mailbox {
  messages: ViewRow[] = []
  log: { modseq: number; uid: number; gone: boolean }[] = []
  uidNext = 1
  modseq = 1
  add(): void {
    this.modseq += 1
    this.messages.push({ uid: this.uidNext, modseq: this.modseq, bits: 0, keywords: '' })
    this.log.push({ modseq: this.modseq, uid: this.uidNext, gone: false })
    this.uidNext += 1
  }
  flag(place: number, bits: number, keywords: string): void {
    const message = this.messages[place % Math.max(1, this.messages.length)]
    if (!message) return
    this.modseq += 1
    this.messages = this.messages.map((other) => (other === message ? { ...message, bits, keywords, modseq: this.modseq } : other))
    this.log.push({ modseq: this.modseq, uid: message.uid, gone: false })
  }
  expunge(places: number[]): void {
    const uids = new Set(places.map((place) => this.messages[place % Math.max(1, this.messages.length)]?.uid))
    this.modseq += 1
    for (const uid of uids) if (uid !== undefined) this.log.push({ modseq: this.modseq, uid, gone: true })
    this.messages = this.messages.filter((message) => !uids.has(message.uid))
  }
  row(): MailboxRow {
    return row(this.messages, this.uidNext, this.modseq)
  }
  since(modseq: number) {
    const touched = this.log.filter((entry) => entry.modseq > modseq)
    return {
      mailbox: this.row(),
      rows: this.messages.filter((message) => message.modseq > modseq),
      expunged: [...new Set(touched.filter((entry) => entry.gone).map((entry) => entry.uid))].sort((a, b) => a - b),
    }
  }
}

/** A client: it knows only what it was told. */
class Client {
  readonly tracker: SequenceTracker
  readonly view: MailboxView
  known: { uid: number; bits: number; keywords: string }[]
  constructor(view: MailboxView) {
    this.view = view
    this.tracker = new SequenceTracker(view, { readOnly: false })
    this.known = Array.from({ length: view.count }, (_, index) => this.#at(index))
  }
  #at(index: number) {
    return { uid: this.view.uidAt(index), bits: this.view.bitsAt(index), keywords: this.view.keywordText(this.view.keywordsAt(index)) }
  }
  listen(mayExpunge: boolean): void {
    const news = this.tracker.takeNews(mayExpunge)
    for (const sequence of news.expunged) {
      assert.ok(sequence >= 1 && sequence <= this.known.length)
      const [gone] = this.known.splice(sequence - 1, 1)
      assert.ok(news.expungedUids.includes(gone!.uid))
    }
    assert.equal(news.expunged.length, news.expungedUids.length)
    if (news.exists !== undefined) {
      assert.ok(news.exists > this.known.length, 'EXISTS only ever grows (RFC 3501 §7.3.1)')
      for (let sequence = this.known.length + 1; sequence <= news.exists; sequence += 1) {
        const place = this.tracker.placeOf(sequence)
        assert.ok(place.here)
        this.known.push(this.#at(place.index))
      }
    }
    for (const uid of news.changedUids) {
      const at = this.known.findIndex((message) => message.uid === uid)
      assert.ok(at >= 0, 'flags are told only of known messages')
      assert.equal(this.tracker.sequenceOf(uid), at + 1)
      this.known[at] = this.#at(this.view.indexOf(uid)!)
    }
  }
  check(): void {
    const { tracker } = this
    assert.equal(tracker.exists, this.known.length)
    this.known.forEach((message, place) => {
      assert.equal(tracker.uidOf(place + 1), message.uid)
      assert.equal(tracker.sequenceOf(message.uid), place + 1)
      const where = tracker.placeOf(place + 1)
      assert.equal(where.here ? this.view.uidAt(where.index) : where.held.uid, message.uid)
    })
    for (const uid of [0, 3, 999]) if (!this.known.some((message) => message.uid === uid)) assert.equal(tracker.sequenceOf(uid), undefined)
    for (const [low, high] of [[1, 3], [2, 900], [5, 5], [7, 20]] as const) {
      const told: number[] = []
      const ranges = tracker.sequencesOf(rangesOf([low, high], 1))
      for (let i = 0; i < ranges.length; i += 2) for (let n = ranges[i]!; n <= ranges[i + 1]!; n += 1) told.push(n)
      assert.deepEqual(told, this.known.flatMap((message, place) => (message.uid >= low && message.uid <= high ? [place + 1] : [])))
    }
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant('flag' as const), place: fc.nat(50), bits: fc.nat(31), keywords: fc.constantFrom('', 'a', 'a b', '$Junk') }),
  fc.record({ do: fc.constant('expunge' as const), places: fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }) }),
  fc.record({ do: fc.constant('refresh' as const) }),
  fc.record({ do: fc.constant('listen' as const), client: fc.nat(3), mayExpunge: fc.boolean() }),
  fc.record({ do: fc.constant('join' as const) }),
  fc.record({ do: fc.constant('leave' as const), client: fc.nat(3) }),
)

test('several sessions, any history: what each client was told is what it counts by', () => {
  fc.assert(fc.property(fc.nat(6), fc.array(step, { maxLength: 60 }), (first, steps) => {
    const mailbox = new Mailbox()
    for (let i = 0; i < first; i += 1) mailbox.add()
    const view = new MailboxView(mailbox.row(), 0)
    view.load(mailbox.messages)
    const clients: Client[] = [new Client(view)]
    const refresh = () => view.apply(mailbox.since(view.highestModseq))
    for (const step of steps) {
      switch (step.do) {
        case 'add': for (let i = 0; i < step.count; i += 1) mailbox.add(); break
        case 'flag': mailbox.flag(step.place, step.bits, step.keywords); break
        case 'expunge': mailbox.expunge(step.places); break
        case 'refresh': refresh(); break
        case 'listen': clients[step.client % clients.length]?.listen(step.mayExpunge); break
        case 'join': if (clients.length < 4) clients.push(new Client(view)); break
        case 'leave': if (clients.length > 1) clients.splice(step.client % clients.length, 1)[0]!.tracker.close(); break
      }
      for (const client of clients) client.check()
    }
    refresh()
    for (const client of clients) {
      client.listen(true)
      client.check()
      assert.deepEqual(client.known, mailbox.messages.map(({ uid, bits, keywords }) => ({ uid, bits, keywords })))
      assert.equal(client.tracker.hasNews, false)
    }
  }), { numRuns: 400 })
})

test('a session far behind hears of every change all the same', () => {
  const mailbox = new Mailbox()
  for (let i = 0; i < 100; i += 1) mailbox.add()
  const view = new MailboxView(mailbox.row(), 0)
  view.load(mailbox.messages)
  const client = new Client(view)
  for (let i = 0; i < 20_000; i += 1) {
    mailbox.flag(i % 90, i % 32, '')
    if (i % 7 !== 0) continue
    view.apply(mailbox.since(view.highestModseq))
    mailbox.log = []
  }
  view.apply(mailbox.since(view.highestModseq))
  client.listen(true)
  assert.deepEqual(client.known.map(({ bits }) => bits), mailbox.messages.map(({ bits }) => bits))
})

test('100,000 messages are small and quick', () => {
  const rows: ViewRow[] = []
  for (let uid = 1; uid <= 100_000; uid += 1) rows.push({ uid: uid * 2, modseq: uid, bits: uid & 31, keywords: uid % 3 ? '' : '$Junk' })
  const view = new MailboxView(row(rows, 200_001, 100_000), 0)
  view.load(rows)
  const tracker = new SequenceTracker(view, { readOnly: true })
  view.apply({ mailbox: row([], 200_001, 100_001), rows: [], expunged: [2, 100_000, 150_000] })
  assert.equal(tracker.exists, 100_000)
  assert.equal(tracker.uidOf(1), 2)
  assert.equal(tracker.uidOf(50_000), 100_000)
  assert.equal(tracker.uidOf(50_001), 100_002)
  assert.equal(tracker.sequenceOf(200_000), 100_000)
  assert.deepEqual(tracker.takeNews(true).expunged, [75_000, 50_000, 1])
  assert.equal(tracker.exists, 99_997)
})
