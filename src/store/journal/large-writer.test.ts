import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, it } from 'node:test'
import { SimulatedCrash } from '../../base/simulated-disk.ts'
import { Outage } from '../../base/errors.ts'
import { BodyDamaged, type Journal, JournalDead, type LargeBody, openJournal } from './journal.ts'
import { openJournalReader } from './journal-reader.ts'
import { LargeStore, listUnnamedLarge } from './large-writer.ts'
import { JournalModel } from './journal-model.ts'

async function written(model: JournalModel, octets: number): Promise<{ body: LargeBody; bytes: Buffer }> {
  const writer = new LargeStore(model.options).writer()
  const pieces: Uint8Array[] = []
  for (let left = octets; left > 0; ) {
    const piece = model.random.bytes(Math.min(left, 1 + model.random.int(5000)))
    pieces.push(piece)
    left -= piece.length
    await writer.write(piece)
  }
  return { body: await writer.finish(), bytes: Buffer.concat(pieces) }
}

function record(model: JournalModel, body: LargeBody): number {
  const draft = { ...model.draft(), type: 'arrival', body } as const
  return (model.journal as Journal).append([draft])[0] as number
}

describe('large messages', () => {
  it('are on every member and flushed before a record names them', async () => {
    const model = new JournalModel({ seed: 1, mirrors: ['/mirror'] })
    await model.open()
    const { body, bytes } = await written(model, 50_000)
    strictEqual(body.length, 50_000)
    deepStrictEqual(Buffer.from(body.sha256), hash('sha256', bytes, 'buffer'))
    const sequence = record(model, body)
    model.disk.crash('lose')
    openJournal(model.ownerOptions)
    for (const root of ['/data', '/mirror']) deepStrictEqual(Buffer.from(model.disk.readWhole(`${root}/large/${body.name}`)), bytes)
    const reader = openJournalReader(model.options)
    strictEqual(reader.readHead(sequence).largeName, body.name)
    const source = await reader.openBody(sequence)
    strictEqual(source.length, bytes.length)
    deepStrictEqual(Buffer.from(source.read(40_000, 20_000)), bytes.subarray(40_000))
    deepStrictEqual(Buffer.from((await reader.openBody(sequence)).read(17, 100)), bytes.subarray(17, 117), 'from memory of the match')
  })

  it('a damaged one is answered from the mirror and mended; one that is damaged everywhere is never served', async () => {
    const model = new JournalModel({ seed: 2, mirrors: ['/mirror'] })
    await model.open()
    const { body, bytes } = await written(model, 9000)
    const sequence = record(model, body)
    model.disk.flip(`/data/large/${body.name}`, 4711)
    const source = await openJournalReader(model.options).openBody(sequence)
    deepStrictEqual(Buffer.from(source.read(0, 9000)), bytes)
    strictEqual(model.damages.at(-1)?.outcome, 'healed')
    deepStrictEqual(Buffer.from(model.disk.readWhole(`/data/large/${body.name}`)), bytes)
    model.disk.vanish(`/data/large/${body.name}`)
    await openJournalReader(model.options).openBody(sequence)
    deepStrictEqual(Buffer.from(model.disk.readWhole(`/data/large/${body.name}`)), bytes, 'a lost one comes back')
    model.disk.flip(`/data/large/${body.name}`, 1)
    model.disk.flip(`/mirror/large/${body.name}`, 2)
    await rejects(openJournalReader(model.options).openBody(sequence), BodyDamaged)
    deepStrictEqual([model.damages.at(-1)?.outcome, model.damages.at(-1)?.what], ['lost', 'large'])
  })

  it('an aborted one leaves nothing, also after it was finished', async () => {
    const model = new JournalModel({ seed: 3, mirrors: ['/mirror'] })
    await model.open()
    const store = new LargeStore(model.options)
    const one = store.writer()
    await one.write(new Uint8Array(100))
    await one.abort()
    const two = store.writer()
    await two.write(new Uint8Array(100))
    await two.finish()
    await two.abort()
    await store.writer().abort()
    for (const root of ['/data', '/mirror']) deepStrictEqual(model.disk.list(`${root}/large`), [])
  })

  it('a failed write is not tried again', async () => {
    const model = new JournalModel({ seed: 4 })
    await model.open()
    const writer = new LargeStore(model.options).writer()
    await writer.write(new Uint8Array(10))
    model.disk.failAt(model.disk.operations + 1, 'ENOSPC')
    await rejects(writer.write(new Uint8Array(10)), { code: 'ENOSPC' })
    await rejects(writer.write(new Uint8Array(10)), Outage)
    await rejects(writer.finish(), Outage)
    await writer.abort()
    deepStrictEqual(model.disk.list('/data/large'), [])
  })

  it('killed at any call, it is whole where a record names it', async () => {
    let named = 0
    for (let at = 1; at < 40; at++) {
      for (const kind of ['crash-before', 'crash-after'] as const) {
        const model = new JournalModel({ seed: at, mirrors: ['/mirror'] })
        await model.open()
        model.disk.failAt(model.disk.operations + at, kind)
        let sequence: number | undefined
        let bytes: Buffer | undefined
        try {
          const large = await written(model, 6000)
          bytes = large.bytes
          sequence = record(model, large.body)
        } catch (error) {
          if (!(error instanceof SimulatedCrash || error instanceof JournalDead)) throw error
        }
        model.disk.forgetTroubles()
        model.disk.crash('tear')
        const { journal } = openJournal(model.ownerOptions)
        const names = new Set<string>()
        openJournalReader(model.options).scan(1, (head) => void (head.largeName && names.add(head.largeName)), journal.lastSequence)
        if (sequence !== undefined) {
          named += 1
          const source = await openJournalReader(model.options).openBody(sequence)
          deepStrictEqual(Buffer.from(source.read(0, 6000)), bytes)
        }
        const unnamed = listUnnamedLarge(model.disk, ['/data', '/mirror'], (name) => names.has(name))
        const all = ['/data', '/mirror'].flatMap((root) => model.disk.list(`${root}/large`).map((name) => `${root}/large/${name}`))
        deepStrictEqual(unnamed, all.filter((path) => !names.has(path.split('/').at(-1) as string)))
      }
    }
    ok(named > 5)
  })
})
