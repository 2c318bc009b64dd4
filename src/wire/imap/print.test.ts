import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf, concatBytes, textOf } from '../../base/bytes.ts'
import { Cursor } from './cursor.ts'
import { ResponseBuffer } from './print.ts'

const written = (act: (out: ResponseBuffer) => void) => {
  const out = new ResponseBuffer()
  act(out)
  return textOf(concatBytes(out.takeParts()))
}

test('which form a string takes', () => {
  assert.equal(written((out) => out.astring('abc').text(' ').astring('a b').text(' ').astring('').text(' ').astring('nil')), 'abc "a b" "" "nil"')
  assert.equal(written((out) => out.string('a"b\\c')), '"a\\"b\\\\c"')
  assert.equal(written((out) => out.string('a\nb')), '{3}\r\na\nb')
  assert.equal(written((out) => out.string('日本')), '{6}\r\n日本')
  assert.equal(written((out) => out.string('日本', true)), '"日本"')
  assert.equal(written((out) => out.nstring(undefined)), 'NIL')
  assert.equal(written((out) => out.mailbox('日本語', false).text(' ').mailbox('日本語', true)), '&ZeVnLIqe- "日本語"')
})

test('numbers', () => {
  for (const value of [0, 9, 10, 99, 100, 4294967295, 2147483647, 2147483648, 1234567890, Number.MAX_SAFE_INTEGER]) assert.equal(written((out) => out.number(value)), String(value))
})

test('pieces of any size come out in order, large ones uncopied', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('t', 'b', 'n', 'take'), fc.integer({ min: 0, max: 20_000 })), { maxLength: 30 }), (pieces) => {
    const out = new ResponseBuffer()
    const parts: Uint8Array[] = []
    let expected = ''
    for (const [kind, size] of pieces) {
      const text = String.fromCharCode(97 + (size % 26)).repeat(size)
      if (kind === 't') out.text(text)
      else if (kind === 'b') out.bytes(bytesOf(text))
      else if (kind === 'n') out.number(size)
      else parts.push(...out.takeParts())
      expected += kind === 'n' ? String(size) : kind === 'take' ? '' : text
    }
    parts.push(...out.takeParts())
    assert.equal(textOf(concatBytes(parts)), expected)
    assert.equal(out.octets, 0)
  }))
  const large = new Uint8Array(100_000)
  const out = new ResponseBuffer()
  out.text('a').literal(large).text('b')
  assert.equal(out.octets, 100_000 + 2 + '{100000}\r\n'.length)
  assert.ok(out.takeParts().includes(large))
})

test('a string that was printed is read back', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => text.isWellFormed()), (text) => {
    assert.equal(textOf(new Cursor(bytesOf(written((out) => out.string(text)))).takeString()), text)
    assert.equal(textOf(new Cursor(bytesOf(written((out) => out.astring(text)))).takeAstring()), text)
  }))
})
