import test from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { seededRandom } from '../../base/random.ts'
import { BdatReader } from './bdat-reader.ts'
import { DataReader } from './data-reader.ts'

const limits = { lineOctetsMax: 1000, messageOctetsMax: 10_000 }

interface Result {
  text: string
  rest: string
  done: boolean
  fault: string | undefined
}

function readData(input: Buffer, cuts: readonly number[], given = limits): Result {
  const reader = new DataReader(given)
  const parts: Buffer[] = []
  let from = 0
  let rest = ''
  for (const to of [...cuts, input.length]) {
    // Each piece has a buffer of its own, so that alignment and neighbours differ from run to run.
    const piece = Buffer.from(input.subarray(from, to))
    from = to
    const taken = reader.done ? 0 : reader.push(piece, (part) => parts.push(Buffer.from(part)))
    rest += piece.subarray(taken).toString('latin1')
  }
  return { text: reader.fault ? '' : Buffer.concat(parts).toString('latin1'), rest, done: reader.done, fault: reader.fault }
}

function everyWay(input: string, given = limits): Result {
  const bytes = Buffer.from(input, 'latin1')
  const whole = readData(bytes, [], given)
  for (let cut = 1; cut < bytes.length; cut += 1) assert.deepEqual(readData(bytes, [cut], given), whole, `cut at ${cut}`)
  assert.deepEqual(readData(bytes, Array.from({ length: bytes.length - 1 }, (_, index) => index + 1), given), whole, 'byte by byte')
  return whole
}

test('dots are taken out and the end is found', () => {
  assert.deepEqual(everyWay('.\r\nQUIT\r\n'), { text: '', rest: 'QUIT\r\n', done: true, fault: undefined })
  assert.deepEqual(everyWay('a\r\n.\r\nNOOP\r\n'), { text: 'a\r\n', rest: 'NOOP\r\n', done: true, fault: undefined })
  assert.deepEqual(everyWay('..\r\n...a\r\n.b\r\na.\r\n.\r\n'), { text: '.\r\n..a\r\nb\r\na.\r\n', rest: '', done: true, fault: undefined })
  assert.deepEqual(everyWay('\r\n\r\n.\r\n'), { text: '\r\n\r\n', rest: '', done: true, fault: undefined })
  assert.equal(everyWay('a\r\n.').done, false)
})

test('what is no line of a message is a fault, and the end is still the true one', () => {
  assert.deepEqual(everyWay('a\nb\r\n.\r\nQUIT'), { text: '', rest: 'QUIT', done: true, fault: 'bare-lf' })
  assert.deepEqual(everyWay('a\rb\r\n.\r\nQUIT'), { text: '', rest: 'QUIT', done: true, fault: 'bare-cr' })
  assert.deepEqual(everyWay('a\0b\r\n.\r\nQUIT'), { text: '', rest: 'QUIT', done: true, fault: 'nul' })
  assert.deepEqual(everyWay('.\rx\r\n.\r\nQUIT'), { text: '', rest: 'QUIT', done: true, fault: 'bare-cr' })
  assert.deepEqual(everyWay('a\r\r\n.\r\nQUIT'), { text: '', rest: 'QUIT', done: true, fault: 'bare-cr' })
})

test('lines and messages have a longest length, CRLF included', () => {
  const small = { lineOctetsMax: 10, messageOctetsMax: 25 }
  assert.equal(everyWay('12345678\r\n.\r\n', small).text, '12345678\r\n')
  assert.equal(everyWay('123456789\r\n.\r\n', small).fault, 'line-too-long')
  assert.equal(everyWay('12345678\r\n12345678\r\n123\r\n.\r\n', small).fault, undefined)
  assert.equal(everyWay('12345678\r\n12345678\r\n1234\r\n.\r\n', small).fault, 'message-too-long')
  assert.equal(everyWay('12345678901\0\r\n.\r\n', small).fault, 'line-too-long')
  assert.equal(everyWay('1234567\0\r\n.\r\n', small).fault, 'nul')
  assert.equal(everyWay('12345678\r\n12345678\r\n1234567890123\0\r\n.\r\nQ', small).rest, 'Q')
})

test('any pieces give the same result (seeded)', () => {
  const random = seededRandom(4321)
  const letters = ['\r\n', '\r\n', '\r\n', '.', '.', 'abc', 'x'.repeat(90), '\t', '\r', '\n', '\0', '\r\n.\r\n', 'é']
  for (let round = 0; round < 3000; round += 1) {
    const strange = round % 3 === 0
    let input = ''
    for (let n = random.int(14); n >= 0; n -= 1) {
      const letter = letters[random.int(letters.length)] ?? ''
      if (strange || !/^[\r\n\0]$/.test(letter)) input += letter
    }
    input += '\r\n.\r\nafter'
    const bytes = Buffer.from(input, 'latin1')
    const whole = readData(bytes, [])
    for (let k = 0; k < 4; k += 1) {
      const cuts = Array.from({ length: random.int(6) }, () => random.int(bytes.length)).sort((a, b) => a - b)
      assert.deepEqual(readData(bytes, cuts), whole, JSON.stringify([input, cuts]))
    }
    // The slow and obvious way to say the same.
    const end = input.startsWith('.\r\n') ? 0 : input.indexOf('\r\n.\r\n') + 2
    const body = input.slice(0, end)
    if (/[^\r]\n|^\n|\r[^\n]|\0/.test(body + '.\r\n')) assert.ok(whole.fault, JSON.stringify(input))
    else assert.equal(whole.text, body.replace(/(^|\r\n)\./g, '$1'), JSON.stringify(input))
    assert.equal(whole.rest, input.slice(end + 3))
  }
})

const suites = process.env['DARUMA_SUITES'] ?? resolve(import.meta.dirname, '../../../../shared/suites')
const falseEnds = join(suites, 'hard-cases/v5-fake-end-of-data.json')

test('v5: a false end of data never ends a message', { skip: !existsSync(falseEnds) && 'shared: the hard cases are not here' }, () => {
  const { sequences } = JSON.parse(readFileSync(falseEnds, 'utf8')) as { sequences: string[] }
  assert.ok(sequences.length >= 11)
  for (const written of sequences) {
    const sequence = JSON.parse(`"${written.replaceAll('\\x00', '\\u0000')}"`) as string
    const second = 'MAIL FROM:<evil@a.example>\r\nRCPT TO:<user@b.example>\r\nDATA\r\nSubject: second\r\n\r\nhidden'
    const result = everyWay(`Subject: first\r\n\r\nbody${sequence}${second}\r\n.\r\nQUIT\r\n`)
    assert.deepEqual([result.done, result.rest], [true, 'QUIT\r\n'], written)
    assert.ok(result.fault, written)
  }
})

test('BDAT gives back exactly what was announced', () => {
  const read = (binary: boolean, chunks: string[], piece: number) => {
    const reader = new BdatReader({ ...limits, binary })
    let text = ''
    for (const chunk of chunks) {
      const bytes = Buffer.from(`${chunk}NEXT`, 'latin1')
      reader.expect(chunk.length)
      let at = 0
      while (reader.remainingOctets > 0) at += reader.push(Buffer.from(bytes.subarray(at, at + piece)), (part) => { text += Buffer.from(part).toString('latin1') })
      assert.equal(at, chunk.length)
    }
    reader.finish()
    return { text: reader.fault ? '' : text, fault: reader.fault }
  }
  for (const piece of [1, 2, 3, 7, 1000]) {
    assert.deepEqual(read(false, ['a\r\n.\r\n', '..b\r', '\nc\r\n'], piece), { text: 'a\r\n.\r\n..b\r\nc\r\n', fault: undefined })
    assert.deepEqual(read(true, ['a\n\0\r', 'b\r'], piece), { text: 'a\n\0\rb\r', fault: undefined })
    assert.equal(read(false, ['a\nb'], piece).fault, 'bare-lf')
    assert.equal(read(false, ['a\r', 'b'], piece).fault, 'bare-cr')
    assert.equal(read(false, ['a\r'], piece).fault, 'bare-cr')
    assert.equal(read(false, ['a\0'], piece).fault, 'nul')
    assert.equal(read(false, ['x'.repeat(1001)], piece).fault, 'line-too-long')
    assert.equal(read(true, ['x'.repeat(6000), 'x'.repeat(4001)], piece).fault, 'message-too-long')
    assert.equal(read(true, ['x'.repeat(6000), 'x'.repeat(4000)], piece).fault, undefined)
  }
})
