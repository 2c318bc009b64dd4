// What the account thread tells fronts, over real channels, a journal on the simulated disk and real database files.
import { deepStrictEqual } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { FakeClock } from '../../base/clock.ts'
import { nodeDisk } from '../../base/disk.ts'
import { defaultLimits, type Limits } from '../../base/limits.ts'
import { silentLog } from '../../base/log.ts'
import { seededRandom } from '../../base/random.ts'
import { SimulatedDisk } from '../../base/simulated-disk.ts'
import { openJournal } from '../journal/journal.ts'
import { openJournalReader } from '../journal/journal-reader.ts'
import { runAccountsLoop } from './accounts-loop.ts'
import { Gauges } from './gauges.ts'
import type { FromAccounts } from './messages.ts'

/** What a front hears of trouble while an account is made and gets three records at once. */
async function troublesWith(limits: Limits): Promise<FromAccounts[]> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'daruma-accounts-loop-'))
  const journalDisk = new SimulatedDisk({ random: seededRandom(1) })
  journalDisk.makeDirectory(dataDirectory)
  const clock = new FakeClock()
  const { journal, report } = openJournal({ dataDirectory, disk: journalDisk, clock, random: seededRandom(2), log: silentLog, segmentSizeOctets: 64 * 1024 })
  const reader = openJournalReader({ dataDirectory, disk: journalDisk, asyncDisk: journalDisk.async, log: silentLog })
  const between = new MessageChannel()
  const front = new MessageChannel()
  const loop = runAccountsLoop({
    dataDirectory, disk: nodeDisk, reader, journal: between.port2, gauges: new Gauges(), clock, log: silentLog, limits,
    watermark: report.watermark, through: report.lastSequence, onDead: (error) => { throw error },
  })
  const heard: FromAccounts[] = []
  front.port2.on('message', (message: FromAccounts) => void heard.push(message))
  loop.attach(1, front.port1)
  await loop.open
  const append = (type: 'directory' | 'change', databases: number[], meta: unknown) =>
    journal.append([{ type, version: 1, timeMs: clock.nowMs(), databases, meta: new TextEncoder().encode(JSON.stringify(meta)) }])
  append('directory', [0, 100], { kind: 'directory', change: { kind: 'account-add', account: 100, address: 'a@b.c', addressKey: 'a@b.c', credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] } })
  append('change', [100], { kind: 'change', account: 100, change: { kind: 'create-mailbox', name: 'one' } })
  const [through] = append('change', [100], { kind: 'change', account: 100, change: { kind: 'create-mailbox', name: 'two' } })
  front.port2.postMessage({ t: 'appended', through, waiting: [] })
  front.port2.postMessage({ t: 'open', id: 1, database: 100 })
  while (!heard.some((message) => message.t === 'opened')) await new Promise((resolve) => setImmediate(resolve))
  await loop.stop()
  front.port1.close()
  between.port1.close()
  reader.close()
  rmSync(dataDirectory, { recursive: true })
  return heard.filter((message) => message.t === 'trouble' && message.database === 100)
}

test('an account that lags further behind than the configured limit refuses changes until it has caught up', async () => {
  deepStrictEqual(await troublesWith(defaultLimits), [])
  deepStrictEqual(await troublesWith({ ...defaultLimits, account_lag_octets_max: 100 }), [{ t: 'trouble', database: 100, on: true }, { t: 'trouble', database: 100, on: false }])
})
