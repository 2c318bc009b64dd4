import test from 'node:test'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { nodeDisk } from '../../base/disk.ts'
import { silentLog } from '../../base/log.ts'
import { systemRandom } from '../../base/random.ts'
import { openInlineStore } from '../inline.ts'
import { removeUnnamedLarge } from './large-cleanup.ts'

test('a large file that no record names is removed by a later owner; named ones and new ones stay', async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'daruma-large-'))
  t.after(() => rmSync(dataDirectory, { recursive: true, force: true }))
  const opened = await openInlineStore({ dataDirectory, clock: systemClock, random: systemRandom, segmentSizeOctets: 1024 * 1024 })
  assert.ok(opened.ok)
  const { store } = opened.value
  await store.submitDirectory({ kind: 'domain-add', name: 'a.example' })
  const account = await store.nextAccountId()
  await store.submitDirectory({ kind: 'account-add', account, address: 'x@a.example', addressKey: 'x@a.example', credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] })
  const writer = store.largeWriter()
  await writer.write(new Uint8Array(2_000_000))
  const body = await writer.finish()
  await store.accept({ kind: 'arrival', sender: '', via: 'test', facts: { size: body.sizeOctets, threadKeys: [] }, work: [], plans: [{ account, bits: 0, keywords: '', prefix: '', recipients: [] }] }, body)
  const lost = store.largeWriter()
  await lost.write(createHash('sha256').digest())
  const unnamed = await lost.finish()
  const sequenceNow = await store.accept({ kind: 'arrival', sender: '', via: 'test', facts: { size: 0, threadKeys: [] }, work: [], plans: [{ account, bits: 0, keywords: '', prefix: '', recipients: [] }] }, { at: 'memory', bytes: new Uint8Array(0), sha256: createHash('sha256').digest() })
  await opened.value.close()

  const large = join(dataDirectory, 'large')
  const options = { dataDirectory, mirrors: [], disk: nodeDisk, clock: systemClock, log: silentLog, through: sequenceNow, signal: new AbortController().signal }
  const startedMs = Date.now() + 5000
  // Written after the start: perhaps a message that is coming in just now.
  writeFileSync(join(large, 'f'.repeat(32)), 'new')
  utimesSync(join(large, 'f'.repeat(32)), new Date(startedMs + 1000), new Date(startedMs + 1000))
  const removed = await removeUnnamedLarge({ ...options, startedMs })
  assert.deepEqual(removed, [join(large, unnamed.name)])
  assert.deepEqual(readdirSync(large).sort(), [body.name, 'f'.repeat(32)].sort())
})
