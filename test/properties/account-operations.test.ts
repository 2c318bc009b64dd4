// Random changes of accounts, on both engines, against the naive model: the same answers, UIDs, flags, modseqs,
// counters and changes, and counters that equal a recount (INV-1b, INV-4, INV-11).
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { accountId, sequence } from '../../src/store/ids.ts'
import type { Outcome } from '../../src/store/operations.ts'
import { applyRecord, type RecordMeta } from '../../src/store/operations/apply-record.ts'
import { readFacts } from '../../src/store/operations/facts.ts'
import { readPosition, setPosition } from '../../src/store/operations/position.ts'
import { accountProblems } from '../../src/store/readers/account-problems.ts'
import { changesSince, mailboxByName, mailboxesOf, messagesOf, quotaOf, subscriptionsOf, viewPage } from '../../src/store/readers/account-readings.ts'
import { ask, type Tx } from '../../src/store/tx.ts'
import { AccountModel } from './account-model.ts'
import { modelAnswer, nextRecord, opening, recordOf, step, type Step } from './account-steps.ts'
import { postgresEngine, sqliteEngine, type TestEngine } from './engines.ts'

/** Refusals are compared by their code: the sentence is for people. */
function withoutReason(outcome: Outcome<unknown>): unknown {
  return outcome.end === 'refused' ? { end: 'refused', code: outcome.code } : outcome
}

async function apply(engine: TestEngine, account: number, model: AccountModel, meta: RecordMeta, bodyOctets: number): Promise<Outcome<unknown>> {
  return engine.write(account, async (tx) => {
    const head = { sequence: sequence(model.sequence), epoch: 7, timeMs: model.timeMs }
    const before = await changesSoFar(engine, tx)
    const outcome = await applyRecord(tx, account, head, meta, bodyOctets)
    if (outcome.end === 'refused') assert.equal(await changesSoFar(engine, tx), before, 'a refusal has changed nothing')
    await setPosition(tx, account, head)
    return outcome
  })
}

/** SQLite counts the rows that a connection has changed. */
async function changesSoFar(engine: TestEngine, tx: Tx): Promise<number> {
  return engine.name === 'sqlite' ? (await tx.get<{ count: number }>('select total_changes() as count'))?.count ?? 0 : 0
}

async function compare(engine: TestEngine, account: number, model: AccountModel): Promise<void> {
  const live = [...model.live()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  const found = await engine.read(account, mailboxesOf(account))
  assert.deepEqual(found, live.map((each) => ({
    mailbox: each.mailbox, name: each.name, role: each.role, selectable: each.selectable, uidValidity: each.uidValidity, uidNext: each.uidNext,
    highestModseq: each.highestModseq, ...model.counters(each),
  })), 'mailboxes and their counters')
  for (const mailbox of model.mailboxes) {
    const present = mailbox.retired ? [] : model.present(mailbox)
    const view = present.map(({ uid, modseq, bits: its, keywords: words }) => ({ uid, modseq, bits: its, keywords: words }))
    assert.deepEqual(await engine.read(account, viewPage(account, mailbox.mailbox, 0, 2000)), view, `view of ${mailbox.name}`)
    for (const since of [0, Math.floor(model.modseq / 2), model.modseq - 1, model.modseq]) {
      const changes = await engine.read(account, changesSince(account, mailbox.mailbox, since, 1000))
      assert.equal(changes.mailbox === undefined, mailbox.retired)
      assert.equal(changes.truncated, false)
      assert.deepEqual(changes.rows, view.filter((row) => row.modseq > since), `new since ${since}`)
      const gone = mailbox.retired ? [] : mailbox.messages.filter((each) => each.retiredModseq !== null && each.retiredModseq > since).map((each) => each.uid)
      assert.deepEqual(changes.expunged, gone, `gone since ${since}`)
    }
    const all = mailbox.messages.map((each) => each.uid)
    const rows = await engine.read(account, messagesOf(account, mailbox.mailbox, all))
    assert.deepEqual(rows.map((row) => [row.uid, row.message, row.gone, row.sizeOctets, row.internalDateMs, row.thread]),
      mailbox.messages.map((each) => [each.uid, each.message, each.retiredModseq !== null, each.octets, each.internalDateMs, model.threadOf.get(each.message)]))
  }
  assert.deepEqual(await engine.read(account, subscriptionsOf(account)), [...model.subscriptions].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  assert.equal((await engine.read(account, mailboxByName(account, 'INBOX')))?.mailbox, 1)
  const total = live.reduce((sum, each) => sum + model.present(each).length, 0)
  assert.deepEqual(await engine.read(account, quotaOf(account)), { octetsUsed: model.octetsUsed(), octetsMax: model.octetsMax, messages: total })
  assert.deepEqual(await engine.read(account, accountProblems(account)), [], 'every invariant holds')
  const [last] = await engine.read(account, ask('select modseq from meta where account = $1', account))
  assert.equal(last?.[0], model.modseq)
  const position = await engine.write(account, (tx) => readPosition(tx, account))
  assert.deepEqual(position, { epoch: 7, sequence: model.sequence })
}

let nextAccount = 100

async function run(engines: readonly TestEngine[], steps: readonly Step[], options: { compareEvery: number }): Promise<void> {
  const account = nextAccount
  nextAccount += 1
  const model = new AccountModel()
  const one = async (record: ReturnType<typeof recordOf>, what: unknown): Promise<void> => {
    const expected = withoutReason(modelAnswer(model, account, record))
    for (const engine of engines) {
      const outcome = await apply(engine, account, model, record.meta, record.bodyOctets)
      assert.deepEqual(withoutReason(outcome), expected, `${engine.name}: ${JSON.stringify(what)}`)
    }
  }
  nextRecord(model)
  await one({ meta: { kind: 'change', account: accountId(account), change: opening }, bodyOctets: 0 }, opening)
  for (const [n, each] of steps.entries()) {
    nextRecord(model)
    await one(recordOf(model, account, each), each)
    if (n % options.compareEvery === 0) for (const engine of engines) await compare(engine, account, model)
  }
  for (const engine of engines) await compare(engine, account, model)
  const facts = []
  for (const engine of engines) facts.push(await engine.write(account, (tx) => readFacts(tx, accountId(account))))
  for (const each of facts) assert.deepEqual(each, facts[0], 'both engines handed out the same numbers')
}

test('an account on SQLite does what the naive model does', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), async (steps) => {
    const engine = sqliteEngine()
    try {
      await run([engine], steps, { compareEvery: 8 })
    } finally {
      await engine.close()
    }
  }), { numRuns: 120 })
})

test('both engines do the same', async (t) => {
  const sqlite = sqliteEngine()
  const postgres = await postgresEngine()
  t.after(async () => {
    await sqlite.close()
    await postgres.close()
  })
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) => run([sqlite, postgres], steps, { compareEvery: 20 })), { numRuns: 20 })
})
