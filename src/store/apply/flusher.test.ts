// What may be called flushed, and what the next start is told of it.
import { deepStrictEqual, equal, ok } from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { BackgroundFlush } from '../../base/background-flush.ts'
import { Outage } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { noCrashPoint } from '../journal/crash-point.ts'
import type { Watermark } from '../journal/record.ts'
import { ApplierStage } from './applier-stage-for-tests.ts'
import { Flusher } from './flusher.ts'

const stages: ApplierStage[] = []
after(() => stages.forEach((stage) => stage.dispose()))

function staged(flushFile: BackgroundFlush = async () => 'flushed') {
  const stage = new ApplierStage()
  stages.push(stage)
  stage.open()
  const watermarks: Watermark[] = []
  const flushed: string[] = []
  const folders: string[] = []
  const dead: unknown[] = []
  const flusher = new Flusher({
    applier: stage.applier, clock: stage.clock, log: silentLog, crashPoint: noCrashPoint, onWatermark: (watermark) => void watermarks.push(watermark),
    onFlushed: async () => {}, onDead: (error) => void dead.push(error),
    flushFile: async (path) => {
      flushed.push(path.slice(stage.folder.length + 1))
      return flushFile(path)
    },
    flushFolder: async (path) => {
      folders.push(path.slice(stage.folder.length))
      return 'flushed'
    },
  })
  return { stage, flusher, watermarks, flushed, folders, dead }
}

async function withAccounts(flushFile?: BackgroundFlush) {
  const all = staged(flushFile)
  all.stage.addAccount(100)
  all.stage.addAccount(101)
  await all.stage.settle()
  return all
}

describe('flusher', () => {
  it('tells a watermark only after the flush, and flushes every folder on the way to a new file once', async () => {
    const { stage, flusher, watermarks, flushed, folders } = await withAccounts()
    await flusher.round()
    deepStrictEqual(watermarks.at(-1), { through: 2, exceptions: [] })
    ok(flushed.includes('accounts/100/mail.1.db-wal'))
    deepStrictEqual([...new Set(folders)].sort(), ['', '/accounts', '/accounts/100', '/accounts/101'])
    const before = folders.length
    stage.arrive([100])
    await stage.settle()
    await flusher.round()
    equal(folders.length, before)
  })

  it('counts only what was noted before the flush began', async () => {
    let during = () => {}
    const { stage, flusher, watermarks } = await withAccounts(async () => {
      during()
      during = () => {}
      return 'flushed'
    })
    await flusher.round()
    stage.arrive([100])
    await stage.settle()
    const late: Promise<void>[] = []
    during = () => {
      stage.arrive([100])
      late.push(stage.settle())
    }
    const round = flusher.round()
    await Promise.all([round, ...late])
    equal(stage.base(100).flushed, 3)
    ok((watermarks.at(-1)?.through ?? 0) <= 3)
  })

  it('does not go back to where an idle account last had mail', async () => {
    const { stage, flusher, watermarks } = await withAccounts()
    for (let n = 0; n < 20; n += 1) {
      stage.arrive([100])
      await stage.settle()
      await flusher.round()
    }
    stage.arrive([101])
    stage.arrive([100])
    await stage.settle()
    const held = stage.base(101).flushed
    ok(held >= 22, `the account that was idle holds the watermark at ${held}`)
    await flusher.round()
    deepStrictEqual(watermarks.at(-1), { through: 24, exceptions: [] })
  })

  it('names one that is stuck as an exception, and goes on without it', async () => {
    const { stage, flusher, watermarks } = await withAccounts()
    await flusher.round()
    const { connection } = stage.base(100)
    ok(connection)
    connection.commit = () => { throw new Outage('no room', { operation: 'commit', code: 'SQLITE_FULL' }) }
    stage.arrive([100])
    stage.arrive([101])
    await stage.settle()
    await flusher.round()
    deepStrictEqual(watermarks.at(-1), { through: 4, exceptions: [{ database: 100, through: 2 }] })
  })

  it('ends the owner when a flush fails, and never tries it again', async () => {
    let fails = true
    const { flusher, watermarks, dead } = await withAccounts(async (path) => {
      if (fails && path.includes('/100/')) throw new Outage('it failed', { operation: 'fdatasync', code: 'EIO' })
      return 'flushed'
    })
    await flusher.round()
    equal(dead.length, 1)
    fails = false
    await flusher.round()
    await flusher.stop()
    deepStrictEqual(watermarks, [])
  })

  it('takes a file that cannot be opened for no failed flush', async () => {
    let fails = true
    const { flusher, watermarks, dead } = await withAccounts(async (path) => {
      if (fails && path.includes('/100/')) throw new Outage('too many', { operation: 'open', cause: Object.assign(new Error('too many'), { code: 'EMFILE' }) })
      return 'flushed'
    })
    await flusher.round()
    deepStrictEqual(dead, [])
    equal(watermarks.at(-1)?.through, 0)
    fails = false
    await flusher.round()
    equal(watermarks.at(-1)?.through, 2)
  })
})
