// What strangers and users can make grow has an end. Whoever has not logged in gets room for a name and a password, no
// more: thousands of strangers must not fill the memory.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { ImapStage, PASSWORD } from './imap-stage.ts'

let stage: ImapStage
before(async () => {
  stage = await ImapStage.open({ limits: { mailboxes_max: 8, keywords_max: 3 } })
})
after(() => stage.close())

const LONG = 50_000

test('a long literal is refused before the login, and taken after it', async () => {
  const { address } = await stage.account()
  const client = stage.connect()
  await client.line()
  assert.match((await client.command('a', `LOGIN {${LONG}}`)).answer, /^NO \[TOOBIG\] /)
  assert.match((await client.command('b', `LOGIN {${LONG}+}\r\n${'x'.repeat(LONG)} y`)).answer, /^NO \[TOOBIG\] /)
  assert.match((await client.command('c', `LOGIN ${'x'.repeat(LONG)} y`)).answer, /^BAD /)
  const twoHalves = `LOGIN {${LONG / 2}+}\r\n${'x'.repeat(LONG / 2)} {${LONG / 2}+}\r\n${'x'.repeat(LONG / 2)}`
  assert.match((await client.command('d', twoHalves)).answer, /^NO \[TOOBIG\] /)
  assert.match((await client.command('e', `LOGIN ${address} "${PASSWORD}"`)).answer, /^OK /)
  assert.match((await client.command('f', 'SELECT INBOX')).answer, /^OK /)
  assert.match((await client.command('g', `SEARCH TEXT {${LONG}+}\r\n${'x'.repeat(LONG)}`)).answer, /^OK /)
  client.session.close()
})

test('mailboxes of an account have a number, those made on the way included', async () => {
  const { address } = await stage.account()
  const client = stage.connect()
  await client.line()
  await client.command('a', `LOGIN ${address} "${PASSWORD}"`)
  assert.match((await client.command('b', 'CREATE a/b/c/d')).answer, /^NO \[LIMIT\] /, 'five are there, four more are too many')
  assert.match((await client.command('c', 'CREATE a/b')).answer, /^OK /)
  assert.match((await client.command('d', 'RENAME a/b x/y')).answer, /^OK /)
  assert.match((await client.command('e', 'CREATE z')).answer, /^NO \[LIMIT\] /)
  assert.match((await client.command('f', 'RENAME a u/v')).answer, /^NO \[LIMIT\] /)
  assert.match((await client.command('g', 'RENAME a b')).answer, /^OK /)
  assert.match((await client.command('h', 'DELETE b')).answer, /^OK /)
  assert.match((await client.command('i', 'CREATE z')).answer, /^OK /)
  client.session.close()
})

test('keywords of a mailbox have a number, whether they come by STORE, APPEND, COPY or MOVE', async () => {
  const { address } = await stage.account()
  const client = stage.connect()
  await client.line()
  await client.command('a', `LOGIN ${address} "${PASSWORD}"`)
  const append = async (flags: string, mailbox: string) => (await client.command('p', `APPEND ${mailbox} (${flags}) {5+}\r\na: b\n`)).answer
  assert.match(await append('one two', 'INBOX'), /^OK /)
  assert.match(await append('TWO three', 'INBOX'), /^OK /, 'the case of letters makes no new keyword')
  assert.match(await append('four', 'INBOX'), /^NO \[LIMIT\] /)
  assert.match(await append('\\Seen one three', 'INBOX'), /^OK /)
  assert.match(await append('', 'INBOX'), /^OK /)
  assert.match(await append('four five', 'Sent'), /^OK /)
  assert.match((await client.command('b', 'SELECT INBOX')).answer, /^OK /)
  assert.match((await client.command('c', 'STORE 4 +FLAGS (six)')).answer, /^NO \[LIMIT\] /)
  assert.match((await client.command('d', 'COPY 1 Sent')).answer, /^NO \[LIMIT\] /)
  assert.match((await client.command('e', 'MOVE 1 Sent')).answer, /^NO \[LIMIT\] /)
  assert.match((await client.command('f', 'COPY 4 Sent')).answer, /^OK /, 'one without keywords')
  assert.match((await client.command('g', 'COPY 1 INBOX')).answer, /^OK /, 'known there already')
  assert.match((await client.command('h', 'COPY 1 Junk')).answer, /^OK /)
  assert.match((await client.command('i', 'STATUS Sent (MESSAGES)')).untagged.join(), /MESSAGES 2/)
  client.session.close()
})
