import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodedParameter } from './file-name.ts'
import { parseParameterized, rawParameter } from './parameters.ts'

const read = (field: string) => {
  const { value, parameters } = parseParameterized(field)
  return [value, ...parameters.map(({ name, value }) => `${name}=${value}`)]
}
const name = (field: string, parameter = 'filename') => decodedParameter(parseParameterized(field).parameters, parameter)
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

test('RFC 2045 §5.1 and what is written instead', () => {
  assert.deepEqual(read('text/plain; charset=us-ascii (Plain text)'), ['text/plain', 'charset=us-ascii'])
  assert.deepEqual(read('text/plain; charset="us-ascii"'), ['text/plain', 'charset=us-ascii'])
  assert.deepEqual(read('text/plain;charset=utf-8;;FORMAT = flowed ;'), ['text/plain', 'charset=utf-8', 'format=flowed'])
  assert.deepEqual(read('text/plain charset=utf-8 format=flowed'), ['text/plain', 'charset=utf-8', 'format=flowed'])
  assert.deepEqual(read('application/x; name=a file (1).pdf; x=y'), ['application/x', 'name=a file (1).pdf', 'x=y'])
  assert.deepEqual(read('application/x; name="a;\\"b\\" \\c.pdf'), ['application/x', 'name=a;"b" \\c.pdf'])
  assert.deepEqual(read('attachment; filename="C:\\TEMP\\a.png"'), ['attachment', 'filename=C:\\TEMP\\a.png'])
  assert.deepEqual(read('(c (d)) text/plain (e); (f) charset (g) = (h) x'), ['text/plain', 'charset=x'])
  assert.deepEqual(read('; a=b'), ['', 'a=b'])
  assert.deepEqual(read('x; novalue; =y; a="";b='), ['x', 'a=', 'b='])
  assert.deepEqual(read(''), [''])
})

test('RFC 2231 §3, §4 and §4.1: the examples', () => {
  assert.equal(name('message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"', 'url'), 'ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar')
  assert.equal(name("application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", 'title'), 'This is ***fun***')
  assert.equal(name("application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"", 'title'), "This is even more ***fun*** isn't it!")
})

test('file names as mail clients write them', () => {
  assert.equal(name("attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"), '日本.txt')
  assert.equal(name("attachment; filename*1*=%9C%AC.txt; filename*0*=UTF-8''%E6%97%A5%E6"), '日本.txt') // out of order, a letter split
  assert.equal(name("attachment; filename=\"x.txt\"; filename*=utf-8''%E6%97%A5.txt"), '日.txt')
  assert.equal(name('attachment; filename="=?UTF-8?B?5pel5pys?= =?UTF-8?B?LnR4dA==?="'), '日本.txt')
  assert.equal(name('attachment; filename==?ISO-2022-JP?B?GyRCRnxLXBsoQi50eHQ=?='), '日本.txt')
  assert.equal(name(`attachment; filename="${latin1(Buffer.from('1b2442467c4b5c1b28422e747874', 'hex'))}"`), '日本.txt') // raw ISO-2022-JP
  assert.equal(name(`attachment; filename="${latin1(Buffer.from('93fa967b8cea2e747874', 'hex'))}"`), '日本語.txt') // raw Shift_JIS
  assert.equal(name(`attachment; filename=${latin1(Buffer.from('日本 語.txt'))}`), '日本 語.txt') // raw UTF-8, no quotes
  assert.equal(name("attachment; filename*=iso-2022-jp''%1B$B%46%7C%4B%5C%1B%28B.txt"), '日本.txt')
  assert.equal(name('attachment'), undefined)
})

test('a boundary may be continued too', () => {
  assert.equal(rawParameter(parseParameterized('multipart/mixed; boundary*0="ab"; boundary*1=cd').parameters, 'boundary'), 'abcd')
})
