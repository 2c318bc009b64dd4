import test from 'node:test'
import assert from 'node:assert/strict'
import { ReplyReader, printReply, reply } from './reply.ts'
import { parseXtext, printXtext } from './xtext.ts'

test('replies are printed with the enhanced code on every line', () => {
  assert.equal(printReply(reply(250, '2.1.0', 'sender ok')), '250 2.1.0 sender ok\r\n')
  assert.equal(printReply(reply(250, '', 'mx.example', 'PIPELINING', 'SIZE 1000')), '250-mx.example\r\n250-PIPELINING\r\n250 SIZE 1000\r\n')
  assert.equal(printReply(reply(550, '5.7.1', 'one', 'two')), '550-5.7.1 one\r\n550 5.7.1 two\r\n')
})

const read = (text: string, piece = text.length) => {
  const reader = new ReplyReader({ lineOctetsMax: 100, linesMax: 5 })
  const all = []
  for (let at = 0; at < text.length; at += piece) {
    const got = reader.push(Buffer.from(text.slice(at, at + piece), 'latin1'))
    if (!got.ok) return got.code
    all.push(...got.value)
  }
  return reader.unfinished ? 'unfinished' : all
}

test('replies are read in any pieces', () => {
  const text = '220 hello\r\n250-2.1.5 one\r\n250 2.1.5 two\r\n354\r\n550 4.7.1 a class that is not its own\n'
  const whole = read(text)
  assert.deepEqual(whole, [
    { code: 220, status: '', lines: ['hello'] },
    { code: 250, status: '2.1.5', lines: ['one', 'two'] },
    { code: 354, status: '', lines: [''] },
    { code: 550, status: '', lines: ['4.7.1 a class that is not its own'] },
  ])
  for (const piece of [1, 2, 3, 5, 8]) assert.deepEqual(read(text, piece), whole)
})

test('what is no reply is refused', () => {
  assert.equal(read('hello\r\n'), 'reply-syntax')
  assert.equal(read('250-a\r\n550 b\r\n'), 'reply-syntax')
  assert.equal(read('25\r\n'), 'reply-syntax')
  assert.equal(read('250+x\r\n'), 'reply-syntax')
  assert.equal(read(`250 ${'x'.repeat(100)}\r\n`), 'reply-too-long')
  assert.equal(read(`250 ${'x'.repeat(100)}`, 1), 'reply-too-long')
  assert.equal(read('250-a\r\n'.repeat(6)), 'reply-too-long')
  assert.equal(read('250-a\r\n'), 'unfinished')
})

test('xtext goes round', () => {
  for (const text of ['', 'plain', 'a+b=c d', 'QQ=31+', '~!']) assert.deepEqual(parseXtext(Buffer.from(printXtext(text))), { ok: true, value: text })
  assert.equal(printXtext('a b+='), 'a+20b+2B+3D')
})
