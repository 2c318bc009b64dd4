// Every mail of other people's suites goes in through the real server's doors and comes back octet for octet;
// what the server says of its structure parses in other people's clients, and other people's parsers agree.
// Where none does, docs/QUIRKS.md ("MIME structure") names the mail and says why.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { skipWithoutSuites as skip } from '../../src/message/testing/suite-mails.ts'
import { projectRoot } from '../harness/daruma-process.ts'
import { fetchItems, RawImap, type ImapValue } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import { readByImapflow, readByMailParser, readByScript, sameTree, shown } from './foreign-parsers.ts'
import { asSent, deliver, fetchAll, octetsOf, openMailRoom, password, type MailRoom } from './mail-room.ts'

/** Of the mails, so many may be shown in another way than other parsers see them. */
const EXPLAINED_SHARE_MAX = 0.02

const hasPerl = spawnSync('perl', ['-MMail::IMAPClient', '-MJSON::PP', '-e', '1']).status === 0
const hasPython = spawnSync('python3', ['-c', 'import imaplib, email']).status === 0

/** Contents of parts that lie among mime4j's mails: stored like mails, but nobody's structure. */
function isMail({ name }: { name: string }): boolean {
  return !name.includes('_decoded_')
}

/** Parts that hold no others, by their numbers (RFC 3501 §6.4.5), with the octets that are said of them. */
function leavesOf(body: ImapValue | undefined, prefix = ''): { path: string; octets: number }[] {
  assert.ok(Array.isArray(body))
  if (Array.isArray(body[0])) {
    const children = body.slice(0, body.findIndex((value) => !Array.isArray(value)))
    return children.flatMap((child, i) => leavesOf(child, prefix === '' ? `${i + 1}` : `${prefix}.${i + 1}`))
  }
  const own = prefix === '' ? '1' : prefix
  const [type, subtype] = [String(body[0]).toUpperCase(), String(body[1]).toUpperCase()]
  if (type === 'MESSAGE' && subtype === 'RFC822') {
    const inner = body[8]
    const isMultipart = Array.isArray(inner) && Array.isArray(inner[0])
    return [{ path: own, octets: Number(body[6]) }, ...leavesOf(inner, isMultipart ? own : `${own}.1`)]
  }
  return [{ path: own, octets: Number(body[6]) }]
}

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

  test('by SMTP: the delivery prefix, then the very octets sent', async () => {
    const client = await RawSmtp.open({ port: room.server.ports.smtp })
    const sent = room.mails.map((mail) => ({ name: mail.name, from: `mail-${mail.uid}@sender.example`, mail: asSent(mail.bytes) }))
    for (const { name, from, mail } of sent) {
      const reply = await deliver(client, { from, to: room.recipient, mail })
      assert.equal(reply.code, 250, `${name}: ${reply.code} ${reply.lines.join(' ')}`)
    }
    await client.quit()
    assert.ok(sent.filter(({ mail }) => mail.by === 'BDAT').length > 40)
    const reader = await RawImap.open({ port: room.server.ports.imap })
    await reader.login(room.recipient, password)
    await reader.waitForMessages(sent.length)
    const byPath = new Map(sent.map((one) => [`Return-Path: <${one.from}>`, one]))
    let seen = 0
    await fetchAll(reader, 'RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT]', (uid, items) => {
      const whole = octetsOf(items.get('BODY[]'))
      const one = byPath.get(whole.subarray(0, whole.indexOf('\r\n')).toString('latin1')) ?? assert.fail(`UID ${uid}`)
      seen += 1
      const prefix = whole.subarray(0, whole.length - one.mail.bytes.length).toString('latin1')
      assert.match(prefix, /^Return-Path: <[^>]*>\r\n(?:[A-Z][A-Za-z-]*: [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)*)+$/, one.name)
      assert.ok(whole.subarray(prefix.length).equals(one.mail.bytes), one.name)
      assert.equal(Number(items.get('RFC822.SIZE')), whole.length, one.name)
      assert.ok(Buffer.concat([octetsOf(items.get('BODY[HEADER]')), octetsOf(items.get('BODY[TEXT]'))]).equals(whole), one.name)
    })
    assert.equal(seen, sent.length)
    reader.connection.destroy()
  })

  test('ENVELOPE and BODYSTRUCTURE parse in imapflow and in Mail::IMAPClient, which read the same in them', { skip: hasPerl ? false : 'Mail::IMAPClient is absent' }, async () => {
    const [flow, perl] = await Promise.all([readByImapflow(room), readByScript('perl', 'structure-by-mail-imapclient.pl', room)])
    const quirks = readFileSync(join(projectRoot, 'docs/QUIRKS.md'), 'utf8')
    const wrong: string[] = []
    for (const { uid, name } of room.mails) {
      if (quirks.includes(`\`${name}\` (Mail::IMAPClient)`)) continue
      const [first, second] = [flow.get(uid), perl.get(uid)]
      if (!first?.tree || !first.envelope) wrong.push(`${name}: imapflow`)
      else if (!second?.tree || !second.envelope) wrong.push(`${name}: Mail::IMAPClient`)
      else {
        if (shown(first.tree) !== shown(second.tree)) wrong.push(`${name}: ${shown(first.tree)} | ${shown(second.tree)}`)
        for (const field of ['from', 'to'] as const) {
          if (first.envelope[field] !== second.envelope[field]) wrong.push(`${name}: ${first.envelope[field]} and ${second.envelope[field]} addresses in ${field}`)
        }
      }
    }
    assert.deepEqual(wrong, [])
  })

  test('every part has as many octets as BODYSTRUCTURE says, and BODY and BODYSTRUCTURE tell of the same parts', async () => {
    const client = await RawImap.open({ port: room.server.ports.imap })
    await client.login(room.address, password)
    await client.command('SELECT INBOX')
    const parts = new Map<number, { path: string; octets: number }[]>()
    await fetchAll(client, 'BODY BODYSTRUCTURE', (uid, items) => {
      const { name } = room.mails.find((mail) => mail.uid === uid) ?? assert.fail(`UID ${uid}`)
      const found = leavesOf(items.get('BODYSTRUCTURE'))
      assert.deepEqual(leavesOf(items.get('BODY')), found, name)
      parts.set(uid, found)
    })
    for (const { uid, name } of room.mails) {
      const leaves = parts.get(uid) ?? assert.fail(name)
      const answer = await client.command(`UID FETCH ${uid} (${leaves.map(({ path }) => `BODY.PEEK[${path}]`).join(' ')})`)
      assert.equal(answer.status, 'OK', name)
      const items = fetchItems(answer.untagged[0] ?? [])?.items
      for (const { path, octets } of leaves) assert.equal(octetsOf(items?.get(`BODY[${path}]`)).length, octets, `${name}: part ${path}`)
    }
    client.connection.destroy()
  })

  test('SEARCH reads them all', async () => {
    const client = await RawImap.open({ port: room.server.ports.imap })
    await client.login(room.address, password)
    await client.command('SELECT INBOX')
    for (const key of ['TEXT zebra', 'BODY zebra', 'FROM zebra', 'SUBJECT zebra', 'HEADER References zebra', 'SENTSINCE 1-Jan-1970', 'CHARSET UTF-8 TEXT {9+}\r\n日本語']) {
      const answer = await client.command(`UID SEARCH ${key}`)
      assert.equal(answer.status, 'OK', `${key}: ${answer.text}`)
    }
    client.connection.destroy()
    assert.doesNotMatch(room.server.stderr, /"level":"error"/)
  })

  test('a second parser sees the same parts; the others are explained', { skip: hasPython ? false : 'python3 is absent' }, async () => {
    const [flow, python] = await Promise.all([readByImapflow(room), readByScript('python3', 'structure-by-python.py', room)])
    const quirks = readFileSync(join(projectRoot, 'docs/QUIRKS.md'), 'utf8')
    const mails = room.mails.filter(isMail)
    const [differ, unexplained]: [string[], string[]] = [[], []]
    for (const { uid, name } of mails) {
      const ours = flow.get(uid)?.tree ?? assert.fail(name)
      const theirs = python.get(uid)?.tree ?? assert.fail(name)
      const third = readByMailParser(name)
      if (sameTree(ours, theirs) || (third && sameTree(ours, third))) continue
      differ.push(name)
      if (!quirks.includes(`\`${name}\``)) unexplained.push(`${name}: ${shown(ours)} | ${shown(theirs)}${third ? ` | ${shown(third)}` : ''}`)
    }
    assert.deepEqual(unexplained, [])
    assert.ok(differ.length <= mails.length * EXPLAINED_SHARE_MAX, `${differ.length} of ${mails.length} differ`)
  })
})
