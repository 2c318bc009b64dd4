// Bits turn over in what was durable. Without a mirror every record is whole or reported, never skipped in
// silence and never served wrong. With one, everything is whole, and the bad copy is mended.
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { textOf } from '../../base/bytes.ts'
import { BodyDamaged, type Damage, type Journal, openJournal } from './journal.ts'
import { openJournalReader, type JournalReader } from './journal-reader.ts'
import { JournalModel } from './journal-model.ts'

async function filled(seed: number, mirrors: readonly string[]): Promise<JournalModel> {
  const model = new JournalModel({ seed, mirrors })
  await model.open()
  for (let i = 0; i < 6 + model.random.int(10); i++) {
    model.append(Array.from({ length: 1 + model.random.int(5) }, () => model.draft()))
    if (model.random.int(4) === 0) (model.journal as Journal).closeIdle()
    if (model.random.int(8) === 0) {
      model.disk.crash('tear')
      await model.open()
    }
  }
  ;(model.journal as Journal).closeIdle()
  if (model.random.int(2) === 0) {
    // What is hit then are the copies of a new owner, which nothing follows but the header that closes them.
    model.disk.crash('tear')
    await model.open()
  }
  return model
}

function flipSome(model: JournalModel, root: string, count: number): string[] {
  const { disk, random } = model
  const flips: string[] = []
  for (let i = 0; i < count; i++) {
    const names = disk.list(`${root}/journal`).filter((name) => name.endsWith('.seg'))
    const path = `${root}/journal/${names[random.int(names.length)] as string}`
    const bytes = disk.readWhole(path)
    let used = bytes.length
    while (used > 0 && bytes[used - 1] === 0) used -= 1
    // Half of the hits go among the structures at the front of the file or at its used end.
    const offset = random.int(3) === 0 ? random.int(100) : random.int(4) === 0 ? Math.max(0, used - 1 - random.int(150)) : random.int(used)
    disk.flip(path, offset, 1 << random.int(8))
    flips.push(`${path}:${offset}`)
  }
  return flips
}

interface Outcome {
  whole: number
  lost: number
}

/** `cutBehind`: the start has cut (and reported, and kept) what lies behind this sequence. */
async function judge(model: JournalModel, reader: JournalReader, damages: readonly Damage[], cutBehind = Infinity): Promise<Outcome> {
  const outcome = { whole: 0, lost: 0 }
  const seen = new Map<number, number>()
  const metas = new Map<number, string>()
  reader.scan(1, (record) => {
    const { id } = JSON.parse(textOf(record.meta)) as { id: number }
    ok(!seen.has(id), `record ${id} is there twice`)
    seen.set(id, record.sequence)
    metas.set(id, textOf(record.meta))
  }, (model.journal as Journal).lastSequence)
  for (const written of model.written) {
    if (!written.kept) continue
    const reported = () => damages.some((damage) => damage.outcome === 'lost' && (damage.firstSequence ?? 0) <= (written.sequence as number) && (damage.lastSequence ?? Infinity) >= (written.sequence as number))
    if (!seen.has(written.id)) {
      // The last header and the last batch hit at once look like a torn end, and nothing can tell them apart.
      ok(reported() || (written.sequence as number) > cutBehind, `record ${written.id} (${written.sequence}) is missing, and nobody said so`)
      outcome.lost += 1
      continue
    }
    strictEqual(seen.get(written.id), written.sequence)
    strictEqual(metas.get(written.id), textOf(written.draft.meta))
    if (written.draft.body?.place !== 'inline') continue
    try {
      const body = await reader.openBody(written.sequence as number)
      deepStrictEqual(Buffer.from(body.read(0, body.length)), Buffer.concat(written.draft.body.parts), 'a wrong body was served')
      outcome.whole += 1
    } catch (error) {
      if (!(error instanceof BodyDamaged)) throw error
      ok(reported(), `the body of ${written.id} is damaged, and nobody said so`)
      outcome.lost += 1
    }
  }
  return outcome
}

async function manySeeds(count: number, run: (seed: number) => Promise<Outcome>): Promise<Outcome> {
  const only = process.env['DARUMA_SEED']
  const from = only === undefined ? 1 : Number(only)
  const sum = { whole: 0, lost: 0 }
  for (let seed = from; seed < from + (only === undefined ? count : 1); seed++) {
    try {
      const { whole, lost } = await run(seed)
      sum.whole += whole
      sum.lost += lost
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
  return sum
}

describe('turned-over bits', () => {
  it('are reported by a reader, and what they hit is not served', async () => {
    const { whole, lost } = await manySeeds(120, async (seed) => {
      const model = await filled(seed, [])
      flipSome(model, '/data', 1 + model.random.int(3))
      const reader = openJournalReader(model.options)
      return judge(model, reader, model.damages)
    })
    ok(whole > 500 && lost > 20, `${whole} whole, ${lost} lost`)
  })

  it('are reported by the next start, and what they hit is not served', async () => {
    const { whole, lost } = await manySeeds(120, async (seed) => {
      const model = await filled(seed, [])
      const flips = flipSome(model, '/data', 1 + model.random.int(2))
      model.disk.crash('tear')
      const opened = openJournal(model.ownerOptions)
      model.journal = opened.journal
      try {
        const { cuts, lastSequence } = opened.report
        return await judge(model, openJournalReader(model.options), model.damages, cuts.length > 0 ? lastSequence : Infinity)
      } catch (error) {
        throw new Error(`${flips.join(', ')}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    })
    ok(whole > 500 && lost > 20, `${whole} whole, ${lost} lost`)
  })

  it('are answered from a mirror and mended', async () => {
    const { lost } = await manySeeds(80, async (seed) => {
      const model = await filled(seed, ['/mirror'])
      const victim = model.random.int(2) === 0 ? '/data' : '/mirror'
      flipSome(model, victim, 1 + model.random.int(4))
      const again = model.random.int(2) === 0
      if (again) {
        model.disk.crash('tear')
        await model.open()
      }
      const outcome = await judge(model, openJournalReader(model.options), model.damages)
      await model.check()
      return outcome
    })
    strictEqual(lost, 0)
  })

  it('a body that was read from the mirror is whole in the first member afterwards', async () => {
    const model = new JournalModel({ seed: 5, mirrors: ['/mirror'] })
    await model.open()
    const drafts = Array.from({ length: 12 }, () => model.draft())
    model.append(drafts)
    const written = model.written.find((one) => one.draft.body?.place === 'inline' && one.draft.body.parts.some((part) => part.length > 20))
    ok(written)
    const body = Buffer.concat(written.draft.body?.place === 'inline' ? written.draft.body.parts : [])
    const [name] = model.disk.list('/data/journal').filter((one) => one.endsWith('.seg'))
    const path = `/data/journal/${name}`
    const offset = Buffer.from(model.disk.readWhole(path)).indexOf(body)
    model.disk.flip(path, offset + 7)
    const reader = openJournalReader(model.options)
    const source = await reader.openBody(written.sequence as number)
    deepStrictEqual(Buffer.from(source.read(0, source.length)), body)
    strictEqual(model.damages.at(-1)?.outcome, 'healed')
    strictEqual(model.damages.at(-1)?.firstSequence, written.sequence)
    model.disk.crash('lose')
    deepStrictEqual(Buffer.from(model.disk.readWhole(path)).subarray(offset, offset + body.length), body, 'mended and flushed')
    // The same in both members is beyond help, and said so.
    model.disk.flip(path, offset + 7)
    model.disk.flip(path.replace('/data', '/mirror'), offset + 9)
    await rejects(openJournalReader(model.options).openBody(written.sequence as number), BodyDamaged)
    strictEqual(model.damages.at(-1)?.outcome, 'lost')
  })

  it('a segment that one member has lost comes back from the other', async () => {
    const model = new JournalModel({ seed: 9, mirrors: ['/mirror'] })
    await model.open()
    for (let i = 0; i < 8; i++) model.append(Array.from({ length: 6 }, () => model.draft()))
    const [first] = model.disk.list('/data/journal').filter((one) => one.endsWith('.seg'))
    model.disk.vanish(`/data/journal/${first}`)
    await model.check()
    model.disk.crash('lose')
    await model.open()
    ok(model.disk.exists(`/data/journal/${first}`))
    ok(model.damages.some((damage) => damage.what === 'segment' && damage.outcome === 'healed'))
  })

  it('a segment that is gone everywhere is reported', async () => {
    const model = new JournalModel({ seed: 9 })
    await model.open()
    for (let i = 0; i < 12; i++) model.append(Array.from({ length: 6 }, () => model.draft()))
    const names = model.disk.list('/data/journal').filter((one) => one.endsWith('.seg'))
    ok(names.length > 3)
    model.disk.vanish(`/data/journal/${names[1]}`)
    const outcome = await judge(model, openJournalReader(model.options), model.damages)
    ok(outcome.lost > 0 && outcome.whole > 0)
    ok(model.damages.some((damage) => damage.what === 'segment' && damage.outcome === 'lost'))
  })
})
