// Random changes of accounts, on both engines, against the naive model: the same answers, UIDs, flags, modseqs,
// counters and changes, and counters that equal a recount (INV-1b, INV-4, INV-11).
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { accountId, mailboxId, sequence } from '../../src/store/ids.ts'
import type { AccountChange, ArrivalMeta, Outcome } from '../../src/store/operations.ts'
import { applyRecord, type RecordMeta } from '../../src/store/operations/apply-record.ts'
import { readFacts } from '../../src/store/operations/facts.ts'
import { readPosition, setPosition } from '../../src/store/operations/position.ts'
import { changesSince, mailboxByName, mailboxesOf, messagesOf, quotaOf, subscriptionsOf, viewPage } from '../../src/store/readers/account-readings.ts'
import { ask, type Reading } from '../../src/store/tx.ts'
import { AccountModel, type ModelMailbox } from './account-model.ts'
import { postgresEngine, sqliteEngine, type TestEngine } from './engines.ts'

const names = ['a', 'a/x', 'a/x/y', 'a0', 'b/だるま', 'Sent']
const keywordSets = ['', '$Junk', '$Forwarded $Junk', 'Work', 'work']

/** What to do, with places as numbers that are taken modulo what there is. */
type Step =
  | { do: 'arrive'; place: number; bits: number; keywords: string; octets: number; keys: number[] }
  | { do: 'append'; place: number; bits: number; keywords: string; octets: number; keys: number[] }
  | { do: 'create'; name: string; role: boolean }
  | { do: 'rename'; place: number; name: string }
  | { do: 'delete'; place: number }
  | { do: 'subscribe'; name: string; on: boolean }
  | { do: 'flags'; place: number; uids: [number, number][]; how: 'add' | 'remove' | 'replace'; bits: number; keywords: string; /** How far back from the last modseq. */
    since: number | null }
  | { do: 'copy'; place: number; to: number; uids: [number, number][]; move: boolean; group: number | null }
  | { do: 'undo'; group: number }
  | { do: 'expunge'; place: number; uids: [number, number][] }
  | { do: 'quota'; /** Beyond what is used now. */ octets: number | null }

const place = fc.nat({ max: 8 })
const bits = fc.nat({ max: 31 })
const keywords = fc.constantFrom(...keywordSets)
const octets = fc.constantFrom(1, 250, 251, 500)
const keys = fc.array(fc.nat({ max: 12 }), { maxLength: 4 })
const uids = fc.array(fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 10 })), { minLength: 1, maxLength: 3 })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('arrive' as const), place, bits, keywords, octets, keys }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), place, bits, keywords, octets, keys }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), name: fc.constantFrom(...names), role: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rename' as const), place, name: fc.constantFrom(...names) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('subscribe' as const), name: fc.constantFrom(...names), on: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('flags' as const), place, uids, how: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const), bits, keywords, since: fc.option(fc.nat({ max: 4 })) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('copy' as const), place, to: place, uids, move: fc.boolean(), group: fc.option(fc.nat({ max: 2 })) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undo' as const), group: fc.nat({ max: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('expunge' as const), place, uids }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('quota' as const), octets: fc.option(fc.constantFrom(0, 1, 250, 600)) }) },
)

function pick(model: AccountModel, at: number): ModelMailbox {
  // Retired ones too: sessions may speak of a mailbox that has gone.
  return model.mailboxes[at % model.mailboxes.length] as ModelMailbox
}

function changeOf(model: AccountModel, each: Exclude<Step, { do: 'arrive' }>): AccountChange {
  const facts = (keyNumbers: number[], size: number) => ({ size, messageId: `${model.sequence}@example.org`, threadKeys: keyNumbers.map(threadKey) })
  switch (each.do) {
    case 'append': return { kind: 'append', mailbox: mailboxId(pick(model, each.place).mailbox), bits: each.bits, keywords: each.keywords, internalDateMs: 1_600_000_000_000 + each.octets, facts: facts(each.keys, each.octets) }
    case 'create': return { kind: 'create-mailbox', name: each.name, ...(each.role ? { role: 'archive' as const } : {}) }
    case 'rename': return { kind: 'rename-mailbox', mailbox: mailboxId(pick(model, each.place).mailbox), name: each.name }
    case 'delete': return { kind: 'delete-mailbox', mailbox: mailboxId(pick(model, each.place).mailbox) }
    case 'subscribe': return { kind: 'subscribe', name: each.name, on: each.on }
    case 'flags': return { kind: 'store-flags', mailbox: mailboxId(pick(model, each.place).mailbox), uids: each.uids, how: each.how, bits: each.bits, keywords: each.keywords, ...(each.since === null ? {} : { unchangedSince: Math.max(0, model.modseq - each.since) }) }
    case 'copy': return { kind: 'copy', mailbox: mailboxId(pick(model, each.place).mailbox), to: mailboxId(pick(model, each.to).mailbox), uids: each.uids, move: each.move, ...(each.group === null ? {} : { group: `group-${each.group}` }) }
    case 'undo': return { kind: 'undo-group', group: `group-${each.group}` }
    case 'expunge': return { kind: 'expunge', mailbox: mailboxId(pick(model, each.place).mailbox), uids: each.uids }
    case 'quota': return { kind: 'set-quota', octetsMax: each.octets === null ? null : model.octetsUsed() + each.octets }
  }
}

/** Some as the rule makes them, some as nobody does. */
function threadKey(n: number): string {
  return n % 2 === 0 ? n.toString(16).padStart(16, '0') : `key ${n}`
}

function arrivalOf(model: AccountModel, account: number, each: Step & { do: 'arrive' }): ArrivalMeta {
  return {
    kind: 'arrival', sender: 'sender@example.org', via: 'smtp', work: [],
    facts: { size: each.octets, envelope: '(NIL)', messageId: `${model.sequence}\0@example.org`, threadKeys: each.keys.map(threadKey) },
    plans: [
      { account: accountId(99), bits: 0, keywords: '', prefix: 'not ours', recipients: [] },
      { account: accountId(account), ...(each.place === 0 ? {} : { mailbox: mailboxId(pick(model, each.place).mailbox) }), bits: each.bits, keywords: each.keywords, prefix: `X: ${'\xe9'.repeat(each.place)}\r\n`, recipients: ['user@example.net'] },
    ],
  }
}

/** Refusals are compared by their code: the sentence is for people. */
function withoutReason(outcome: Outcome<unknown>): unknown {
  return outcome.end === 'refused' ? { end: 'refused', code: outcome.code } : outcome
}

async function apply(engine: TestEngine, account: number, model: AccountModel, meta: RecordMeta, bodyOctets: number): Promise<Outcome<unknown>> {
  return engine.write(account, async (tx) => {
    const head = { sequence: sequence(model.sequence), epoch: 7, timeMs: model.timeMs }
    const outcome = await applyRecord(tx, account, head, meta, bodyOctets)
    await setPosition(tx, account, head)
    return outcome
  })
}

function* wholeLog(account: number): Reading<{ modseqs: number[] }> {
  const rows = yield* ask('select distinct modseq from change where account = $1 order by modseq', account)
  return { modseqs: rows.map((cells) => cells[0] as number) }
}

async function compare(engine: TestEngine, account: number, model: AccountModel): Promise<void> {
  const live = [...model.live()].sort((a, b) => (Buffer.from(a.name) < Buffer.from(b.name) ? -1 : 1))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
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
  const log = await engine.read(account, wholeLog(account))
  assert.deepEqual(log.modseqs, Array.from({ length: model.modseq }, (_, n) => n + 1), 'the change log has no gap')
  const position = await engine.write(account, (tx) => readPosition(tx, account))
  assert.deepEqual(position, { epoch: 7, sequence: model.sequence })
}

let nextAccount = 100

async function run(engines: readonly TestEngine[], steps: readonly Step[], options: { compareEvery: number }): Promise<void> {
  const account = nextAccount
  nextAccount += 1
  const model = new AccountModel()
  const one = async (meta: RecordMeta, bodyOctets: number, expected: Outcome<unknown>, what: unknown): Promise<void> => {
    for (const engine of engines) {
      const outcome = await apply(engine, account, model, meta, bodyOctets)
      assert.deepEqual(withoutReason(outcome), withoutReason(expected), `${engine.name}: ${JSON.stringify(what)}`)
    }
  }
  const next = (): void => {
    model.sequence += 1
    model.timeMs = 1_700_000_000_000 + model.sequence * 300
  }
  next()
  const opening: AccountChange = { kind: 'open-account', mailboxes: [{ name: 'Sent', role: 'sent' }, { name: 'a' }] }
  await one({ kind: 'change', account: accountId(account), change: opening }, 0, model.change(opening, 0), opening)
  for (const [n, each] of steps.entries()) {
    next()
    if (each.do === 'arrive') {
      const arrival = arrivalOf(model, account, each)
      await one(arrival, each.octets, { end: 'done', result: model.arrive(arrival, account, each.octets) }, each)
    } else {
      const change = changeOf(model, each)
      const bodyOctets = each.do === 'append' ? each.octets : 0
      await one({ kind: 'change', account: accountId(account), change }, bodyOctets, model.change(change, bodyOctets), each)
    }
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
