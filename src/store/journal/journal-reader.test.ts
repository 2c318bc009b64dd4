import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk, DiskFile } from '../../base/disk.ts'
import { bytesOf, textOf } from '../../base/bytes.ts'
import { FIRST_ACCOUNT_DATABASE, type Journal, openJournal, type RecordDraft } from './journal.ts'
import { openJournalReader } from './journal-reader.ts'
import { inlineBody, JournalModel } from './journal-model.ts'

/** Counts what is read from files. */
function counting(disk: Disk): { disk: Disk; reads: () => number; octets: () => number } {
  let reads = 0
  let octets = 0
  const open = (path: string, mode: 'read' | 'update' | 'create'): DiskFile => {
    const file = disk.open(path, mode)
    return {
      path, write: (parts, position) => file.write(parts, position), flush: () => file.flush(), sizeOctets: () => file.sizeOctets(),
      allocate: (size) => file.allocate(size), truncate: (size) => file.truncate(size), close: () => file.close(),
      read(into, position) {
        reads += 1
        octets += into.length
        return file.read(into, position)
      },
    }
  }
  const methods = ['exists', 'facts', 'list', 'makeDirectory', 'rename', 'remove', 'flushDirectory', 'readWhole', 'writeWhole', 'freeOctets'] as const
  const wrapped = Object.fromEntries(methods.map((name) => [name, (disk[name] as (...args: unknown[]) => unknown).bind(disk)])) as unknown as Omit<Disk, 'open'>
  return { disk: { ...wrapped, open }, reads: () => reads, octets: () => octets }
}

function arrivals(model: JournalModel, count: number, octets: number): RecordDraft[] {
  return Array.from({ length: count }, (_, index): RecordDraft => ({
    type: 'arrival', version: 1, timeMs: 1, databases: [FIRST_ACCOUNT_DATABASE + index], meta: bytesOf(`{"n":${index}}`), body: inlineBody(new Uint8Array(octets).fill(index), model.random),
  }))
}

describe('reading beside the owner', () => {
  it('follows the active segment, a whole fresh batch with one read', async () => {
    const model = new JournalModel({ seed: 1, segmentSizeOctets: 4 * 1024 * 1024 })
    await model.open()
    const counted = counting(model.disk)
    const reader = openJournalReader({ ...model.options, disk: counted.disk })
    let next = 1
    for (let i = 0; i < 10; i++) {
      const sequences = (model.journal as Journal).append(arrivals(model, 50, 1000))
      const through = sequences.at(-1) as number
      const before = counted.reads()
      const got: number[] = []
      reader.scan(next, (record) => void got.push(record.sequence), through)
      deepStrictEqual(got, sequences)
      if (i > 0) ok(counted.reads() - before <= 1, `${counted.reads() - before} reads for one batch`)
      next = through + 1
    }
  })

  it('does not look behind what the owner has called durable', async () => {
    const model = new JournalModel({ seed: 2, segmentSizeOctets: 256 * 1024 })
    await model.open()
    const [first, second] = [(model.journal as Journal).append(arrivals(model, 3, 10)), (model.journal as Journal).append(arrivals(model, 3, 10))]
    const reader = openJournalReader(model.options)
    const seen: number[] = []
    reader.scan(1, (record) => void seen.push(record.sequence), first.at(-1) as number)
    deepStrictEqual(seen, first)
    reader.scan(4, (record) => void seen.push(record.sequence), second.at(-1) as number)
    deepStrictEqual(seen, [...first, ...second])
    const some: number[] = []
    reader.scan(2, (record) => {
      some.push(record.sequence)
      return some.length < 3
    }, 6)
    deepStrictEqual(some, [2, 3, 4], 'and stops when it is told to')
    deepStrictEqual(model.damages, [])
  })

  it('finds heads, metas and new segments by itself', async () => {
    const model = new JournalModel({ seed: 3, segmentSizeOctets: 32 * 1024 })
    await model.open()
    const reader = openJournalReader({ ...model.options, segmentsOpenMax: 2 })
    const all: number[] = []
    for (let i = 0; i < 12; i++) all.push(...(model.journal as Journal).append(arrivals(model, 10, 700)))
    ok(model.disk.list('/data/journal').length > 4)
    for (const [index, sequence] of [...all.entries()].reverse()) {
      strictEqual(textOf(reader.readMeta(sequence)), `{"n":${index % 10}}`)
      deepStrictEqual(reader.readHead(sequence).databases, [FIRST_ACCOUNT_DATABASE + (index % 10)])
    }
    strictEqual(reader.locate(all.at(-1) as number + 1), undefined)
    throws(() => reader.readMeta(999_999), /not in the journal/)
    deepStrictEqual(model.damages, [])
  })

  it('gives the heads behind the watermark at start, and of an exception also older ones', async () => {
    const model = new JournalModel({ seed: 4, segmentSizeOctets: 64 * 1024 })
    await model.open()
    const journal = model.journal as Journal
    journal.append(arrivals(model, 10, 10)) // databases 100 to 109, sequences 1 to 10
    journal.setWatermark({ through: 8, exceptions: [{ database: 104, through: 3 }] })
    journal.append(arrivals(model, 2, 10))
    model.disk.crash('lose')
    const { entries, report } = openJournal(model.ownerOptions)
    deepStrictEqual(report.watermark, { through: 8, exceptions: [{ database: 104, through: 3 }] })
    deepStrictEqual(entries.map((entry) => [entry.sequence, entry.databases[0]]), [[5, 104], [9, 108], [10, 109], [11, 100], [12, 101]])
    strictEqual(entries[0]?.type, 'arrival')
  })

  it('a watermark with too many exceptions is lowered', async () => {
    const model = new JournalModel({ seed: 6, segmentSizeOctets: 64 * 1024 })
    await model.open()
    const journal = model.journal as Journal
    journal.append(arrivals(model, 100, 1))
    journal.setWatermark({ through: 100, exceptions: Array.from({ length: 80 }, (_, index) => ({ database: 100 + index, through: 90 - index })) })
    journal.append(arrivals(model, 1, 1))
    const { watermark } = openJournal(model.ownerOptions).report
    strictEqual(watermark.through, 75)
    deepStrictEqual(watermark.exceptions, Array.from({ length: 64 }, (_, index) => ({ database: 179 - index, through: 11 + index })))
  })

  it('the last record asked for is damaged: the next one is not shown before its time', async () => {
    const model = new JournalModel({ seed: 7, segmentSizeOctets: 64 * 1024 })
    await model.open()
    const journal = model.journal as Journal
    const first = journal.append(arrivals(model, 3, 10))
    journal.append(arrivals(model, 1, 10))
    const path = `/data/journal/${model.disk.list('/data/journal').find((name) => name.endsWith('.seg'))}`
    const at = openJournalReader(model.options).locate(first.at(-1) as number)
    model.disk.flip(path, (at?.offset ?? 0) + 50)
    const reader = openJournalReader(model.options)
    const seen: number[] = []
    reader.scan(1, (record) => void seen.push(record.sequence), 3)
    deepStrictEqual(seen, [1, 2])
    deepStrictEqual(model.damages.map((damage) => [damage.outcome, damage.firstSequence, damage.lastSequence]), [['lost', 3, 3]])
    reader.scan(4, (record) => void seen.push(record.sequence), 4)
    deepStrictEqual(seen, [1, 2, 4])
  })

  it('a reader that was open while the owner sealed and began a new segment goes on', async () => {
    const model = new JournalModel({ seed: 5 })
    await model.open()
    const reader = openJournalReader(model.options)
    let next = 1
    let count = 0
    for (let i = 0; i < 40; i++) {
      const sequences = (model.journal as Journal).append(arrivals(model, 3, 900))
      reader.scan(next, () => void (count += 1), sequences.at(-1) as number)
      next = (sequences.at(-1) as number) + 1
    }
    strictEqual(count, 120)
    deepStrictEqual(model.damages, [])
  })
})
