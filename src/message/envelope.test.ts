import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, bytesOfLatin1, latin1Of } from '../base/bytes.ts'
import { envelopeOf } from './envelope.ts'
import { readEnvelope } from './testing/imap-grammar.ts'
import { skipWithoutSuites as skip, suiteFile } from './testing/suite-mails.ts'

const envelope = (header: string) => latin1Of(envelopeOf(bytesOfLatin1(header)))

test('RFC 3501 §8: the example envelope', () => {
  const header = 'Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\nSubject: IMAP4rev1 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\ncc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\nMessage-Id: <B27397-0100000@cac.washington.edu>\r\nMIME-Version: 1.0\r\n\r\n'
  assert.equal(envelope(header), '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")')
})

test('ImapTest: fetch-envelope', { skip }, () => {
  const script = latin1Of(suiteFile('imaptest/fetch-envelope'))
  const expected = [...script.matchAll(/^\* \d+ FETCH \(ENVELOPE (.*)\)\r?$/gm)].map((match) => match[1])
  const messages = latin1Of(suiteFile('imaptest/fetch-envelope.mbox')).split(/^From .*\n/m).slice(1)
  assert.equal(expected.length, 6)
  assert.deepEqual(messages.map(envelope), expected)
})

test('nothing at all', () => {
  assert.equal(envelope(''), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)')
  assert.equal(envelope('Subject:\r\n'), '(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)')
})

test('8-bit goes as a literal, NUL never, breaks become spaces', () => {
  assert.equal(envelope('Subject: \xe3\x81\x82\r\n'), '(NIL {3}\r\n\xe3\x81\x82 NIL NIL NIL NIL NIL NIL NIL NIL)')
  assert.equal(envelope('Subject: a\0b\rc "d" \\\r\n'), '(NIL "ab c \\"d\\" \\\\" NIL NIL NIL NIL NIL NIL NIL NIL)')
  assert.ok(!envelope('From: \0"\0" <\0@\0>\r\nMessage-ID: \0\r\n').includes('\0'))
})

test('a second From cannot hide behind the first', () => {
  assert.deepEqual(readEnvelope(envelopeOf(bytesOf('From: a@b.test\r\nSubject: 1\r\nFrom: c@d.test\r\nSubject: 2\r\n'))).from?.map((one) => one.mailbox), ['a', 'c'])
})

test('a missing domain is empty, not NIL, so that it does not begin a group', () => {
  const { from } = readEnvelope(envelopeOf(bytesOf('From: root\r\n')))
  assert.deepEqual(from, [{ name: null, route: null, mailbox: 'root', host: '' }])
})
