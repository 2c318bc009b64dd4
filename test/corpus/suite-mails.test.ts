// Every mail of other people's suites goes in through the real server's doors and comes back octet for octet;
// what the server says of its structure parses in other people's clients, and other people's parsers agree.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { skipWithoutSuites as skip } from '../../src/message/testing/suite-mails.ts'
import { RawImap } from '../harness/raw-imap.ts'
import { fetchAll, octetsOf, openMailRoom, password, type MailRoom } from './mail-room.ts'

describe('mails of the shared suites', { skip }, () => {
  let room: MailRoom
  before(async () => {
    room = await openMailRoom()
  })
  after(() => room.server.dispose())

  test('by APPEND: BODY[], RFC822, header and text are the very octets, RFC822.SIZE their number', async () => {
    const client = await RawImap.open({ port: room.server.ports.imap })
    await client.login(room.address, password)
    await client.command('SELECT INBOX')
    const byUid = new Map(room.mails.map((mail) => [mail.uid, mail]))
    let seen = 0
    await fetchAll(client, 'RFC822.SIZE BODY.PEEK[] RFC822 BODY.PEEK[HEADER] BODY.PEEK[TEXT]', (uid, items) => {
      const { name, bytes } = byUid.get(uid) ?? assert.fail(`UID ${uid}`)
      seen += 1
      assert.equal(Number(items.get('RFC822.SIZE')), bytes.length, name)
      assert.ok(octetsOf(items.get('BODY[]')).equals(bytes), `${name}: BODY[]`)
      assert.ok(octetsOf(items.get('RFC822')).equals(bytes), `${name}: RFC822`)
      assert.ok(Buffer.concat([octetsOf(items.get('BODY[HEADER]')), octetsOf(items.get('BODY[TEXT]'))]).equals(bytes), `${name}: header and text`)
    })
    assert.equal(seen, room.mails.length)
    client.connection.destroy()
  })
})
