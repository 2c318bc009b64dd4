import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, latin1Of } from '../base/bytes.ts'
import { defaultLimits } from '../base/limits.ts'
import { bodyOf, bodyStructureOf, sectionOf } from './bodystructure.ts'
import { envelopeOf } from './envelope.ts'
import { fileNameOf } from './file-name.ts'
import type { Part } from './part.ts'
import { scanStructure, StructureScanner } from './structure.ts'
import { summarize } from './summary.ts'
import { readBody, readEnvelope } from './testing/imap-grammar.ts'

const scan = (text: string) => scanStructure(bytesOf(text))
const show = (part: Part): string => (part.children.length ? `${part.type}/${part.subtype}(${part.children.map(show).join(' ')})` : `${part.type}/${part.subtype}`)
const bodies = (text: string, part: Part): string[] => (part.children.length ? part.children.flatMap((child) => bodies(text, child)) : [text.slice(part.bodyStart, part.bodyEnd)])
const multipart = (boundary: string, subtype = 'mixed') => `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n`

test('RFC 2046 §5.1.1: the example, preamble and epilogue left out', () => {
  const text = `${multipart('simple boundary')}This is the preamble.\r\n--simple boundary\r\n\r\nThis is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak.\r\n--simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nThis is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n\r\n--simple boundary--\r\n\r\nThis is the epilogue.\r\n`
  const root = scan(text)
  assert.equal(show(root), 'multipart/mixed(text/plain text/plain)')
  assert.deepEqual(bodies(text, root), ['This is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak.', 'This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n'])
  assert.deepEqual(root.children.map((part) => part.lines), [1, 2])
})

test('types as they are shown', () => {
  for (const [type, shown] of [
    ['', 'text/plain'], ['text', 'text/plain'], ['TEXT/HTML; charset=x', 'text/html'], ['text / html', 'text/html'], ['X-ZIP', 'application/octet-stream'],
    ['application/', 'application/octet-stream'], ['a b/c', 'application/octet-stream'], ['(comment) image/png', 'image/png'], ['multipart/mixed', 'text/plain'],
    ['multipart/mixed; boundary=x', 'text/plain'], ['message/rfc822', 'message/rfc822(text/plain)'], ['text/html charset=utf-8', 'text/html'], ['text/\xe9', 'text/plain'],
  ] as const) assert.equal(show(scan(`Content-Type: ${type}\r\n\r\nx\r\n\r\n`)), shown, type)
  assert.equal(show(scan('\r\nx')), 'text/plain')
  assert.equal(show(scan('Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQUI=\r\n')), 'application/octet-stream')
})

test('the first Content-Type counts', () => {
  assert.equal(show(scan('Content-Type: text/html\r\nContent-Type: image/png\r\n\r\n')), 'text/html')
})

test('a delimiter of an outer multipart ends everything inside, headers too', () => {
  const text = `${multipart('out')}--out\r\n${multipart('in')}--in\r\nContent-Type: text/html\r\n--out\r\n\r\nlast\r\n--out--\r\n`
  assert.equal(show(scan(text)), 'multipart/mixed(multipart/mixed(text/html) text/plain)')
})

test('delimiters are whole lines; white space may follow', () => {
  const text = `${multipart('b')}--b \t\r\n\r\n--bx\r\n --b\r\n--b-\r\n--b--x\r\n--b--  \r\nepilogue\r\n--b\r\n`
  assert.deepEqual(bodies(text, scan(text)), ['--bx\r\n --b\r\n--b-\r\n--b--x'])
})

test('multipart/digest: parts are messages (RFC 2046 §5.1.5)', () => {
  assert.equal(show(scan(`${multipart('d', 'digest')}--d\r\n\r\nSubject: a\r\n\r\nx\r\n--d\r\nContent-Type: text/plain\r\n\r\ny\r\n--d--`)), 'multipart/digest(message/rfc822(text/plain) text/plain)')
})

test('a boundary used again further in belongs to the inner multipart until that ends', () => {
  const inner = `--b\r\n${multipart('b')}--b\r\n\r\n1\r\n--b--\r\n`
  assert.equal(show(scan(`${multipart('b')}${inner}--b\r\n\r\n2\r\n--b--\r\n`)), 'multipart/mixed(multipart/mixed(text/plain) text/plain)')
})

test('envelope, disposition, id, description, language, location and md5', () => {
  const text = `Content-Type: message/rfc822\r\nContent-ID: <i@x>\r\nContent-Description: d "q"\r\nContent-Disposition: ATTACHMENT; filename="a b.eml"\r\nContent-Language: en, ja (Japanese)\r\nContent-Location: "http://x/\r\n y"\r\nContent-MD5: abc=\r\n\r\nSubject: s\r\nFrom: a@b.test\r\n\r\nx\r\n`
  const root = scan(text)
  assert.equal(latin1Of(bodyStructureOf(root)), '("MESSAGE" "RFC822" NIL "<i@x>" "d \\"q\\"" "7BIT" 45 (NIL "s" ((NIL NIL "a" "b.test")) ((NIL NIL "a" "b.test")) ((NIL NIL "a" "b.test")) NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" ("charset" "US-ASCII") NIL NIL "7BIT" 3 1 NIL NIL NIL NIL) 4 "abc=" ("ATTACHMENT" ("filename" "a b.eml")) ("en" "ja") "http://x/y")'.replace(' 45 ', ` ${root.bodyEnd - root.bodyStart} `))
  assert.equal(fileNameOf(root), 'a b.eml')
})

test('sections of a message that is no multipart', () => {
  const root = scan('A: b\r\n\r\nbody')
  assert.deepEqual(sectionOf(root, []), { start: 0, end: 12 })
  assert.deepEqual(sectionOf(root, [], 'HEADER'), { start: 0, end: 8 })
  assert.deepEqual(sectionOf(root, [], 'TEXT'), { start: 8, end: 12 })
  assert.deepEqual(sectionOf(root, [1]), { start: 8, end: 12 })
  assert.deepEqual(sectionOf(root, [1], 'MIME'), { start: 0, end: 8 })
  for (const path of [[2], [0], [1, 1]]) assert.equal(sectionOf(root, path), undefined)
})

test('any soup of lines: pieces give the tree of the whole, and answers are within the grammar', () => {
  const line = fc.constantFrom('--a', '--a--', '--b', '--b--', '', 'x', ' folded', '--', '--c ', 'Content-Type: multipart/mixed; boundary=a', 'Content-Type: multipart/digest; boundary=b', 'Content-Type: multipart/x; boundary="c"', 'Content-Type: message/rfc822', 'Content-Type: text/html', 'Subject: \0é', 'From: a b', 'Content-Type: ', 'Content-Transfer-Encoding: base64', '\r', 'Content-Disposition: x; filename="é')
  const eol = fc.constantFrom('\n', '\r\n')
  fc.assert(fc.property(fc.array(fc.tuple(line, eol), { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }), fc.boolean(), (lines, sizes, cut) => {
    const text = lines.flat().join('')
    const bytes = bytesOf(cut ? text.slice(0, -1) : text)
    const whole = scanStructure(bytes)
    const scanner = new StructureScanner()
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length]!
      scanner.push(bytes.slice(at, at + size))
      at += size
    }
    assert.deepEqual(scanner.end(), whole)
    assert.equal(whole.bodyEnd, bytes.length)
    readBody(bodyStructureOf(whole), true)
    readBody(bodyOf(whole), false)
    readEnvelope(envelopeOf(bytes))
  }), { numRuns: 2000 })
})

test('random octets are within the grammar too', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    const bytes = new Uint8Array([...bytesOf('Content-Type: '), ...octets])
    const summary = summarize(bytes)
    readBody(summary.structure, true)
    readEnvelope(summary.envelope)
  }), { numRuns: 1000 })
})

// hard-cases v7: each is to be scanned in about a second and in bounded memory.
const BOMBS: readonly [string, () => string][] = [
  ['parts: 3,000,000 empty ones', () => `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n'.repeat(3_000_000)}`],
  ['nest-mp: 10,000 nested multiparts', () => Array.from({ length: 10_000 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join('')],
  ['nest-rfc822: 4,000 nested messages', () => `Subject: ${'x'.repeat(2200)}\nContent-Type: message/rfc822\n\n`.repeat(4000)],
  ['long-header: 18 MB without folding', () => `Subject: ${'x'.repeat(18_000_000)}\n\n`],
  ['many-headers: 1,000,000', () => `${'x:y\n'.repeat(1_000_000)}\n`],
  ['blank-lead: 100,000 blank lines', () => `${'\n'.repeat(100_000)}Subject: x\n\n`],
  ['many-params: 200,000 continuations', () => `Content-Type: text/plain${Array.from({ length: 200_000 }, (_, i) => `;\n name*${i}=abc`).join('')}\n\n`],
  ['encoded-words: 100,000', () => `Message-ID: <a@b>\nSubject: ${'=?utf-8?B?44GC?=\n '.repeat(100_000)}\n\n`],
  ['references: 100,000', () => `References: ${'<abcdef@example.com>\n '.repeat(100_000)}\n\n`],
  ['addresses: 1,000,000 To fields', () => `${'To: a\n'.repeat(1_000_000)}\n`],
  ['dashes: 170,000 lines like 99 active boundaries', () => `${Array.from({ length: 99 }, (_, i) => `Content-Type: multipart/mixed; boundary=${'x'.repeat(66)}${i + 100}\n\n--${'x'.repeat(66)}${i + 100}\n`).join('')}\n${`--${'x'.repeat(66)}999\n`.repeat(170_000)}`],
]

for (const [name, build] of BOMBS) {
  test(`v7 ${name}: linear in time, bounded in what is kept`, () => {
    const bytes = bytesOf(build())
    const before = process.cpuUsage()
    const summary = summarize(bytes)
    const scanner = new StructureScanner()
    for (let at = 0; at < bytes.length; at += 65_536) scanner.push(bytes.subarray(at, at + 65_536))
    const root = scanner.end()
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 4_000_000, `${(user + system) / 1000} ms of CPU for two scans`)
    assert.deepEqual(bodyStructureOf(root), summary.structure)
    assert.ok(summary.structure.length < 8_000_000 && summary.envelope.length < 4_000_000)
    assert.ok(summary.threadKeys.length <= 41)
    readBody(summary.structure, true)
    readEnvelope(summary.envelope)
    const count = (part: Part): number => part.children.reduce((sum, child) => sum + count(child), 1)
    const depth = (part: Part): number => 1 + Math.max(0, ...part.children.map(depth))
    assert.ok(count(root) <= defaultLimits.mime_parts_max)
    assert.ok(root.children.length > 1000 || depth(root) <= defaultLimits.mime_depth_max + 1)
  })
}
