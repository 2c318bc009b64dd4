// One act of the journal after the other, killed before and after each call that changes the disk, with
// each fate of what was not flushed; and the recovery from that killed in turn at each of its own calls.
import { ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Outage } from '../../base/errors.ts'
import { SimulatedCrash, type Fate } from '../../base/simulated-disk.ts'
import { type Journal } from './journal.ts'
import { JournalModel } from './journal-model.ts'

const FATES: readonly Fate[] = ['keep', 'lose', 'tear']
/** All pairs of kills instead of some. */
const LONG = process.env['DARUMA_LONG'] === '1'
const KINDS = ['crash-before', 'crash-after'] as const

interface Act {
  readonly name: string
  /** Brings the journal to the moment before the act. */
  readonly before: (model: JournalModel) => Promise<void>
  readonly act: (model: JournalModel) => Promise<void> | void
}

const append = (model: JournalModel, count: number, octetsMax = 600) => model.append(Array.from({ length: count }, () => model.draft({ octetsMax })))

async function started(model: JournalModel): Promise<void> {
  await model.open()
  append(model, 3)
  append(model, 2)
}

/** Leaves an unsealed tail behind, and opens nothing. */
async function left(model: JournalModel): Promise<void> {
  await started(model)
  append(model, 4)
  model.journal = undefined
}

const ACTS: readonly Act[] = [
  { name: 'the first start', before: async () => {}, act: (model) => model.open() },
  { name: 'an append', before: started, act: (model) => append(model, 4) },
  { name: 'closing when idle', before: started, act: (model) => void (model.journal as Journal).closeIdle() },
  {
    name: 'a roll-over',
    before: async (model) => {
      await started(model)
      append(model, 12, 900)
    },
    act: (model) => {
      for (let i = 0; i < 6; i++) append(model, 3, 1500)
    },
  },
  {
    name: 'preparing the next segment',
    before: async (model) => {
      await started(model)
      append(model, 12, 900)
    },
    act: (model) => {
      while ((model.journal as Journal).tend()) continue
    },
  },
  { name: 'a clean stop', before: started, act: (model) => (model.journal as Journal).close() },
  { name: 'a recovery', before: left, act: (model) => model.open() },
  {
    name: 'a recovery behind a sealed segment',
    before: async (model) => {
      await started(model)
      for (let i = 0; i < 6; i++) append(model, 3, 1500)
      model.journal = undefined
    },
    act: (model) => model.open(),
  },
  {
    name: 'a recovery of a recovery',
    before: async (model) => {
      await left(model)
      model.disk.failAt(model.disk.operations + 9, 'crash-after')
      await model.open().catch(() => {})
      model.disk.forgetTroubles()
      model.disk.crash('tear')
    },
    act: (model) => model.open(),
  },
]

async function attempt(act: () => Promise<void> | void): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof SimulatedCrash || error instanceof Outage) return false
    throw error
  }
}

interface Plan {
  readonly seed: number
  readonly mirrors: readonly string[]
  readonly at: number
  readonly kind: (typeof KINDS)[number]
  readonly fate: Fate
  /** Operation at which the recovery is killed too; 0 for none. */
  readonly again: number
}

/** Runs an act with one kill in it. False when the act ended before the kill came. */
async function killed({ before, act }: Act, plan: Plan): Promise<boolean> {
  const model = new JournalModel({ seed: plan.seed, mirrors: plan.mirrors, segmentSizeOctets: 16 * 1024 })
  await before(model)
  model.disk.failAt(model.disk.operations + plan.at, plan.kind)
  const ended = await attempt(() => act(model))
  model.disk.forgetTroubles()
  model.disk.crash(plan.fate)
  if (plan.again > 0) {
    model.disk.failAt(model.disk.operations + plan.again, plan.kind)
    await attempt(() => model.open())
    model.disk.forgetTroubles()
    model.disk.crash(FATES[(plan.at + plan.again) % 3] as Fate)
  }
  await model.open()
  append(model, 2)
  await model.check()
  ok(model.damages.every((damage) => damage.outcome !== 'lost'), model.damages[0]?.sentence ?? '')
  return !ended
}

async function everywhere(act: Act, mirrors: readonly string[], again: (at: number) => readonly number[]): Promise<number> {
  let runs = 0
  for (const kind of KINDS) {
    for (const fate of FATES) {
      for (let at = 1; ; at++) {
        let reached = false
        for (const second of again(at)) {
          const plan: Plan = { seed: 1000 * at + second, mirrors, at, kind, fate, again: second }
          try {
            reached = (await killed(act, plan)) || reached
          } catch (error) {
            throw new Error(`${act.name}, ${JSON.stringify(plan)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
          }
          runs += 1
        }
        if (!reached) break
      }
    }
  }
  return runs
}

describe('killed at every call', () => {
  for (const act of ACTS) {
    it(act.name, async () => {
      ok((await everywhere(act, [], () => [0])) > 6)
      ok((await everywhere(act, ['/mirror'], () => [0])) > 6)
    })
  }
  it('and again at every call of the recovery', async () => {
    for (const act of ACTS.slice(1)) await everywhere(act, [], (at) => (LONG ? Array.from({ length: 24 }, (_, index) => index + 1) : [1 + ((at * 7) % 24)]))
    await everywhere(ACTS[6] as Act, ['/mirror'], (at) => (LONG ? Array.from({ length: 30 }, (_, index) => index + 1) : [1 + ((at * 5) % 30), 1 + ((at * 11) % 30)]))
  })
})
