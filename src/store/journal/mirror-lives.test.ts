// A member that dies and comes back, killed at every call of the drop and of the return, with each fate of
// what was not flushed. Held against: nothing acknowledged is lost, no stale member is ever believed, and a
// member that has come back could stand alone.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Outage } from '../../base/errors.ts'
import { SimulatedCrash, type Fate } from '../../base/simulated-disk.ts'
import { type Journal, JournalDead, MemberMissing, openJournal, OutOfSpace } from './journal.ts'
import { JournalModel } from './journal-model.ts'
import { openJournalReader } from './journal-reader.ts'
import { LargeStore } from './large-writer.ts'

const FATES: readonly Fate[] = ['keep', 'lose', 'tear']
const KINDS = ['crash-before', 'crash-after'] as const
const never = new AbortController().signal

const append = (model: JournalModel, count: number, octetsMax = 600) => model.append(Array.from({ length: count }, () => model.draft({ octetsMax })))
const journalOf = (model: JournalModel) => model.journal as Journal
const stateOf = (model: JournalModel, root: string) => journalOf(model).members.find((member) => member.root === root)?.state

function modelWith(seed: number, mirrors: readonly string[] = ['/mirror']): JournalModel {
  return new JournalModel({ seed, mirrors, behind: true })
}

async function large(model: JournalModel): Promise<void> {
  const states = journalOf(model).members.map(({ state }) => state)
  const members = { membersChange: 1, isOut: (index: number) => states[index] !== 'in', isFilling: (index: number) => states[index] === 'filling' }
  const writer = new LargeStore({ ...model.options, members }).writer()
  await writer.write(model.random.bytes(3000))
  const body = await writer.finish()
  ok(journalOf(model).dropLacking(body.lacking))
  model.append([model.draft({ body })])
}

/** Dropped, with two segments and a large message that it lacks. */
async function dropped(model: JournalModel, root = '/mirror'): Promise<void> {
  await model.open()
  append(model, 3)
  await large(model)
  model.disk.setGone(root, true)
  append(model, 3)
  strictEqual(stateOf(model, root), 'dropped')
  await large(model)
  for (let i = 0; i < 8; i++) append(model, 4, 1500)
  model.disk.setGone(root, false)
}

function sameFiles(model: JournalModel, a: string, b: string, wholeToo = true): void {
  for (const folder of ['journal', 'large']) {
    const names = (root: string) => model.disk.list(`${root}/${folder}`).filter((name) => /^[0-9a-f]{32}$|\.seg$/.test(name))
    deepStrictEqual(names(a), names(b))
    if (wholeToo) for (const name of names(a)) ok(Buffer.from(model.disk.readWhole(`${a}/${folder}/${name}`)).equals(Buffer.from(model.disk.readWhole(`${b}/${folder}/${name}`))), `${folder}/${name}`)
  }
}

async function backAndLevel(model: JournalModel, root = '/mirror'): Promise<void> {
  for (let tries = 0; tries < 5 && stateOf(model, root) !== 'in'; tries++) await journalOf(model).returnMirrors(never)
  strictEqual(stateOf(model, root), 'in', journalOf(model).members.map(({ because }) => because).join('; '))
  append(model, 2)
  sameFiles(model, '/data', root)
  await model.check()
}

async function crashed(act: () => unknown): Promise<boolean> {
  try {
    await act()
    return false
  } catch (error) {
    if (error instanceof SimulatedCrash || error instanceof JournalDead) return true
    throw error
  }
}

describe('a member that fails alone', () => {
  for (const root of ['/mirror', '/data']) {
    it(`is dropped by a record on the others before anybody is answered: ${root}`, async () => {
      const model = modelWith(1)
      await model.open()
      append(model, 3)
      const lastGood = journalOf(model).lastSequence
      model.disk.setGone(root, true)
      append(model, 2)
      const [fact] = journalOf(model).members.filter(({ state }) => state === 'dropped')
      strictEqual(fact?.root, root)
      await model.check()
      deepStrictEqual([...model.mirrorRecords.values()], ['mirror-drop'])
      const other = root === '/data' ? '/mirror' : '/data'
      const view = JSON.parse(Buffer.from(model.disk.readWhole(`${other}/members.json`)).toString()) as { sequence: number; members: { root: string; state: string; lastGood: number }[] }
      strictEqual(view.members.find((entry) => entry.root === root)?.state, 'dropped')
      strictEqual(view.members.find((entry) => entry.root === root)?.lastGood, lastGood)
      ok(model.mirrorRecords.has(view.sequence))
      model.disk.setGone(root, false)
      const held = Buffer.from(model.disk.readWhole(`${root}/journal/${model.disk.list(`${root}/journal`).find((name) => name.endsWith('.seg'))}`))
      append(model, 5)
      deepStrictEqual(Buffer.from(model.disk.readWhole(`${root}/journal/${model.disk.list(`${root}/journal`).find((name) => name.endsWith('.seg'))}`)), held, 'nothing more is written to it')
    })
  }

  it('whichever call fails, at every act of the journal', async () => {
    let drops = 0
    for (let at = 1; at < 60; at++) {
      const model = modelWith(at, at % 3 === 0 ? ['/mirror', '/other'] : ['/mirror'])
      await model.open()
      append(model, 8, 1200)
      model.disk.failAt(model.disk.operations + at, 'EIO')
      for (let i = 0; i < 6; i++) {
        append(model, 3, 1500)
        while (journalOf(model).tend()) continue
        for (let turn = 0; turn < 40; turn++) await Promise.resolve()
        journalOf(model).closeIdle()
      }
      journalOf(model).tendMembers()
      model.disk.forgetTroubles()
      const out = journalOf(model).members.find(({ state }) => state !== 'in')
      if (out) drops += 1
      await model.check()
      strictEqual(model.mirrorRecords.size, out ? 1 : 0)
      if (out && out.root !== '/data') await backAndLevel(model, out.root)
      model.disk.crash('tear')
      await model.open()
    }
    ok(drops > 25, `${drops} drops`)
  })

  it('killed at every call of a drop: what was answered is there, whether the member has come back or not', async () => {
    for (const root of ['/mirror', '/data']) {
      for (const kind of KINDS) {
        for (const fate of FATES) {
          for (let at = 1; ; at++) {
            const model = modelWith(at)
            await model.open()
            append(model, 3)
            const before = model.written.length
            model.disk.setGone(root, true)
            model.disk.failAt(model.disk.operations + at, kind)
            const killed = await crashed(() => append(model, 3))
            const answered = model.written.slice(before).some((written) => written.kept)
            model.disk.forgetTroubles()
            model.disk.crash(fate)
            if (root === '/mirror' && (at % 2 === 0 || !killed)) {
              // It stays away. That may only be refused while nobody has been answered without it.
              try {
                await model.open()
              } catch (error) {
                if (!(error instanceof MemberMissing) || answered) throw error
                model.disk.setGone(root, false)
                await model.open()
              }
            } else {
              model.disk.setGone(root, false)
              await model.open()
            }
            append(model, 2)
            model.disk.setGone(root, false)
            if (stateOf(model, root) !== 'in') await backAndLevel(model, root)
            model.disk.crash('tear')
            await model.open()
            if (!killed) break
          }
        }
      }
    }
  })

  it('with no room anywhere, the drop waits for room and nobody is answered wrongly', async () => {
    const model = new JournalModel({ seed: 5, mirrors: ['/mirror'], capacityOctets: 200 * 1024 })
    await model.open()
    throws(() => {
      for (;;) append(model, 4, 1500)
    }, OutOfSpace)
    model.disk.setGone('/mirror', true)
    for (let i = 0; i < 5; i++) {
      try {
        append(model, 2, 1500)
      } catch (error) {
        if (!(error instanceof OutOfSpace)) throw error
      }
    }
    model.disk.capacityOctets = 900 * 1024
    model.clock.advance(2000)
    while (journalOf(model).tend()) continue
    append(model, 2)
    strictEqual(stateOf(model, '/mirror'), 'dropped')
    await model.check()
    model.disk.crash('lose')
    await model.open()
  })

  it('a mirror that is full is dropped only where that was wished for', async () => {
    const model = modelWith(6)
    await model.open()
    append(model, 2)
    model.disk.failAt(model.disk.operations + 2, 'ENOSPC')
    throws(() => append(model, 2), OutOfSpace)
    strictEqual(stateOf(model, '/mirror'), 'in')
    model.disk.crash('keep')
    const { journal } = openJournal({ ...model.ownerOptions, dropFullMirrors: true })
    model.journal = journal
    append(model, 2)
    model.disk.failAt(model.disk.operations + 2, 'ENOSPC')
    append(model, 2)
    strictEqual(stateOf(model, '/mirror'), 'dropped')
    model.disk.failAt(model.disk.operations + 1, 'ENOSPC')
    throws(() => append(model, 2), OutOfSpace, 'never the last, nor the data folder')
    await model.check()
  })

  it('a large message that it does not take is taken by the others, and drops it before the record', async () => {
    for (let at = 1; at < 14; at++) {
      const model = modelWith(at)
      await model.open()
      append(model, 2)
      model.disk.failAt(model.disk.operations + at, 'EIO')
      await large(model)
      model.disk.forgetTroubles()
      await model.check()
      const out = journalOf(model).members.find(({ state }) => state !== 'in')?.root
      const sequence = journalOf(model).lastSequence
      model.disk.crash('lose')
      await model.open()
      const reader = openJournalReader(model.options)
      strictEqual((await reader.openBody(sequence)).length, 3000)
      if (out === '/mirror') await backAndLevel(model)
    }
  })
})

describe('a member that comes back', () => {
  it('is brought level while the owner goes on, and could stand alone', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const model = modelWith(seed)
      await dropped(model)
      let over = false
      const returning = journalOf(model).returnMirrors(never).finally(() => (over = true))
      for (let turn = 0; !over; turn++) {
        if (turn % 7 === 0) append(model, 1 + model.random.int(3), 1500)
        if (turn % 40 === 3) await large(model)
        await Promise.resolve()
      }
      await returning
      await backAndLevel(model)
      deepStrictEqual([...model.mirrorRecords.values()], ['mirror-drop', 'mirror-return'])
      ok(!model.disk.list('/mirror/journal').some((name) => name.endsWith('.surplus')), 'it had nothing of its own')
      // The other one is lost for good.
      for (const folder of ['journal', 'large']) for (const name of model.disk.list(`/data/${folder}`)) model.disk.vanish(`/data/${folder}/${name}`)
      model.disk.vanish('/data/members.json')
      model.disk.crash('lose')
      throws(() => openJournal(model.ownerOptions), MemberMissing)
      const { journal } = openJournal({ ...model.ownerOptions, acceptLoss: true })
      model.journal = journal
      await model.check()
    }
  })

  it('killed at every call of the return, it is still dropped or wholly back', async () => {
    for (const kind of KINDS) {
      for (const fate of FATES) {
        for (let at = 1; ; at += at < 40 ? 1 : 3) {
          const model = modelWith(at)
          await dropped(model)
          model.disk.failAt(model.disk.operations + at, kind)
          const killed = await crashed(() => journalOf(model).returnMirrors(never))
          model.disk.forgetTroubles()
          model.disk.crash(fate)
          await model.open()
          append(model, 2)
          await backAndLevel(model)
          if (!killed) break
        }
      }
    }
  })

  it('any call of the return may fail: it is tried again, and the journal goes on', async () => {
    for (let at = 1; at < 120; at += 2) {
      const model = modelWith(at)
      await dropped(model)
      model.disk.failAt(model.disk.operations + at, at % 4 === 1 ? 'EIO' : 'ENOSPC')
      // Where the last one that is left fails, it is dead as ever.
      if (await crashed(() => journalOf(model).returnMirrors(never))) {
        model.disk.forgetTroubles()
        model.disk.crash('keep')
        await model.open()
      }
      model.disk.forgetTroubles()
      for (let i = 0; i < 3; i++) {
        try {
          append(model, 2)
        } catch (error) {
          if (!(error instanceof OutOfSpace)) throw error
        }
      }
      if (stateOf(model, '/data') === 'in') await backAndLevel(model)
      else await model.check()
    }
  })

  it('is not believed at a start, however old it is, and need not be there', async () => {
    for (const away of [true, false]) {
      const model = modelWith(11)
      await dropped(model)
      model.disk.crash('lose')
      if (away) model.disk.setGone('/mirror', true)
      await model.open()
      strictEqual(stateOf(model, '/mirror'), 'dropped')
      append(model, 3)
      model.disk.crash('tear')
      await model.open()
      model.disk.setGone('/mirror', false)
      await backAndLevel(model)
    }
  })

  it('the data folder that was dropped is filled from the mirror before the start goes on', async () => {
    const model = modelWith(12)
    await dropped(model, '/data')
    model.disk.crash('tear')
    await model.open()
    deepStrictEqual(model.report?.membersFilled, ['/data'])
    ok(!model.disk.list('/data/journal').some((name) => name.endsWith('.surplus')), 'it had nothing of its own')
    append(model, 2)
    sameFiles(model, '/data', '/mirror')
  })

  it('the data folder that was dropped is not believed when the mirror is away, nor when it is not configured any more', async () => {
    const model = modelWith(13)
    await dropped(model, '/data')
    model.disk.crash('tear')
    model.disk.setGone('/mirror', true)
    throws(() => openJournal(model.ownerOptions), MemberMissing)
    throws(() => openJournal({ ...model.ownerOptions, mirrors: [] }), MemberMissing)
    model.disk.setGone('/mirror', false)
    throws(() => openJournal({ ...model.ownerOptions, mirrors: [] }), MemberMissing)
    await model.open()
  })

  it('a mirror that takes part may be taken out of the configuration as long as it can be asked', async () => {
    const model = modelWith(14)
    await model.open()
    append(model, 3)
    model.disk.crash('keep')
    const { journal } = openJournal({ ...model.ownerOptions, mirrors: [] })
    journal.append([model.draft()])
    journal.close()
    // And a new one is filled by itself.
    model.disk.crash('keep')
    model.disk.makeDirectory('/new')
    const again = openJournal({ ...model.ownerOptions, mirrors: ['/new'] })
    deepStrictEqual(again.report.membersLeftOut.map(({ root }) => root), ['/new'])
    await again.journal.returnMirrors(never)
    deepStrictEqual(again.journal.members.map(({ state }) => state), ['in', 'in'])
    sameFiles(model, '/data', '/new', false)
  })

  it('two that have gone on without each other are told apart by a person', async () => {
    const model = modelWith(15)
    await model.open()
    append(model, 3)
    model.disk.setGone('/mirror', true)
    model.disk.crash('keep')
    openJournal({ ...model.ownerOptions, acceptLoss: true }).journal.append([model.draft()])
    model.disk.setGone('/mirror', false)
    model.disk.setGone('/data', true)
    model.disk.crash('keep')
    const alone = { ...model.ownerOptions, dataDirectory: '/mirror', mirrors: ['/data'], acceptLoss: true }
    openJournal(alone).journal.append([model.draft()])
    model.disk.setGone('/data', false)
    model.disk.crash('keep')
    throws(() => openJournal(model.ownerOptions), /without each other/)
  })

  it('is out again when there is no room to write that it is back', async () => {
    const model = modelWith(17)
    await dropped(model)
    const write = model.disk.writeWhole.bind(model.disk)
    let full = true
    model.disk.writeWhole = (path, bytes) => {
      if (full && path.endsWith('members.json')) throw new Outage('no room', { operation: 'write', path, code: 'ENOSPC' })
      write(path, bytes)
    }
    await journalOf(model).returnMirrors(never)
    strictEqual(stateOf(model, '/mirror'), 'dropped')
    append(model, 3)
    model.disk.crash('tear')
    full = false
    await model.open()
    strictEqual(stateOf(model, '/mirror'), 'dropped')
    await backAndLevel(model)
    deepStrictEqual([...model.mirrorRecords.values()], ['mirror-drop', 'mirror-return', 'mirror-drop', 'mirror-return'])
  })

  it('a stop in the middle ends it', async () => {
    const model = modelWith(16)
    await dropped(model)
    const stopping = new AbortController()
    const returning = journalOf(model).returnMirrors(stopping.signal)
    for (let turn = 0; turn < 30; turn++) await Promise.resolve()
    stopping.abort(new Error('stop'))
    await returning
    strictEqual(stateOf(model, '/mirror'), 'dropped')
    journalOf(model).close()
    await rejects(Promise.resolve().then(() => journalOf(model).append([model.draft()])), Outage)
  })
})

describe('readers beside the owner', () => {
  it('leave a dropped member alone, and change over in the middle of their work', async () => {
    const model = modelWith(21)
    await model.open()
    for (let i = 0; i < 8; i++) append(model, 4, 1500)
    const last = journalOf(model).lastSequence
    const seen = { membersChange: 0, out: new Set<number>(), isOut: (index: number) => seen.out.has(index), isFilling: () => false }
    const reader = openJournalReader({ ...model.options, members: seen })
    const heads: number[] = []
    reader.scan(1, ({ sequence }) => {
      heads.push(sequence)
      if (heads.length === 5) {
        // The data folder is dropped: what is read from here on comes from the mirror.
        for (const name of model.disk.list('/data/journal')) if (name.endsWith('.seg')) model.disk.flip(`/data/journal/${name}`, 5000)
        seen.out.add(0)
        seen.membersChange = 1
      }
      strictEqual(reader.readHead(sequence).sequence, sequence)
    }, last)
    strictEqual(heads.length, 32)
    const from = reader.locate(heads[3] as number)
    ok(from)
    reader.scan(1, () => {}, last)
    for (const sequence of heads) if (reader.readHead(sequence).bodyPlace === 'inline') await reader.openBody(sequence)
    deepStrictEqual(model.damages, [], 'nothing is mended in it')
    seen.out.delete(0)
    seen.membersChange = 2
    reader.scan(1, () => {}, last)
    ok(model.damages.some(({ outcome }) => outcome === 'healed'), 'once it is back it is')
    reader.close()
  })
})
