import { ok, strictEqual, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Journal, OutOfSpace } from './journal.ts'
import { JournalModel } from './journal-model.ts'

const SEGMENT = 64 * 1024

function fillUp(model: JournalModel, reserved: boolean): number {
  for (let count = 0; ; count++) {
    try {
      model.append([model.draft({ reserved, octets: 1500 })])
    } catch (error) {
      if (error instanceof OutOfSpace) return count
      throw error
    }
  }
}

describe('a full disk', () => {
  it('refuses mail, still takes expunges from the reserve, and recovers by itself', async () => {
    const model = new JournalModel({ seed: 1, segmentSizeOctets: SEGMENT, capacityOctets: 3 * SEGMENT })
    await model.open()
    ok(fillUp(model, false) > 10, 'ordinary drafts fill the active segment')
    const journal = model.journal as Journal
    ok(journal.full)
    throws(() => model.append([model.draft({ octets: 1500 })]), OutOfSpace)
    model.append([model.draft({ octets: 1500, reserved: true })])
    throws(() => model.append([model.draft({ octets: 10 })]), OutOfSpace, 'ordinary ones do not get at the reserve')
    ok(fillUp(model, true) > 10, 'reserved ones fill it')
    await model.check()

    // A restart on the full disk works, and changes nothing.
    model.disk.crash('tear')
    await model.open()

    model.disk.capacityOctets = 12 * SEGMENT
    model.clock.advance(1500)
    while ((model.journal as Journal).tend()) continue
    ok(!(model.journal as Journal).full)
    model.append([model.draft()])
    model.disk.crash('lose')
    await model.open()
  })

  it('a write that runs out of space half-way leaves no record behind', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const model = new JournalModel({ seed, mirrors: ['/mirror'] })
      await model.open()
      model.append([model.draft(), model.draft()])
      model.disk.failAt(model.disk.operations + 1 + (seed % 2), seed % 3 === 0 ? 'ENOSPC' : 'short-write')
      throws(() => model.append([model.draft(), model.draft(), model.draft()]), OutOfSpace)
      model.append([model.draft()])
      await model.check()
      model.disk.crash('tear')
      await model.open()
      ok(model.written.slice(2, 5).every((written) => written.gone))
    }
  })

  it('a failed write or flush ends the owner; nothing of that batch was answered, nothing else is lost', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const model = new JournalModel({ seed, mirrors: seed % 2 === 0 ? ['/mirror'] : [] })
      await model.open()
      model.append([model.draft(), model.draft()])
      // Alone the write or the flush; with a mirror the write of the one and the flush of the other.
      model.disk.failAt(model.disk.operations + 1 + (seed % 4 < 2 ? 0 : 1), 'EIO')
      if (seed % 2 === 0) model.disk.failAt(model.disk.operations + 3, 'EIO')
      throws(() => model.append([model.draft(), model.draft()]), { name: 'JournalDead', code: 'EIO' })
      throws(() => model.append([model.draft()]), { name: 'JournalDead' })
      throws(() => (model.journal as Journal).tend(), { name: 'JournalDead' })
      const before = model.disk.operations
      throws(() => (model.journal as Journal).closeIdle(), { name: 'JournalDead' })
      ;(model.journal as Journal).close()
      strictEqual(model.disk.operations, before, 'a dead journal touches the disk no more')
      model.disk.crash(seed % 3 === 0 ? 'keep' : 'tear')
      await model.open()
    }
  })

  it('a segment that is sealed empty keeps its name for itself', async () => {
    // Seed 574 of the lives once had two segments of one name, one on each member, after a crash in between.
    const model = new JournalModel({ seed: 4, mirrors: ['/mirror'] })
    await model.open()
    model.append(Array.from({ length: 10 }, () => model.draft({ octets: 3000 })))
    const names = model.disk.list('/data/journal').filter((name) => name.endsWith('.seg'))
    strictEqual(names.length, 2)
    await model.check()
  })

  it('a batch larger than a segment gets a segment of its own', async () => {
    const model = new JournalModel({ seed: 3 })
    await model.open()
    model.append([model.draft()])
    model.append(Array.from({ length: 60 }, () => model.draft({ octetsMax: 3000 })))
    model.append([model.draft()])
    await model.check()
    model.disk.crash('lose')
    await model.open()
  })
})
