// The keeper against a store that changes while it is being read.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Outage } from '../base/errors.ts'
import { seededRandom } from '../base/random.ts'
import { accountId, mailboxId, sequence } from '../store/store.ts'
import type { AccountReader, MailboxRow, Store, ViewRow } from '../store/store.ts'
import { ViewKeeper } from './view-keeper.ts'

const ACCOUNT = accountId(100)
const BOX = mailboxId(1)

/** A mailbox in memory with the store's reading interface; every read lets others in first. */
class PretendStore {
  messages: ViewRow[] = []
  gone: { uid: number; modseq: number }[] = []
  uidNext = 1
  modseq = 1
  uidValidity = 1
  exists = true
  failing = 0
  onRead: () => void = () => undefined
  #notice: ((database: number, position: never) => void) | undefined
  reads = 0

  add(count: number): void {
    this.modseq += 1
    for (let i = 0; i < count; i += 1) this.messages.push({ uid: this.uidNext++, modseq: this.modseq, bits: 0, keywords: '' })
    this.tell()
  }
  flag(uid: number, bits: number): void {
    this.modseq += 1
    this.messages = this.messages.map((message) => (message.uid === uid ? { ...message, bits, modseq: this.modseq } : message))
    this.tell()
  }
  flagAll(bits: number): void {
    this.messages = this.messages.map((message) => ({ ...message, bits, modseq: ++this.modseq }))
    this.tell()
  }
  expunge(uids: readonly number[]): void {
    this.modseq += 1
    for (const uid of uids) this.gone.push({ uid, modseq: this.modseq })
    const those = new Set(uids)
    this.messages = this.messages.filter((message) => !those.has(message.uid))
    this.tell()
  }
  tell(): void {
    this.#notice?.(ACCOUNT, sequence(1) as never)
  }
  #row(): MailboxRow | undefined {
    return this.exists ? {
      mailbox: BOX, name: 'INBOX', role: null, selectable: true, uidValidity: this.uidValidity, uidNext: this.uidNext, highestModseq: this.modseq,
      total: this.messages.length, unseen: 0, deleted: 0, sizeOctets: 0,
    } : undefined
  }
  async #read<T>(answer: () => T): Promise<T> {
    this.reads += 1
    await Promise.resolve()
    if (this.failing > 0) {
      this.failing -= 1
      throw new Outage('away', { operation: 'read' })
    }
    const value = answer()
    this.onRead()
    return value
  }
  store(): Pick<Store, 'account' | 'onNotice'> {
    const reader: Partial<AccountReader> = {
      mailboxes: () => this.#read(() => [this.#row()].filter((row) => row !== undefined)),
      mailbox: () => this.#read(() => this.#row()),
      viewPage: (_, after, limit) => this.#read(() => this.messages.filter((message) => message.uid > after).slice(0, limit)),
      changesSince: (_, modseq, limit) => this.#read(() => {
        const rows = this.messages.filter((message) => message.modseq > modseq)
        const expunged = this.gone.filter((message) => message.modseq > modseq).map((message) => message.uid).sort((a, b) => a - b)
        return { mailbox: this.#row(), rows: rows.slice(0, limit), expunged: rows.length > limit ? [] : expunged, truncated: rows.length > limit }
      }),
    }
    return {
      account: () => reader as AccountReader,
      onNotice: (_, call) => {
        this.#notice = call as never
        return () => undefined
      },
    }
  }
}

function sameAsStore(view: { count: number; uidAt(index: number): number; bitsAt(index: number): number }, store: PretendStore): void {
  assert.deepEqual(Array.from({ length: view.count }, (_, index) => [view.uidAt(index), view.bitsAt(index)]), store.messages.map(({ uid, bits }) => [uid, bits]))
}

test('a mailbox that changes while it is loaded is whole in the end', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed)
    const store = new PretendStore()
    store.add(5000)
    const act = () => {
      const at = () => store.messages[random.int(store.messages.length)]?.uid ?? 1
      switch (random.int(4)) {
        case 0: store.add(1 + random.int(3)); break
        case 1: store.flag(at(), random.int(32)); break
        case 2: store.expunge([...new Set([at(), at()])].sort((a, b) => a - b)); break
        default:
      }
    }
    const keeper = new ViewKeeper(store.store())
    store.onRead = act
    const opened = await keeper.open(ACCOUNT, BOX, { readOnly: false })
    assert.ok(opened)
    store.onRead = () => undefined
    await opened.shared.refresh()
    sameAsStore(opened.shared.view, store)
    // More than a page of changes: everything is read anew, while more happens.
    store.onRead = act
    store.flagAll(1)
    await opened.shared.refresh()
    store.onRead = () => undefined
    await opened.shared.refresh()
    sameAsStore(opened.shared.view, store)
    keeper.leave(opened.shared, opened.tracker)
  }
})

test('what was applied before a refresh was asked for is in it, also when one is under way', async () => {
  const store = new PretendStore()
  store.add(3)
  const keeper = new ViewKeeper(store.store())
  const opened = await keeper.open(ACCOUNT, BOX, { readOnly: false })
  assert.ok(opened)
  store.add(1)
  const first = opened.shared.refresh()
  await Promise.resolve()
  store.add(1)
  await opened.shared.refresh()
  assert.equal(opened.shared.view.count, 5)
  await first
  const { reads } = store
  await opened.shared.refresh()
  assert.equal(store.reads, reads, 'nothing new: nothing read')
})

test('two sessions share one view; both loading at once load it once', async () => {
  const store = new PretendStore()
  store.add(3)
  const keeper = new ViewKeeper(store.store())
  const [a, b] = await Promise.all([keeper.open(ACCOUNT, BOX, { readOnly: false }), keeper.open(ACCOUNT, BOX, { readOnly: false })])
  assert.ok(a && b)
  assert.equal(a.shared, b.shared)
  assert.equal(a.tracker.recentCount + b.tracker.recentCount, 0, 'mail from before the account was first seen is not recent')
  store.add(2)
  await a.shared.refresh()
  a.tracker.takeNews(true)
  b.tracker.takeNews(true)
  assert.deepEqual([a.tracker.recentCount, b.tracker.recentCount], [2, 0], 'a message is recent to one session')
})

test('an outage leaves the view as it was, and the next look succeeds', async () => {
  const store = new PretendStore()
  store.add(3)
  const keeper = new ViewKeeper(store.store())
  store.failing = 1
  await assert.rejects(keeper.open(ACCOUNT, BOX, { readOnly: false }), Outage)
  const opened = await keeper.open(ACCOUNT, BOX, { readOnly: false })
  assert.ok(opened)
  store.add(1)
  store.failing = 1
  await assert.rejects(opened.shared.refresh(), Outage)
  assert.equal(opened.shared.view.count, 3)
  await opened.shared.refresh()
  assert.equal(opened.shared.view.count, 4)
})

test('another UIDVALIDITY empties the views of sessions, and the next to look sees the mailbox anew', async () => {
  const store = new PretendStore()
  store.add(3)
  const keeper = new ViewKeeper(store.store())
  const opened = await keeper.open(ACCOUNT, BOX, { readOnly: false })
  assert.ok(opened)
  store.uidValidity = 2
  store.tell()
  await opened.shared.refresh()
  assert.deepEqual(opened.tracker.takeNews(true).expunged, [3, 2, 1])
  const again = await keeper.open(ACCOUNT, BOX, { readOnly: false })
  assert.deepEqual([again?.shared.view.uidValidity, again?.tracker.exists], [2, 3])
})

test('a mailbox that is deleted empties, and cannot be opened again', async () => {
  const store = new PretendStore()
  store.add(3)
  const keeper = new ViewKeeper(store.store())
  const opened = await keeper.open(ACCOUNT, BOX, { readOnly: false })
  assert.ok(opened)
  store.exists = false
  store.tell()
  await opened.shared.refresh()
  assert.deepEqual(opened.tracker.takeNews(true).expunged, [3, 2, 1])
  assert.equal(await keeper.open(ACCOUNT, BOX, { readOnly: false }), undefined)
  keeper.leave(opened.shared, opened.tracker)
})
