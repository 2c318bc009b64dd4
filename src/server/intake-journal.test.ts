import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { bytesOf, textOf } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { Outage } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { openJournal } from '../store/journal/journal.ts'
import { hasTaken, IntakeJournal } from './intake-journal.ts'

const place = (disk: Disk, seed = 7) => ({ disk, clock: systemClock, random: seededRandom(seed), log: silentLog, segmentSizeOctets: 256 * 1024 })

/** One understudy after the other; each keeps so many messages of 50,000 octets. */
function keep(disk: Disk, each: readonly number[]): number[] {
  const sequences: number[] = []
  for (const [owner, count] of each.entries()) {
    const { journal } = openJournal({ ...place(disk, owner + 1), dataDirectory: '/intake' })
    for (let n = 0; n < count; n += 1) {
      const bytes = bytesOf(`message ${owner}.${n} ${'x'.repeat(50_000)}`)
      const body = { place: 'inline' as const, parts: [bytes], sha256: createHash('sha256').update(bytes).digest() }
      sequences.push(...journal.append([{ type: 'arrival', version: 1, timeMs: 1, databases: [], meta: bytesOf('{}'), body }]))
    }
    journal.close()
  }
  return sequences
}

function made(each: readonly number[]) {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  for (const folder of ['/intake', '/intake/journal', '/intake/large']) disk.makeDirectory(folder)
  return { disk, sequences: keep(disk, each) }
}

/** Renames between folders, which the simulated one does not; and these files cannot be removed. */
function between(disk: SimulatedDisk, stays: (path: string) => boolean = () => false): Disk {
  const own: Partial<Disk> = {
    remove(path) {
      if (stays(path)) throw new Outage('not permitted', { operation: 'remove', path, code: 'EPERM' })
      disk.remove(path)
    },
    rename(from, to) {
      if (dirname(from) === dirname(to)) return disk.rename(from, to)
      disk.writeWhole(to, disk.readWhole(from))
      disk.remove(from)
    },
  }
  return new Proxy<Disk>(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(key in own ? own : target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

const open = (disk: Disk) => new IntakeJournal({ ...place(disk), directory: '/intake' })

function readAll(journal: IntakeJournal): number[] {
  const found: number[] = []
  for (let from = 1; ; ) {
    const page = journal.page(from, 3)
    const last = page.at(-1)
    if (!last) return found
    found.push(...page.map(({ sequence }) => sequence))
    from = last.sequence + 1
  }
}

test('what was adopted goes, and nothing is left', () => {
  const { disk, sequences } = made([7, 0, 3])
  const journal = open(disk)
  assert.deepEqual(readAll(journal), sequences)
  journal.removeThrough(sequences[6] as number)
  assert.deepEqual(readAll(journal).filter((sequence) => sequence > (sequences[6] as number)), sequences.slice(7))
  journal.close()
  assert.equal(journal.removeAll(), true)
  assert.deepEqual(disk.list('/intake/journal'), [])
  assert.equal(hasTaken('/intake', disk), false)
})

test('a segment that cannot be removed keeps all newer ones: no sequence is ever given out twice', () => {
  for (const part of ['through', 'all'] as const) {
    const { disk, sequences } = made([7, 7, 7])
    const oldest = disk.list('/intake/journal').find((name) => name.endsWith('.seg')) as string
    const failing = between(disk, (path) => path.endsWith(oldest))
    const journal = open(failing)
    readAll(journal)
    if (part === 'through') journal.removeThrough(sequences.at(-1) as number)
    journal.close()
    if (part === 'all') assert.equal(journal.removeAll(), false)
    assert.ok(hasTaken('/intake', disk))
    const next = keep(disk, [1])
    assert.ok((next[0] as number) > (sequences.at(-1) as number), `${part}: ${next[0]} after ${sequences.at(-1)}`)
  }
})

test('a power cut while the emptied journal is removed leaves no way to give a sequence out twice', () => {
  const { disk: whole } = made([2, 2])
  const steps = whole.operations
  let cuts = 0
  for (let at = 1; at < 60; at += 1) {
    const { disk, sequences } = made([2, 2])
    assert.equal(disk.operations, steps)
    const journal = open(disk)
    readAll(journal)
    journal.close()
    disk.failAt(disk.operations + at, 'crash-before')
    try {
      journal.removeAll()
      break
    } catch {
      cuts += 1
    }
    disk.crash(at % 2 === 0 ? 'lose' : 'keep')
    disk.forgetTroubles()
    const again = hasTaken('/intake', disk)
    const before = disk.list('/intake/journal').length
    const next = keep(disk, [1])
    if (before > 0) assert.ok(again && (next[0] as number) > (sequences.at(-1) as number), `cut ${at}`)
  }
  assert.ok(cuts > 3)
})

test('what cannot be read is kept aside with its segment, and its bytes can be had', async () => {
  const { disk, sequences } = made([7, 1])
  const first = `/intake/journal/${disk.list('/intake/journal').find((name) => name.endsWith('.seg'))}`
  const at = Buffer.from(disk.readWhole(first)).indexOf('message 0.2')
  disk.flip(first, at + 8)
  const journal = open(between(disk))
  assert.deepEqual(readAll(journal), sequences)
  await assert.rejects(journal.body(sequences[2] as number), { name: 'BodyDamaged' })
  const raw = journal.damagedBody(sequences[2] as number)
  assert.match(textOf(raw?.subarray(8) ?? new Uint8Array()), /^.?\.2 x/s)
  assert.equal(journal.damagedBody(sequences[1] as number), undefined)
  journal.close()
  assert.equal(journal.removeAll(), true)
  const aside = disk.list('/intake/aside')
  assert.deepEqual(aside, [`${journal.id.slice(0, 8)}-${first.split('/').at(-1)}`])
  assert.ok(Buffer.from(disk.readWhole(`/intake/aside/${aside[0]}`)).includes('message 0.3'))
})

test('a record whose head is damaged takes no bytes with it', () => {
  const { disk, sequences } = made([7, 1])
  const first = `/intake/journal/${disk.list('/intake/journal').find((name) => name.endsWith('.seg'))}`
  // Within the head, which stands before the meta.
  const at = Buffer.from(disk.readWhole(first)).indexOf('{}message 0.2')
  disk.flip(first, at - 20)
  const journal = open(between(disk))
  assert.deepEqual(readAll(journal), sequences.filter((_, n) => n !== 2))
  journal.close()
  journal.removeAll()
  assert.ok(disk.list('/intake/aside').some((name) => name.endsWith('.seg')))
})

test('large files without a segment are found and removed', () => {
  const { disk } = made([])
  disk.writeWhole('/intake/large/0123456789abcdef0123456789abcdef', bytesOf('x'))
  assert.equal(hasTaken('/intake', disk), true)
  const journal = open(disk)
  journal.close()
  assert.equal(journal.removeAll(), true)
  assert.deepEqual([disk.list('/intake/large'), disk.list('/intake/journal')], [[], []])
})

test('when something is lost, a large file that no record names is kept aside: it may belong to that', () => {
  for (const isDamaged of [false, true]) {
    const { disk, sequences } = made([7, 1])
    disk.writeWhole('/intake/large/0123456789abcdef0123456789abcdef', bytesOf('x'))
    const first = `/intake/journal/${disk.list('/intake/journal').find((name) => name.endsWith('.seg'))}`
    if (isDamaged) disk.flip(first, Buffer.from(disk.readWhole(first)).indexOf('{}message 0.2') - 20)
    const journal = open(between(disk))
    assert.equal(readAll(journal).length, sequences.length - (isDamaged ? 1 : 0))
    journal.close()
    assert.equal(journal.removeAll(), true)
    assert.deepEqual(disk.list('/intake/large'), [])
    assert.equal(disk.list('/intake/aside').some((name) => name.endsWith('0123456789abcdef0123456789abcdef')), isDamaged)
  }
})
