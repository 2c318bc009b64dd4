// What every engine of the store must do, through its front door alone.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  accountId, DELETED, DIRECTORY, FLAGGED, mailboxId, QUEUE, SEEN, sequence,
  type AccountId, type ArrivalMeta, type BodyDraft, type MailboxId, type MailboxRow, type Sequence, type Store, type WorkDraft,
} from '../../src/store/store.ts'
import { until } from '../harness/until.ts'
import { START_MS, type StoreMaker, type TestedStore } from './store-makers.ts'

const credential = { argon2: '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA', scram: null }

function body(text: string): BodyDraft & { at: 'memory' } {
  const bytes = new Uint8Array(Buffer.byteLength(text))
  new TextEncoder().encodeInto(text, bytes)
  return { at: 'memory', bytes, sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) }
}

function arrival(plans: Partial<ArrivalMeta['plans'][number]>[], more: Partial<ArrivalMeta> = {}): ArrivalMeta {
  return {
    kind: 'arrival', sender: 'sender@example.org', via: 'smtp', work: [],
    plans: plans.map((plan) => ({ account: accountId(0), bits: 0, keywords: '', prefix: 'Return-Path: <sender@example.org>\r\n', recipients: ['user@example.net'], ...plan })),
    facts: { size: 0, envelope: '("e")', structure: '("s")', messageId: 'one@example.org', threadKeys: [], ...more.facts },
    ...more,
  }
}

async function textOf(store: Store, message: Sequence): Promise<string> {
  const source = await store.openBody(message)
  try {
    return Buffer.from(await source.read(0, source.sizeOctets)).toString()
  } finally {
    source.close()
  }
}

export function storeContract(maker: StoreMaker): void {
  describe(`store on ${maker.name}`, () => {
    let tested: TestedStore
    let store: Store
    let account: AccountId
    let inbox: MailboxRow
    let addresses = 0
    before(async () => {
      tested = await maker.make()
      store = tested.store
      assert.deepEqual(await store.submitDirectory({ kind: 'domain-add', name: 'example.net' }), { end: 'done', result: {} })
    })
    after(() => tested.close())

    async function newAccount(octetsMax: number | null = null): Promise<AccountId> {
      const number = await store.nextAccountId()
      addresses += 1
      const address = `user${addresses}@example.net`
      const outcome = await store.submitDirectory({ kind: 'account-add', account: number, address, addressKey: address, credential, octetsMax, mailboxes: [{ name: 'Sent', role: 'sent' }, { name: 'Trash', role: 'trash' }] })
      assert.equal(outcome.end, 'done')
      return number
    }
    /** Whatever was recorded before has been applied when this comes back: a change is applied in order, and answered afterwards. */
    async function caughtUp(which: AccountId = account): Promise<void> {
      await store.submit(which, { kind: 'outbox-done', position: sequence(1), n: 0 })
    }
    async function queueCaughtUp(): Promise<void> {
      await store.submitQueue({ kind: 'outbox-done', position: sequence(1), n: 0 })
    }
    async function mailbox(name: string, which: AccountId = account): Promise<MailboxRow> {
      const found = await store.account(which).mailboxByName(name)
      assert.ok(found, `${name} is there`)
      return found
    }
    async function fresh(octetsMax: number | null = null): Promise<void> {
      account = await newAccount(octetsMax)
      await caughtUp()
      inbox = await mailbox('INBOX')
    }
    async function append(to: MailboxId, text: string, bits = 0): Promise<number> {
      const outcome = await store.submit(account, { kind: 'append', mailbox: to, bits, keywords: '', internalDateMs: START_MS - 5000, facts: { size: text.length, threadKeys: [] } }, body(text))
      assert.equal(outcome.end, 'done')
      return outcome.end === 'done' ? outcome.result.uid : 0
    }
    const viewOf = (which: MailboxId) => store.account(account).viewPage(which, 0, 2000)
    const refusalOf = (outcome: { end: string; code?: string }) => (outcome.end === 'refused' ? outcome.code : outcome.end)

    test('a new account has an INBOX and the mailboxes it was given', async () => {
      await fresh()
      const mailboxes = await store.account(account).mailboxes()
      assert.deepEqual(mailboxes.map(({ name, role, selectable, uidNext, total }) => ({ name, role, selectable, uidNext, total })), [
        { name: 'INBOX', role: 'inbox', selectable: true, uidNext: 1, total: 0 },
        { name: 'Sent', role: 'sent', selectable: true, uidNext: 1, total: 0 },
        { name: 'Trash', role: 'trash', selectable: true, uidNext: 1, total: 0 },
      ])
      assert.equal(new Set(mailboxes.map((each) => each.uidValidity)).size, 3, 'no UIDVALIDITY is used twice')
      assert.deepEqual(await store.account(account).subscriptions(), ['INBOX', 'Sent', 'Trash'])
      assert.deepEqual(await store.account(account).quota(), { octetsUsed: 0, octetsMax: null, messages: 0 })
    })

    test('account numbers are never given twice', async () => {
      const numbers = await Promise.all([store.nextAccountId(), store.nextAccountId(), store.nextAccountId()])
      assert.equal(new Set(numbers).size, 3)
      for (const number of numbers) assert.ok(number >= 100)
    })

    test('an arrival is filed for each recipient with its own prefix, and its bytes come back', async () => {
      await fresh()
      const other = await newAccount()
      const sent = await mailbox('Sent')
      const text = 'Subject: だるま\r\n\r\nbytes \0 as they are\r\n'
      const message = await store.accept(arrival([
        { account, prefix: 'Delivered-To: a\xe9\r\n', bits: FLAGGED, keywords: '$Work' }, { account: other, mailbox: sent.mailbox, prefix: '' },
      ]), body(text))
      if (!maker.differences.appliesLater) assert.equal((await mailbox('INBOX')).total, 1, 'there as soon as it was answered')
      await caughtUp()
      await caughtUp(other)
      const [mine] = await store.account(account).messages(inbox.mailbox, [1])
      const size = Buffer.byteLength(text)
      assert.ok(mine)
      assert.deepEqual({ ...mine, prefix: Buffer.from(mine.prefix).toString('latin1'), envelope: Buffer.from(mine.envelope ?? []).toString(), structure: Buffer.from(mine.structure ?? []).toString() }, {
        uid: 1, modseq: mine.modseq, bits: FLAGGED, keywords: '$Work', message, internalDateMs: START_MS, sizeOctets: size + 18, prefix: 'Delivered-To: a\xe9\r\n',
        envelope: '("e")', structure: '("s")', thread: message, savedMs: START_MS, gone: false,
      })
      const [theirs] = await store.account(other).messages(sent.mailbox, [1])
      assert.equal(theirs?.message, message)
      assert.equal(theirs?.prefix.length, 0)
      assert.equal(theirs?.sizeOctets, size)
      assert.equal(await textOf(store, message), text)
      assert.deepEqual(await store.account(account).quota(), { octetsUsed: size + 18, octetsMax: null, messages: 1 })
      const limited = await newAccount(1000)
      await store.accept(arrival([{ account: limited, prefix: '' }]), body('four'))
      await caughtUp(limited)
      await until('the directory knows what is used', () => store.directory.octetsUsed(limited) === 4)
      const after = await mailbox('INBOX')
      assert.deepEqual([after.total, after.unseen, after.deleted, after.sizeOctets, after.uidNext], [1, 1, 0, size + 18, 2])
    })

    test('bytes are read by range', async () => {
      await fresh()
      const message = await store.accept(arrival([{ account }]), body('0123456789'))
      const source = await store.openBody(message)
      assert.equal(source.sizeOctets, 10)
      assert.equal(Buffer.from(await source.read(3, 4)).toString(), '3456')
      assert.equal(Buffer.from(await source.read(8, 100)).toString(), '89')
      assert.equal((await source.read(10, 5)).length, 0)
      assert.equal(Buffer.from(source.whole() ?? []).toString(), '0123456789')
      source.close()
    })

    test('a large message goes through a writer and comes back in pieces', async () => {
      await fresh()
      const writer = store.largeWriter()
      const piece = new Uint8Array(700_000).map((_, n) => n % 251)
      const sum = createHash('sha256')
      for (let n = 0; n < 3; n += 1) {
        sum.update(piece)
        await writer.write(piece.slice())
      }
      const draft = await writer.finish()
      assert.equal(draft.sizeOctets, 2_100_000)
      const expected = sum.digest('hex')
      assert.equal(Buffer.from(draft.sha256).toString('hex'), expected)
      const message = await store.accept(arrival([{ account, prefix: '' }]), draft)
      await caughtUp()
      assert.equal((await store.account(account).messages(inbox.mailbox, [1]))[0]?.sizeOctets, 2_100_000)
      const source = await store.openBody(message)
      const again = createHash('sha256')
      for (let at = 0; at < source.sizeOctets;) {
        const got = await source.read(at, 1024 * 1024)
        assert.ok(got.length > 0)
        again.update(got)
        at += got.length
      }
      source.close()
      assert.equal(again.digest('hex'), expected)
      const aborted = store.largeWriter()
      await aborted.write(piece.slice())
      await aborted.abort()
      await aborted.abort()
    })

    test('an arrival is never refused: a mailbox that is gone or no mailbox means INBOX, and quota is not asked', async () => {
      await fresh(10)
      const made = await store.submit(account, { kind: 'create-mailbox', name: 'Gone' })
      assert.ok(made.end === 'done')
      await store.submit(account, { kind: 'delete-mailbox', mailbox: made.result.mailbox })
      await store.accept(arrival([{ account, mailbox: made.result.mailbox }]), body('more than ten octets'))
      await store.accept(arrival([{ account, mailbox: mailboxId(4711) }]), body('more than ten octets'))
      await caughtUp()
      assert.deepEqual((await viewOf(inbox.mailbox)).map((row) => row.uid), [1, 2])
    })

    test('an arrival whose origin was seen before is ignored', async () => {
      await fresh()
      const origin = { database: QUEUE, position: sequence(77), n: 3 }
      await store.accept(arrival([{ account }], { origin }), body('a report'))
      await store.accept(arrival([{ account }], { origin }), body('a report'))
      await store.accept(arrival([{ account }], { origin: { ...origin, n: 4 } }), body('another'))
      await caughtUp()
      assert.equal((await mailbox('INBOX')).total, 2)
    })

    test('APPEND answers with UIDVALIDITY and UID, keeps its date and is judged by quota', async () => {
      await fresh(30)
      const outcome = await store.submit(account, { kind: 'append', mailbox: inbox.mailbox, bits: SEEN, keywords: 'a b', internalDateMs: 86_400_000, facts: { size: 20, threadKeys: [] } }, body('x'.repeat(20)))
      assert.ok(outcome.end === 'done')
      const [row] = await store.account(account).messages(inbox.mailbox, [outcome.result.uid])
      assert.deepEqual([row?.internalDateMs, row?.bits, row?.keywords, row?.prefix.length, row?.modseq], [86_400_000, SEEN, 'a b', 0, outcome.result.modseq])
      assert.equal(outcome.result.uidValidity, inbox.uidValidity)
      assert.equal(await textOf(store, row?.message ?? sequence(0)), 'x'.repeat(20))
      const again = await store.submit(account, { kind: 'append', mailbox: inbox.mailbox, bits: 0, keywords: '', internalDateMs: 0, facts: { size: 11, threadKeys: [] } }, body('x'.repeat(11)))
      assert.equal(refusalOf(again), 'over-quota')
      assert.equal((await store.account(account).quota()).octetsUsed, 20)
      const nowhere = await store.submit(account, { kind: 'append', mailbox: mailboxId(99), bits: 0, keywords: '', internalDateMs: 0, facts: { size: 1, threadKeys: [] } }, body('x'))
      assert.equal(refusalOf(nowhere), 'no-such-mailbox')
    })

    test('STORE adds, removes and replaces, and UNCHANGEDSINCE holds back what has changed (RFC 7162 §3.1.3)', async () => {
      await fresh()
      for (const text of ['one', 'two', 'three']) await append(inbox.mailbox, text)
      const first = await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[1, 2]], how: 'add', bits: SEEN, keywords: '$Work' })
      assert.ok(first.end === 'done')
      assert.deepEqual(first.result.changed.map(({ uid, bits, keywords }) => [uid, bits, keywords]), [[1, SEEN, '$Work'], [2, SEEN, '$Work']])
      const then = first.result.changed[0]?.modseq ?? 0
      await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[2, 2]], how: 'add', bits: FLAGGED, keywords: '' })
      const held = await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[1, 3]], how: 'replace', bits: DELETED, keywords: '', unchangedSince: then })
      assert.ok(held.end === 'done')
      assert.deepEqual(held.result.modified, [2])
      assert.deepEqual(held.result.changed.map((row) => row.uid), [1, 3])
      const removed = await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[2, 2]], how: 'remove', bits: SEEN, keywords: '$work' })
      assert.ok(removed.end === 'done')
      assert.deepEqual((await viewOf(inbox.mailbox)).map(({ uid, bits, keywords }) => [uid, bits, keywords]), [[1, DELETED, ''], [2, FLAGGED, ''], [3, DELETED, '']])
      const same = await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[1, 3]], how: 'remove', bits: SEEN, keywords: '' })
      assert.deepEqual(same, { end: 'done', result: { changed: [], modified: [] } })
      const now = await mailbox('INBOX')
      assert.deepEqual([now.unseen, now.deleted], [3, 2])
    })

    test('EXPUNGE takes only what carries \\Deleted, and its rows can still be read by those who see them', async () => {
      await fresh()
      for (const [text, bits] of [['one', DELETED], ['two', 0], ['three', DELETED]] as const) await append(inbox.mailbox, text, bits)
      const before = (await mailbox('INBOX')).highestModseq
      const outcome = await store.submit(account, { kind: 'expunge', mailbox: inbox.mailbox, uids: [[2, 3]] })
      assert.ok(outcome.end === 'done')
      assert.deepEqual(outcome.result.uids, [3])
      assert.deepEqual((await viewOf(inbox.mailbox)).map((row) => row.uid), [1, 2])
      const changes = await store.account(account).changesSince(inbox.mailbox, before, 100)
      assert.deepEqual(changes.expunged, [3])
      assert.deepEqual(changes.rows, [])
      assert.equal(changes.mailbox?.highestModseq, outcome.result.modseq)
      const rows = await store.account(account).messages(inbox.mailbox, [3, 2])
      assert.deepEqual(rows.map((row) => [row.uid, row.gone]), [[2, false], [3, true]])
      assert.equal(await append(inbox.mailbox, 'four'), 4, 'a UID is never used again')
    })

    test('COPY keeps flags and dates; MOVE retires the sources in the same moment', async () => {
      await fresh(100)
      const trash = await mailbox('Trash')
      for (const text of ['one', 'two', 'three']) await append(inbox.mailbox, text.padEnd(20), SEEN)
      const copied = await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[2, 9]], to: trash.mailbox, move: false })
      assert.ok(copied.end === 'done')
      assert.deepEqual(copied.result.pairs, [[2, 1], [3, 2]])
      assert.equal(copied.result.uidValidity, trash.uidValidity)
      const [row] = await store.account(account).messages(trash.mailbox, [1])
      assert.deepEqual([row?.bits, row?.internalDateMs], [SEEN, START_MS - 5000])
      assert.equal(refusalOf(await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[1, 1]], to: trash.mailbox, move: false })), 'over-quota')
      const moved = await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[1, 1]], to: trash.mailbox, move: true })
      assert.ok(moved.end === 'done')
      assert.deepEqual(moved.result.pairs, [[1, 3]])
      assert.deepEqual((await viewOf(inbox.mailbox)).map((each) => each.uid), [2, 3])
      assert.deepEqual(await store.account(account).quota(), { octetsUsed: 100, octetsMax: 100, messages: 5 })
      assert.equal(refusalOf(await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[1, 1]], to: mailboxId(99), move: true })), 'no-such-mailbox')
    })

    test('a group of moves that was not completed is undone', async () => {
      await fresh()
      const trash = await mailbox('Trash')
      for (const text of ['one', 'two', 'three']) await append(inbox.mailbox, text)
      await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[1, 2]], to: trash.mailbox, move: true, group: 'g1' })
      assert.equal((await store.submit(account, { kind: 'undo-group', group: 'g1' })).end, 'done')
      assert.equal((await mailbox('Trash')).total, 0)
      const view = await viewOf(inbox.mailbox)
      assert.deepEqual(view.map((row) => row.uid), [3, 4, 5], 'they come back under new UIDs')
      const rows = await store.account(account).messages(inbox.mailbox, [1, 4])
      assert.equal(rows[0]?.message, rows[1]?.message)
    })

    test('mailboxes: names above are made, children move along, a parent stays as a name', async () => {
      await fresh()
      assert.equal((await store.submit(account, { kind: 'create-mailbox', name: 'a/b/c' })).end, 'done')
      assert.equal(refusalOf(await store.submit(account, { kind: 'create-mailbox', name: 'a' })), 'exists')
      assert.equal(refusalOf(await store.submit(account, { kind: 'create-mailbox', name: 'inbox' })), 'exists')
      for (const name of ['', 'a//b', '/a', 'a/', 'x\0y', 'a*', 'x'.repeat(1001)]) assert.equal(refusalOf(await store.submit(account, { kind: 'create-mailbox', name })), 'bad-name', JSON.stringify(name))
      const b = await mailbox('a/b')
      const uid = await append(b.mailbox, 'kept')
      assert.equal((await store.submit(account, { kind: 'rename-mailbox', mailbox: (await mailbox('a')).mailbox, name: 'だるま' })).end, 'done')
      const renamed = await mailbox('だるま/b')
      assert.deepEqual([renamed.mailbox, renamed.uidValidity, renamed.total], [b.mailbox, b.uidValidity, 1])
      assert.deepEqual((await viewOf(renamed.mailbox)).map((row) => row.uid), [uid])
      assert.equal((await store.submit(account, { kind: 'delete-mailbox', mailbox: b.mailbox })).end, 'done')
      const name = await mailbox('だるま/b')
      assert.deepEqual([name.selectable, name.total], [false, 0])
      assert.equal(refusalOf(await store.submit(account, { kind: 'delete-mailbox', mailbox: name.mailbox })), 'not-allowed')
      assert.equal(refusalOf(await store.submit(account, { kind: 'append', mailbox: name.mailbox, bits: 0, keywords: '', internalDateMs: 0, facts: { size: 1, threadKeys: [] } }, body('x'))), 'no-such-mailbox')
      const again = await store.submit(account, { kind: 'create-mailbox', name: 'だるま/b' })
      assert.ok(again.end === 'done' && again.result.uidValidity > b.uidValidity)
      assert.equal(refusalOf(await store.submit(account, { kind: 'delete-mailbox', mailbox: inbox.mailbox })), 'not-allowed')
    })

    test('renaming INBOX hands its messages over and leaves it empty (RFC 9051 §6.3.6)', async () => {
      await fresh()
      for (const [text, bits] of [['one', SEEN], ['two', DELETED]] as const) await append(inbox.mailbox, text, bits)
      assert.equal((await store.submit(account, { kind: 'rename-mailbox', mailbox: inbox.mailbox, name: 'Old' })).end, 'done')
      const old = await mailbox('Old')
      assert.deepEqual([old.total, old.unseen, old.deleted, old.uidNext], [2, 1, 1, 3])
      const now = await mailbox('INBOX')
      assert.deepEqual([now.mailbox, now.uidValidity, now.total, now.uidNext], [inbox.mailbox, inbox.uidValidity, 0, 3])
      assert.deepEqual((await store.account(account).messages(old.mailbox, [1, 2])).map((row) => [row.bits, row.internalDateMs]), [[SEEN, START_MS - 5000], [DELETED, START_MS - 5000]])
    })

    test('subscriptions outlive their mailboxes', async () => {
      await fresh()
      await store.submit(account, { kind: 'subscribe', name: 'nowhere/yet', on: true })
      await store.submit(account, { kind: 'subscribe', name: 'Sent', on: false })
      await store.submit(account, { kind: 'delete-mailbox', mailbox: (await mailbox('Trash')).mailbox })
      assert.deepEqual(await store.account(account).subscriptions(), ['INBOX', 'Trash', 'nowhere/yet'])
    })

    test('changesSince gives one moment, says when it is too much, and knows a deleted mailbox', async () => {
      await fresh()
      const trash = await mailbox('Trash')
      const start = trash.highestModseq
      for (const text of ['one', 'two', 'three']) await append(trash.mailbox, text)
      assert.deepEqual(await store.account(account).changesSince(trash.mailbox, start, 2), { mailbox: await mailbox('Trash'), rows: [], expunged: [], truncated: true })
      const all = await store.account(account).changesSince(trash.mailbox, start, 3)
      assert.deepEqual(all.rows.map((row) => row.uid), [1, 2, 3])
      assert.equal(all.rows.at(-1)?.modseq, all.mailbox?.highestModseq)
      assert.deepEqual((await store.account(account).changesSince(trash.mailbox, all.mailbox?.highestModseq ?? 0, 3)).rows, [])
      await store.submit(account, { kind: 'delete-mailbox', mailbox: trash.mailbox })
      assert.deepEqual(await store.account(account).changesSince(trash.mailbox, start, 3), { mailbox: undefined, rows: [], expunged: [], truncated: false })
      assert.deepEqual(await viewOf(trash.mailbox), [])
    })

    test('a page has at most 2,000 rows and one change at most 1,000 messages', async () => {
      await fresh()
      await Promise.all(Array.from({ length: 20 }, () => store.accept(arrival([{ account }]), body('x'))))
      // Copied into its own mailbox, it doubles: 20, 40, … 640, and then what is missing.
      for (let count = 20; count < 1001; count += Math.min(count, 1001 - count)) {
        const copied = await store.submit(account, { kind: 'copy', mailbox: inbox.mailbox, uids: [[1, Math.min(count, 1001 - count)]], to: inbox.mailbox, move: false })
        assert.equal(copied.end, 'done')
      }
      assert.equal((await store.account(account).viewPage(inbox.mailbox, 0, 1_000_000)).length, 1001)
      assert.deepEqual((await store.account(account).viewPage(inbox.mailbox, 500, 3)).map((row) => row.uid), [501, 502, 503])
      assert.equal(refusalOf(await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[1, 1001]], how: 'add', bits: SEEN, keywords: '' })), 'too-many')
      const most = await store.submit(account, { kind: 'store-flags', mailbox: inbox.mailbox, uids: [[1, 1000]], how: 'add', bits: SEEN, keywords: '' })
      assert.ok(most.end === 'done' && most.result.changed.length === 1000)
      assert.equal((await mailbox('INBOX')).unseen, 1)
    })

    test('messages that share a key are one thread: the lowest number', async () => {
      await fresh()
      const keyed = (threadKeys: string[]) => store.accept(arrival([{ account }], { facts: { size: 1, threadKeys } }), body('x'))
      const one = await keyed(['00000000000000a1'])
      const two = await keyed(['00000000000000a2', '00000000000000a3'])
      await keyed(['00000000000000a3', '00000000000000a1', '00000000000000a4'])
      await keyed(['00000000000000a4', '00000000000000a2'])
      const alone = await keyed([])
      await caughtUp()
      const rows = await store.account(account).messages(inbox.mailbox, [1, 2, 3, 4, 5])
      assert.deepEqual(rows.map((row) => row.thread), [one, two, one, one, alone])
    })

    test('protocol texts that are missing can be handed in later', async () => {
      await fresh()
      const message = await store.accept(arrival([{ account }], { facts: { size: 1, threadKeys: [] } }), body('x'))
      await caughtUp()
      const [before] = await store.account(account).messages(inbox.mailbox, [1])
      assert.deepEqual([before?.envelope, before?.structure], [null, null])
      store.account(account).cacheTexts([{ message, envelope: Buffer.from('(e)'), structure: Buffer.from('(s)') }])
      await caughtUp()
      const [later] = await store.account(account).messages(inbox.mailbox, [1])
      assert.deepEqual([Buffer.from(later?.envelope ?? []).toString(), Buffer.from(later?.structure ?? []).toString()], ['(e)', '(s)'])
    })

    test('notices say that an account has reached a position', async () => {
      await fresh()
      const heard: number[] = []
      const stop = store.onNotice(account, (database, position) => {
        assert.equal(database, account)
        heard.push(position)
      })
      const message = await new Promise<Sequence>((resolve, reject) => {
        let mine: Sequence | undefined
        const stopWaiting = store.onNotice('all', (database, position) => {
          if (database !== account || mine === undefined || position < mine) return
          stopWaiting()
          resolve(mine)
        })
        store.accept(arrival([{ account }]), body('x')).then(async (given) => {
          mine = given
          await caughtUp()
        }).catch(reject)
      })
      assert.ok(heard.some((position) => position >= message))
      stop()
      const count = heard.length
      await store.accept(arrival([{ account }]), body('x'))
      await caughtUp()
      assert.equal(heard.length, count)
    })

    // ---------------------------------------------------------------- directory

    test('the directory keeps domains, accounts, aliases and settings, and refuses what cannot be', async () => {
      const add = (address: string, number: AccountId) => store.submitDirectory({ kind: 'account-add', account: number, address, addressKey: address.toLowerCase(), credential, octetsMax: 5, mailboxes: [] })
      assert.equal(refusalOf(await add('x@nowhere.example', await store.nextAccountId())), 'no-such-thing')
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'domain-add', name: 'example.net' })), 'exists')
      await store.submitDirectory({ kind: 'domain-add', name: 'd.example', catchAll: 'all@example.net' })
      assert.deepEqual(store.directory.domain('d.example'), { name: 'd.example', catchAll: 'all@example.net' })
      await store.submitDirectory({ kind: 'domain-add', name: 'd.example', catchAll: 'everybody@example.net' })
      assert.deepEqual(store.directory.domain('d.example'), { name: 'd.example', catchAll: 'everybody@example.net' })
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'domain-add', name: 'd.example' })), 'exists')
      const number = await store.nextAccountId()
      assert.equal((await add('Some.One@d.example', number)).end, 'done')
      assert.equal(refusalOf(await add('some.one@D.example', await store.nextAccountId())), 'exists')
      assert.equal(refusalOf(await add('new@d.example', number)), 'exists')
      const row = store.directory.accountByKey('some.one@d.example')
      assert.deepEqual(row, { account: number, address: 'Some.One@d.example', addressKey: 'some.one@d.example', suspended: false, octetsMax: 5, credential, createdMs: START_MS })
      assert.deepEqual(store.directory.account(number), row)
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'alias-add', address: 'Some.one@d.example', addressKey: 'some.one@d.example', targets: ['x@y'] })), 'exists')
      await store.submitDirectory({ kind: 'alias-add', address: 'Info@d.example', addressKey: 'info@d.example', targets: ['some.one@d.example', 'out@else.example'] })
      assert.deepEqual(store.directory.aliasByKey('info@d.example'), { address: 'Info@d.example', addressKey: 'info@d.example', targets: ['some.one@d.example', 'out@else.example'] })
      await store.submitDirectory({ kind: 'account-suspend', account: number, suspended: true })
      await store.submitDirectory({ kind: 'account-credential', account: number, credential: { argon2: 'new', scram: 'also' } })
      await store.submitDirectory({ kind: 'account-quota', account: number, octetsMax: 99 })
      assert.deepEqual([store.directory.account(number)?.suspended, store.directory.account(number)?.credential.scram, store.directory.account(number)?.octetsMax], [true, 'also', 99])
      assert.equal((await store.account(number).quota()).octetsMax, 99)
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'domain-delete', name: 'd.example' })), 'not-allowed')
      await store.submitDirectory({ kind: 'alias-delete', addressKey: 'info@d.example' })
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'alias-delete', addressKey: 'info@d.example' })), 'no-such-thing')
      await store.submitDirectory({ kind: 'account-delete', account: number })
      assert.equal(store.directory.account(number), undefined)
      assert.equal(store.directory.accountByKey('some.one@d.example'), undefined)
      assert.equal(refusalOf(await store.submitDirectory({ kind: 'account-suspend', account: number, suspended: false })), 'no-such-thing')
      const successor = await store.nextAccountId()
      assert.equal((await add('some.one@d.example', successor)).end, 'done', 'an address may be used again, a number may not')
      assert.equal(store.directory.accountByKey('some.one@d.example')?.account, successor)
      await store.submitDirectory({ kind: 'account-delete', account: successor })
      assert.equal((await store.submitDirectory({ kind: 'domain-delete', name: 'd.example' })).end, 'done')
      assert.equal(store.directory.domain('d.example'), undefined)
      await store.submitDirectory({ kind: 'setting', name: 'greeting', value: 'hello' })
      assert.equal(store.directory.setting('greeting'), 'hello')
      await store.submitDirectory({ kind: 'setting', name: 'greeting', value: null })
      assert.equal(store.directory.setting('greeting'), undefined)
    })

    test('the directory gives notice, and whoever hears of it finds the change there', async () => {
      const heard = new Promise<void>((resolve) => {
        const stop = store.onNotice(DIRECTORY, () => {
          if (store.directory.setting('n') !== '1') return // news of what came before
          stop()
          resolve()
        })
      })
      await store.submitDirectory({ kind: 'setting', name: 'n', value: '1' })
      await heard
    })

    // ---------------------------------------------------------------- queue

    const work = (recipient: string, more: Partial<WorkDraft> = {}): WorkDraft => ({ recipient, domain: recipient.slice(recipient.lastIndexOf('@') + 1), ...more })
    async function queued(works: WorkDraft[], more: Partial<ArrivalMeta> = {}): Promise<Sequence> {
      const arrived = await store.accept(arrival([], { work: works, relayPrefix: 'Received: here\r\n', submitter: account, envid: 'e1', ret: 'HDRS', smtputf8: true, bodyType: '8BITMIME', ...more }), body('outbound'))
      await queueCaughtUp()
      return arrived
    }

    test('outbound work is filed, attempted, settled, and leaves the reports that are owed', async () => {
      await fresh()
      const arrived = await queued([work('a@one.example', { notify: 'SUCCESS,FAILURE', orcpt: 'rfc822;a@one.example' }), work('b@two.example'), work('c@two.example'), work('d@three.example')])
      const rows = await store.queue.ofArrival(arrived)
      assert.deepEqual(rows[0], {
        id: { arrival: arrived, n: 0 }, sender: 'sender@example.org', recipient: 'a@one.example', domain: 'one.example', notify: 'SUCCESS,FAILURE', orcpt: 'rfc822;a@one.example',
        envid: 'e1', ret: 'HDRS', smtputf8: true, bodyType: '8BITMIME', size: 8, relayPrefix: 'Received: here\r\n', submitter: account, messageId: 'one@example.org',
        state: 'waiting', createdMs: START_MS, dueMs: START_MS, attempts: 0, lastAttemptMs: null, lastReply: null, lastRemote: null, delayNotified: false, livedMinutes: 0,
      })
      const works = rows.map((row) => row.id)
      const mine = (list: { id: { arrival: Sequence; n: number } }[]) => list.filter((row) => row.id.arrival === arrived).map((row) => row.id.n)
      assert.deepEqual(mine(await store.queue.due(START_MS, 100)), [0, 1, 2, 3])
      assert.deepEqual(mine(await store.queue.due(START_MS, 100, ['two.example'])), [0, 3])
      assert.deepEqual(mine(await store.queue.due(START_MS, 100, ['two.example', 'three.example', 'else.example'])), [0])
      assert.deepEqual(mine(await store.queue.due(START_MS - 1, 100)), [])
      assert.equal((await store.submitQueue({ kind: 'attempt-begun', works, dueMs: START_MS + 60_000 })).end, 'done')
      assert.deepEqual(mine(await store.queue.due(START_MS, 100)), [], 'the next time is moved out before anybody dials (INV-5)')
      const [, , , fourth] = await store.queue.ofArrival(arrived)
      assert.deepEqual([fourth?.attempts, fourth?.lastAttemptMs, fourth?.dueMs], [1, START_MS, START_MS + 60_000])
      const settle = () => store.submitQueue({
        kind: 'settled', settlements: [
          { work: works[0]!, outcome: { end: 'done', reply: '250 2.6.0 ok', remote: 'mx.one.example' }, report: 'relayed' },
          { work: works[1]!, outcome: { end: 'failed', reply: '550 5.1.1 no such user\0', remote: 'mx.two.example', status: '5.1.1' }, report: 'failed' },
          { work: works[2]!, outcome: { end: 'failed', reply: '554 no', remote: 'mx.two.example', status: '5.0.0' }, report: 'failed' },
          { work: works[3]!, outcome: { end: 'retry', dueMs: START_MS + 120_000, reply: '451 4.3.0 later', remote: 'mx.three.example', delayNotice: true }, report: 'delayed' },
        ],
      })
      await settle()
      const after = await store.queue.ofArrival(arrived)
      assert.deepEqual(after.map((row) => [row.state, row.lastRemote, row.delayNotified, row.dueMs]), [
        ['done', 'mx.one.example', false, START_MS + 60_000], ['failed', 'mx.two.example', false, START_MS + 60_000],
        ['failed', 'mx.two.example', false, START_MS + 60_000], ['waiting', 'mx.three.example', true, START_MS + 120_000],
      ])
      const owed = (await store.queue.outbox(100)).filter((row) => row.report.works.some((each) => each.work.arrival === arrived))
      assert.deepEqual(owed.map((row) => [row.database, row.n, row.createdMs, row.report.kind, row.report.works.map((each) => [each.work.n, each.status])]), [
        [QUEUE, 0, START_MS, 'relayed', [[0, '2.6.0']]], [QUEUE, 1, START_MS, 'failed', [[1, '5.1.1'], [2, '5.0.0']]], [QUEUE, 2, START_MS, 'delayed', [[3, '4.3.0']]],
      ])
      await settle()
      const twice = (await store.queue.outbox(100)).filter((row) => row.report.works.some((each) => each.work.arrival === arrived && each.work.n < 3))
      assert.equal(twice.length, 2, 'what has ended owes nothing twice')
      for (const row of await store.queue.outbox(100)) await store.submitQueue({ kind: 'outbox-done', position: row.position, n: row.n })
      assert.deepEqual(await store.queue.outbox(100), [])
      assert.deepEqual(mine(await store.queue.list(100)), [3])
      await store.submitQueue({ kind: 'work-state', works: [works[3]!], state: 'deleted' })
    })

    test('operators hold, release, retry and delete work', async () => {
      await fresh()
      const arrived = await queued([work('a@one.example'), work('b@one.example')])
      const ids = [0, 1].map((n) => ({ arrival: arrived, n }))
      const [first, second] = ids
      assert.ok(first && second)
      await store.submitQueue({ kind: 'work-state', works: [first], state: 'held' })
      assert.deepEqual(await store.queue.counts(), { waiting: 1, held: 1 })
      assert.equal(refusalOf(await store.submitQueue({ kind: 'attempt-begun', works: ids, dueMs: START_MS + 1 })), 'not-allowed')
      assert.equal((await store.queue.get(second))?.attempts, 0, 'a refusal has changed nothing')
      assert.equal(refusalOf(await store.submitQueue({ kind: 'work-retry', works: [first], dueMs: START_MS })), 'not-allowed')
      await store.submitQueue({ kind: 'work-state', works: [first], state: 'waiting' })
      await store.submitQueue({ kind: 'attempt-begun', works: ids, dueMs: START_MS + 500 })
      assert.equal(await store.queue.nextDueMs(), START_MS + 500)
      await store.submitQueue({ kind: 'work-retry', works: [second], dueMs: START_MS + 1 })
      assert.equal(await store.queue.nextDueMs(), START_MS + 1)
      await store.submitQueue({ kind: 'work-state', works: [second], state: 'deleted' })
      assert.equal((await store.queue.get(second))?.state, 'deleted')
      assert.deepEqual((await store.queue.list(10)).map((row) => row.id), [first])
      assert.deepEqual(await store.queue.list(10, first), [])
      assert.equal(refusalOf(await store.submitQueue({ kind: 'work-state', works: [second], state: 'waiting' })), 'not-allowed')
      assert.equal(refusalOf(await store.submitQueue({ kind: 'work-retry', works: [{ arrival: sequence(1), n: 0 }], dueMs: 0 })), 'no-such-thing')
      await store.submitQueue({ kind: 'settled', settlements: [
        { work: second, outcome: { end: 'failed', reply: '550 no', remote: 'x', status: '5.0.0' }, report: 'failed' },
        { work: first, outcome: { end: 'done', reply: '250 ok', remote: 'x' } },
      ] })
      assert.equal((await store.queue.get(second))?.state, 'deleted')
      assert.deepEqual(await store.queue.outbox(10), [], 'what an operator deleted owes no report')
      assert.equal(await store.queue.get({ arrival: sequence(1), n: 0 }), undefined)
      assert.deepEqual(await store.queue.counts(), { waiting: 0, held: 0 })
    })

    test('a recipient of ours whose sender asked for it: the report is owed at once, nothing waits, trace tells of one', async () => {
      await fresh()
      const asked = work('Here@example.net', { notify: 'SUCCESS', orcpt: 'rfc822;here@example.net', deliveredHere: true })
      const arrived = await store.accept(arrival([{ account, recipients: ['Here@example.net'] }], { work: [work('far@one.example'), asked], facts: { size: 1, messageId: 'success@example.org', threadKeys: [] } }), body('x'))
      await caughtUp()
      await queueCaughtUp()
      assert.deepEqual((await store.queue.ofArrival(arrived)).map((row) => row.state), ['waiting', 'done'])
      const owed = (await store.queue.outbox(10)).filter((row) => row.position === arrived)
      assert.deepEqual(owed.map((row) => row.report), [{ kind: 'delivered', works: [{ work: { arrival: arrived, n: 1 }, reply: '', remote: '', status: '2.1.5' }] }])
      assert.deepEqual((await store.trace({ messageId: 'success@example.org' }, 10))[0]?.recipients.map((each) => each.address), ['Here@example.net', 'far@one.example'])
      await store.submitQueue({ kind: 'outbox-done', position: arrived, n: 0 })
      await store.submitQueue({ kind: 'work-state', works: [{ arrival: arrived, n: 0 }], state: 'deleted' })
      assert.deepEqual(await store.queue.outbox(10), [])
    })

    test('a report becomes work once, whoever sends it twice', async () => {
      await fresh()
      const origin = { database: QUEUE, position: sequence(4711), n: 0 }
      const first = await queued([work('s@one.example')], { origin, sender: '' })
      const second = await queued([work('s@one.example')], { origin, sender: '' })
      assert.equal((await store.queue.ofArrival(first)).length, 1)
      assert.equal((await store.queue.ofArrival(second)).length, 0)
      await store.submitQueue({ kind: 'work-state', works: [{ arrival: first, n: 0 }], state: 'deleted' })
    })

    test('trace finds a message by its id and by an address, newest first', async () => {
      await fresh()
      const meta = (messageId: string) => arrival([{ account, recipients: ['Traced@Example.net'] }], { facts: { size: 1, messageId, threadKeys: [] }, work: [work('far@one.example')] })
      const first = await store.accept(meta('traced-1@example.org'), body('x'))
      const second = await store.accept(meta('traced-2@example.org'), body('x'))
      await caughtUp()
      await queueCaughtUp()
      const [entry, ...others] = await store.trace({ messageId: 'traced-1@example.org' }, 10)
      assert.equal(others.length, 0)
      assert.deepEqual([entry?.sequence, entry?.timeMs, entry?.via, entry?.sender, entry?.messageId], [first, START_MS, 'smtp', 'sender@example.org', 'traced-1@example.org'])
      assert.deepEqual(entry?.recipients.map((each) => each.address), ['Traced@Example.net', 'far@one.example'])
      for (const each of entry?.recipients ?? []) assert.ok(each.fate.length > 0)
      assert.match(entry?.recipients[1]?.fate ?? '', /^waiting, next attempt 2026-01-15T.*, 0 so far$/, 'the same words from every engine')
      assert.deepEqual((await store.trace({ address: 'traced@example.net' }, 10)).map((each) => each.sequence), [second, first])
      assert.deepEqual((await store.trace({ address: 'traced@example.net' }, 1)).map((each) => each.sequence), [second])
      assert.deepEqual(await store.trace({ messageId: 'nobody@example.org' }, 10), [])
    })

    test('admission says yes while there is room, and accounts are ready', async () => {
      await fresh()
      assert.deepEqual(store.admission(1000), { admit: true })
      assert.equal(await store.ready(account), true)
    })

    test('everything is there after the store was closed and opened', async () => {
      await fresh()
      const text = 'kept over night'
      await append(inbox.mailbox, text, SEEN)
      const message = await store.accept(arrival([{ account }], { work: [work('n@one.example')] }), body(text))
      await caughtUp()
      await queueCaughtUp()
      const before = { view: await viewOf(inbox.mailbox), mailboxes: await store.account(account).mailboxes(), work: await store.queue.ofArrival(message) }
      const opened = await tested.reopen()
      store = opened.store
      assert.deepEqual({ view: await viewOf(inbox.mailbox), mailboxes: await store.account(account).mailboxes(), work: await store.queue.ofArrival(message) }, before)
      assert.equal(await textOf(store, message), text)
      assert.ok(await store.nextAccountId() > account)
      assert.equal(await append(inbox.mailbox, 'next morning'), 3)
      assert.deepEqual(store.directory.account(account)?.credential, credential)
    })
  })
}
