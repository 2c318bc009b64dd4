import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf, bytesOfLatin1, textOf } from '../../base/bytes.ts'
import type { Command } from './command.ts'
import { parseAppendEnd, parseAppendHead, parseNextMessageHead } from './parse-append.ts'
import { parseCommand } from './parse-command.ts'
import { printSet, rangesHold, rangesOf } from './sequence-set.ts'
import { printDateTime } from './dates.ts'

function command(text: string, utf8 = false): Command {
  const parsed = parseCommand(bytesOf(`t1 ${text}`), { utf8 })
  if (!parsed.ok) assert.fail(`${text}: ${parsed.reason}`)
  assert.equal(parsed.value.tag, 't1')
  return parsed.value.command
}
/** Bytes shown as text, sets as arrays, so that tables stay readable. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return textOf(value)
  if (value instanceof Set) return [...value as Set<unknown>].map(plain)
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([name, item]) => [name, plain(item)]))
  return value
}
const set = (...pairs: number[]) => ({ saved: false, pairs })

test('commands', () => {
  const cases: [string, unknown][] = [
    ['noop', { name: 'NOOP' }],
    ['LOGIN bob "se\\"c\\\\ret"', { name: 'LOGIN', user: 'bob', password: 'se"c\\ret' }],
    ['LOGIN {3+}\r\nbob {6}\r\n{9}\r\n!', { name: 'LOGIN', user: 'bob', password: '{9}\r\n!' }],
    ['AUTHENTICATE plain AGEAYg==', { name: 'AUTHENTICATE', mechanism: 'PLAIN', initial: 'AGEAYg==' }],
    ['AUTHENTICATE SCRAM-SHA-256', { name: 'AUTHENTICATE', mechanism: 'SCRAM-SHA-256' }],
    ['AUTHENTICATE EXTERNAL =', { name: 'AUTHENTICATE', mechanism: 'EXTERNAL', initial: '=' }],
    ['ID NIL', { name: 'ID', fields: {} }],
    ['ID ("name" "mutt" "version" NIL)', { name: 'ID', fields: { name: 'mutt' } }],
    ['ENABLE CONDSTORE utf8=accept', { name: 'ENABLE', capabilities: ['CONDSTORE', 'UTF8=ACCEPT'] }],
    ['SELECT inbox', { name: 'SELECT', mailbox: 'INBOX', condstore: false }],
    ['EXAMINE "a b" (CONDSTORE)', { name: 'EXAMINE', mailbox: 'a b', condstore: true }],
    ['SELECT a (QRESYNC (67890007 20050715194045000 41,43:211 (1:29997 1:*)))', { name: 'SELECT', mailbox: 'a', condstore: true, qresync: {
      uidValidity: 67890007, modseq: Number.MAX_SAFE_INTEGER, knownUids: set(41, 41, 43, 211), match: { sequence: set(1, 29997), uids: set(1, 0) } } }],
    ['SELECT a (QRESYNC (1 2))', { name: 'SELECT', mailbox: 'a', condstore: true, qresync: { uidValidity: 1, modseq: 2 } }],
    ['CREATE &ZeVnLIqe-', { name: 'CREATE', mailbox: '日本語', uses: [] }],
    ['CREATE a (USE (\\Drafts \\Sent))', { name: 'CREATE', mailbox: 'a', uses: ['\\Drafts', '\\Sent'] }],
    ['RENAME a "b/c"', { name: 'RENAME', from: 'a', to: 'b/c' }],
    ['LIST "" *', { name: 'LIST', selection: [], reference: '', patterns: ['*'], returns: [], status: [], extended: false }],
    ['LSUB a/ %', { name: 'LSUB', selection: [], reference: 'a/', patterns: ['%'], returns: [], status: [], extended: false }],
    ['LIST (SPECIAL-USE SUBSCRIBED) "" (a* "b%") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))', { name: 'LIST', selection: ['SPECIAL-USE', 'SUBSCRIBED'],
      reference: '', patterns: ['a*', 'b%'], returns: ['CHILDREN'], status: ['MESSAGES', 'UNSEEN'], extended: true }],
    ['STATUS x (messages SIZE)', { name: 'STATUS', mailbox: 'x', items: ['MESSAGES', 'SIZE'] }],
    ['UID EXPUNGE 3:*', { name: 'EXPUNGE', set: set(3, 0) }],
    ['STORE 1,*:4 +flags.silent (\\seen $Junk)', { name: 'STORE', uid: false, set: set(1, 1, 0, 4), action: 'add', silent: true, flags: ['\\Seen', '$Junk'] }],
    ['UID STORE 7 (UNCHANGEDSINCE 12) FLAGS \\Deleted', { name: 'STORE', uid: true, set: set(7, 7), action: 'replace', silent: false, flags: ['\\Deleted'], unchangedSince: 12 }],
    ['STORE 1 -FLAGS ()', { name: 'STORE', uid: false, set: set(1, 1), action: 'remove', silent: false, flags: [] }],
    ['UID MOVE 1:2 Trash', { name: 'MOVE', uid: true, set: set(1, 2), mailbox: 'Trash' }],
    ['FETCH 1:* fast', { name: 'FETCH', uid: false, set: set(1, 0), vanished: false, items: [{ item: 'plain', name: 'FLAGS' }, { item: 'plain', name: 'INTERNALDATE' }, { item: 'plain', name: 'RFC822.SIZE' }] }],
    ['UID FETCH $ (UID FLAGS) (CHANGEDSINCE 12 VANISHED)', { name: 'FETCH', uid: true, set: { saved: true }, changedSince: 12, vanished: true, items: [{ item: 'plain', name: 'UID' }, { item: 'plain', name: 'FLAGS' }] }],
    ['FETCH 1 BODY[]', { name: 'FETCH', uid: false, set: set(1, 1), vanished: false, items: [{ item: 'section', peek: false, section: { part: [], text: 'WHOLE', fields: [] }, label: 'BODY[]' }] }],
    ['FETCH 1 (body.peek[1.2.mime]<0.10> RFC822.HEADER BODY)', { name: 'FETCH', uid: false, set: set(1, 1), vanished: false, items: [
      { item: 'section', peek: true, section: { part: [1, 2], text: 'MIME', fields: [] }, partial: { offset: 0, count: 10 }, label: 'BODY[1.2.MIME]<0>' },
      { item: 'section', peek: true, section: { part: [], text: 'HEADER', fields: [] }, label: 'RFC822.HEADER' }, { item: 'plain', name: 'BODY' }] }],
    ['FETCH 1 BODY[HEADER.FIELDS.NOT (Date "X Y")]', { name: 'FETCH', uid: false, set: set(1, 1), vanished: false, items: [
      { item: 'section', peek: false, section: { part: [], text: 'HEADER.FIELDS.NOT', fields: ['date', 'x y'] }, label: 'BODY[HEADER.FIELDS.NOT (Date "X Y")]' }] }],
    ['FETCH 1 (BINARY.PEEK[1]<2.3> BINARY.SIZE[2.1])', { name: 'FETCH', uid: false, set: set(1, 1), vanished: false, items: [
      { item: 'binary', peek: true, part: [1], partial: { offset: 2, count: 3 }, label: 'BINARY[1]<2>' }, { item: 'binary-size', part: [2, 1], label: 'BINARY.SIZE[2.1]' }] }],
    ['SEARCH UNSEEN SINCE 1-Feb-1994 NOT FROM "Smith"', { name: 'SEARCH', uid: false, key: { key: 'and', of: [
      { key: 'not', of: { key: 'flag', flag: '\\Seen' } }, { key: 'received', when: 'since', day: 8797 }, { key: 'not', of: { key: 'header', field: 'from', text: 'Smith' } }] } }],
    ['UID SEARCH RETURN (MIN COUNT) CHARSET UTF-8 OR (1:3 SUBJECT {6}\r\n日本) UID *', { name: 'SEARCH', uid: true, returns: ['MIN', 'COUNT'], charset: 'UTF-8', key: { key: 'or',
      left: { key: 'and', of: [{ key: 'sequence', set: set(1, 3) }, { key: 'header', field: 'subject', text: '日本' }] }, right: { key: 'uid', set: set(0, 0) } } }],
    ['SEARCH RETURN () MODSEQ "/flags/\\\\draft" all 620162338', { name: 'SEARCH', uid: false, returns: ['ALL'], key: { key: 'modseq', since: 620162338 } }],
    ['SEARCH KEYWORD $Junk SENTON "1-feb-2020" HEADER X-A ""', { name: 'SEARCH', uid: false, key: { key: 'and', of: [
      { key: 'flag', flag: '$Junk' }, { key: 'sent', when: 'on', day: 18293 }, { key: 'header', field: 'x-a', text: '' }] } }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(plain(command(text)), expected, text)
})

test('what is not understood is refused, with its tag', () => {
  for (const text of ['FOO', 'LOGIN a', 'LOGIN a b c', 'FETCH 0 FLAGS', 'FETCH 1', 'FETCH 1 ()', 'FETCH 1 FOO', 'FETCH 1 BODY[', 'FETCH 1 BODY[MIME]', 'FETCH 1 BODY[1.]', 'FETCH 1 BODY[]<1.0>',
    'STORE 1 FLAGS', 'STORE 1 FLAGS (\\*)', 'SEARCH', 'SEARCH FOO', 'SEARCH ()', 'SEARCH SINCE 31-Feb-2020', 'SEARCH ' + '('.repeat(3000), 'SEARCH ' + 'NOT '.repeat(3000) + 'ALL',
    'SELECT', 'SELECT "a', 'SELECT "a\\b"', 'SELECT a&b', 'STATUS a ()', 'STATUS a (FOO)', 'LIST "" a b', 'NOOP x', 'UID NOOP', 'COPY 1', 'FETCH 99999999999 FLAGS', 'SELECT {10}\r\nabc', 'ID (a b)']) {
    const parsed = parseCommand(bytesOf(`t1 ${text}`), { utf8: false })
    assert.equal(parsed.ok, false, text)
    assert.equal(!parsed.ok && parsed.tag, 't1', text)
  }
  for (const text of ['', ' ', 't1', '+ NOOP', '\0 NOOP']) {
    const parsed = parseCommand(bytesOf(text), { utf8: false })
    assert.equal(!parsed.ok && parsed.tag, undefined, text)
    assert.equal(parsed.ok, false)
  }
})

test('no bytes at all make the parser throw', () => {
  const words = fc.constantFrom('FETCH', 'UID', 'SEARCH', 'STORE', 'LIST', 'BODY[', 'HEADER.FIELDS', '(', ')', '"', '\\', '{3}\r\nabc', '{9+}\r\n', '1:*', ',', '<0.1>', 'NOT', 'OR', 'CHARSET', 'RETURN', 'SELECT', 'QRESYNC', ' ', '~', '&', '&U,BTFw-', 'APPEND', 'ID', 'NIL', '\xff', '\0')
  fc.assert(fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 5 })), { maxLength: 12 }), fc.boolean(), (parts, utf8) => {
    parseCommand(bytesOfLatin1(`a ${parts.join(' ')}`), { utf8 })
    parseCommand(bytesOfLatin1(parts.join('')), { utf8 })
    parseAppendHead(bytesOfLatin1(`a APPEND ${parts.join(' ')} `), { utf8 })
  }), { numRuns: 2000 })
})

test('APPEND up to its message', () => {
  const head = (text: string) => plain(parseAppendHead(bytesOf(text), { utf8: false }))
  assert.deepEqual(head('a APPEND Sent (\\seen x) " 7-Jul-1996 02:44:25 -0700" '), { ok: true, value: { tag: 'a', mailbox: 'Sent',
    message: { flags: ['\\Seen', 'x'], date: { atMs: Date.UTC(1996, 6, 7, 9, 44, 25), zoneMinutes: -420 }, utf8: false } } })
  assert.deepEqual(head('a APPEND {4}\r\nSent '), { ok: true, value: { tag: 'a', mailbox: 'Sent', message: { flags: [], utf8: false } } })
  assert.deepEqual(head('a APPEND Sent UTF8 ('), { ok: true, value: { tag: 'a', mailbox: 'Sent', message: { flags: [], utf8: true } } })
  assert.equal(parseAppendHead(bytesOf('a APPEND Sent (\\Seen) "yesterday" '), { utf8: false }).ok, false)
  assert.deepEqual(plain(parseNextMessageHead(bytesOf(' (\\Flagged) '), false)), { ok: true, value: { flags: ['\\Flagged'], utf8: false } })
  assert.equal(parseAppendEnd(bytesOf(')'), true).ok, true)
  assert.equal(parseAppendEnd(bytesOf(')'), false).ok, false)
})

test('sets', () => {
  const ranges = (text: string, max: number) => {
    const parsed = command(`FETCH ${text} UID`)
    assert.ok(parsed.name === 'FETCH' && !parsed.set.saved)
    return rangesOf(parsed.set.pairs, max)
  }
  assert.deepEqual(ranges('2,4:7,9,12:*', 15), [2, 2, 4, 7, 9, 9, 12, 15])
  assert.deepEqual(ranges('*:4,5:7', 10), [4, 10])
  assert.deepEqual(ranges('5000:*', 10), [10, 5000])
  assert.deepEqual(ranges('*', 0), [])
  assert.deepEqual(ranges('3,1,2', 10), [1, 3])
  assert.equal(printSet([1, 2, 3, 7, 9, 10]), '1:3,7,9:10')
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 })), { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (pairs, max) => {
    const merged = rangesOf(pairs.flat(), max)
    const real = (end: number) => (end === 0 ? max : end)
    for (let n = 1; n <= 40; n += 1) {
      assert.equal(rangesHold(merged, n), pairs.some(([a, b]) => n >= Math.min(real(a), real(b)) && n <= Math.max(real(a), real(b))))
    }
  }))
})

test('dates', () => {
  assert.equal(printDateTime(Date.UTC(1996, 6, 7, 9, 44, 25), -420), ' 7-Jul-1996 02:44:25 -0700')
  assert.equal(printDateTime(Date.UTC(2024, 1, 29, 23, 59, 59)), '29-Feb-2024 23:59:59 +0000')
})
