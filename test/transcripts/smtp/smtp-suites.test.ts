// What a transcript cannot say: the hard cases of others, proofs that have to be reckoned, messages of every size.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { seededRandom } from '../../../src/base/random.ts'
import { defaultLimits } from '../../../src/base/limits.ts'
import { exporterData, PASSWORD, SmtpStage, type FakeSmtpClient } from './smtp-stage.ts'

const suites = process.env['DARUMA_SUITES'] ?? resolve(import.meta.dirname, '../../../../shared/suites')
const falseEnds = join(suites, 'hard-cases/v5-fake-end-of-data.json')

let stage: SmtpStage
before(async () => {
  stage = await SmtpStage.open()
})
after(async () => {
  await stage.close()
})

async function say(client: FakeSmtpClient, text: string | Uint8Array): Promise<string> {
  client.send(typeof text === 'string' ? Buffer.from(text) : text, false)
  return replyOf(client)
}

async function replyOf(client: FakeSmtpClient): Promise<string> {
  for (;;) {
    const line = await client.line()
    if (line[3] !== '-') return line
  }
}

async function greeted(kind: 'smtp' | 'submission' = 'smtp', tls = false): Promise<FakeSmtpClient> {
  const client = stage.connect(kind, { address: '192.0.2.5', tls })
  await client.line()
  assert.match(await say(client, 'EHLO client.example\r\n'), /^250 /)
  return client
}

async function opened(client: FakeSmtpClient): Promise<void> {
  assert.match(await say(client, 'MAIL FROM:<a@client.example>\r\n'), /^250 /)
  assert.match(await say(client, 'RCPT TO:<user@example.org>\r\n'), /^250 /)
}

test('v5: none of the false ends makes a second message', { skip: !existsSync(falseEnds) && 'shared: the hard cases are not here' }, async () => {
  const { sequences } = JSON.parse(readFileSync(falseEnds, 'utf8')) as { sequences: string[] }
  const before = (await stage.inbox('user@example.org')).length
  for (const written of sequences) {
    const sequence = JSON.parse(`"${written.replaceAll('\\x00', '\\u0000')}"`) as string
    for (const piece of [1, 7, 100_000]) {
      const client = await greeted()
      await opened(client)
      assert.match(await say(client, 'DATA\r\n'), /^354/)
      const bytes = Buffer.from(`Subject: first\r\n\r\nbody${sequence}MAIL FROM:<evil@a.example>\r\nRCPT TO:<user@example.org>\r\nDATA\r\nSubject: second\r\n\r\nhidden\r\n.\r\n`, 'latin1')
      for (let at = 0; at < bytes.length; at += piece) client.send(bytes.subarray(at, at + piece), false)
      assert.match(await replyOf(client), /^554 5\.6\.0 /, written)
      assert.match(await say(client, 'QUIT\r\n'), /^221 /, written)
    }
  }
  assert.equal((await stage.inbox('user@example.org')).length, before)
})

test('SCRAM-SHA-256-PLUS logs in, bound to the channel', async () => {
  const client = await greeted('submission', true)
  const gs2 = 'p=tls-exporter,,'
  const bare = 'n=user@example.org,r=fyko+d2lbbFgONRv9qkxdawL'
  const first = await say(client, `AUTH SCRAM-SHA-256-PLUS ${Buffer.from(gs2 + bare).toString('base64')}\r\n`)
  assert.match(first, /^334 /)
  const serverFirst = Buffer.from(first.slice(4), 'base64').toString()
  const [, nonce = '', salt = '', count = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? assert.fail(serverFirst)
  const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256')
  const mac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest()
  const clientKey = mac(salted, 'Client Key')
  const without = `c=${Buffer.concat([Buffer.from(gs2), exporterData]).toString('base64')},r=${nonce}`
  const whole = `${bare},${serverFirst},${without}`
  const signature = mac(createHash('sha256').update(clientKey).digest(), whole)
  const proof = Buffer.from(clientKey.map((octet, at) => octet ^ (signature[at] ?? 0))).toString('base64')
  const final = await say(client, `${Buffer.from(`${without},p=${proof}`).toString('base64')}\r\n`)
  assert.equal(Buffer.from(final.slice(4), 'base64').toString(), `v=${mac(mac(salted, 'Server Key'), whole).toString('base64')}`)
  assert.match(await say(client, '\r\n'), /^235 /)
  assert.match(await say(client, 'MAIL FROM:<user@example.org>\r\n'), /^250 /)
  client.hangUp()
})

test('messages of every size come back byte for byte, in memory or by a file, by DATA and by BDAT', async () => {
  const random = seededRandom(5)
  stage.limits = { ...defaultLimits, large_message_octets: 20_000, memory_message_octets_max: 50_000 }
  const client = await greeted()
  for (const size of [0, 1, 75, 4096, 19_999, 20_000, 20_001, 70_000, 600_000, 3_000_000]) {
    let body = 'Subject: size\r\n\r\n'
    while (body.length < size) body += `${'.'.repeat(random.int(3))}${'abcdefghijklmnop'.repeat(random.int(6))}\r\n`
    await opened(client)
    assert.match(await say(client, 'DATA\r\n'), /^354/)
    const sent = Buffer.from(`${body.replace(/^\./gm, '..')}.\r\n`)
    for (let at = 0; at < sent.length;) {
      const piece = size < 5000 ? 1 + random.int(40) : 1 + random.int(30_000)
      client.send(sent.subarray(at, at + piece), false)
      at += piece
      if (random.int(8) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.match(await replyOf(client), /^250 2\.0\.0 /, String(size))
    const last = (await stage.inbox('user@example.org')).at(-1) ?? ''
    assert.ok(last.endsWith(`\r\n${body}`) && last.length - body.length < 400, `${size}: ${last.length} octets`)
    await opened(client)
    const octets = Buffer.from(body)
    for (let at = 0; at < octets.length;) {
      const count = Math.min(octets.length - at, 1 + random.int(octets.length))
      client.send(Buffer.concat([Buffer.from(`BDAT ${count}\r\n`), octets.subarray(at, at + count)]), false)
      assert.match(await replyOf(client), /^250 /)
      at += count
    }
    assert.match(await say(client, 'BDAT 0 LAST\r\n'), /^250 2\.0\.0 kept/)
    assert.ok((await stage.inbox('user@example.org')).at(-1)?.endsWith(`\r\n${body}`), String(size))
  }
  client.hangUp()
  stage.limits = defaultLimits
})

test('random octets leave a session that can be ended, and no complaint', async () => {
  const random = seededRandom(99)
  const words = ['EHLO x\r\n', 'MAIL FROM:<a@b.example>\r\n', 'RCPT TO:<user@example.org>\r\n', 'DATA\r\n', '.\r\n', 'BDAT 5\r\n', 'BDAT 3 LAST\r\n', 'RSET\r\n', 'STARTTLS\r\n', 'AUTH PLAIN\r\n', 'AUTH LOGIN AA==\r\n', '\r\n', '\n', '*\r\n']
  for (let round = 0; round < 300; round += 1) {
    const client = stage.connect(round % 2 ? 'smtp' : 'submission', { address: '192.0.2.5', tls: round % 3 === 0 })
    for (let n = random.int(12); n >= 0; n -= 1) {
      const piece = random.int(3) === 0 ? Buffer.from(random.bytes(random.int(60))) : Buffer.from(words[random.int(words.length)] ?? '')
      client.send(piece, random.int(4) === 0)
      if (random.int(3) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    client.finish()
    await client.gone()
  }
  assert.deepEqual(stage.complaints, [])
})
