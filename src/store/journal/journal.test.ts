import { ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedCrash, type Fate } from '../../base/simulated-disk.ts'
import { Outage } from '../../base/errors.ts'
import { type Journal, JournalDead, OutOfSpace } from './journal.ts'
import { JournalModel, type ModelOptions } from './journal-model.ts'

const FATES: readonly Fate[] = ['keep', 'lose', 'tear']

/** Opens until it works: what stands in the way is cut power and failing calls, as planned by the caller. */
async function openAgain(model: JournalModel, fate: Fate): Promise<void> {
  model.journal = undefined
  model.disk.crash(fate)
  for (let tries = 0; ; tries++) {
    try {
      await model.open()
      return
    } catch (error) {
      if (!(error instanceof SimulatedCrash || error instanceof Outage) || tries > 50) throw error
      // Even the reserve is used up: now a person has to make some room.
      if (error instanceof OutOfSpace && tries > 3) model.disk.capacityOctets += 4096
      model.disk.crash(FATES[model.random.int(3)] as Fate)
    }
  }
}

/** One life of a journal: appends, power cuts, failing calls, clean stops, in random order. */
async function live(options: ModelOptions, steps: number): Promise<JournalModel> {
  const model = new JournalModel(options)
  const { random, disk } = model
  await openAgain(model, 'keep')
  for (let i = 0; i < steps; i++) {
    const journal = model.journal as Journal
    const act = random.int(20)
    if (act < 3) disk.failAt(disk.operations + 1 + random.int(40), random.int(2) === 0 ? 'crash-before' : 'crash-after')
    if (act === 3) disk.failAt(disk.operations + 1 + random.int(10), random.int(3) === 0 ? 'ENOSPC' : random.int(2) === 0 ? 'EIO' : 'short-write')
    if (act === 6) disk.forgetTroubles()
    // A member that was dropped is brought level meanwhile; what ends that is seen by the next call as well.
    if (act === 7) journal.returnMirrors(new AbortController().signal).catch((error: unknown) => ok(error instanceof SimulatedCrash || error instanceof JournalDead))
    for (let turns = random.int(act === 7 ? 200 : 8); turns > 0; turns--) await Promise.resolve()
    try {
      if (act < 13) model.append(Array.from({ length: 1 + random.int(6) }, () => model.draft({ reserved: random.int(4) === 0 })))
      else if (act < 15) journal.closeIdle()
      else if (act < 17) {
        while (journal.tend()) continue
      } else if (act === 17) {
        model.clock.advance(2000)
        journal.setWatermark({ through: journal.lastSequence, exceptions: [{ database: 100, through: 0 }] })
      } else if (act === 18) {
        journal.close()
        await openAgain(model, FATES[random.int(3)] as Fate)
      } else await model.check()
    } catch (error) {
      if (error instanceof OutOfSpace) continue
      // A dead journal's process ends: its page cache lives on. A power cut takes what was not flushed.
      if (error instanceof JournalDead) await openAgain(model, random.int(2) === 0 ? 'keep' : FATES[random.int(3)] as Fate)
      else if (error instanceof SimulatedCrash) await openAgain(model, FATES[random.int(3)] as Fate)
      else throw error
    }
  }
  disk.forgetTroubles()
  await openAgain(model, FATES[random.int(3)] as Fate)
  const lost = model.damages.filter((damage) => damage.outcome === 'lost')
  strictEqual(lost.length, 0, `nothing was damaged: ${lost[0]?.sentence}`)
  return model
}

async function manyLives(count: number, options: Omit<ModelOptions, 'seed'>, steps = 40): Promise<void> {
  const only = process.env['DARUMA_SEED']
  const from = only === undefined ? 1 : Number(only)
  for (let seed = from; seed < from + (only === undefined ? count : 1); seed++) {
    try {
      await live({ ...options, seed }, steps)
    } catch (error) {
      throw new Error(`seed ${seed} (DARUMA_SEED=${seed} repeats it): ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

/** `DARUMA_SEEDS=20` runs twenty times as many. */
const TIMES = Number(process.env['DARUMA_SEEDS'] ?? 1)

describe('whatever happens to the disk, what was acknowledged is there', () => {
  it('alone', () => manyLives(100 * TIMES, {}))
  it('with two mirrors', () => manyLives(50 * TIMES, { mirrors: ['/mirror', '/other'] }))
  it('on a disk that is nearly full', () => manyLives(50 * TIMES, { capacityOctets: 150 * 1024 }))
  it('while the next segments are made behind the owner\'s back', () => manyLives(50 * TIMES, { behind: true, mirrors: ['/mirror'] }))
  it('while dropped mirrors come back', () => manyLives(40 * TIMES, { behind: true, mirrors: ['/mirror', '/other'], segmentSizeOctets: 8 * 1024 }, 80))
  it('with segments that hold one batch each', () => manyLives(50 * TIMES, { segmentSizeOctets: 8 * 1024, mirrors: ['/mirror'] }))
})
