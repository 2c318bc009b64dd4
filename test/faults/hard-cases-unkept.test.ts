// v2: 250 before the message was kept. Each asynchronous step between the dot and the 250 fails, fails in a way that
// nobody foresaw, or hangs; and the process dies there. Then there is "try later" or no reply, never a 250; and nothing
// is removed that the store was told of.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Outage } from '../../src/base/errors.ts'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { createMemoryBudget } from '../../src/guard/guard.ts'
import { createIntake, type Envelope, type Finished, type MessageIn, type Peer } from '../../src/intake/intake.ts'
import type { CrashStep } from '../../src/store/journal/crash-point.ts'
import { ReplyUnknown, type LargeWriter, type Sequence, type Store } from '../../src/store/store.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { SmtpStage } from '../transcripts/smtp/smtp-stage.ts'

type StepName = 'write' | 'flush' | 'accept'
type Failure = 'outage' | 'unforeseen' | 'reply unknown' | 'hangs'

const peer: Peer = { via: 'smtp', address: '192.0.2.1', helo: 'client.example', isExtended: true, tls: undefined, submitter: undefined }

function failing(failure: Failure): Promise<never> {
  switch (failure) {
    case 'outage': return Promise.reject(new Outage('a disk has failed', { operation: 'write', code: 'EIO' }))
    case 'unforeseen': return Promise.reject(new TypeError('nobody foresaw this'))
    case 'reply unknown': return Promise.reject(new ReplyUnknown('the journal thread is gone'))
    case 'hangs': return new Promise(() => {})
  }
}

interface Trial {
  message: MessageIn
  /** What was asked of the store, in order. */
  asked: string[]
}

describe('v2: between the dot and the 250', () => {
  let stage: SmtpStage
  before(async () => {
    stage = await SmtpStage.open()
  })
  after(() => stage.close())

  function begin(broken: StepName, failure: Failure | Promise<void>, large: boolean): Trial {
    const asked: string[] = []
    const act = async <T>(name: StepName, value: T): Promise<T> => {
      asked.push(name)
      if (name === broken) await (typeof failure === 'string' ? failing(failure) : failure)
      return value
    }
    const writer: LargeWriter = {
      write: () => act('write', undefined),
      finish: () => act('flush', { at: 'large', name: 'x', sizeOctets: 1, sha256: new Uint8Array(32) } as const),
      abort: () => {
        asked.push('remove')
        return Promise.resolve()
      },
    }
    const store: Pick<Store, 'directory' | 'admission' | 'accept' | 'largeWriter'> = {
      directory: stage.store.directory, admission: () => ({ admit: true }), largeWriter: () => writer,
      accept: () => act('accept', 1 as Sequence),
    }
    const intake = createIntake({
      store, clock: stage.clock, random: systemRandom, log: silentLog, limits: { ...defaultLimits, large_message_octets: 1000 },
      memory: createMemoryBudget(1_000_000), hostname: 'mx.example.org', delivery: { subaddressSeparator: '+', postmaster: undefined }, receivedShowsClient: false,
    })
    const account = stage.store.directory.accountByKey('user@example.org')
    assert.ok(account)
    const envelope: Envelope = {
      sender: { address: 'a@client.example', parameters: {} },
      recipients: [{ address: 'user@example.org', parameters: {}, accounts: [account.account], outside: [] }],
    }
    const message = intake.open(peer, envelope)
    message.add(Buffer.from(`Subject: v2\r\n\r\n${'x'.repeat(large ? 4000 : 10)}\r\n`))
    return { message, asked }
  }

  /** 'hangs' when nothing has come of it after many turns of the loop. */
  async function endOf(finishing: Promise<Finished>): Promise<Finished | 'no reply' | 'hangs'> {
    const finished = finishing.catch(() => 'no reply' as const)
    const turns = (async () => {
      for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve))
      return 'hangs' as const
    })()
    return Promise.race([finished, turns])
  }

  for (const broken of ['write', 'flush', 'accept'] as const) {
    for (const failure of ['outage', 'unforeseen', 'reply unknown', 'hangs'] as const) {
      test(`${broken}: ${failure}`, async () => {
        for (const large of broken === 'accept' ? [false, true] : [true]) {
          const { message, asked } = begin(broken, failure, large)
          const end = await endOf(message.finish(() => {}))
          if (end === 'hangs') assert.equal(failure, 'hangs')
          else if (end !== 'no reply') {
            assert.notEqual(end.end, 'kept')
            if (end.end === 'refused') assert.match(String(end.reply.code), /^4/)
          }
          if (broken !== 'accept') assert.ok(!asked.includes('accept'), 'the store is not told of what is not on disk')
          // Whether it is kept nobody knows: then nothing may be removed.
          if (broken === 'accept' && failure !== 'outage') assert.ok(!asked.includes('remove'), asked.join())
        }
      })
    }
  }

  test('given up while the flush takes too long: when it ends, it is too late', async () => {
    let release: () => void = () => {}
    const { message, asked } = begin('flush', new Promise<void>((resolve) => (release = resolve)), true)
    const finished = message.finish(() => {})
    assert.equal(await endOf(finished), 'hangs')
    message.abort()
    release()
    assert.equal((await finished).end, 'refused')
    assert.deepEqual(asked, ['write', 'flush', 'remove'])
  })

  test('nothing breaks: the store is asked once, after the file is flushed, and nothing is removed', async () => {
    const { message, asked } = begin('accept', Promise.resolve(), true)
    const end = await endOf(message.finish(() => {}))
    assert.ok(typeof end === 'object' && end.end === 'kept')
    assert.deepEqual(asked, ['write', 'flush', 'accept'])
  })
})

/** Moments between the dot and the 250, of a small and of a large message. */
const deadly: { step: CrashStep; octets: number }[] = [
  { step: 'append-write', octets: 4000 }, { step: 'append-flush', octets: 4000 },
  { step: 'large-write', octets: 3_000_000 }, { step: 'large-flush', octets: 3_000_000 }, { step: 'large-rename', octets: 3_000_000 },
]

test('v2: the process dies between the dot and the 250: there is no reply, and what is kept is whole', async (t) => {
  const user = 'user@test.example'
  const sound = new DarumaProcess()
  t.after(() => sound.dispose())
  await sound.start()
  sound.run(['domain', 'add', sound.domain])
  sound.addAccount(user, 'correct horse')
  assert.equal(await sound.stop(), 0)
  const sent = new Map<string, Buffer>()
  for (const { step, octets } of deadly) {
    const doomed = new DarumaProcess({ data: sound.data, env: { DARUMA_CRASH_AT: `${step}:before:1` } })
    t.after(() => doomed.dispose())
    await doomed.start()
    const client = await RawSmtp.open({ port: doomed.ports.smtp })
    const bytes = Buffer.from(`Subject: ${step}\r\n\r\n${`${'x'.repeat(72)}\r\n`.repeat(Math.ceil(octets / 74))}`)
    sent.set(step, bytes)
    await assert.rejects(client.send({ from: 's@sender.example', to: [user], bytes }), step)
    await doomed.exited()
  }
  sound.keepPorts()
  await sound.start()
  const reader = await RawImap.open({ port: sound.ports.imap })
  await reader.login(user, 'correct horse')
  const { MESSAGES: count = 0 } = await reader.statusOf('INBOX', 'MESSAGES')
  assert.ok(count <= deadly.length)
  await reader.command('SELECT INBOX')
  for (let number = 1; number <= count; number += 1) {
    const kept = await reader.bytesOf(number)
    const bytes = sent.get(/\r\nSubject: (\S+)\r\n/.exec(kept.toString('latin1'))?.[1] ?? '')
    assert.ok(bytes && kept.subarray(kept.length - bytes.length).equals(bytes))
    sent.delete(/\r\nSubject: (\S+)\r\n/.exec(kept.toString('latin1'))?.[1] ?? '')
  }
  reader.connection.destroy()
})
