// v7: MIME and header bombs. Each comes in by SMTP and by APPEND and is then asked for in every way; whatever is done
// with it, it is done soon, within bounded memory, and nobody else waits for it.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { append } from '../corpus/mail-room.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { RawImap, fetchItems } from '../harness/raw-imap.ts'
import { RawSmtp, dotStuffed } from '../harness/raw-smtp.ts'
import { bombIds, makeBomb } from './mime-bombs.ts'
import { NoopWatch, peakOctets, residentOctets } from './watch.ts'

const ANSWER_MS_MAX = 10_000
const ADDED_OCTETS_MAX = 200 * 1024 * 1024
/** A NOOP on another connection. */
const NOOP_MS_MAX = 500
const password = 'correct horse'

const questions = [
  'UID FETCH * (ENVELOPE)',
  'UID FETCH * (BODYSTRUCTURE)',
  'UID FETCH * (BODY)',
  'UID FETCH * (BODY.PEEK[1] BODY.PEEK[1.1.1.MIME] BODY.PEEK[2.HEADER] BODY.PEEK[HEADER.FIELDS (Subject References)])',
  'UID SEARCH UID * TEXT zebra',
  'UID SEARCH UID * SUBJECT zebra',
  'UID SEARCH UID * HEADER References zebra',
]

describe('v7: bombs', () => {
  const server = new DarumaProcess()
  let watch: NoopWatch
  const kept: { user: string; id: string }[] = []
  const bySmtp = `smtp@${server.domain}`
  const byAppend = `append@${server.domain}`

  before(async () => {
    await server.start()
    server.run(['domain', 'add', server.domain])
    const watcher = `watcher@${server.domain}`
    for (const user of [bySmtp, byAppend, watcher]) server.addAccount(user, password)
    watch = await NoopWatch.open(server, watcher, password)
  })
  after(async () => {
    await watch.close()
    await server.dispose()
  })

  for (const id of bombIds) {
    for (const user of [bySmtp, byAppend]) {
      test(`${id} for ${user}`, async () => {
        const { bytes } = makeBomb(id)
        const client = await RawImap.open({ port: server.ports.imap })
        await client.login(user, password)
        await client.command('SELECT INBOX')
        const baseOctets = residentOctets(server.pid)
        await watch.longestMs()
        const within = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
          const fromMs = performance.now()
          const { peak, value } = await peakOctets(server.pid, work)
          assert.ok(performance.now() - fromMs < ANSWER_MS_MAX, `${what} took ${performance.now() - fromMs} ms`)
          assert.ok(peak - baseOctets < ADDED_OCTETS_MAX, `${what} took ${peak - baseOctets} octets`)
          const noopMs = await watch.longestMs()
          assert.ok(noopMs < NOOP_MS_MAX, `${what}: a NOOP took ${noopMs} ms`)
          return value
        }
        const isKept = await within('taking it', () => (user === bySmtp ? deliver(server, user, bytes) : appendTo(client, bytes)))
        if (isKept) {
          kept.push({ user, id })
          await client.waitForMessages(kept.filter((one) => one.user === user).length)
          for (const question of questions) {
            const answer = await within(question, () => client.command(question))
            assert.equal(answer.status, 'OK', `${question}: ${answer.text}`)
          }
          const back = await within('BODY[]', () => bytesOfLast(client))
          assert.ok(back.subarray(back.length - bytes.length).equals(bytes), 'the bytes come back')
        }
        client.connection.destroy()
      })
    }
  }

  test('after a restart they are where they were, and are no trouble', async () => {
    assert.ok(kept.length >= bombIds.length)
    await watch.close()
    await server.stop()
    await server.start()
    watch = await NoopWatch.open(server, bySmtp, password)
    for (const user of [bySmtp, byAppend]) {
      const client = await RawImap.open({ port: server.ports.imap })
      await client.login(user, password)
      const count = kept.filter((one) => one.user === user).length
      await client.waitForMessages(count)
      const answer = await client.command('FETCH 1:* (UID ENVELOPE RFC822.SIZE)')
      assert.equal(answer.untagged.flatMap((values) => fetchItems(values) ?? []).length, count)
      client.connection.destroy()
    }
    assert.doesNotMatch(server.stderr, /"level":"error"/)
  })
})

async function deliver(server: DarumaProcess, to: string, bytes: Buffer): Promise<boolean> {
  const client = await RawSmtp.open({ port: server.ports.smtp })
  client.connection.write(`MAIL FROM:<bomb@sender.example>\r\nRCPT TO:<${to}>\r\nDATA\r\n`)
  for (let i = 0; i < 3; i += 1) assert.ok((await client.reply()).code < 400)
  client.connection.write(dotStuffed(bytes))
  client.connection.write('.\r\n')
  const { code } = await client.reply()
  assert.ok(code === 250 || (code >= 550 && code <= 554), String(code))
  await client.quit()
  return code === 250
}

async function appendTo(client: RawImap, bytes: Buffer): Promise<boolean> {
  return (await append(client, bytes, true)).status === 'OK'
}

async function bytesOfLast(client: RawImap): Promise<Buffer> {
  return client.bytesOf('*')
}
