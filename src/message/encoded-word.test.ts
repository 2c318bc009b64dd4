import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { latin1Of, bytesOf } from '../base/bytes.ts'
import { decodeEncodedWords, displayName, encodeWords, printPhrase, printUnstructured } from './encoded-word.ts'
import { unfold } from './byte-string.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex').toString('latin1')

test('RFC 2047 §8: the examples', () => {
  for (const [encoded, text] of [
    ['=?ISO-8859-1?Q?a?=', 'a'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=', 'a b'],
    ['=?US-ASCII?Q?Keith_Moore?=', 'Keith Moore'],
    ['=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=', 'Keld Jørn Simonsen'],
    ['=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=', 'If you can read this you understand the example.'],
    ['=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=', 'םולש ןב ילטפנ'],
    ['=?UTF-8*en?Q?hello?=', 'hello'], // RFC 2231 §5
  ]) assert.equal(decodeEncodedWords(encoded!), text)
})

test('Japanese, as it is really sent', () => {
  // JIS X 0208 split between words, the second without its escape: one text in one charset
  assert.equal(decodeEncodedWords('=?ISO-2022-JP?B?GyRCJCI=?= =?ISO-2022-JP?B?JCQbKEI=?='), 'あい')
  assert.equal(decodeEncodedWords('=?iso-2022-jp?B?GyRCJCIbKEI=?= =?iso-2022-jp?B?GyRCJCQbKEI=?='), 'あい')
  assert.equal(decodeEncodedWords('=?UTF-8?B?44E=?= =?UTF-8?B?gg==?='), 'あ') // a letter split in two
  assert.equal(decodeEncodedWords('=?Shift_JIS?B?h0CCoA==?='), '①あ')
  assert.equal(decodeEncodedWords('=?cp932?Q?=88=C0?='), '安')
  assert.equal(decodeEncodedWords('Re:=?UTF-8?B?44GC?='), 'Re:あ')
  assert.equal(decodeEncodedWords('"=?UTF-8?B?44GC?="'), '"あ"')
  assert.equal(decodeEncodedWords(hex('1b2442 2422 1b2842')), 'あ') // raw ISO-2022-JP
  assert.equal(decodeEncodedWords(hex('82a0 82a2 82a4')), 'あいう') // raw Shift_JIS
  assert.equal(decodeEncodedWords(hex('a4a2 a4a4')), 'あい') // raw EUC-JP
  assert.equal(decodeEncodedWords(hex('e38182')), 'あ') // RFC 6532
  assert.equal(displayName(undefined), '')
})

test('what only looks like an encoded word stays', () => {
  for (const text of ['=?', '=?=', '=?utf-8?B?', '=?utf-8?X?abc?=', '=??Q?abc?=', 'a =? b ?= c', '=?utf-8?Q?no end']) assert.equal(decodeEncodedWords(text), text)
})

test('encoded words come back, and keep within 75 characters', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), (text) => {
    const words = encodeWords(text)
    for (const word of words) assert.ok(word.length <= 75)
    assert.equal(decodeEncodedWords(words.join(' ')), text)
  }))
})

test('fields are folded at 78 and come back', () => {
  const letters = fc.array(fc.constantFrom('a', 'word', ' ', 'あ', '=?', '  ', 'ü', 'x'.repeat(90)), { maxLength: 40 }).map((list) => list.join('').trim())
  fc.assert(fc.property(letters, (text) => {
    const field = printUnstructured('Subject', text)
    assert.ok(field.endsWith('\r\n'))
    for (const line of field.slice(0, -2).split('\r\n')) {
      assert.ok(line.length <= 78, line)
      assert.match(line, /^[\x20-\x7e]*$/)
      assert.ok(line.trim() !== '')
    }
    assert.equal(decodeEncodedWords(unfold(latin1Of(bytesOf(field.slice('Subject:'.length))))), text)
  }))
  for (const text of ['a  b', 'word   a', 'あ  b', `${'x'.repeat(66)}     b`, 'a b  c d']) {
    const field = printUnstructured('Subject', text)
    assert.ok(field.split('\r\n').every((line) => line.length <= 78))
    assert.equal(decodeEncodedWords(unfold(latin1Of(bytesOf(field.slice('Subject:'.length))))), text)
  }
  assert.equal(printUnstructured('Subject', ''), 'Subject: \r\n')
  assert.equal(printUnstructured('Subject', 'a\r\nBcc: b'), 'Subject: a Bcc: b\r\n')
})

test('phrases', () => {
  assert.equal(printPhrase('Joe Public'), 'Joe Public')
  assert.equal(printPhrase('Joe Q. "X" Public'), '"Joe Q. \\"X\\" Public"')
  assert.equal(printPhrase('山田'), '=?UTF-8?B?5bGx55Sw?=')
})
