import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bytesOfLatin1, concatBytes, latin1Of } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { createByteInspector, createDataWriter } from './data-writer.ts'

function written(text: string, cuts: number[] = []): string {
  const writer = createDataWriter()
  const bytes = bytesOfLatin1(text)
  const parts: Uint8Array[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    parts.push(...writer.write(bytes.subarray(from, cut)))
    from = cut
  }
  parts.push(writer.finish())
  return latin1Of(concatBytes(parts))
}

test('dots, missing line ends and odd bytes (RFC 5321 §4.5.2)', () => {
  const table: [string, string][] = [
    ['', '.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['..a\r\n.b\r\nc.d\r\n', '...a\r\n..b\r\nc.d\r\n.\r\n'],
    ['a\r', 'a\r\n.\r\n'],
    ['a\nb\rc', 'a\r\nb\r\nc\r\n.\r\n'],
    ['a\0b', 'ab\r\n.\r\n'],
    ['-\r\n', '-\r\n.\r\n'],
  ]
  for (const [from, to] of table) assert.equal(written(from), to, JSON.stringify(from))
})

// The sequences of CVE-2023-51764 and its relatives, as in the public descriptions of SMTP smuggling.
const FALSE_ENDS = ['\n.\n', '\n.\r', '\r.\n', '\r.\r', '\n.\r\n', '\r.\r\n', '\r\n\0.\r\n', '\r\n.\r\r\n', '\r\r\n.\r\r\n', '\r\n.\n', '\r\n.\r']

test('a false end of data never leaves, however the bytes are cut', () => {
  for (const end of FALSE_ENDS) {
    const text = `Subject: x\r\n\r\nbody${end}MAIL FROM:<evil@example>\r\n`
    const whole = written(text)
    assert.equal(whole.indexOf('\r\n.\r\n'), whole.length - 5, JSON.stringify(end))
    assert.doesNotMatch(whole, /\r(?!\n)|(?<!\r)\n|\0/)
    for (let cut = 0; cut <= text.length; cut++) assert.equal(written(text, [cut]), whole)
    assert.equal(written(text, Array.from({ length: text.length }, (_, n) => n)), whole)
  }
})

test('random bytes: a receiver that undoes the dots gets the text with clean line ends', () => {
  const random = seededRandom(3)
  const letters = ['\r', '\n', '\r\n', '.', 'a', '\0', 'é']
  for (let run = 0; run < 2000; run++) {
    const text = Array.from({ length: random.int(30) }, () => letters[random.int(letters.length)]).join('')
    const out = written(text, [random.int(text.length + 1)])
    assert.ok(out.endsWith('.\r\n'))
    const received = out.slice(0, -3).replace(/(^|\r\n)\./g, '$1')
    let expected = text.replaceAll('\0', '').replace(/\r\n|\r|\n/g, '\r\n')
    // A NUL between CR and LF: each is bare.
    if (/\r\0+\n/.test(text)) continue
    if (expected !== '' && !expected.endsWith('\r\n')) expected += '\r\n'
    assert.equal(received, expected, JSON.stringify(text))
  }
})

test('what bytes need of a transport', () => {
  const look = (text: string) => {
    const whole = createByteInspector()
    whole.look(bytesOfLatin1(text))
    const single = createByteInspector()
    for (const byte of bytesOfLatin1(text)) single.look(Uint8Array.of(byte))
    assert.deepEqual(single.findings(), whole.findings())
    return whole.findings()
  }
  assert.deepEqual(look('A: b\r\n\r\n\xe9\r\n'), { binary: false, headerUtf8: false })
  assert.deepEqual(look('A: \xe9\r\n\r\nx'), { binary: false, headerUtf8: true })
  for (const odd of ['a\nb', 'a\rb', 'a\0b', 'a\r']) assert.equal(look(odd).binary, true)
})
