// What applying costs: microseconds of CPU for one delivered message, 50 to a transaction, 10 accounts, 4 KiB.
// `node bench/apply.ts [messages]`. The target is 22 µs for six statements (docs/ARCHITECTURE.md).
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountId, sequence } from '../src/store/ids.ts'
import { applyRecord, type RecordMeta } from '../src/store/operations/apply-record.ts'
import { setPosition } from '../src/store/operations/position.ts'
import { SqliteWriter } from '../src/store/sqlite/connection.ts'
import { viewPage, messagesOf, changesSince } from '../src/store/readers/account-readings.ts'

const messages = Number(process.argv[2] ?? 50_000)
const ACCOUNTS = 10
const BATCH = 50
const folder = mkdtempSync(join(tmpdir(), 'daruma-bench-'))
const writers = Array.from({ length: ACCOUNTS }, (_, n) => new SqliteWriter(join(folder, `mail.${n}.db`), 'account'))
let next = 1

async function inTransaction(n: number, metas: RecordMeta[]): Promise<void> {
  const writer = writers[n] as SqliteWriter
  const database = accountId(100 + n)
  writer.begin()
  for (const meta of metas) {
    const tx = writer.tx()
    await applyRecord(tx, database, { sequence: sequence(next), epoch: 1, timeMs: 1_700_000_000_000 + next }, meta, 4096)
    tx.end()
    next += 1
  }
  const tx = writer.tx()
  await setPosition(tx, database, { epoch: 1, sequence: sequence(next - 1) })
  tx.end()
  writer.commit()
}

const envelope = '("Mon, 7 Feb 2022 21:52:25 +0900" "A subject of the usual length, about so" (("A. Sender" NIL "sender" "example.org")) (("A. Sender" NIL "sender" "example.org")) (("A. Sender" NIL "sender" "example.org")) ((NIL NIL "user" "example.net")) NIL NIL NIL "<20220207.215225@example.org>")'
const structure = '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 3500 70 NIL NIL NIL NIL)'
function arrival(n: number, i: number): RecordMeta {
  return {
    kind: 'arrival', sender: 'sender@example.org', via: 'smtp',
    facts: { size: 4096, envelope, structure, messageId: `${i}@example.org`, threadKeys: [hash('sha256', String(i), 'hex').slice(0, 16)] },
    plans: [{ account: accountId(100 + n), bits: 0, keywords: '', recipients: ['user@example.net'],
      prefix: 'Return-Path: <sender@example.org>\r\nDelivered-To: user@example.net\r\nReceived: from mail.example.org (mail.example.org [192.0.2.1])\r\n\tby mx.example.net with ESMTP id 1234567 for <user@example.net>;\r\n\tMon, 07 Feb 2022 21:52:25 +0900\r\n' }],
    work: [],
  }
}

for (let n = 0; n < ACCOUNTS; n += 1) await inTransaction(n, [{ kind: 'change', account: accountId(100 + n), change: { kind: 'open-account', mailboxes: [{ name: 'Sent', role: 'sent' }] } }])
const metas: { n: number; batch: RecordMeta[] }[] = []
for (let i = 0; i < messages;) {
  const n = (i / BATCH) % ACCOUNTS
  metas.push({ n, batch: Array.from({ length: BATCH }, () => arrival(n, i++)) })
}
const cpu = process.cpuUsage()
const start = process.hrtime.bigint()
for (const { n, batch } of metas) await inTransaction(n, batch)
const wall = Number(process.hrtime.bigint() - start) / 1000
const used = process.cpuUsage(cpu)
console.log(`apply: ${(wall / messages).toFixed(1)} µs wall, ${((used.user + used.system) / messages).toFixed(1)} µs CPU a message (${messages} messages, batches of ${BATCH}, ${ACCOUNTS} accounts)`)

function time(label: string, times: number, act: () => number): void {
  act()
  const begun = process.hrtime.bigint()
  let rows = 0
  for (let i = 0; i < times; i += 1) rows += act()
  const each = Number(process.hrtime.bigint() - begun) / 1000 / times
  console.log(`${label}: ${each.toFixed(1)} µs a call, ${(each / Math.max(1, rows / times)).toFixed(2)} µs a row`)
}
const first = writers[0] as SqliteWriter
const uids = Array.from({ length: Math.min(200, messages / ACCOUNTS) }, (_, i) => i + 1)
time('viewPage of 2,000', 200, () => first.read(viewPage(100, 1, 0, 2000)).length)
time('messages, 200 in a row', 200, () => first.read(messagesOf(100, 1, uids)).length)
time('messages, 1', 5000, () => first.read(messagesOf(100, 1, [17])).length)
const [last] = first.read(viewPage(100, 1, messages / ACCOUNTS - 1, 1))
time('changesSince, 1 new', 5000, () => first.read(changesSince(100, 1, (last?.modseq ?? 1) - 1, 2000)).rows.length)
for (const writer of writers) writer.close()
rmSync(folder, { recursive: true })
