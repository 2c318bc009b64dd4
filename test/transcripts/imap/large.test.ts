// Messages that are too large for memory: streamed to files of their own, read by range, searched in windows.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ImapStage, PASSWORD } from './imap-stage.ts'
import type { FakeClient } from './imap-stage.ts'

let stage: ImapStage
before(async () => {
  stage = await ImapStage.open({ limits: { large_message_octets: 2000, message_octets_max: 8 * 1024 * 1024 } })
})
after(async () => {
  await stage.close()
})

async function loggedIn(): Promise<FakeClient> {
  const { address } = await stage.account()
  const client = stage.connect()
  await client.line()
  assert.match((await client.command('l', `LOGIN ${address} "${PASSWORD}"`)).answer, /^OK/)
  return client
}

async function fetchOne(client: FakeClient, item: string): Promise<string> {
  client.send(`f FETCH 1 (${item})\r\n`)
  const size = /\{(\d+)\}$/.exec(await client.line())
  const text = size ? await client.octets(Number(size[1])) : ''
  while (!(await client.line()).startsWith('f OK')) continue
  return text
}

const filler = Array.from({ length: 60_000 }, (_, n) => `line ${n} of many that fill it\r\n`).join('')
const message = `From: a@example.org\r\nSubject: large\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\n${filler}\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe needle is here\r\n--b--\r\n`

test('comes back byte for byte, by range, and in its parts', async () => {
  const client = await loggedIn()
  client.send(`a APPEND INBOX {${message.length}+}\r\n`)
  for (let at = 0; at < message.length; at += 10_007) client.send(message.slice(at, at + 10_007))
  client.send('\r\n')
  assert.match(await client.line(), /^a OK \[APPENDUID \d+ 1\]/)
  await client.command('s', 'SELECT INBOX')
  assert.equal(await fetchOne(client, 'BODY.PEEK[]'), message)
  assert.equal(await fetchOne(client, 'BODY.PEEK[]<1000000.777>'), message.slice(1_000_000, 1_000_777))
  assert.equal(await fetchOne(client, 'BODY.PEEK[2]'), 'the needle is here')
  assert.equal(await fetchOne(client, 'BODY.PEEK[1]'), filler)
  assert.equal(await fetchOne(client, 'BODY.PEEK[HEADER.FIELDS (Subject)]'), 'Subject: large\r\n\r\n')
  assert.deepEqual((await client.command('x', 'SEARCH BODY needle SUBJECT large')).untagged, ['* SEARCH 1'])
  assert.deepEqual((await client.command('y', 'SEARCH BODY "line 59999 of"')).untagged, ['* SEARCH 1'])
  assert.deepEqual((await client.command('z', 'SEARCH TEXT haystack')).untagged, ['* SEARCH'])
  client.session.close()
})

test('a client that hangs up in the middle leaves nothing behind', async () => {
  const client = await loggedIn()
  const files = () => readdirSync(join(stage.folder, 'large'))
  const before = files().length
  client.send(`a APPEND INBOX {${message.length}+}\r\n${message.slice(0, 500_000)}`)
  for (let turn = 0; turn < 2000 && files().length === before; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(files().length, before + 1)
  client.session.close()
  for (let turn = 0; turn < 20_000 && files().length > before; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(files().length, before)
  assert.deepEqual(stage.complaints, [])
})

test('above the largest: refused before a single octet', async () => {
  const client = await loggedIn()
  client.send('a APPEND INBOX {9000000}\r\n')
  assert.match(await client.line(), /^a NO \[TOOBIG\]/)
  client.session.close()
})
