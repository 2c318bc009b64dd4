// What a replay must not do: show numbers that differ from those handed out before, go on with half a group of
// copies, be stopped by one record for ever.
import { deepStrictEqual, equal, ok } from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { Outage } from '../../base/errors.ts'
import { mailboxId } from '../ids.ts'
import type { AccountChange } from '../operations.ts'
import type { FactsMeta } from '../operations/facts.ts'
import { ApplierStage } from './applier-stage-for-tests.ts'

const stages: ApplierStage[] = []
after(() => stages.forEach((stage) => stage.dispose()))

function staged(): ApplierStage {
  const stage = new ApplierStage()
  stages.push(stage)
  stage.open()
  return stage
}

async function withMail(): Promise<ApplierStage> {
  const stage = staged()
  stage.addAccount(100)
  stage.arrive([100])
  stage.arrive([100])
  await stage.settle()
  return stage
}

const kinds = (stage: ApplierStage) => stage.asked.map(({ type, meta }) => (type === 'change' ? (meta as { change: AccountChange }).change.kind : type))

describe('facts on replay', () => {
  async function withFacts(change: (facts: FactsMeta) => void): Promise<{ stage: ApplierStage; before: FactsMeta }> {
    const stage = await withMail()
    const before = await stage.read(100)
    ok(before)
    const told = structuredClone(before)
    change(told)
    stage.facts(100, told)
    stage.arrive([100])
    await stage.settle()
    stage.crash()
    rmSync(stage.path('accounts/100'), { recursive: true })
    return { stage, before }
  }

  it('that agree change nothing', async () => {
    const { stage, before } = await withFacts(() => {})
    stage.open()
    await stage.applier.open(100)
    deepStrictEqual(stage.asked, [])
    equal((await stage.read(100))?.mailboxes[0]?.uidValidity, before.mailboxes[0]?.uidValidity)
  })

  it('that differ raise UIDVALIDITY by a record before anybody sees the mailbox', async () => {
    const { stage, before } = await withFacts((facts) => { (facts.mailboxes[0] as { uidNext: number }).uidNext += 1 })
    stage.deaf = true
    stage.open()
    let opened = false
    const opening = stage.applier.open(100).then(() => (opened = true))
    await stage.settle()
    deepStrictEqual(kinds(stage), ['raise-uid-validity'])
    equal(opened, false, 'nobody reads it while the record is not there')
    equal(stage.base(100).position, before.sequence, 'it stopped where the facts were')
    ok(stage.warnings.some((text) => text.includes('UIDVALIDITY')))
    ok(stage.troubles.some(([database, on]) => database === 100 && on))
    const [asked] = stage.asked
    ok(asked)
    stage.change(100, (asked.meta as { change: AccountChange }).change)
    await opening
    const now = await stage.read(100)
    ok((now?.mailboxes[0]?.uidValidity ?? 0) > Math.max(...before.mailboxes.map((each) => each.uidValidity)))
    equal(now?.mailboxes[1]?.uidValidity, before.mailboxes[1]?.uidValidity, 'the other mailbox keeps its own')
    equal(now?.mailboxes[0]?.uidNext, 4)
    deepStrictEqual(stage.troubles.at(-1), [100, false])
  })

  it('that differ are met again after a crash before the record was there', async () => {
    const { stage, before } = await withFacts((facts) => { (facts.mailboxes[0] as { running: number }).running += 1 })
    stage.deaf = true
    stage.open()
    stage.applier.open(100).catch(() => {})
    await stage.settle()
    stage.crash()
    stage.deaf = false
    stage.open()
    await stage.applier.open(100)
    deepStrictEqual(kinds(stage), ['raise-uid-validity', 'raise-uid-validity'])
    ok(((await stage.read(100))?.mailboxes[0]?.uidValidity ?? 0) > (before.mailboxes[0]?.uidValidity ?? 0))
  })

  it('that stand at the very position a database was found at are compared too', async () => {
    const stage = await withMail()
    const before = await stage.read(100)
    ok(before)
    stage.facts(100, { ...before, mailboxes: before.mailboxes.map((each) => ({ ...each, uidNext: 77 })) })
    stage.crash()
    stage.open()
    await stage.applier.open(100)
    deepStrictEqual(kinds(stage), ['raise-uid-validity'])
  })
})

describe('a group of copies', () => {
  const part = (first: number, last: boolean): AccountChange => ({ kind: 'copy', mailbox: mailboxId(1), to: mailboxId(2), uids: [[first, first]], move: false, group: 'g', ...(last ? { last: true } : {}) })

  it('whose last part is there stays', async () => {
    const stage = await withMail()
    stage.change(100, part(1, false))
    stage.change(100, part(2, true))
    stage.crash()
    stage.open()
    await stage.applier.open(100)
    deepStrictEqual(stage.asked, [])
  })

  it('that a crash has cut off is taken back by a record, once', async () => {
    const stage = await withMail()
    stage.change(100, part(1, false))
    stage.crash()
    stage.open()
    await stage.applier.open(100)
    await stage.settle()
    deepStrictEqual(kinds(stage), ['undo-group'])
    stage.crash()
    stage.open()
    await stage.applier.open(100)
    await stage.settle()
    deepStrictEqual(kinds(stage), ['undo-group'])
  })

  it('that is under way in this life is left alone', async () => {
    const stage = await withMail()
    stage.crash()
    stage.open()
    stage.change(100, part(1, false))
    await stage.applier.open(100)
    await stage.settle()
    deepStrictEqual(stage.asked, [])
  })
})

describe('a record that cannot be applied', () => {
  // A plan for an account whose message is there already: a bug by construction.
  function poison(stage: ApplierStage): number {
    return stage.arrive([100, 101], { plans: [100, 101].map((account) => ({ account, bits: 0, keywords: null as unknown as string, prefix: '', recipients: [] })) as never })
  }

  it('is tried alone, passed over by one record, and its mail goes to Recovered', async () => {
    const stage = await withMail()
    stage.arrive([100])
    const bad = poison(stage)
    stage.arrive([100])
    await stage.settle()
    deepStrictEqual(stage.asked.map(({ type, meta }) => [type, (meta as { sequence: number }).sequence]).filter(([, sequence]) => sequence === bad), [['skip', bad], ['skip', bad]], 'one for each account')
    const facts = await stage.read(100)
    deepStrictEqual(facts?.mailboxes.map((each) => each.uidNext), [5, 1, 2])
  })

  it('is passed over by a rebuild before it comes to the skip, even if it could be applied by now', async () => {
    const stage = await withMail()
    const skipped = stage.arrive([100])
    await stage.settle()
    // As an older version would have left it: the record was skipped there.
    stage.append('skip', [100], { kind: 'skip', database: 100, sequence: skipped, because: 'old mistake', bodyOctets: 3 })
    stage.arrive([100])
    stage.crash()
    rmSync(stage.path('accounts/100'), { recursive: true })
    stage.watermark = { through: stage.journal.lastSequence, exceptions: [] }
    stage.open()
    await stage.applier.open(100)
    const facts = await stage.read(100)
    deepStrictEqual(facts?.mailboxes.map((each) => [each.mailbox, each.uidNext]), [[1, 4], [2, 1], [3, 2]])
  })

  it('and has killed the process twice is found by the note and passed over', async () => {
    const stage = await withMail()
    const deadly = stage.arrive([100])
    await stage.settle()
    const note = (applying: boolean, suspect: object | null, starts: number) =>
      writeFileSync(stage.path('applying.note'), JSON.stringify({ starts, applying: applying ? { database: 100, sequence: deadly } : null, suspect }).padEnd(256))
    rmSync(stage.path('accounts/100'), { recursive: true, force: true })
    for (const deaths of [1, 2]) {
      stage.crash()
      // What a process leaves that dies in the middle of that record.
      note(true, deaths === 1 ? null : { database: 100, sequence: deadly, deaths: 1 }, deaths)
      rmSync(stage.path('accounts/100'), { recursive: true, force: true })
      stage.watermark = { through: 0, exceptions: [] }
      stage.open()
      await stage.applier.open(100)
      await stage.settle()
      equal(stage.asked.length, deaths - 1)
    }
    deepStrictEqual(stage.asked.map(({ meta }) => (meta as { sequence: number }).sequence), [deadly])
    equal((await stage.read(100))?.mailboxes[0]?.uidNext, 3, 'two were filed, one is in Recovered')
  })
})

describe('a database', () => {
  it('that is lost while the server runs is not shown before it has come as far as it was', async () => {
    const stage = await withMail()
    const before = await stage.read(100)
    await stage.applier.open(100)
    const base = stage.base(100)
    base.damage = 'for the test'
    let shown: number | undefined
    const opening = stage.applier.open(100).then(() => (shown = base.position))
    await opening
    equal(shown, before?.sequence)
    deepStrictEqual(await stage.read(100), before)
    deepStrictEqual(stage.replaced, [100])
    deepStrictEqual(stage.troubles, [[100, true], [100, false]])
  })

  it('that was an exception applies nothing twice when the disk fails in the middle of a slice', async () => {
    const stage = await withMail()
    for (let n = 0; n < 200; n += 1) stage.arrive([100])
    const behind = stage.base(100).position
    stage.crash()
    stage.watermark = { through: stage.journal.lastSequence, exceptions: [{ database: 100, through: behind }] }
    stage.open()
    const base = stage.base(100)
    await new Promise<void>((resolve) => {
      const look = () => (base.position > behind ? resolve() : void setImmediate(look))
      look()
    })
    if (base.connection) base.connection.commit = () => { throw new Outage('no room', { operation: 'commit', code: 'SQLITE_IOERR' }) }
    for (let n = 0; n < 10; n += 1) await stage.settle()
    equal((await stage.read(100))?.mailboxes[0]?.uidNext, 203)
  })

  it('of which a client hears nothing while it cannot go on is refused to clients beforehand', async () => {
    const stage = await withMail()
    const base = stage.base(100)
    if (base.connection) base.connection.commit = () => { throw new Outage('no room', { operation: 'commit', code: 'SQLITE_IOERR' }) }
    stage.arrive([100])
    await new Promise((resolve) => setImmediate(resolve))
    await stage.applier.drained()
    deepStrictEqual(stage.troubles, [[100, true]])
    for (let n = 0; n < 5; n += 1) await stage.settle()
    deepStrictEqual(stage.troubles, [[100, true], [100, false]])
    equal((await stage.read(100))?.mailboxes[0]?.uidNext, 4)
  })
})

describe('a commit that was made though it was called an error', () => {
  it('is not made twice, and whoever waits is told that nothing is known', async () => {
    const stage = await withMail()
    const { connection } = stage.base(100)
    ok(connection)
    const commit = connection.commit.bind(connection)
    connection.commit = () => {
      commit()
      connection.commit = commit
      throw new Outage('no room', { operation: 'commit', code: 'SQLITE_FULL' })
    }
    stage.applier.await(100, stage.journal.lastSequence + 1, { front: 1, id: 1 })
    stage.change(100, { kind: 'create-mailbox', name: 'once' })
    await stage.settle()
    deepStrictEqual(stage.outcomes, [{ end: 'unknown' }])
    equal((await stage.read(100))?.mailboxes.length, 3)
    deepStrictEqual(stage.asked, [])
  })
})

describe('the lag', () => {
  it('is nothing when everything is applied, facts and other letters than ours included', async () => {
    const stage = await withMail()
    const facts = await stage.read(100)
    ok(facts)
    for (let n = 0; n < 50; n += 1) stage.facts(100, facts)
    stage.change(100, { kind: 'create-mailbox', name: '日本語' })
    stage.change(100, { kind: 'subscribe', name: 'だるま', on: true })
    await stage.settle()
    equal(stage.applied, stage.appended)
    stage.crash()
    stage.open()
    await stage.applier.open(100)
    equal(stage.applied, 0, 'a replay is no work that anybody has appended')
    equal(stage.applier.metaOctets, 0)
  })
})
