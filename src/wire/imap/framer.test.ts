import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOfLatin1, concatBytes, latin1Of } from '../../base/bytes.ts'
import { Framer } from './framer.ts'

const limits = { commandOctetsMax: 200, literalOctetsMax: 1000 }

/** Everything the framer says about these bytes, chunks joined, with messages over 5,000 octets refused. */
function story(pieces: readonly Uint8Array[]): string[] {
  const framer = new Framer(limits)
  const lines: string[] = []
  let message: Uint8Array[] = []
  for (const piece of pieces) {
    framer.push(piece)
    for (;;) {
      const event = framer.next()
      if (!event) break
      switch (event.event) {
        case 'command': lines.push(`command ${latin1Of(event.bytes)}`); break
        case 'continue': lines.push('continue'); break
        case 'refused': lines.push(`refused ${event.tag} ${event.why}`); break
        case 'append': {
          lines.push(`append ${event.first} ${latin1Of(event.head)} ${event.sizeOctets} ${event.waits} ${event.binary}`)
          if (event.sizeOctets > 5000) lines.push(`over ${framer.refuseLiteral()}`)
          else framer.acceptLiteral()
          break
        }
        case 'chunk': message.push(event.bytes); break
        case 'message-end': lines.push(`message ${latin1Of(concatBytes(message))}`); message = []; break
        case 'append-end': lines.push(`end ${latin1Of(event.rest)} ${event.refused}`); break
      }
      assert.ok(framer.heldOctets <= 40_000)
    }
  }
  return lines
}

const run = (text: string) => story([bytesOfLatin1(text)])

test('plain commands, one after the other', () => {
  assert.deepEqual(run('a NOOP\r\nb CAPABILITY\r\nc'), ['command a NOOP', 'command b CAPABILITY'])
})

test('literals stay in the command as they came', () => {
  assert.deepEqual(run('a LOGIN {3}\r\nbob {4+}\r\n{9}\n\r\nb NOOP\r\n'), ['continue', 'command a LOGIN {3}\r\nbob {4+}\r\n{9}\n', 'command b NOOP'])
})

test('a literal that is too large: refused before "+", or read past when the client does not wait', () => {
  assert.deepEqual(run('a LOGIN {1001}\r\nb NOOP\r\n'), ['refused a literal-too-long', 'command b NOOP'])
  assert.deepEqual(run(`a LOGIN {1001+}\r\n${'\r\n'.padStart(1001, 'x')} {3+}\r\nabc\r\nb NOOP\r\n`), ['refused a literal-too-long', 'command b NOOP'])
  assert.deepEqual(run('a LOGIN {600}\r\n' + 'x'.repeat(600) + ' {600}\r\nb NOOP\r\n'), ['continue', 'refused a literal-too-long', 'command b NOOP'])
  assert.deepEqual(run('a LOGIN {99999999999999999999999}\r\nb NOOP\r\n'), ['refused a literal-too-long', 'command b NOOP'])
})

test('a line that is too long is read past, its tag kept', () => {
  assert.deepEqual(run(`a ${'x'.repeat(5000)}\r\nb NOOP\r\n`), ['refused a command-too-long', 'command b NOOP'])
  assert.deepEqual(run(`a ${'x'.repeat(5000)} {4+}\r\nab\r\n cd\r\nb NOOP\r\n`), ['refused a command-too-long', 'command b NOOP'])
})

test('the message of an APPEND is handed over as it comes', () => {
  assert.deepEqual(run('a APPEND INBOX (\\Seen) {5}\r\nhello\r\nb NOOP\r\n'),
    ['append true a APPEND INBOX (\\Seen)  5 true false', 'message hello', 'end  false', 'command b NOOP'])
  assert.deepEqual(run('a append {5+}\r\nINBOX ~{5+}\r\nhe\0lo\r\n'), ['append true a append {5+}\r\nINBOX  5 false true', 'message he\0lo', 'end  false'])
  assert.deepEqual(run('a APPEND "x" {1+}\r\n1 (\\Seen) {2+}\r\n22\r\n'), ['append true a APPEND "x"  1 false false', 'message 1', 'append false  (\\Seen)  2 false false', 'message 22', 'end  false'])
  assert.deepEqual(run('a APPEND x {0+}\r\n\r\nb NOOP\r\n'), ['append true a APPEND x  0 false false', 'message ', 'end  false', 'command b NOOP'])
})

test('a refused message costs nothing', () => {
  assert.deepEqual(run('a APPEND x {9999}\r\nb NOOP\r\n'), ['append true a APPEND x  9999 true false', 'over true', 'command b NOOP'])
  assert.deepEqual(run(`a APPEND x {9999+}\r\n${'y'.repeat(9999)}\r\nb NOOP\r\n`), ['append true a APPEND x  9999 false false', 'over false', 'end  true', 'command b NOOP'])
})

test('a bare LF ends a line as well', () => {
  assert.deepEqual(run('a NOOP\nb NOOP\n'), ['command a NOOP', 'command b NOOP'])
})

test('lines for AUTHENTICATE and IDLE are taken as they are', () => {
  const framer = new Framer(limits)
  framer.push(bytesOfLatin1('a IDLE\r\nDO'))
  assert.equal(framer.next()?.event, 'command')
  assert.equal(framer.nextLine(), undefined)
  framer.push(bytesOfLatin1('NE\r\n{5}\r\nb NOOP\r\n'))
  assert.equal(latin1Of(framer.nextLine() as Uint8Array), 'DONE')
  assert.equal(latin1Of(framer.nextLine() as Uint8Array), '{5}')
  assert.equal(framer.next()?.event, 'command')
})

test('what stands behind STARTTLS is thrown away', () => {
  const framer = new Framer(limits)
  framer.push(bytesOfLatin1('a STARTTLS\r\nb LOGIN x y\r\n'))
  framer.next()
  assert.equal(framer.discard(), 13)
  assert.equal(framer.next(), undefined)
  framer.push(bytesOfLatin1('c NOOP\r\n'))
  assert.equal(latin1Of((framer.next() as { bytes: Uint8Array }).bytes), 'c NOOP')
})

const fragment = fc.oneof(
  fc.constantFrom('a NOOP\r\n', 'b APPEND INBOX {5}\r\nhello\r\n', 'c APPEND {5+}\r\nINBOX ~{3+}\r\na\0b {2+}\r\nxy\r\n', 'd LOGIN {3}\r\n\r\n\r {2+}\r\n{}\r\n',
    'e X {2000+}\r\n' + 'z'.repeat(2000) + ' {1+}\r\n!\r\n', 'f ' + 'q'.repeat(700) + ' {3+}\r\n123 tail\r\n', 'g APPEND INBOX {6000+}\r\n' + 'm'.repeat(6000) + ' rest {4+}\r\nabcd\r\n',
    'h APPEND INBOX {6000}\r\n', 'i X {2000}\r\n', '\r\n', '{5}\r\n', 'j APPEND {7', '}\r\n', '\n'),
  fc.string({ maxLength: 30 }),
)

test('any way of cutting the bytes gives the same commands', () => {
  fc.assert(fc.property(fc.array(fragment, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (fragments, cuts) => {
    const bytes = bytesOfLatin1(fragments.join(''))
    const pieces: Uint8Array[] = []
    for (let at = 0, i = 0; at < bytes.length; i += 1) {
      const count = cuts[i % cuts.length]!
      pieces.push(bytes.slice(at, at + count))
      at += count
    }
    assert.deepEqual(story(pieces), story([bytes]))
    assert.deepEqual(story([...bytes].map((byte) => Uint8Array.of(byte))), story([bytes]))
  }), { numRuns: 500 })
})
