// Made `journal-v1/` once, when format version 1 was frozen: `node test/golden/make-journal-v1.ts FOLDER`.
// The files in the repository are never made again; today's reader must read what that day's writer wrote.
import { createHash } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeClock } from '../../src/base/clock.ts'
import { nodeDisk } from '../../src/base/disk.ts'
import { silentLog } from '../../src/base/log.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openJournal, type RecordDraft } from '../../src/store/journal/journal.ts'
import { LargeStore } from '../../src/store/journal/large-writer.ts'

const dataDirectory = process.argv[2]
if (dataDirectory === undefined) throw new Error('say into which folder')
const clock = new FakeClock()
const random = seededRandom(20260101)
const options = { dataDirectory, segmentSizeOctets: 16 * 1024, disk: nodeDisk, clock, random, log: silentLog }
const expected: Record<string, unknown>[] = []
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

function message(n: number, lines: number): Uint8Array {
  const body = Array.from({ length: lines }, (_, line) => `Line ${line} of message ${n}.\r\n`).join('')
  return new TextEncoder().encode(`From: <daruma@example.org>\r\nTo: <hana@example.jp>\r\nSubject: Golden ${n}\r\n\r\n${body}`)
}

function note(draft: RecordDraft, sequence: number, epoch: number, body: Uint8Array | undefined): void {
  expected.push({
    sequence, epoch, type: draft.type, version: draft.version, timeMs: draft.timeMs, databases: draft.databases, meta: new TextDecoder().decode(draft.meta),
    place: draft.body?.place ?? 'none', bodyLength: body?.length ?? 0, sha256: body ? Buffer.from(sha256(body)).toString('hex') : null,
    largeName: draft.body?.place === 'large' ? draft.body.name : null,
  })
}

const meta = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const { journal } = openJournal(options)
let n = 0
const arrival = (lines: number): { draft: RecordDraft; body: Uint8Array } => {
  n += 1
  const body = message(n, lines)
  const draft: RecordDraft = { type: 'arrival', version: 1, timeMs: clock.nowMs(), databases: [1, 100 + (n % 3)], meta: meta({ from: 'daruma@example.org', n, text: '達磨' }), body: { place: 'inline', parts: [body.subarray(0, 9), body.subarray(9)], sha256: sha256(body) } }
  return { draft, body }
}
const change = (): { draft: RecordDraft; body: undefined } => {
  n += 1
  return { draft: { type: 'change', version: 1, timeMs: clock.nowMs(), databases: [100], meta: meta({ kind: 'flags', n }) }, body: undefined }
}
const put = (items: readonly { draft: RecordDraft; body: Uint8Array | undefined }[]) => {
  const sequences = journal.append(items.map((item) => item.draft))
  for (const [index, item] of items.entries()) note(item.draft, sequences[index] as number, journal.epoch, item.body)
  clock.advance(1500)
}

put([{ draft: { type: 'directory', version: 1, timeMs: clock.nowMs(), databases: [0, 100], meta: meta({ change: { kind: 'account-add', account: 100 } }) }, body: undefined }])
put([arrival(3), arrival(30), change()])
journal.setWatermark({ through: 3, exceptions: [{ database: 100, through: 1 }] })
put([arrival(100), { draft: { type: 'tick', version: 1, timeMs: clock.nowMs(), databases: [], meta: meta({}) }, body: undefined }])
const writer = new LargeStore(options).writer()
const large = message(1000, 60)
await writer.write(large.subarray(0, 1000))
await writer.write(large.subarray(1000))
put([{ draft: { type: 'arrival', version: 1, timeMs: clock.nowMs(), databases: [101, 102], meta: meta({ large: true }), body: await writer.finish() }, body: large }])
for (let i = 0; i < 4; i++) put([arrival(60), change()])
put([arrival(1)])
journal.closeIdle()
for (const name of readdirSync(join(dataDirectory, 'journal'))) if (!name.endsWith('.seg')) rmSync(join(dataDirectory, 'journal', name))
writeFileSync(join(dataDirectory, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)
