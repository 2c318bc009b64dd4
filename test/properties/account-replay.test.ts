// An account's state is a function of its records (INV-1b): from any commit, in batches of any size, the same
// records lead to the same rows, to the last byte.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import { accountId, sequence } from '../../src/store/ids.ts'
import { applyRecord, type RecordMeta } from '../../src/store/operations/apply-record.ts'
import { compareFacts, readFacts } from '../../src/store/operations/facts.ts'
import { readPosition, setPosition } from '../../src/store/operations/position.ts'
import { migrations } from '../../src/store/schema.ts'
import { SqliteWriter } from '../../src/store/sqlite/connection.ts'
import { ask, type Cells, type Reading } from '../../src/store/tx.ts'
import { AccountModel } from './account-model.ts'
import { modelAnswer, nextRecord, opening, recordOf, step, type Step } from './account-steps.ts'

const ACCOUNT = accountId(100)

interface TestRecord {
  sequence: number
  timeMs: number
  meta: RecordMeta
  bodyOctets: number
}

/** The model only says which numbers there are; what stands in the records is decided before anything is applied. */
function recordsOf(steps: readonly Step[]): TestRecord[] {
  const model = new AccountModel()
  const records: TestRecord[] = []
  const add = (record: ReturnType<typeof recordOf>): void => {
    // Through JSON, as in the journal.
    records.push({ sequence: model.sequence, timeMs: model.timeMs, meta: JSON.parse(JSON.stringify(record.meta)) as RecordMeta, bodyOctets: record.bodyOctets })
    modelAnswer(model, ACCOUNT, record)
  }
  nextRecord(model)
  add({ meta: { kind: 'change', account: ACCOUNT, change: opening }, bodyOctets: 0 })
  for (const each of steps) {
    nextRecord(model)
    add(recordOf(model, ACCOUNT, each))
  }
  return records
}

async function applyAll(writer: SqliteWriter, records: readonly TestRecord[], batch: number): Promise<void> {
  const from = await writer.transaction((tx) => readPosition(tx, ACCOUNT))
  const rest = records.filter((record) => record.sequence > (from?.sequence ?? 0))
  for (let at = 0; at < rest.length; at += batch) {
    await writer.transaction(async (tx) => {
      for (const record of rest.slice(at, at + batch)) {
        await applyRecord(tx, ACCOUNT, { sequence: sequence(record.sequence), epoch: 1, timeMs: record.timeMs }, record.meta, record.bodyOctets)
        await setPosition(tx, ACCOUNT, { epoch: 1, sequence: sequence(record.sequence) })
      }
    })
  }
}

function* everything(): Reading<Record<string, Cells[]>> {
  const dump: Record<string, Cells[]> = {}
  for (const { tables } of migrations) {
    for (const table of tables.account) dump[table.name] = yield* ask(`select * from ${table.name} order by ${table.key.join(', ')}`)
  }
  return dump
}

test('from any snapshot and in any batches the same records give the same rows', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daruma-replay-'))
  t.after(() => rmSync(folder, { recursive: true }))
  let run = 0
  await fc.assert(fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), fc.nat({ max: 60 }), fc.integer({ min: 1, max: 20 }),
    async (steps, cut, batch) => {
      run += 1
      const records = recordsOf(steps)
      const live = new SqliteWriter(':memory:', 'account')
      await applyAll(live, records.slice(0, cut), 1)
      const path = join(folder, `snapshot-${run}.db`)
      live.snapshotTo(path)
      await applyAll(live, records, 1)
      const expected = live.read(everything())
      const facts = await live.transaction((tx) => readFacts(tx, ACCOUNT))

      const replayed = new SqliteWriter(path, 'account')
      await applyAll(replayed, records, batch)
      assert.deepEqual(replayed.read(everything()), expected)
      assert.ok(facts)
      assert.deepEqual(compareFacts(facts, await replayed.transaction((tx) => readFacts(tx, ACCOUNT))), { verdict: 'agree' })
      assert.deepEqual(replayed.integrityProblems(), [])
      replayed.close()
      live.close()
    },
  ), { numRuns: 40 })
})

test('a record that was lost, and another in its place, is seen in the facts', async () => {
  const one = recordsOf([{ do: 'arrive', place: 0, bits: 0, keywords: '', octets: 1, keys: [] }, { do: 'flags', place: 0, uids: [[1, 1]], how: 'add', bits: 1, keywords: '', since: null }, { do: 'create', name: 'a0', role: false }])
  const other = one.map((record, n) => (n === 2 ? { ...record, meta: one[1]?.meta as RecordMeta, bodyOctets: 1 } : record))
  const facts = []
  for (const records of [one, other]) {
    const writer = new SqliteWriter(':memory:', 'account')
    await applyAll(writer, records, 1)
    facts.push(await writer.transaction((tx) => readFacts(tx, ACCOUNT)))
    writer.close()
  }
  const [then, now] = facts
  assert.ok(then && now)
  assert.equal(then.modseq, now.modseq)
  const verdict = compareFacts(then, now)
  assert.equal(verdict.verdict, 'differ')
  assert.deepEqual(verdict.verdict === 'differ' && verdict.mailboxes, [1])
  assert.deepEqual(compareFacts(then, { ...then, sequence: then.sequence - 1 }), { verdict: 'elsewhere' })
})
