import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf, bytesOfLatin1 } from '../../base/bytes.ts'
import { canonicalMailboxName, parseMailboxName, printMailboxName } from './mailbox-name.ts'
import { matchesMailbox } from './list-pattern.ts'

const parse = (text: string, accept = false) => {
  const name = parseMailboxName(bytesOf(text), accept)
  return name.ok ? name.value : `!${name.code}`
}

test('the example of RFC 3501 §5.1.3, and names as people have them', () => {
  assert.equal(parse('~peter/mail/&U,BTFw-/&ZeVnLIqe-'), '~peter/mail/台北/日本語')
  assert.equal(printMailboxName('~peter/mail/台北/日本語', false), '~peter/mail/&U,BTFw-/&ZeVnLIqe-')
  assert.equal(printMailboxName('下書き', false), '&Tgtm+DBN-')
  assert.equal(printMailboxName('A & B', false), 'A &- B')
  assert.equal(parse('A &- B'), 'A & B')
  assert.equal(printMailboxName('😀', false), '&2D3eAA-')
})

test('UTF-8 is read as such, and with ENABLE UTF8=ACCEPT "&" is only a character', () => {
  assert.equal(parse('日本語'), '日本語')
  assert.equal(parse('A&B', true), 'A&B')
  assert.equal(printMailboxName('日本&語', true), '日本&語')
})

test('what is neither is refused', () => {
  for (const text of ['a&b', '&U,BTFw', '&%%-', '&2D0-', '&ZQ-', 'a\tb']) assert.match(parse(text), /^!/, text)
  assert.equal(parseMailboxName(bytesOfLatin1('\xff\xfe'), false).ok, false)
})

test('INBOX is one mailbox in every spelling', () => {
  assert.equal(canonicalMailboxName('inBox'), 'INBOX')
  assert.equal(canonicalMailboxName('inbox/x'), 'INBOX/x')
  assert.equal(canonicalMailboxName('inboxes'), 'inboxes')
})

test('every name round-trips', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }).filter((name) => !/[\u0000-\u001f\u007f-\u009f]/.test(name) && name.isWellFormed()), (name) => {
    assert.equal(parse(printMailboxName(name, false)), name)
    assert.equal(parse(printMailboxName(name, true), true), name)
    assert.match(printMailboxName(name, false), /^[\x20-\x7e]*$/)
  }))
})

test('patterns', () => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ['*', 'a/b', true], ['%', 'a/b', false], ['%', 'a', true], ['a/%', 'a/b', true], ['a/%', 'a/b/c', false], ['a*c', 'a/b/c', true],
    ['%/%', 'a/b', true], ['inbox', 'INBOX', true], ['InB*', 'INBOX', true], ['inbox/%', 'INBOX/x', true], ['', '', true], ['', 'a', false],
    ['%b%', 'abc', true], ['*%', 'a/b', true], ['日%', '日本', true], ['A', 'a', false],
  ]
  for (const [pattern, name, matches] of cases) assert.equal(matchesMailbox(pattern, name), matches, `${pattern} ${name}`)
  assert.equal(matchesMailbox('*a'.repeat(2000), 'a'.repeat(1000)), false)
})
