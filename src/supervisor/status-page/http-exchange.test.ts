import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, textOf } from '../../base/bytes.ts'
import { FakeClock } from '../../base/clock.ts'
import { answerRequest, endOfHead, parseRequestHead, wishedLanguage } from './http-exchange.ts'
import { PAGE_MS, Pages } from './pages.ts'
import { factsOfPeace, factsWithTrouble } from './status-facts-for-tests.ts'

const naming = () => ({ title: 'Example', hostname: 'mail.example.org', url: 'https://s.example/' })
const files = new Pages({ facts: factsWithTrouble, clock: new FakeClock(), naming }).files()
const ask = (head: string) => {
  const [top = '', body = ''] = textOf(answerRequest(parseRequestHead(bytesOf(head.replaceAll('\n', '\r\n'))), () => files, 0)).split(/\r\n\r\n([\s\S]*)/, 2)
  return { code: Number(top.split(' ')[1]), top, body }
}
const fieldOf = (top: string, name: string) => new RegExp(`^${name}: (.*)$`, 'mi').exec(top)?.[1]?.trim()

const CODES: [what: string, head: string, code: number][] = [
  ['the page', 'GET / HTTP/1.1\nHost: x\n\n', 200],
  ['HTTP/1.0', 'GET / HTTP/1.0\n\n', 200],
  ['an absolute target', 'GET http://status.example/status.json HTTP/1.1\nHost: x\n\n', 200],
  ['a proxy\'s target without a path', 'GET http://status.example HTTP/1.1\nHost: x\n\n', 200],
  ['Japanese', 'GET /index.ja.html HTTP/1.1\n\n', 200],
  ['the feed', 'GET /status.rss HTTP/1.1\n\n', 200],
  ['not there', 'GET /favicon.ico HTTP/1.1\n\n', 404],
  ['upwards', 'GET /../etc/passwd HTTP/1.1\n\n', 404],
  ['encoded', 'GET /%2e%2e/index.html HTTP/1.1\n\n', 404],
  ['another method', 'POST / HTTP/1.1\nContent-Length: 4\n\n', 405],
  ['OPTIONS', 'OPTIONS * HTTP/1.1\n\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\n\n', 400],
  ['HTTP/0.9', 'GET /\n\n', 400],
  ['SMTP', 'EHLO there\n\n', 400],
  ['nothing', '\n\n', 400],
  ['a folded field', 'GET / HTTP/1.1\nA: b\n c\n\n', 400],
  ['a space before the colon', 'GET / HTTP/1.1\nA : b\n\n', 400],
]
for (const [what, head, code] of CODES) {
  test(`HTTP: ${what}`, () => {
    const got = ask(head)
    assert.equal(got.code, code)
    assert.equal(fieldOf(got.top, 'Connection'), 'close')
    assert.equal(Number(fieldOf(got.top, 'Content-Length')), Buffer.byteLength(got.body))
    assert.ok(fieldOf(got.top, 'Content-Security-Policy')?.startsWith("default-src 'none'"))
    assert.ok(fieldOf(got.top, 'Date')?.endsWith('GMT'))
    assert.equal(fieldOf(got.top, 'Set-Cookie'), undefined)
  })
}

test('HEAD says all that GET says but the page', () => {
  const [get, head] = [ask('GET / HTTP/1.1\n\n'), ask('HEAD / HTTP/1.1\n\n')]
  assert.equal(head.top, get.top)
  assert.equal(head.body, '')
  assert.ok(get.body.length > 1000)
})

test('who has the page already gets none', () => {
  const etag = fieldOf(ask('GET / HTTP/1.1\n\n').top, 'ETag') ?? ''
  assert.match(etag, /^"[\w-]{22}"$/)
  for (const field of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const got = ask(`GET / HTTP/1.1\nIf-None-Match: ${field}\n\n`)
    assert.equal(got.code, 304)
    assert.equal(got.body, '')
    assert.equal(fieldOf(got.top, 'ETag'), etag)
  }
  assert.equal(ask('GET / HTTP/1.1\nIf-None-Match: "other"\n\n').code, 200)
})

const LANGUAGES: [query: string, accept: string, expected: string][] = [
  ['', '', 'en'], ['', 'ja', 'ja'], ['', 'ja-JP,ja;q=0.9,en;q=0.8', 'ja'], ['', 'en-US,en;q=0.9,ja;q=0.8', 'en'], ['', 'de,ja;q=0.5', 'ja'], ['', '*', 'en'],
  ['', 'ja;q=0', 'en'], ['', 'ja;q=abc', 'en'], ['', ',,;;,ja', 'ja'], ['', 'x'.repeat(100_000), 'en'],
  ['lang=ja', 'en', 'ja'], ['a=1&lang=en', 'ja', 'en'], ['lang=fr', 'ja', 'ja'], ['xlang=ja', '', 'en'],
]
for (const [query, accept, expected] of LANGUAGES) {
  test(`language: "${query}" "${accept.slice(0, 40)}"`, () => assert.equal(wishedLanguage(query, accept), expected))
}

test('the language decides the page, and a cache is told so', () => {
  const got = ask('GET / HTTP/1.1\nAccept-Language: ja\n\n')
  assert.ok(got.body.includes('<html lang="ja">'))
  assert.equal(fieldOf(got.top, 'Vary'), 'Accept-Language')
  assert.ok(ask('GET /?lang=ja HTTP/1.1\n\n').body.includes('<html lang="ja">'))
  assert.equal(fieldOf(ask('GET /index.html HTTP/1.1\nAccept-Language: ja\n\n').top, 'Vary'), undefined)
})

test('the end of a head', () => {
  const end = (words: string) => endOfHead(bytesOf(words))
  assert.equal(end('GET / HTTP/1.1\r\n\r\n'), 18)
  assert.equal(end('GET / HTTP/1.1\n\nmore'), 16)
  assert.equal(end('GET / HTTP/1.1\r\nA: b\r\n'), undefined)
  assert.equal(end(''), undefined)
})

test('pages are made once, and again after a change or when their time is over', () => {
  const clock = new FakeClock()
  let made = 0
  const pages = new Pages({
    facts: () => {
      made += 1
      return factsOfPeace()
    }, clock, naming,
  })
  const first = pages.files()
  assert.equal(pages.files(), first)
  clock.advance(PAGE_MS - 1)
  assert.equal(pages.files(), first)
  clock.advance(1)
  assert.notEqual(pages.files()['index.html'].etag, first['index.html'].etag, '"last updated" is part of it')
  pages.changed()
  pages.files()
  assert.equal(made, 3)
})
