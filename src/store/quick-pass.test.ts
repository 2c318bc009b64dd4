// The look before a start after two deaths: only at databases that nobody closed, not too large, and not for too long;
// what is damaged is set aside and made again from the journal.
import assert from 'node:assert/strict'
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { openInlineStore } from './inline.ts'
import { quickPass } from './store.ts'

const addresses = ['ada@example.org', 'ben@example.org']
const quiet = { clock: systemClock, log: silentLog, budgetMs: 10_000 }

async function open(dataDirectory: string) {
  const opened = await openInlineStore({ dataDirectory, clock: systemClock, random: seededRandom(7), segmentSizeOctets: 1024 * 1024 })
  assert.ok(opened.ok, opened.ok ? '' : opened.reason)
  return opened.value
}

/** As a server leaves it that died. */
async function leftOpen(t: TestContext): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'daruma-quick-'))
  t.after(() => rmSync(root, { recursive: true }))
  const { store, close } = await open(join(root, 'living'))
  await store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
  for (const address of addresses) {
    await store.submitDirectory({ kind: 'account-add', account: await store.nextAccountId(), address, addressKey: address, credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [] })
  }
  const died = join(root, 'died')
  cpSync(join(root, 'living'), died, { recursive: true })
  await close()
  return died
}

const databases = (data: string): string[] => readdirSync(join(data, 'accounts')).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  .map((account) => join(data, 'accounts', account, readdirSync(join(data, 'accounts', account)).find((name) => name.endsWith('.db')) as string))

function overwrite(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 0x5a), 0, 4096, 0)
  closeSync(file)
}

test('the damaged one is set aside, and the start makes it again', async (t) => {
  const data = await leftOpen(t)
  const [first, second] = databases(data) as [string, string]
  overwrite(first)
  const looked = await quickPass(data, quiet)
  assert.ok(looked.ok)
  assert.deepEqual(looked.value.setAside.map(({ path }) => path), [first])
  assert.ok(looked.value.looked >= 3 && looked.value.left === 0, JSON.stringify(looked.value))
  assert.ok(!existsSync(first) && existsSync(second))
  const { store, close } = await open(data)
  const mailboxes = await Promise.all(addresses.map(async (address) => {
    const account = store.directory.accountByKey(address)?.account
    return account === undefined ? [] : await store.account(account).mailboxes()
  }))
  await close()
  assert.deepEqual(mailboxes.map((each) => each.length), [1, 1])
})

test('what is too large, or comes after the time is up, is left to the server as it is', async (t) => {
  const data = await leftOpen(t)
  const [first] = databases(data) as [string]
  overwrite(first)
  for (const bound of [{ octetsMax: 1 }, { budgetMs: -1 }]) {
    const looked = await quickPass(data, { ...quiet, ...bound })
    assert.ok(looked.ok)
    assert.deepEqual([looked.value.looked, looked.value.setAside], [0, []])
    assert.ok(looked.value.left >= 3)
    assert.ok(existsSync(first))
  }
})

test('what was closed is not looked at, and a running server keeps it out', async (t) => {
  const data = await leftOpen(t)
  const running = await open(data)
  const kept = await quickPass(data, quiet)
  assert.equal(kept.ok, false)
  await running.close()
  const looked = await quickPass(data, quiet)
  assert.ok(looked.ok)
  assert.deepEqual([looked.value.looked, looked.value.left], [0, 0])
})
