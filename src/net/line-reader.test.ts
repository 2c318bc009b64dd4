import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOfLatin1, concatBytes, latin1Of } from '../base/bytes.ts'
import { LineReader } from './line-reader.ts'
import type { ByteSource } from './line-reader.ts'

class FakeSource implements ByteSource {
  isPaused = false
  consumer: Parameters<ByteSource['receive']>[0] | undefined
  receive(consumer: Parameters<ByteSource['receive']>[0]): void {
    this.consumer = consumer
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
}

function linesOf(reader: LineReader): string[] {
  const lines: string[] = []
  for (let line; (line = reader.takeLine());) lines.push(`${latin1Of(line.bytes)}|${line.end}${line.isTooLong ? '|too long' : ''}`)
  return lines
}

test('lines: CRLF, lone LF told apart, CR and NUL inside left alone', () => {
  const reader = new LineReader({ lineOctetsMax: 100 })
  reader.feed(bytesOfLatin1('one\r\ntwo\nthr\ree\r\n\r\n\nf\0ur\r\nrest'))
  assert.deepEqual(linesOf(reader), ['one|crlf', 'two|lf', 'thr\ree|crlf', '|crlf', '|lf', 'f\0ur|crlf'])
  assert.equal(reader.heldOctets, 4)
})

test('any chunking gives the same lines', () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'bc', 'def', 'ghijklmnop'), { maxLength: 60 }),
    fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
    (words, sizes) => {
      const bytes = bytesOfLatin1(words.join('') + '\n')
      const whole = new LineReader({ lineOctetsMax: 12 })
      whole.feed(bytes.slice())
      const expected = linesOf(whole)
      const pieces = new LineReader({ lineOctetsMax: 12 })
      const got: string[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] ?? 1
        pieces.feed(bytes.slice(at, at + size))
        at += size
        got.push(...linesOf(pieces))
      }
      assert.deepEqual(got, expected)
      assert.equal(pieces.heldOctets, 0)
    },
  ))
})

test('an over-long line is one line, cut, and the next one is whole; memory stays bounded', () => {
  const reader = new LineReader({ lineOctetsMax: 20 })
  const got: string[] = []
  for (let i = 0; i < 1000; i++) {
    reader.feed(new Uint8Array(1000).fill(120))
    got.push(...linesOf(reader))
    assert.equal(reader.heldOctets, 0)
  }
  reader.feed(bytesOfLatin1('\r'))
  got.push(...linesOf(reader))
  reader.feed(bytesOfLatin1('\nNOOP\r\n'))
  got.push(...linesOf(reader))
  assert.deepEqual(got, [`${'x'.repeat(20)}|crlf|too long`, 'NOOP|crlf'])
})

test('a line of exactly the limit passes, one octet more does not', () => {
  const reader = new LineReader({ lineOctetsMax: 6 })
  reader.feed(bytesOfLatin1('NOOP\r\nNOOPS\r\n'))
  assert.deepEqual(linesOf(reader), ['NOOP|crlf', 'NOOPS\r|crlf|too long'])
})

test('modes follow each other in the middle of a chunk: line, counted run, stream, line', () => {
  const reader = new LineReader({ lineOctetsMax: 100 })
  reader.feed(bytesOfLatin1('a LOGIN {5}\r\nal\nce {3}\r\nBDAT...QUIT\r\n'))
  assert.equal(latin1Of(reader.takeLine()?.bytes ?? new Uint8Array()), 'a LOGIN {5}')
  assert.equal(latin1Of(reader.takeExactly(5) ?? new Uint8Array()), 'al\nce')
  assert.equal(latin1Of(reader.takeLine()?.bytes ?? new Uint8Array()), ' {3}')
  assert.equal(latin1Of(reader.takeUpTo(4) ?? new Uint8Array()), 'BDAT')
  const window = reader.window()
  assert.equal(latin1Of(window), '...QUIT\r\n')
  reader.advance(3)
  assert.deepEqual(linesOf(reader), ['QUIT|crlf'])
  assert.equal(reader.takeUpTo(10), undefined)
  assert.equal(reader.takeExactly(1), undefined)
})

test('bytes handed out are never overwritten', () => {
  const reader = new LineReader({ lineOctetsMax: 100_000 })
  const kept: { bytes: Uint8Array; text: string }[] = []
  let n = 0
  for (let i = 0; i < 2000; i++) {
    reader.feed(bytesOfLatin1(`line ${n++} ${'y'.repeat(i % 50)}\r\nline`))
    for (let line; (line = reader.takeLine());) kept.push({ bytes: line.bytes, text: latin1Of(line.bytes) })
    const part = i % 3 === 0 ? reader.takeUpTo(2) : undefined
    if (part) kept.push({ bytes: part, text: latin1Of(part) })
  }
  for (const { bytes, text } of kept) assert.equal(latin1Of(bytes), text)
  assert.ok(kept.length > 2000)
})

test('a session that takes nothing stops the peer; taking lets it go on; a hungry one is never stopped', () => {
  const source = new FakeSource()
  const reader = new LineReader({ lineOctetsMax: 1_000_000, holdOctetsMax: 1000 }, source)
  const feed = (text: string) => source.consumer?.onBytes(bytesOfLatin1(text))
  feed('x'.repeat(600) + '\r\n')
  assert.equal(source.isPaused, false)
  feed('y'.repeat(600) + '\r\n')
  assert.equal(source.isPaused, true)
  reader.takeLine()
  assert.equal(source.isPaused, true, 'still more than half is held')
  reader.takeLine()
  assert.equal(source.isPaused, false)
  reader.onMore = () => assert.equal(reader.takeLine(), undefined)
  for (let i = 0; i < 100; i++) feed('z'.repeat(5000))
  assert.equal(source.isPaused, false, 'the line is not over, more is wanted')
  assert.equal(reader.heldOctets, 500_000)
  assert.equal(source.consumer?.discard?.(), 500_000)
})

test('those who wait: lines, exact runs, and the end', async () => {
  const source = new FakeSource()
  const reader = new LineReader({ lineOctetsMax: 100 }, source)
  const first = reader.line()
  source.consumer?.onBytes(bytesOfLatin1('220 he'))
  source.consumer?.onBytes(bytesOfLatin1('llo\r\n{4}'))
  assert.equal(latin1Of((await first)?.bytes ?? new Uint8Array()), '220 hello')
  assert.equal(latin1Of(await reader.exactly(3) ?? new Uint8Array()), '{4}')
  const run = reader.exactly(4)
  source.consumer?.onBytes(bytesOfLatin1('ab'))
  source.consumer?.onBytes(bytesOfLatin1('cdef'))
  assert.equal(latin1Of(await run ?? new Uint8Array()), 'abcd')
  const last = reader.line()
  source.consumer?.onEnd?.()
  assert.equal(await last, undefined)
  assert.equal(latin1Of(reader.window()), 'ef')
})

test('a long line in small pieces is joined in linear time', () => {
  const reader = new LineReader({ lineOctetsMax: 4 * 1024 * 1024 })
  const piece = new Uint8Array(16).fill(97)
  for (let i = 0; i < 128 * 1024; i++) {
    reader.feed(piece.slice())
    assert.equal(reader.takeLine(), undefined)
  }
  reader.feed(concatBytes([piece, Uint8Array.of(10)]))
  assert.equal(reader.takeLine()?.bytes.length, 16 * 128 * 1024 + 16)
})
