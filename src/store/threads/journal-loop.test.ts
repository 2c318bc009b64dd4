// The journal thread's promises to those who put records, over real channels and the simulated disk.
import { deepStrictEqual, equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { FakeClock } from '../../base/clock.ts'
import { defaultLimits } from '../../base/limits.ts'
import { silentLog } from '../../base/log.ts'
import { seededRandom } from '../../base/random.ts'
import { SimulatedDisk } from '../../base/simulated-disk.ts'
import { openJournal } from '../journal/journal.ts'
import { Gauges } from './gauges.ts'
import { runJournalLoop } from './journal-loop.ts'
import type { Appended, FromJournal, PutItem, ToJournal } from './messages.ts'

function staged() {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/data')
  const clock = new FakeClock()
  const { journal } = openJournal({ dataDirectory: '/data', disk, clock, random: seededRandom(2), log: silentLog, segmentSizeOctets: 64 * 1024 })
  const gauges = new Gauges()
  const between = new MessageChannel()
  const front = new MessageChannel()
  const dead: unknown[] = []
  const loop = runJournalLoop({ journal, accounts: between.port1, gauges, clock, disk, folders: ['/data'], limits: defaultLimits, log: silentLog, onDead: (error) => void dead.push(error) })
  loop.attach(1, front.port1)
  const answers: FromJournal[] = []
  const appended: Appended[] = []
  front.port2.on('message', (message: FromJournal) => void answers.push(message))
  between.port2.on('message', (message: Appended) => void appended.push(message))
  const put = (...items: Partial<PutItem>[]) => front.port2.postMessage({
    t: 'put', items: items.map((item) => ({ id: 0, type: 'change', databases: [100], meta: '{}', body: null, large: null, sha256: null, reserved: false, answerFrom: null, ...item })),
  } satisfies ToJournal)
  return {
    disk, journal, gauges, loop, dead, answers, appended, put, accounts: between.port2,
    async settle() {
      for (let n = 0; n < 12; n += 1) await new Promise((resolve) => setImmediate(resolve))
    },
    close() {
      loop.stop()
      between.port1.close()
      front.port1.close()
    },
  }
}

describe('journal loop', () => {
  it('answers those who wait for the flush, and tells who waits for the outcome', async () => {
    const stage = staged()
    stage.put({ id: 1 }, { id: 2, answerFrom: 100 }, { id: 3 })
    await stage.settle()
    deepStrictEqual(stage.answers, [{ t: 'kept', ids: [1, 3], sequences: [1, 3] }])
    deepStrictEqual(stage.appended, [{ t: 'appended', through: 3, waiting: [{ sequence: 2, front: 1, id: 2, database: 100 }] }])
    stage.close()
  })

  it('counts octets as the account thread counts them when they are applied', async () => {
    const stage = staged()
    const meta = JSON.stringify({ name: 'だるま' })
    stage.put({ id: 1, meta, body: new Uint8Array(10), sha256: new Uint8Array(32) }, { id: 2, meta: '{}', large: { name: 'a'.repeat(32), sizeOctets: 5_000_000 }, sha256: new Uint8Array(32) })
    await stage.settle()
    equal(stage.gauges.get('appendedOctets'), Buffer.byteLength(meta) + 10 + 2 + 5_000_000)
    stage.close()
  })

  it('refuses a record that cannot be written to the one who sent it, and keeps the others', async () => {
    const stage = staged()
    stage.put({ id: 1 }, { id: 2, databases: [-1] }, { id: 3 })
    await stage.settle()
    deepStrictEqual(stage.answers, [{ t: 'not-kept', ids: [2], because: 'not-writable' }, { t: 'kept', ids: [1, 3], sequences: [1, 2] }])
    deepStrictEqual(stage.dead, [])
    stage.close()
  })

  it('says nothing of a batch whose flush failed, and that what comes later is not kept', async () => {
    const stage = staged()
    stage.put({ id: 1 })
    await stage.settle()
    stage.disk.failAt(stage.disk.operations + 2, 'EIO')
    stage.put({ id: 2 })
    await stage.settle()
    equal(stage.dead.length, 1)
    stage.put({ id: 3 })
    await stage.settle()
    deepStrictEqual(stage.answers.map((answer) => [answer.t, answer.ids]), [['kept', [1]], ['not-kept', [3]]])
    equal(stage.appended.length, 1)
    stage.close()
  })

  it('takes what was put before the stop, and refuses what comes after', async () => {
    const stage = staged()
    stage.put({ id: 1 })
    await stage.settle()
    stage.loop.stop()
    stage.put({ id: 2 })
    await stage.settle()
    deepStrictEqual(stage.answers, [{ t: 'kept', ids: [1], sequences: [1] }, { t: 'not-kept', ids: [2], because: 'stopping' }])
    stage.close()
  })

  it('hears the watermark before the account thread says that it has stopped', async () => {
    const stage = staged()
    stage.accounts.postMessage({ t: 'watermark', watermark: { through: 7, exceptions: [] } } satisfies ToJournal)
    stage.accounts.postMessage({ t: 'stopped' } satisfies ToJournal)
    await stage.loop.accountsStopped
    equal(stage.journal.watermark.through, 7)
    ok(!stage.dead.length)
    stage.close()
  })
})
