import assert from 'node:assert/strict'
import test from 'node:test'
import { accountId, mailboxId, sequence } from '../ids.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { accountProblems } from './account-problems.ts'

const account = accountId(100)

async function sound(): Promise<SqliteWriter> {
  const writer = new SqliteWriter(':memory:', 'account')
  const records: RecordMeta[] = [
    { kind: 'change', account, change: { kind: 'open-account', mailboxes: [{ name: 'Other' }] } },
    ...[0, 1, 8].map((bits): RecordMeta => ({
      kind: 'arrival', sender: '', via: 'smtp', work: [], facts: { size: 10, threadKeys: [] }, plans: [{ account, bits, keywords: '', prefix: '', recipients: [] }],
    })),
    { kind: 'change', account, change: { kind: 'copy', mailbox: mailboxId(1), uids: [[1, 2]], to: mailboxId(2), move: true } },
  ]
  await writer.transaction(async (tx) => {
    for (const [n, meta] of records.entries()) await applyRecord(tx, account, { sequence: sequence(n + 1), epoch: 1, timeMs: 1_700_000_000_000 }, meta, 10)
  })
  return writer
}

test('a sound account has no problems', async () => {
  const writer = await sound()
  assert.deepEqual(writer.read(accountProblems(account)), [])
  assert.deepEqual(writer.read(accountProblems(101)), [])
  writer.close()
})

for (const [what, statement, finding] of [
  ['a wrong counter', 'update mailbox set unseen = unseen + 1 where mailbox = 1', /INV-11 mailbox 1 \(INBOX\): unseen is 2, counted 1/],
  ['a wrong quota', 'update meta set octets = 7', /INV-11 quota: 7 octets/],
  ['a UID beyond UIDNEXT', 'update mailbox set uid_next = 3 where mailbox = 1', /INV-4 mailbox 1: UID 3/],
  ['a lost message', 'delete from message where message = 3', /INV-3 mailbox 2, UID 2: there is no message 3/],
  ['a gap in the change log', 'delete from change where modseq = 3', /INV-4 the change log has a gap before modseq 4/],
  ['a change log that ends too early', 'delete from change where modseq = 6', /INV-4 the change log goes from 1 to 5, the account is at 6/],
  ['a UIDVALIDITY given twice', 'update mailbox set uid_validity = 5', /INV-4 UIDVALIDITY 5/],
  ['no INBOX', 'update meta set inbox = 2', /no INBOX/],
] as const) {
  test(`finds ${what}`, async () => {
    const writer = await sound()
    writer.run(statement, [])
    assert.match(writer.read(accountProblems(account)).join('\n'), finding)
    writer.close()
  })
}
