import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, concatBytes, latin1Of, textOf } from '../base/bytes.ts'
import { decodeTransfer, encodeBase64, encodeQuotedPrintable, transferDecoder } from './transfer-encoding.ts'

const decode = (text: string, encoding: string) => latin1Of(decodeTransfer(bytesOf(text), encoding))

test('base64, also as it should not be', () => {
  assert.equal(decode('SGVs\r\nbG8=\r\n', 'base64'), 'Hello')
  assert.equal(decode('SGVs*bG8', 'BASE64'), 'Hello') // no padding, a letter that is none
  assert.equal(decode('SGVsbG8=\nIHdvcmxk', 'base64'), 'Hello world') // two texts put together
  assert.equal(decode('SGVsbG8= ignored\n', 'base64'), 'Hello')
})

test('quoted-printable: RFC 2045 §6.7 and less', () => {
  assert.equal(decode("Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.", 'quoted-printable'), "Now's the time for all folk to come to the aid of their country.")
  for (const [text, expected] of [['a=3Db=3db', 'a=b=b'], ['a= \t\r\nb', 'ab'], ['a \t\r\nb', 'a\r\nb'], ['a=\nb', 'ab'], ['=zz =4', '=zz =4'], ['=', ''], ['a =20\n', 'a  \n'], ['==41', '=A']] as const) {
    assert.equal(decode(text, 'quoted-printable'), expected, JSON.stringify(text))
  }
})

test('uuencode', () => {
  assert.equal(decode('text before\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nafter\r\n', 'x-uuencode'), 'Cat')
  const line = (octets: string) => `${String.fromCharCode(32 + octets.length)}${octets.match(/.{1,3}/gs)!.map((three) => {
    const [a, b, c] = [0, 1, 2].map((i) => three.charCodeAt(i) || 0) as [number, number, number]
    return [a >> 2, ((a & 3) << 4) | (b >> 4), ((b & 15) << 2) | (c >> 6), c & 63].map((six) => String.fromCharCode(32 + six)).join('')
  }).join('')}`
  const text = 'The quick brown fox jumps over the lazy dog!'
  assert.equal(decode(`begin 644 x\n${line(text)}\n \nend\n`, 'uuencode'), text)
})

test('others pass through', () => assert.equal(decode('a=3D', '8bit'), 'a=3D'))

test('what is encoded comes back, in pieces too', () => {
  const text = fc.array(fc.constantFrom('a', ' ', '\t', '=', '\r\n', 'é', '.', 'x'.repeat(80), '\0'), { maxLength: 30 }).map((list) => bytesOf(list.join('')))
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 20 }), (bytes, size) => {
    for (const [encoding, encoded] of [['base64', encodeBase64(bytes)], ['quoted-printable', encodeQuotedPrintable(bytes)]] as const) {
      for (const line of encoded.split('\r\n')) assert.ok(line.length <= 76 && /^[\x20-\x7e\t]*$/.test(line))
      const decoder = transferDecoder(encoding)
      const pieces: Uint8Array[] = []
      const octets = bytesOf(encoded)
      for (let at = 0; at < octets.length; at += size) pieces.push(decoder.push(octets.slice(at, at + size)).slice())
      pieces.push(decoder.end())
      assert.equal(textOf(concatBytes(pieces)), textOf(bytes), encoding)
    }
  }), { numRuns: 500 })
})

test('any octets in pieces give what the whole gives', () => {
  const octets = fc.array(fc.constantFrom('=', '4', 'A', 'z', ' ', '\r', '\n', '\t', '+'), { maxLength: 30 }).map((list) => bytesOf(list.join('')))
  fc.assert(fc.property(octets, fc.integer({ min: 1, max: 5 }), fc.constantFrom('base64', 'quoted-printable', 'uuencode'), (bytes, size, encoding) => {
    const decoder = transferDecoder(encoding)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(decoder.push(bytes.slice(at, at + size)).slice())
    pieces.push(decoder.end())
    assert.equal(latin1Of(concatBytes(pieces)), latin1Of(decodeTransfer(bytes, encoding)))
  }), { numRuns: 2000 })
})
