import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { SEEN } from '../flags.ts'
import { accountId, mailboxId, sequence } from '../ids.ts'
import type { AccountChange, UidRange } from '../operations.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { changesSince, messagesOf, viewPage } from './account-readings.ts'

const account = accountId(100)
const INBOX = mailboxId(1)
const OTHER = mailboxId(2)

/** An account with `count` messages in INBOX and one empty mailbox beside it. */
async function filled(t: TestContext, count: number): Promise<{ writer: SqliteWriter; change(...changes: AccountChange[]): Promise<void> }> {
  const writer = new SqliteWriter(':memory:', 'account')
  t.after(() => writer.close())
  let at = 0
  const apply = (metas: RecordMeta[]) => writer.transaction(async (tx) => {
    for (const meta of metas) {
      at += 1
      const outcome = await applyRecord(tx, account, { sequence: sequence(at), epoch: 1, timeMs: 1_700_000_000_000 + at }, meta, 10)
      assert.equal(outcome.end, 'done')
    }
  })
  await apply([{ kind: 'change', account, change: { kind: 'open-account', mailboxes: [{ name: 'Other' }] } }])
  await apply(Array.from({ length: count }, (): RecordMeta => ({
    kind: 'arrival', sender: '', via: 'smtp', work: [], facts: { size: 10, threadKeys: [] },
    plans: [{ account, bits: 0, keywords: '', prefix: '', recipients: [] }],
  })))
  return { writer, change: (...changes) => apply(changes.map((change) => ({ kind: 'change', account, change }))) }
}

const flag = (mailbox: typeof INBOX, uids: UidRange[], bits: number): AccountChange => ({ kind: 'store-flags', mailbox, uids, how: 'replace', bits, keywords: '' })

test('changes scattered over a mailbox are found, and nothing between them', async (t) => {
  const { writer, change } = await filled(t, 900)
  const before = writer.read(changesSince(account, INBOX, 0, 2000)).mailbox?.highestModseq ?? 0
  // 300 single messages 3 apart, and 10 far apart: together more ranges than are asked for one by one.
  const near = Array.from({ length: 150 }, (_, n) => n * 3 + 1)
  const far = Array.from({ length: 10 }, (_, n) => 460 + n * 40)
  await change(flag(INBOX, near.map((uid): UidRange => [uid, uid]), SEEN), ...far.map((uid) => flag(INBOX, [[uid, uid]], SEEN)))
  const changes = writer.read(changesSince(account, INBOX, before, 2000))
  assert.deepEqual(changes.rows.map((row) => row.uid), [...near, ...far])
  assert.equal(writer.read(changesSince(account, INBOX, before, 159)).truncated, true)
  assert.equal(writer.read(changesSince(account, INBOX, before, 160)).truncated, false)
})

test('many small ranges are looked through in one go', async (t) => {
  const { writer, change } = await filled(t, 5000)
  const before = writer.read(changesSince(account, INBOX, 5002, 2000)).mailbox?.highestModseq ?? 0
  const uids = Array.from({ length: 100 }, (_, n) => n * 50 + 1)
  await change(flag(INBOX, uids.map((uid): UidRange => [uid, uid]), SEEN))
  assert.deepEqual(writer.read(changesSince(account, INBOX, before, 2000)).rows.map((row) => row.uid), uids)
})

test('a long log of other mailboxes does not hide what happened in this one', async (t) => {
  const { writer, change } = await filled(t, 3)
  const before = writer.read(changesSince(account, INBOX, 0, 2000)).mailbox?.highestModseq ?? 0
  await change({ kind: 'copy', mailbox: INBOX, uids: [[1, 1]], to: OTHER, move: false }, flag(INBOX, [[2, 2]], SEEN))
  await change(...Array.from({ length: 2500 }, (_, n) => flag(OTHER, [[1, 1]], n % 2 === 0 ? SEEN : 0)))
  assert.deepEqual(writer.read(changesSince(account, INBOX, before, 2000)).rows.map((row) => row.uid), [2])
})

test('pages end at 2,000 rows, and UIDs are given back sorted and once', async (t) => {
  const { writer } = await filled(t, 2100)
  assert.equal(writer.read(viewPage(account, INBOX, 0, 5000)).length, 2000)
  assert.equal(writer.read(viewPage(account, INBOX, 2000, 5000)).length, 100)
  assert.deepEqual(writer.read(messagesOf(account, INBOX, [7, 5, 5, 2200, 6, 1000])).map((row) => row.uid), [5, 6, 7, 1000])
  assert.deepEqual(writer.read(messagesOf(account, INBOX, [])), [])
})
