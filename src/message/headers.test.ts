import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, bytesOfLatin1, latin1Of, textOf } from '../base/bytes.ts'
import { fieldName, fieldValue, fieldValues, firstFieldValue, headerEndOf, headerFields, selectFields } from './headers.ts'

const names = (text: string) => [...headerFields(bytesOf(text))].map((field) => fieldName(bytesOf(text), field))

test('a section ends at its first empty line, with CRLF or with LF alone', () => {
  for (const [text, end] of [['A: b\r\n\r\nx', 8], ['A: b\n\nx', 6], ['A: b\r\n', 6], ['', 0], ['\r\nx', 2], ['\nx', 1], ['A: b', 4], ['A: b\n\r\nx', 7], ['A: b\r\r\n\r\nx', 9]] as const) {
    assert.equal(headerEndOf(bytesOf(text)), end, JSON.stringify(text))
  }
})

test('odd lines are fields too', () => {
  assert.deepEqual(names('Subject : a\nno colon here\n: empty\n folded\nX:y'), ['subject', '', '', 'x'])
  assert.deepEqual(names(' begins with a fold\nA: b\n\nC: d'), ['', 'a'])
  assert.deepEqual(names('From someone Fri Feb 22 17:06:23 2008\nA: b\n'), ['from someone fri feb 22 17', 'a'])
})

test('values are unfolded (RFC 5322 §2.2.3)', () => {
  const value = (text: string) => {
    const bytes = bytesOfLatin1(text)
    const field = headerFields(bytes).next().value
    assert.ok(field)
    return fieldValue(bytes, field)
  }
  assert.equal(value('Subject: This\r\n is a test\r\n'), 'This is a test')
  assert.equal(value('Subject:\n\tThis\n\tis\n'), 'This is')
  assert.equal(value('A: x\0y\rz\r\n'), 'xy z')
  assert.equal(value('A: \xc3\xa0\r\n'), '\xc3\xa0') // 0xA0 is no space here
  assert.equal(value('A:\r\n'), '')
})

test('first and all values by name', () => {
  const header = bytesOf('To: a\r\nTO: b\r\nToo: c\r\n\r\nTo: d\r\n')
  assert.deepEqual(fieldValues(header, 'to'), ['a', 'b'])
  assert.equal(firstFieldValue(header, 'to'), 'a')
  assert.equal(firstFieldValue(header, 'x'), undefined)
})

test('HEADER.FIELDS copies octets and ends with an empty line (RFC 3501 §6.4.5)', () => {
  const header = bytesOfLatin1('From: a\r\nTo :  b\r\n\tc\r\nno colon\r\nto: \xe9\r\n\r\nbody')
  assert.equal(latin1Of(selectFields(header, ['TO'], 'only')), 'To :  b\r\n\tc\r\nto: \xe9\r\n\r\n')
  assert.equal(latin1Of(selectFields(header, ['to'], 'not')), 'From: a\r\nno colon\r\n\r\n')
  assert.equal(latin1Of(selectFields(header, ['X'], 'only')), '\r\n')
  assert.equal(latin1Of(selectFields(header, [], 'not')), 'From: a\r\nTo :  b\r\n\tc\r\nno colon\r\nto: \xe9\r\n\r\n')
  assert.equal(textOf(selectFields(bytesOf('A: b\nC: d\n\nx'), ['c'], 'only')), 'C: d\n\n')
  assert.equal(textOf(selectFields(bytesOf('A: b'), ['a'], 'only')), 'A: b\r\n\r\n')
})

test('HEADER.FIELDS of a part inside', () => {
  const message = bytesOf('A: b\r\n\r\nA: c\r\nD: e\r\n\r\nx')
  assert.equal(textOf(selectFields(message, ['A'], 'only', { start: 8, end: 22 })), 'A: c\r\n\r\n')
})
