// v2: each asynchronous step between the dot and the 250 rejects, hangs or dies; and what is held is given back.
import test from 'node:test'
import assert from 'node:assert/strict'
import { FakeClock } from '../base/clock.ts'
import { Bug, Outage } from '../base/errors.ts'
import { defaultLimits } from '../base/limits.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { createMemoryBudget } from '../guard/guard.ts'
import { ReplyUnknown, accountId, sequence, type AccountRow, type ArrivalMeta, type BodyDraft, type Directory, type LargeWriter, type Store } from '../store/store.ts'
import type { Mailbox } from '../wire/smtp/path.ts'
import { createIntake, type Envelope, type Peer } from './intake.ts'

const user: AccountRow = { account: accountId(100), address: 'user@here.example', addressKey: 'user@here.example', suspended: false, octetsMax: null, credential: { argon2: '', scram: null }, createdMs: 0 }
const directory: Directory = {
  isCurrent: true, domain: (name) => (name === 'here.example' ? { name, catchAll: null } : undefined), domains: () => [], account: () => user, accountByKey: (key) => (key === user.addressKey ? user : undefined),
  accounts: () => [user], aliasByKey: () => undefined, aliases: () => [], setting: () => undefined, octetsUsed: () => 0,
}
const stranger: Peer = { via: 'smtp', address: '192.0.2.1', helo: 'client.example', isExtended: true, tls: undefined, submitter: undefined }
const envelope: Envelope = { sender: { address: 'a@client.example', parameters: {} }, recipients: [{ address: 'user@here.example', parameters: {}, accounts: [user.account], outside: [] }] }

interface FakeFile { name: string; octets: number; state: 'writing' | 'finished' | 'removed' }

function setting(faults: { admission?: () => ReturnType<Store['admission']>; accept?: () => Promise<never>; write?: () => Promise<void>; finish?: () => Promise<void> } = {}) {
  const kept: { meta: ArrivalMeta; body: BodyDraft }[] = []
  const files: FakeFile[] = []
  const memory = createMemoryBudget(100_000)
  const largeWriter = (): LargeWriter => {
    const file: FakeFile = { name: `large-${files.length}`, octets: 0, state: 'writing' }
    files.push(file)
    return {
      async write(chunk) {
        await faults.write?.()
        file.octets += chunk.length
      },
      async finish() {
        await faults.finish?.()
        if (file.state === 'writing') file.state = 'finished'
        return { at: 'large', name: file.name, sizeOctets: file.octets, sha256: new Uint8Array(32) }
      },
      abort() {
        file.state = 'removed'
        return Promise.resolve()
      },
    }
  }
  const store: Pick<Store, 'directory' | 'admission' | 'accept' | 'largeWriter'> = {
    directory, admission: faults.admission ?? (() => ({ admit: true })), largeWriter,
    accept: (meta, body) => {
      if (faults.accept) return faults.accept()
      kept.push({ meta, body })
      return Promise.resolve(sequence(kept.length))
    },
  }
  const clock = new FakeClock()
  const intake = createIntake({
    store, clock, random: seededRandom(1), log: silentLog, limits: { ...defaultLimits, large_message_octets: 10_000, header_octets_max: 20_000 }, memory, hostname: 'mx.here.example',
    delivery: { subaddressSeparator: '+', postmaster: undefined }, receivedShowsClient: false,
  })
  return { kept, files, memory, intake, clock }
}

const small = Buffer.from('Subject: small\r\n\r\nbody\r\n')
const large = Buffer.concat([Buffer.from('Subject: large\r\nMessage-ID: <large@client.example>\r\n\r\n'), Buffer.alloc(40_000, 'abcdefgh\r\n')])

async function run(intake: ReturnType<typeof setting>['intake'], bytes: Uint8Array, peer = stranger) {
  const message = intake.open(peer, envelope)
  for (let at = 0; at < bytes.length; at += 999) message.add(bytes.subarray(at, at + 999))
  let appended = false
  const finished = await message.finish(() => { appended = true })
  return { finished, appended, said: finished.end === 'unknown' ? 'nothing' : `${finished.reply.code} ${finished.reply.status}` }
}

test('a small and a large message are kept, and the memory is given back', async () => {
  const { intake, kept, files, memory } = setting()
  assert.equal((await run(intake, small)).said, '250 2.0.0')
  assert.equal((await run(intake, large)).said, '250 2.0.0')
  assert.deepEqual(kept.map(({ body }) => body.at), ['memory', 'large'])
  assert.deepEqual(kept.map(({ meta }) => meta.facts.size), [small.length, large.length])
  assert.equal(kept[1]?.meta.facts.messageId, 'large@client.example')
  assert.deepEqual(files.map(({ octets, state }) => [octets, state]), [[large.length, 'finished']])
  assert.equal(memory.usedOctets, 0)
})

test('when the thread holds too much already, a small message goes to a file too', async () => {
  const { intake, kept, memory } = setting()
  assert.ok(memory.reserve(99_990))
  assert.equal((await run(intake, small)).said, '250 2.0.0')
  assert.equal(kept[0]?.body.at, 'large')
  assert.equal(memory.usedOctets, 99_990)
})

test('the disk fills while a message of unknown size comes: 452 in the middle, and what was written goes', async () => {
  let asked = 0
  const { intake, files, memory, kept } = setting({ admission: () => (++asked < 3 ? { admit: true } : { admit: false, because: 'disk-full' }) })
  const message = intake.open(stranger, envelope)
  message.add(Buffer.from('Subject: long\r\n\r\n'))
  let added = 0
  while (!message.refusal) {
    assert.ok(added < 3_000_000, 'it ends')
    message.add(new Uint8Array(50_000))
    added += 50_000
  }
  assert.deepEqual([message.refusal.code, message.refusal.status], [452, '4.3.1'])
  message.abort()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([memory.usedOctets, kept.length, files.map(({ state }) => state)], [0, 0, ['removed']])
  const lag = setting({ admission: () => ({ admit: false, because: 'lag' }) })
  assert.equal((await run(lag.intake, large)).said, '250 2.0.0', 'what was begun before the lag is taken')
})

const outage = (code: string) => () => Promise.reject(new Outage('no', { operation: 'test', code }))

test('whatever rejects is "try later" and leaves nothing behind', async () => {
  const cases: [Parameters<typeof setting>[0], Uint8Array, string][] = [
    [{ accept: outage('ENOSPC') }, small, '452 4.3.1'], [{ accept: outage('EIO') }, small, '451 4.3.0'], [{ accept: outage('ESHUTDOWN') }, small, '451 4.3.2'],
    [{ accept: outage('ENOSPC') }, large, '452 4.3.1'], [{ write: outage('ENOSPC') }, large, '452 4.3.1'], [{ write: outage('EIO') }, large, '451 4.3.0'],
    [{ finish: outage('EIO') }, large, '451 4.3.0'], [{ finish: () => Promise.reject(new Bug('unforeseen')) }, large, '451 4.3.0'],
  ]
  for (const [faults, bytes, expected] of cases) {
    const { intake, files, memory, kept } = setting(faults)
    assert.equal((await run(intake, bytes)).said, expected)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([memory.usedOctets, kept.length, files.every(({ state }) => state === 'removed')], [0, 0, true], expected)
  }
})

test('once the store was asked and nobody knows, there is no reply, and the file stays', async () => {
  const { intake, files, memory } = setting({ accept: () => Promise.reject(new ReplyUnknown('gone')) })
  assert.deepEqual([(await run(intake, small)).said, (await run(intake, large)).said], ['nothing', 'nothing'])
  assert.deepEqual([files.map(({ state }) => state), memory.usedOctets], [['finished'], 0])
  const unforeseen = setting({ accept: () => Promise.reject(new Bug('unforeseen')) })
  await assert.rejects(run(unforeseen.intake, small), Bug)
})

test('given up before the append, it is not appended', async () => {
  let goOn = (): void => {}
  const { intake, kept, files, memory } = setting({ finish: () => new Promise((resolve) => { goOn = resolve }) })
  const message = intake.open(stranger, envelope)
  message.add(large)
  let appended = false
  const finishing = message.finish(() => { appended = true })
  for (let n = 0; n < 3; n += 1) await new Promise((resolve) => setImmediate(resolve))
  message.abort()
  goOn()
  const finished = await finishing
  assert.deepEqual([finished.end, appended, kept.length, files[0]?.state, memory.usedOctets], ['refused', false, 0, 'removed', 0])
})

test('a header without an end, a loop, and a slow file', async () => {
  const { intake, memory } = setting()
  assert.equal((await run(intake, Buffer.from('X-Long: header\r\n'.repeat(2000)))).said, '554 5.6.0')
  assert.equal((await run(intake, Buffer.from(`${'Received: x\r\n'.repeat(101)}\r\n`))).said, '554 5.4.6')
  assert.equal(memory.usedOctets, 0)
  const unwritten: (() => void)[] = []
  const slow = setting({ write: () => new Promise((resolve) => { unwritten.push(resolve) }) })
  const message = slow.intake.open(stranger, envelope)
  for (let n = 0; n < 8; n += 1) message.add(Buffer.alloc(300_000, 'x\r\n'))
  assert.ok(message.congested)
  let relieved = false
  const waiting = message.relieved().then(() => { relieved = true })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(relieved, false)
  for (const written of unwritten) written()
  await waiting
})

test('a reply that was lost: the same again is answered with the old id', async () => {
  const { intake, kept, clock } = setting()
  const first = (await run(intake, small)).finished
  assert.ok(first.end === 'kept')
  first.lost()
  const neighbour = { ...stranger, address: '192.0.2.99' }
  const again = (await run(intake, small, neighbour)).finished
  assert.ok(again.end === 'kept' && again.arrival === first.arrival)
  assert.equal(kept.length, 1)
  // Lost once more: still the same. Read: then the next is another message only after ten minutes.
  again.lost()
  assert.equal((await run(intake, small)).finished.end, 'kept')
  assert.equal(kept.length, 1)
  assert.equal((await run(intake, Buffer.from('Subject: small\r\n\r\nBody\r\n'))).said, '250 2.0.0')
  assert.equal((await run(intake, small, { ...stranger, address: '198.51.100.1' })).said, '250 2.0.0')
  assert.equal(kept.length, 3)
  clock.advance(10 * 60_000 + 1)
  await run(intake, small)
  assert.equal(kept.length, 4)
})

test('a submitter may be only itself; what is missing is added in front', async () => {
  const { intake, kept } = setting()
  const submitter: Peer = { ...stranger, via: 'submission', submitter: user, tls: 'TLSv1.3 X' }
  const mailbox = (local: string, domain: string): Mailbox => ({ local, domain, ascii: true })
  assert.equal(intake.judgeSender(submitter, mailbox('other', 'here.example'), {}).take, false)
  assert.equal(intake.judgeSender(submitter, mailbox('user+x', 'here.example'), {}).take, true)
  assert.equal(intake.judgeSender(submitter, undefined, {}).take, true)
  const says = async (text: string) => (await run(intake, Buffer.from(text), submitter)).said
  assert.equal(await says('From: a@elsewhere.example\r\n\r\n'), '550 5.7.1')
  assert.equal(await says('From: user@here.example\r\nFrom: a@elsewhere.example\r\n\r\n'), '550 5.7.1')
  assert.equal(await says('From: user@here.example, a@elsewhere.example\r\n\r\n'), '550 5.7.1')
  assert.equal(await says('From: a@elsewhere.example <user@here.example>\r\n\r\n'), '250 2.0.0')
  for (const from of ['the boss', '"The boss" <>', '', 'undisclosed:;', 'user@here.example, the boss', 'a at elsewhere.example']) assert.equal(await says(`From: ${from}\r\n\r\n`), '550 5.7.1', from)
  assert.equal(await says('Subject: nothing else\r\n\r\n'), '250 2.0.0')
  const prefix = kept.at(-1)?.meta.plans[0]?.prefix ?? ''
  assert.match(prefix, /^Return-Path: <a@client\.example>\r\nDelivered-To: user@here\.example\r\nReceived: by [^]*\r\nDate: [^\r]*\r\nFrom: <user@here\.example>\r\nMessage-ID: <[^>]+@mx\.here\.example>\r\n$/)
  assert.ok(!prefix.includes('192.0.2.1'))
  assert.equal(kept.at(-1)?.meta.submitter, user.account)
})
