import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { canonicalCharset, decodeText, sniffCharset } from './charset.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('ISO-2022-JP and its relatives', () => {
  for (const [octets, label, text] of [
    ['1b2442 2422 1b2842', 'iso-2022-jp', 'あ'],
    ['1b2440 2422 1b284a 5c', 'iso-2022-jp', 'あ¥'],
    ['1b2442 1b2842 1b2442 2422 1b2842', 'iso-2022-jp', 'あ'], // a run of escapes: the last counts
    ['1b2442 2d21 7921 1b2842', 'cp50220', '①纊'], // NEC row 13, NEC selected IBM
    ['1b2849 314f1b2842', 'cp50221', 'ｱﾏ'],
    ['0e314f0f41', 'cp50222', 'ｱﾏA'], // SO and SI
    ['b1cf41', 'iso-2022-jp', 'ｱﾏA'], // 8-bit kana
    ['1b242844 3021 1b2842', 'iso-2022-jp-1', '丂'], // JIS X 0212
    ['1b2442 2422 0a 41', 'iso-2022-jp', 'あ\nA'], // a line ends in ASCII
    ['1b2442 2422 24', 'iso-2022-jp', 'あ\ufffd'], // cut short
    ['1b2441 3021 1b2842', 'iso-2022-jp-2', '啊'], // GB 2312
    ['1b242843 3021 1b2842', 'iso-2022-jp-2', '가'],
    ['1b2442 2141 2161 215d 1b2842', 'iso-2022-jp', '～＝－'],
    ['1b2442 2422 1b2842', 'us-ascii', 'あ'], // a wrong label
    ['1b2442 2422 1b2842', 'utf-8', 'あ'],
    ['1b2442 2422 1b2842', undefined, 'あ'],
    ['82a082a282a4', 'iso-2022-jp', 'あいう'], // Shift_JIS under a wrong label
    ['1b2429430e30210f', 'iso-2022-kr', '가'],
  ] as const) {
    assert.equal(decodeText(hex(octets), label), text, `${label} ${octets}`)
  }
})

test('Shift_JIS and EUC-JP by all their names', () => {
  for (const label of ['shift_jis', 'x-sjis', 'MS_Kanji', 'cp932', 'windows-31j', 'sjis', '"Shift-JIS"', 'sjis-win', 'MS932']) assert.equal(decodeText(hex('8740fbfc8160b1'), label), '①髙～ｱ', label)
  for (const label of ['euc-jp', 'eucJP-ms', 'cp51932', 'x-euc-jp', 'ujis']) assert.equal(decodeText(hex('ada1a4a28eb18fb0a1'), label), '①あｱ丂', label)
  assert.equal(canonicalCharset(' ISO-2022-JP-MS '), 'iso-2022-jp')
})

test('other charsets', () => {
  assert.equal(decodeText(hex('80'), 'iso-8859-1'), '€') // as the Encoding Standard reads it
  assert.equal(decodeText(hex('c1c2'), 'koi8-r'), 'аб')
  assert.equal(decodeText(Buffer.from('+MEI-'), 'utf-7'), 'あ')
  assert.equal(decodeText(hex('e1'), 'cp437'), 'ß')
  assert.equal(decodeText(hex('fffe4230'), 'utf-16'), 'あ')
  assert.equal(decodeText(Buffer.from('plain'), 'no-such-charset'), 'plain')
  assert.equal(decodeText(Buffer.from('あ'), 'no-such-charset'), 'あ')
})

test('guesses', () => {
  assert.equal(sniffCharset(Buffer.from('plain')), 'us-ascii')
  assert.equal(sniffCharset(Buffer.from('grüße')), 'utf-8')
  assert.equal(sniffCharset(iconv.encode('Grüße aus München, café, naïve', 'latin1')), 'windows-1252')
  const japanese = '日本語のメールです。カタカナも少しあります。'
  for (const charset of ['shift_jis', 'euc-jp']) {
    assert.equal(sniffCharset(iconv.encode(japanese, charset)), charset)
    assert.equal(decodeText(iconv.encode(japanese, charset)), japanese)
    assert.equal(decodeText(iconv.encode(japanese, charset), 'utf-8'), japanese)
  }
  assert.equal(decodeText(Buffer.from(japanese), 'shift_jis').includes('\ufffd'), false)
  assert.equal(decodeText(Buffer.concat([Buffer.from('日本語のメール'), hex('e3')]), 'utf-8'), '日本語のメール\ufffd') // cut in the middle
})

test('any octets under any name give text', () => {
  const labels = fc.constantFrom('iso-2022-jp', 'iso-2022-kr', 'shift_jis', 'euc-jp', 'utf-8', 'utf-7', 'hz-gb-2312', 'replacement', 'x', '', undefined, 'gb2312', 'utf-16')
  const octets = fc.array(fc.constantFrom(0x1b, 0x24, 0x42, 0x28, 0x49, 0x0e, 0x0f, 0x30, 0x21, 0x0a, 0x80, 0xa4, 0xff, 0x00, 0x41), { maxLength: 30 })
  fc.assert(fc.property(octets, labels, (list, label) => assert.equal(typeof decodeText(Uint8Array.from(list), label), 'string')), { numRuns: 2000 })
})
