// `journal-v1/` was written when format version 1 was frozen. It is read here twice: by today's reader and
// owner, and by a small reader made from docs/FORMAT.md alone, so that the page stays true.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { FakeClock } from '../../src/base/clock.ts'
import { nodeDisk } from '../../src/base/disk.ts'
import { silentLog } from '../../src/base/log.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openJournal, type RecordHead } from '../../src/store/journal/journal.ts'
import { openJournalReader } from '../../src/store/journal/journal-reader.ts'

const GOLDEN = join(import.meta.dirname, 'journal-v1')

interface Expected {
  sequence: number
  epoch: number
  type: string
  version: number
  timeMs: number
  databases: number[]
  meta: string
  place: 'none' | 'inline' | 'large'
  bodyLength: number
  sha256: string | null
  largeName: string | null
}

const expected = JSON.parse(readFileSync(join(GOLDEN, 'expected.json'), 'utf8')) as Expected[]
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function inACopy(run: (options: Parameters<typeof openJournal>[0]) => Promise<void>): Promise<void> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'daruma-golden-'))
  try {
    cpSync(GOLDEN, dataDirectory, { recursive: true })
    await run({ dataDirectory, segmentSizeOctets: 16 * 1024, disk: nodeDisk, clock: new FakeClock(), random: seededRandom(1), log: silentLog })
  } finally {
    rmSync(dataDirectory, { recursive: true })
  }
}

async function readAll(options: Parameters<typeof openJournal>[0], through: number): Promise<Expected[]> {
  const damages: unknown[] = []
  const reader = openJournalReader({ ...options, onDamage: (damage) => damages.push(damage) })
  const heads: (RecordHead & { text: string })[] = []
  reader.scan(1, (record) => void heads.push({ ...record, text: new TextDecoder().decode(record.meta) }), through)
  const found: Expected[] = []
  for (const head of heads) {
    const body = head.bodyPlace === 'none' ? undefined : await reader.openBody(head.sequence)
    found.push({
      sequence: head.sequence, epoch: head.epoch, type: head.type, version: head.version, timeMs: head.timeMs, databases: [...head.databases], meta: head.text,
      place: head.bodyPlace, bodyLength: head.bodyLength, sha256: body ? sha256(body.read(0, body.length)) : null, largeName: head.largeName ?? null,
    })
  }
  reader.close()
  deepStrictEqual(damages, [])
  return found
}

describe('a journal of format version 1', () => {
  it('is read by today\'s reader', () => inACopy(async (options) => {
    deepStrictEqual(await readAll(options, expected.at(-1)?.sequence as number), expected)
  }))

  it('is taken over by today\'s owner, twice', () => inACopy(async (options) => {
    for (const epoch of [2, 3]) {
      const { journal, report, entries } = openJournal(options)
      strictEqual(report.epoch, epoch)
      deepStrictEqual([report.cuts, report.damages, report.lastSequence], [[], [], expected.at(-1)?.sequence])
      deepStrictEqual(report.watermark, { through: 3, exceptions: [{ database: 100, through: 1 }] })
      deepStrictEqual(entries.map((entry) => entry.sequence), expected.filter((record) => record.sequence > 3 || (record.sequence > 1 && record.databases.includes(100))).map((record) => record.sequence))
      deepStrictEqual(await readAll(options, report.lastSequence), expected)
      strictEqual(journal.lastSequenceOfEpoch(1), expected.at(-1)?.sequence)
    }
  }))

  it('is what docs/FORMAT.md says', () => {
    deepStrictEqual(readByThePage(GOLDEN), expected)
  })
})

// ---------------------------------------------------------------- a reader made from the page alone

const TYPES = ['', 'arrival', 'change', 'directory', 'queue', 'facts', 'tick', 'skip', 'adopted-through', 'mirror-drop', 'mirror-return']

function readByThePage(folder: string): Expected[] {
  const found: Expected[] = []
  for (const name of readdirSync(join(folder, 'journal')).sort()) {
    const bytes = readFileSync(join(folder, 'journal', name))
    const u64 = (at: number) => Number(bytes.readBigUInt64LE(at))
    const structure = (at: number) => {
      const word = bytes.toString('latin1', at, at + 4)
      const length = word === 'DEnd' ? 32 : bytes.readUInt32LE(at + 8)
      if (!/^D(Seg|Bat|Rec|Foo|End)$/.test(word)) return { word: '', length: 0 }
      strictEqual(bytes.readUInt32LE(at + 4), crc32(bytes.subarray(at + 8, at + length)), `CRC of ${word} at ${at}`)
      return { word, length }
    }
    strictEqual(structure(0).word, 'DSeg')
    strictEqual(bytes[13], 1)
    strictEqual(name, `${String(bytes.readUInt32LE(48)).padStart(10, '0')}-${String(u64(56)).padStart(16, '0')}.seg`)
    const id = bytes.subarray(16, 32)
    let previous = createHash('sha256').update(bytes.subarray(0, u64(80)))
    const offsets: number[] = []
    let at = u64(80)
    for (let here = structure(at); here.word === 'DBat'; here = structure(at)) {
      ok(bytes.subarray(at + 16, at + 32).equals(id))
      strictEqual(u64(at + 32), at)
      strictEqual(bytes.toString('hex', at + 80, at + 112), previous.digest('hex'), 'hash of the batch before')
      previous = createHash('sha256').update(bytes.subarray(at, at + here.length))
      strictEqual(u64(at + 64), found.at(-1)?.sequence ?? 0, 'durable through')
      const end = at + u64(at + 40)
      const count = bytes.readUInt32LE(at + 52)
      let record = at + here.length
      for (let i = 0; i < count; i++) {
        strictEqual(structure(record).word, 'DRec')
        offsets.push(record)
        strictEqual(bytes.readUInt32LE(record + 100) * 8, record)
        const headEnd = record + bytes.readUInt32LE(record + 8)
        const metaEnd = headEnd + bytes.readUInt32LE(record + 48)
        strictEqual(bytes.readUInt32LE(record + 52), crc32(bytes.subarray(headEnd, metaEnd)))
        const place = (['none', 'inline', 'large'] as const)[bytes[record + 96] as number] as Expected['place']
        const bodyLength = u64(record + 56)
        const databases = Array.from({ length: bytes.readUInt32LE(record + 36) }, (_, index) => u64(record + 104 + 8 * index))
        const largeName = place === 'large' ? bytes.toString('hex', record + 104 + 8 * databases.length, record + 120 + 8 * databases.length) : null
        const body = place === 'large' ? readFileSync(join(folder, 'large', largeName as string)) : bytes.subarray(metaEnd, metaEnd + bodyLength)
        if (place !== 'none') strictEqual(sha256(body), bytes.toString('hex', record + 64, record + 96))
        found.push({
          sequence: u64(record + 24), epoch: bytes.readUInt32LE(record + 32), type: TYPES[bytes.readUInt16LE(record + 14)] as string, version: bytes[record + 13] as number,
          timeMs: u64(record + 40), databases, meta: bytes.toString('utf8', headEnd, metaEnd), place, bodyLength, sha256: place === 'none' ? null : sha256(body), largeName,
        })
        const recordEnd = metaEnd + (place === 'inline' ? bodyLength : 0)
        const next = Math.ceil(recordEnd / 8) * 8
        previous.update(bytes.subarray(record, metaEnd)).update(bytes.subarray(recordEnd, next))
        record = next
      }
      strictEqual(record, end)
      at = end
    }
    if (structure(at).word === 'DFoo') {
      const { length } = structure(at)
      strictEqual(structure(bytes.length - 32).word, 'DEnd')
      strictEqual(u64(bytes.length - 24), at)
      strictEqual(bytes.readUInt32LE(at + 64), offsets.length)
      const index = at + 112 + 24 * bytes.readUInt32LE(at + 44)
      deepStrictEqual(offsets.map((_, i) => bytes.readUInt32LE(index + 4 * i) * 8), offsets)
      strictEqual(at + length + 32, bytes.length)
    } else ok(bytes.subarray(at).every((octet) => octet === 0), 'zeros behind the last batch')
  }
  return found
}
