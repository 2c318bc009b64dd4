import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemberMissing, openJournal, type Journal } from './journal.ts'
import { JournalModel } from './journal-model.ts'

function append(model: JournalModel, batches: number): void {
  for (let i = 0; i < batches; i++) model.append(Array.from({ length: 4 }, () => model.draft()))
}

async function openWith(model: JournalModel, options: { acceptLoss?: boolean; fillMirrors?: boolean }): Promise<void> {
  const { journal, report } = openJournal({ ...model.ownerOptions, ...options })
  model.journal = journal
  model.report = report
  await model.check()
}

/** The segments of two members hold the same octets. */
function sameSegments(model: JournalModel, a: string, b: string): void {
  const { disk } = model
  const names = (root: string) => disk.list(`${root}/journal`).filter((name) => name.endsWith('.seg'))
  deepStrictEqual(names(a), names(b))
  for (const name of names(a)) {
    ok(Buffer.from(disk.readWhole(`${a}/journal/${name}`)).equals(Buffer.from(disk.readWhole(`${b}/journal/${name}`))), name)
  }
}

describe('members', () => {
  it('hold the same octets', async () => {
    const model = new JournalModel({ seed: 1, mirrors: ['/mirror', '/other'] })
    await model.open()
    append(model, 10)
    sameSegments(model, '/data', '/mirror')
    sameSegments(model, '/data', '/other')
  })

  it('where all fail the owner ends, and no answer is given', async () => {
    const model = new JournalModel({ seed: 2, mirrors: ['/mirror'] })
    await model.open()
    append(model, 2)
    model.disk.setGone('/mirror', true)
    model.disk.setGone('/data', true)
    throws(() => append(model, 1), { name: 'JournalDead', code: 'EIO' })
    throws(() => append(model, 1), { name: 'JournalDead' }, 'and every later call')
    throws(() => (model.journal as Journal).closeIdle(), { name: 'JournalDead' })
  })

  it('a missing mirror refuses the start, unless the loss is accepted; then it is dropped, and stays out until it is filled', async () => {
    const model = new JournalModel({ seed: 3, mirrors: ['/mirror'] })
    await model.open()
    append(model, 9)
    model.disk.setGone('/mirror', true)
    model.disk.crash('tear')
    throws(() => openJournal(model.ownerOptions), MemberMissing)
    await openWith(model, { acceptLoss: true })
    strictEqual(model.report?.membersLeftOut[0]?.root, '/mirror')
    append(model, 9)
    model.disk.setGone('/mirror', false)
    model.disk.crash('tear')
    await openWith(model, {})
    strictEqual(model.report?.membersLeftOut[0]?.root, '/mirror')
    append(model, 1)
    model.disk.crash('lose')
    await openWith(model, { fillMirrors: true })
    deepStrictEqual(model.report?.membersFilled, ['/mirror'])
    append(model, 2)
    sameSegments(model, '/data', '/mirror')
    model.disk.crash('lose')
    await openWith(model, {})
    sameSegments(model, '/data', '/mirror')
    ok(model.disk.list('/mirror/journal').some((name) => name.endsWith('.surplus')), 'what only the mirror had is kept')
  })

  it('an empty mirror beside a journal is missing too', async () => {
    const model = new JournalModel({ seed: 4 })
    await model.open()
    append(model, 9)
    const options = { ...model.ownerOptions, mirrors: ['/new'] }
    model.disk.crash('keep')
    throws(() => openJournal(options), /holds no journal/)
    const { journal, report } = openJournal({ ...options, acceptLoss: true, fillMirrors: true })
    model.journal = journal
    deepStrictEqual(report.membersFilled, ['/new'])
    await model.check()
    sameSegments(model, '/data', '/new')
  })

  it('a lost data folder is filled from the mirror', async () => {
    const model = new JournalModel({ seed: 5, mirrors: ['/mirror'] })
    await model.open()
    append(model, 12)
    for (const name of model.disk.list('/data/journal')) model.disk.vanish(`/data/journal/${name}`)
    model.disk.crash('tear')
    throws(() => openJournal(model.ownerOptions), MemberMissing)
    await openWith(model, { acceptLoss: true })
    append(model, 2)
    sameSegments(model, '/data', '/mirror')
    // And it stands alone again.
    for (const name of model.disk.list('/mirror/journal')) model.disk.vanish(`/mirror/journal/${name}`)
    await model.check()
  })

  it('does not begin anew where somebody has removed the segments', async () => {
    const model = new JournalModel({ seed: 6 })
    await model.open()
    append(model, 2)
    model.disk.crash('keep')
    await model.open()
    for (const name of model.disk.list('/data/journal')) if (name.endsWith('.seg')) model.disk.vanish(`/data/journal/${name}`)
    model.disk.crash('keep')
    throws(() => openJournal(model.ownerOptions), /the journal was removed/)
  })

  it('counts epochs in the understudy\'s folder too', async () => {
    const model = new JournalModel({ seed: 7 })
    model.disk.makeDirectory('/data/intake')
    model.disk.open('/data/intake/0000000041-0000000000000001.seg', 'create')
    model.disk.flushDirectory('/data/intake')
    const { report } = openJournal(model.ownerOptions)
    strictEqual(report.epoch, 42)
  })
})
