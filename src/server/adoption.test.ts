// Adoption with a store that has no room, meets a bug, or stops; crashes are in test/faults/adoption.test.ts.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { FakeClock, systemClock } from '../base/clock.ts'
import { nodeDisk } from '../base/disk.ts'
import { Bug, Outage } from '../base/errors.ts'
import { defaultLimits } from '../base/limits.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom, systemRandom } from '../base/random.ts'
import { printTakenMeta } from '../intake/taken.ts'
import { openJournal } from '../store/journal/journal.ts'
import { INTAKE, accountId, sequence, type AccountRow, type ArrivalMeta, type Directory } from '../store/store.ts'
import { Adoption } from './adoption.ts'

const user: AccountRow = { account: accountId(100), address: 'user@here.example', addressKey: 'user@here.example', suspended: false, octetsMax: null, credential: { argon2: '', scram: null }, createdMs: 0 }
const directory: Directory = {
  isCurrent: true, domain: (name) => (name === 'here.example' ? { name, catchAll: null } : undefined), domains: () => [], account: () => user, accountByKey: (key) => (key === user.addressKey ? user : undefined),
  accounts: () => [user], aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
}

interface Faults {
  room?: () => boolean
  accept?: (arrival: ArrivalMeta) => Promise<void>
}

/** An intake with so many messages, and who adopts it. */
function stage(t: TestContext, count: number, faults: Faults = {}) {
  const intake = mkdtempSync(join(tmpdir(), 'daruma-adoption-'))
  t.after(() => rmSync(intake, { recursive: true, force: true }))
  mkdirSync(join(intake, 'large'))
  const place = { disk: nodeDisk, random: systemRandom, log: silentLog, segmentSizeOctets: 256 * 1024 }
  const { journal } = openJournal({ ...place, clock: systemClock, dataDirectory: intake })
  for (let n = 1; n <= count; n += 1) {
    const bytes = Buffer.from(`Subject: ${n}\r\n\r\nbody\r\n`)
    const meta = printTakenMeta({ kind: 'taken', via: 'smtp', sender: 'x@client.example', peer: '192.0.2.1', helo: 'h', extended: true, traceId: `t${n}`, id: `m${n}`, recipients: [{ address: user.address }] })
    journal.append([{ type: 'arrival', version: 1, timeMs: n, databases: [], meta, body: { place: 'inline', parts: [bytes], sha256: createHash('sha256').update(bytes).digest() } }])
  }
  journal.close()
  const kept: number[] = []
  const clock = new FakeClock()
  const adoption = new Adoption({
    ...place, directory: intake, clock,
    store: {
      admission: () => ((faults.room?.() ?? true) ? { admit: true } : { admit: false, because: 'disk-full' }),
      async accept(arrival) {
        await faults.accept?.(arrival)
        assert.equal(arrival.origin?.database, INTAKE)
        kept.push(arrival.origin.n)
        return sequence(kept.length)
      },
      adoptedThrough: () => Promise.resolve(),
    },
    tools: () => ({ directory, largeWriter: () => assert.fail('no message is large'), clock, random: seededRandom(1), limits: defaultLimits, hostname: 'mx.here.example', delivery: { subaddressSeparator: '+', postmaster: undefined } }),
  })
  t.after(() => adoption.close())
  const run = async () => {
    adoption.look()
    await adoption.idle()
  }
  const files = (folder: string) => readdirSync(intake).includes(folder) ? readdirSync(join(intake, folder)) : []
  return { intake, kept, run, files }
}

test('everything is adopted in order, and the intake is empty', async (t) => {
  const { kept, run, files } = stage(t, 30)
  await run()
  assert.deepEqual(kept, Array.from({ length: 30 }, (_, n) => n + 1))
  assert.deepEqual([files('journal'), files('aside')], [[], []])
})

test('without room nothing is opened, written or lost', async (t) => {
  let room = false
  const { kept, run, files } = stage(t, 3, { room: () => room })
  const before = files('journal')
  await run()
  assert.deepEqual([kept, files('journal')], [[], before])
  room = true
  await run()
  assert.deepEqual([kept, files('journal')], [[1, 2, 3], []])
})

test('a message on which the store meets a bug is set aside with its bytes, and holds nobody up', async (t) => {
  const { intake, kept, run, files } = stage(t, 5, { accept: (arrival) => (arrival.origin?.n === 2 ? Promise.reject(new Bug('never')) : Promise.resolve()) })
  await run()
  assert.deepEqual([kept, files('journal')], [[1, 3, 4, 5], []])
  const eml = files('aside').find((name) => name.endsWith('-2.eml')) as string
  assert.match(readFileSync(join(intake, 'aside', eml), 'latin1'), /^Subject: 2\r\n/)
  assert.match(readFileSync(join(intake, 'aside', eml.replace('.eml', '.json')), 'utf8'), /never/)
})

test('an outage sets nothing aside: it is tried again', async (t) => {
  let out = true
  const { kept, run, files } = stage(t, 3, { accept: () => (out ? Promise.reject(new Outage('no room', { operation: 'append' })) : Promise.resolve()) })
  await run()
  assert.ok(files('journal').length > 0)
  out = false
  await run()
  assert.deepEqual([kept, files('journal'), files('aside')], [[1, 2, 3], [], []])
})
