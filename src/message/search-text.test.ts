import assert from 'node:assert/strict'
import { test } from 'node:test'
import iconv from 'iconv-lite'
import { bytesOf, concatBytes } from '../base/bytes.ts'
import { textOfHtml } from './html-text.ts'
import { foldForSearch } from './search-fold.ts'
import { searchableBody, searchableHeader, searchableValues } from './search-text.ts'
import { scanStructure } from './structure.ts'
import { skipWithoutSuites as skip, suiteMails } from './testing/suite-mails.ts'

const body = (bytes: Uint8Array) => [...searchableBody(scanStructure(bytes), (start, end) => bytes.subarray(start, end))]

test('width, case and look-alikes do not count', () => {
  for (const [a, b] of [['ﾒｰﾙ', 'メール'], ['ｶﾞｯｺｳ', 'ガッコウ'], ['ＤＡＲＵＭＡ', 'daruma'], ['１～２', '1〜2'], ['A－B', 'a−b'], ['㈱', '(株)'], ['①', '1'], ['GRÜßE', 'grüße'], ['e\u0301', 'é']] as const) {
    assert.equal(foldForSearch(a), foldForSearch(b), a)
  }
  assert.notEqual(foldForSearch('は'), foldForSearch('ば'))
})

test('header values, decoded', () => {
  const header = bytesOf('Subject: =?ISO-2022-JP?B?GyRCJWEhPCVrGyhC?= Test\r\nTO: A <a@b.test>\r\nTo: "B" <c@d.test>\r\n\r\n')
  assert.deepEqual(searchableValues(header, 'SUBJECT'), ['メール test'])
  assert.deepEqual(searchableValues(header, 'to'), ['a <a@b.test>', '"b" <c@d.test>'])
  assert.equal(searchableHeader(header), 'subject: メール test\nto: a <a@b.test>\nto: "b" <c@d.test>\n')
})

test('text parts are decoded, attachments give their names, messages inside their headers', () => {
  const text = concatBytes([
    bytesOf('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n'), Buffer.from('1b24422546253925481b2842', 'hex'),
    bytesOf('\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<style>p{}</style><p class=3D"x">H<b>ell</b>o=\r\n &amp; =E3=81=82</p>\r\n'),
    bytesOf('--b\r\nContent-Type: application/pdf; name="=?UTF-8?B?5pel5pys?=.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n'),
    bytesOf('--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nInner text\r\n--b--\r\n'),
  ])
  const all = body(text).join('\n')
  for (const found of ['テスト', 'hello & あ', '日本.pdf', 'subject: inner', 'inner text']) assert.ok(all.includes(found), found)
  assert.ok(!all.includes('style') && !all.includes('p{}') && !all.includes('sgvs'))
})

test('a large part comes in windows that overlap', () => {
  const line = 'なまむぎなまごめ'
  const text = iconv.encode(`${`${line}\r\n`.repeat(40_000)}needle in the\r\nhaystack\r\n${`${line}\r\n`.repeat(40_000)}`, 'shift_jis')
  const windows = body(concatBytes([bytesOf('Content-Type: text/plain; charset=shift_jis\r\n\r\n'), text]))
  assert.ok(windows.length > 2)
  for (const window of windows) assert.ok(window.length < 2_000_000 && !window.includes('\ufffd'))
  assert.ok(windows.some((window) => window.includes('needle in the\nhaystack')))
})

test('one line of many megabytes comes in windows too, cut between letters and between tags', () => {
  const text = iconv.encode('<p>なまむぎ なまごめ</p>'.repeat(200_000), 'shift_jis')
  const windows = body(concatBytes([bytesOf('Content-Type: text/html; charset=shift_jis\r\n\r\n'), text]))
  assert.ok(windows.length > 4)
  for (const window of windows) assert.ok(window.length < 1_200_000 && !/[\ufffd<>]|\bp\b/.test(window))
})

test('HTML: tags that never close, entities, comments', () => {
  assert.equal(textOfHtml('a<br>b<!-- c -->d &lt;&#12354;&#x3042;&nbsp;&unknown; 1 < 2 <script>x</script>e<i'), 'a\nbd <ああ\u0020&unknown; 1 < 2 e')
  const started = process.cpuUsage()
  textOfHtml('<'.repeat(1_000_000))
  textOfHtml('<!--'.repeat(300_000))
  textOfHtml('<script>'.repeat(200_000))
  textOfHtml('&#'.repeat(500_000))
  assert.ok(process.cpuUsage(started).user < 3_000_000)
})

test('suite mails give text without throwing', { skip }, () => {
  for (const { bytes } of suiteMails()) {
    searchableHeader(bytes)
    body(bytes)
  }
})
