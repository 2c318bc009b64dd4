import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { bytesOf, latin1Of } from '../base/bytes.ts'
import { baseSubjectOf } from './base-subject.ts'
import { skipWithoutSuites as skip, suiteFile } from './testing/suite-mails.ts'
import { threadKeysOf } from './thread-keys.ts'

const keys = (header: string) => threadKeysOf(bytesOf(header))
/** The rule "threads-1" once more, as its text says. */
const key = (id: string, subject: string) => createHash('sha256').update(`threads-1\n${id}\n${subject}`).digest('hex').slice(0, 16)

test('RFC 5256 §2.1: base subjects', () => {
  for (const [subject, base] of [
    ['Re: [FWD: c]', 'c'], ['[foo] Fwd: [bar] Re: fw: b (fWd)  (fwd)', 'b'], ['b (a)', 'b (a)'], ['[xyz]', '[xyz]'], ['', ''], ['Re:', ''], ['re : a', 'a'],
    ['RE[2]: a', 'a'], ['Re^2: a', 'a'], ['Re: [list 12] Re: a', 'a'], ['[list] a', 'a'], ['Ad: Re: Ad: x', 'Ad: Re: Ad: x'], ['re: [fwd: [fwd: re: [fwd: babylon]]]', 'babylon'],
    ['=?utf-8?q?Re=3A_b?=', 'b'], ['a  \t b', 'a b'], ['Ｒe：x', 'Ｒe：x'], ['Re：メール', 'メール'], ['返信: メール', 'メール'], ['AW: a', 'a'],
  ] as const) assert.equal(baseSubjectOf(Buffer.from(subject).toString('latin1')).text, base, subject)
  assert.deepEqual([baseSubjectOf('a').isReply, baseSubjectOf('Re: a').isReply, baseSubjectOf('a (fwd)').isReply, baseSubjectOf('[x] a').isReply], [false, true, true, false])
})

test('ImapTest: subjects that belong together', { skip }, () => {
  const subjects = latin1Of(suiteFile('imaptest/thread-orderedsubject.mbox')).split(/^From .*\n/m).slice(1).map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1] ?? '')
  const groups = new Map<string, number[]>()
  subjects.forEach((subject, index) => {
    const base = baseSubjectOf(subject).text.toLowerCase()
    groups.set(base, [...(groups.get(base) ?? []), index + 1])
  })
  // * THREAD (1)(2 (7)(12)(13))(3 (5)(11))(4)(6)(8)(9 10)(14)(15)
  assert.deepEqual([...groups.values()].map((group) => group.join(' ')), ['1', '2 7 12 13', '3 5 11', '4', '6', '8', '9 10', '14', '15'])
})

test('threads-1 is frozen', () => {
  assert.deepEqual(keys('Message-ID: <a@b>\r\nSubject: Re: Hello  World\r\n'), [key('a@b', 'helloworld')])
  assert.deepEqual(keys('Message-ID: <a@b>\r\nSubject: Re: Hello  World\r\n'), ['a60b7b0040cbd7bb'])
  assert.deepEqual(keys('Message-ID: <1@x>\r\nIn-Reply-To: <2@x> (from) <3@x>\r\nReferences: <4@x>\r\n <5@x> <2@x>\r\n'), ['1@x', '2@x', '3@x', '4@x', '5@x'].map((id) => key(id, '')))
  assert.deepEqual(keys('Message-ID: < a b@c >\r\nSubject: =?UTF-8?B?44Oh44O844Or?=\r\n'), [key('ab@c', 'メール')])
  assert.deepEqual(keys('Subject: no ids\r\n'), [])
  assert.deepEqual(keys('Message-ID: none\r\n'), [])
})

test('a reply shares a key, another subject does not', () => {
  const first = keys('Message-ID: <a@b>\r\nSubject: Plan\r\n')
  const reply = keys('Message-ID: <c@d>\r\nReferences: <a@b>\r\nSubject: Re: [team] plan\r\n')
  const other = keys('Message-ID: <e@f>\r\nIn-Reply-To: <a@b>\r\nSubject: Something else\r\n')
  assert.ok(first.some((one) => reply.includes(one)))
  assert.ok(!first.some((one) => other.includes(one)))
})

test('of many references the first and the last 29 count', () => {
  const ids = Array.from({ length: 100 }, (_, i) => `${i}@x`)
  assert.deepEqual(keys(`References: ${ids.map((id) => `<${id}>`).join(' ')}\r\n`), ['0@x', ...ids.slice(-29)].map((id) => key(id, '')))
})
