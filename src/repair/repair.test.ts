// Each kind of damage is found, a dry run says what would be done and changes nothing, and afterwards all is as it was.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { seededRandom } from '../base/random.ts'
import { openInlineStore, type InlineStore } from '../store/inline.ts'
import type { AccountId, MailboxId } from '../store/ids.ts'
import { carryOutRepair, type RepairReport, type RepairWish } from './repair.ts'

interface House {
  data: string
  mirror: string
  account: AccountId
  store(): Promise<InlineStore>
  run(wish: RepairWish): Promise<RepairReport>
  mailbox(): Promise<unknown>
}

async function house(t: TestContext): Promise<House> {
  const root = mkdtempSync(join(tmpdir(), 'daruma-repair-'))
  t.after(() => rmSync(root, { recursive: true }))
  const [data, mirror] = [join(root, 'data'), join(root, 'mirror')]
  const random = seededRandom(7)
  const store = async () => {
    const opened = await openInlineStore({ dataDirectory: data, mirrors: [mirror], clock: systemClock, random, segmentSizeOctets: 1024 * 1024 })
    assert.ok(opened.ok, opened.ok ? '' : opened.reason)
    return opened.value
  }
  const first = await store()
  await first.store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
  const account = await first.store.nextAccountId()
  await first.store.submitDirectory({ kind: 'account-add', account, address: 'ada@example.org', addressKey: 'ada@example.org', credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] })
  const [inbox] = await first.store.account(account).mailboxes()
  assert.ok(inbox)
  for (let n = 0; n < 40; n += 1) {
    const bytes = new Uint8Array(Buffer.from(`Subject: ${n}\r\n\r\n${'text '.repeat(100)}${n}\r\n`))
    const sha256: Uint8Array = new Uint8Array(createHash('sha256').update(bytes).digest())
    const copy = new Uint8Array(new ArrayBuffer(bytes.length))
    copy.set(bytes)
    const outcome: { end: string } = await first.store.submit(account, { kind: 'append', mailbox: inbox.mailbox, bits: n % 2, keywords: '', internalDateMs: 1000 + n, facts: { size: bytes.length, envelope: `(${n})`, structure: `("${n}")`, threadKeys: [] } }, { at: 'memory', bytes: copy, sha256 })
    assert.equal(outcome.end, 'done')
  }
  await first.close()
  return {
    data, mirror, account, store,
    async run(wish) {
      const opened = await store()
      const inspection = await opened.store.inspect({ dataDirectory: data, mirrors: [mirror], startedMs: Date.now() })
      try {
        return await carryOutRepair(wish, { inspection, clock: systemClock, signal: new AbortController().signal, onProgress: () => {} })
      } finally {
        inspection.close()
        await opened.close()
      }
    },
    async mailbox() {
      const opened = await store()
      const reader = opened.store.account(account)
      const boxes = await reader.mailboxes()
      const rows = await reader.messages(boxes[0]?.mailbox as MailboxId, Array.from({ length: 50 }, (_, n) => n + 1))
      const bodies: string[] = []
      for (const row of rows) {
        const body = await opened.store.openBody(row.message)
        bodies.push(createHash('sha256').update(await body.read(0, 100_000)).digest('hex'))
        body.close()
      }
      await opened.close()
      return JSON.stringify([boxes, rows, bodies])
    },
  }
}

const codes = (report: RepairReport) => report.check?.findings.map(({ code }) => code) ?? []

function flip(path: string, offset: number): void {
  const before = readFileSync(path)[offset] as number
  const fd = openSync(path, 'r+')
  writeSync(fd, Uint8Array.of(before ^ 0x20), 0, 1, offset)
  closeSync(fd)
}

const databaseOf = (data: string, account: number): string => {
  const folder = join(data, 'accounts', String(account))
  return join(folder, readdirSync(folder).filter((name) => /^mail\.\d+\.db$/.test(name)).sort().at(-1) as string)
}

test('a sound store has nothing to find', async (t) => {
  const { run } = await house(t)
  for (const how of ['quick', 'full'] as const) {
    const report = await run({ kind: 'check', how })
    assert.deepEqual(report.check?.findings.map(({ where, sentence }) => [where, sentence.en]), [])
    assert.ok((report.check?.octets ?? 0) > 0)
  }
})

test('flipped octets of a message are found on either copy and written again', async (t) => {
  const { data, mirror, run, mailbox } = await house(t)
  const before = await mailbox()
  for (const root of [data, mirror]) {
    const path = readdirSync(join(root, 'journal')).filter((name) => name.endsWith('.seg')).sort().map((name) => join(root, 'journal', name)).find((each) => readFileSync(each).includes('Subject: 17')) as string
    flip(path, readFileSync(path).indexOf('Subject: 17') + 4)
    const damaged = readFileSync(path)
    const dry = await run({ kind: 'repair', dryRun: true })
    assert.ok(codes(dry).includes('segment-bytes'), `${root}: ${codes(dry).join()}`)
    assert.ok(dry.planned.length > 0)
    assert.deepEqual(readFileSync(path), damaged, 'a dry run changes nothing')
    await run({ kind: 'repair', dryRun: false })
    assert.deepEqual(codes(await run({ kind: 'check', how: 'full' })), [])
    assert.equal(await mailbox(), before)
  }
})

test('wrong counters are counted again in place; an octet that looks right is found by the replay', async (t) => {
  const { data, account, run, mailbox } = await house(t)
  const before = await mailbox()
  const spoil = (sql: string) => {
    const database = new DatabaseSync(databaseOf(data, account))
    database.exec(sql)
    database.close()
  }
  spoil('update mailbox set unseen = unseen + 3')
  const file = databaseOf(data, account)
  assert.deepEqual(codes(await run({ kind: 'check', how: 'quick' })), ['counters-differ'])
  await run({ kind: 'repair', dryRun: false })
  assert.equal(databaseOf(data, account), file, 'in place')
  assert.equal(await mailbox(), before)
  spoil("update message set envelope = x'28' where message = (select min(message) from message)")
  assert.deepEqual(codes(await run({ kind: 'check', how: 'full' })), ['texts-differ'])
  await run({ kind: 'repair', dryRun: false })
  assert.deepEqual(codes(await run({ kind: 'check', how: 'full' })), [])
  spoil('update placement set internal_date_ms = internal_date_ms + 1 where uid = 7')
  assert.deepEqual(codes(await run({ kind: 'check', how: 'quick' })), [])
  assert.deepEqual(codes(await run({ kind: 'check', how: 'full' })), ['replay-differs'])
  await run({ kind: 'scrub', octetsPerSecond: 0 })
  assert.notEqual(databaseOf(data, account), file, 'made again')
  assert.deepEqual(codes(await run({ kind: 'check', how: 'full' })), [])
  const ofRows = (said: unknown) => (JSON.parse(String(said)) as unknown[])[2]
  assert.deepEqual(ofRows(await mailbox()), ofRows(before))
})

test('everything is made again from the journal alone, with the same numbers', async (t) => {
  const { run, mailbox } = await house(t)
  const before = await mailbox()
  const report = await run({ kind: 'rebuild', databases: 'all', fromJournal: true })
  assert.deepEqual([report.done.length, report.failed, report.unknown], [3, [], []])
  assert.equal(await mailbox(), before)
})
