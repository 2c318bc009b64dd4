// Other people's mails through the scanner and the printers: nothing throws, offsets hold together, pieces
// give the same tree as the whole, every answer is within the grammar, and other parsers agree.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simpleParser } from 'mailparser'
import PostalMime from 'postal-mime'
import { latin1Of } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { bodyOf, bodyStructureOf, sectionOf } from './bodystructure.ts'
import { envelopeOf } from './envelope.ts'
import { headerEndOf, headerFields, selectFields } from './headers.ts'
import type { Part } from './part.ts'
import { scanStructure, StructureScanner } from './structure.ts'
import { summarize, summarizeHeader } from './summary.ts'
import { readBody, readEnvelope, type ReadBody } from './testing/imap-grammar.ts'
import { skipWithoutSuites as skip, suiteFile, suiteMails } from './testing/suite-mails.ts'

function checkOffsets(part: Part, name: string): void {
  assert.ok(part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd, `${name}: order of offsets`)
  let last = part.bodyStart
  for (const child of part.children) {
    assert.ok(child.headerStart >= last && child.bodyEnd <= part.bodyEnd, `${name}: child inside its parent`)
    checkOffsets(child, name)
    last = child.bodyEnd
  }
  if (part.kind === 'message') assert.equal(part.children.length, 1)
  if (part.kind === 'multipart') assert.ok(part.children.length > 0)
  if (part.kind === 'leaf') assert.deepEqual(part.children, [])
}

function countLines(bytes: Uint8Array, part: Part): void {
  let lines = 0
  for (let i = part.bodyStart; i < part.bodyEnd; i++) if (bytes[i] === 10) lines++
  assert.equal(part.lines, lines)
  for (const child of part.children) countLines(bytes, child)
}

/** The printed structure says what the tree says. */
function checkAgainst(body: ReadBody, part: Part): void {
  assert.equal(body.type, part.type)
  assert.equal(body.subtype, part.subtype)
  if (part.kind !== 'multipart') assert.equal(body.octets, part.bodyEnd - part.bodyStart)
  assert.equal(body.children.length, part.children.length)
  part.children.forEach((child, i) => checkAgainst(body.children[i]!, child))
}

function checkWhole(bytes: Uint8Array, name: string): Part {
  const root = scanStructure(bytes)
  assert.equal(root.headerStart, 0, name)
  assert.equal(root.bodyEnd, bytes.length, name)
  assert.equal(root.bodyStart, headerEndOf(bytes), name)
  checkOffsets(root, name)
  countLines(bytes, root)
  const summary = summarize(bytes)
  checkAgainst(readBody(summary.structure, true), root)
  readBody(bodyOf(root), false)
  readEnvelope(summary.envelope)
  assert.deepEqual(summary.envelope, envelopeOf(bytes), name)
  const { structure: _, ...header } = summary
  assert.deepEqual(header, summarizeHeader(bytes), name)
  return root
}

test('suite mails and every 97th cut of them: no throw, offsets hold, answers parse', { skip }, () => {
  for (const { name, bytes } of suiteMails()) {
    checkWhole(bytes, name)
    const step = Math.max(97, Math.ceil(bytes.length / 97 / 60) * 97) // large ones at a multiple of 97
    for (let length = 0; length < bytes.length; length += step) checkWhole(bytes.subarray(0, length), `${name} cut at ${length}`)
  }
})

test('suite mails in pieces of random size give the tree of the whole', { skip }, () => {
  const random = seededRandom(20261102)
  for (const { name, bytes } of suiteMails()) {
    const whole = scanStructure(bytes)
    for (const most of [1, 7, 300, 20_000]) {
      if (most === 1 && bytes.length > 200_000) continue
      const scanner = new StructureScanner()
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random.int(most)
        scanner.push(new Uint8Array(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(scanner.end(), whole, `${name} in pieces up to ${most}`)
    }
  }
})

test('suite mails: fields cover the header octet for octet', { skip }, () => {
  for (const { name, bytes } of suiteMails()) {
    let at = 0
    for (const field of headerFields(bytes)) {
      assert.equal(field.start, at, name)
      assert.ok(field.start <= field.nameEnd && field.nameEnd <= field.valueStart && field.valueStart <= field.end, name)
      at = field.end
    }
    const all = selectFields(bytes, [], 'not')
    const header = bytes.subarray(0, headerEndOf(bytes))
    assert.equal(latin1Of(all).slice(0, header.length), latin1Of(header), name)
  }
})

test('most suite mails: postal-mime and mailparser count the same leaves', { skip }, async () => {
  let agree = 0
  const differ: string[] = []
  for (const { name, bytes } of suiteMails()) {
    if (!/\.(?:eml|msg|mail)$/.test(name)) continue
    const root = scanStructure(bytes)
    const mine = leaves(root).sort()
    const theirs = await postalAttachments(bytes)
    const others = await mailparserAttachments(bytes)
    if (mine.join() === theirs?.join() || mine.join() === others?.join()) agree++
    else differ.push(`${name}: ${mine.join()} | ${theirs?.join()} | ${others?.join()}`)
  }
  const total = agree + differ.length
  if (process.env['DARUMA_SHOW_DIFFERENCES']) console.log(differ.join('\n'), agree, total)
  assert.ok(agree >= total * 0.9, `${agree} of ${total}:\n${differ.join('\n')}`)
})

/** Types of what is no text/plain or text/html body (those two parsers merge), messages not opened. */
function leaves(part: Part): string[] {
  if (part.kind === 'multipart') return part.children.flatMap(leaves)
  const type = `${part.type}/${part.subtype}`
  return /^text\/|^message\/|octet-stream/.test(type) ? [] : [type]
}

function foreignTypes(attachments: readonly { contentType?: string; mimeType?: string }[]): string[] {
  return attachments.map((one) => (one.contentType ?? one.mimeType ?? '').toLowerCase()).filter((type) => !/^text\/|^message\/|octet-stream|^$/.test(type)).sort()
}

async function postalAttachments(bytes: Uint8Array): Promise<string[] | undefined> {
  try {
    return foreignTypes((await PostalMime.parse(bytes, { forceRfc822Attachments: true })).attachments)
  } catch {
    return undefined
  }
}

async function mailparserAttachments(bytes: Uint8Array): Promise<string[] | undefined> {
  try {
    return foreignTypes((await simpleParser(Buffer.from(bytes), { skipHtmlToText: true, skipTextToHtml: true })).attachments)
  } catch {
    return undefined
  }
}

test('v6: odd parts are shown within the grammar and their siblings stay visible', { skip }, () => {
  const show = (name: string) => readBody(bodyStructureOf(scanStructure(suiteFile(`hard-cases/${name}.eml`))), true).children.map((part) => `${part.type}/${part.subtype}`)
  assert.deepEqual(show('v6-empty-multipart'), ['text/plain', 'text/html'])
  assert.deepEqual(show('v6-no-subtype'), ['text/plain', 'application/octet-stream'])
  assert.deepEqual(show('v6-headers-only-rfc822'), ['text/plain', 'message/delivery-status', 'text/plain'])
})

test('James transcripts: BODYSTRUCTURE as that server prints it', { skip }, () => {
  for (const name of ['FetchMultipartBodyStructure', 'FetchSimpleBodyStructure']) {
    const { messages, expected } = readTranscript(latin1Of(suiteFile(`james-mpt/imap/${name}.test`)))
    assert.ok(messages.length > 1)
    for (const [number, pattern] of expected) {
      const root = scanStructure(Buffer.from(messages[number - 1]!, 'latin1'))
      const answer = `* ${number} FETCH (BODY ${latin1Of(bodyOf(root))} BODYSTRUCTURE ${latin1Of(bodyStructureOf(root))})`
      assert.match(answer, new RegExp(`^${pattern}$`))
    }
  }
})

/** Messages appended (octets counted as the literal says) and the lines expected for BODY BODYSTRUCTURE. */
function readTranscript(text: string): { messages: string[]; expected: [number, string][] } {
  const messages: string[] = []
  const expected: [number, string][] = []
  let left = 0
  for (const line of text.split(/\r?\n/)) {
    if (left > 0 && line.startsWith('C: ')) {
      messages.push(`${messages.pop()!}${line.slice(3)}\r\n`)
      left -= line.length - 1
      if (left <= 0) messages.push(messages.pop()!.slice(0, left === 0 ? undefined : left))
      continue
    }
    const append = /APPEND .*\{(\d+)\+?\}$/.exec(line)
    if (append) {
      messages.push('')
      left = Number(append[1])
    }
    const fetched = /^S: (\\\* (\d+) FETCH \\\(BODY \\\(.*BODYSTRUCTURE .*)$/.exec(line)
    if (fetched) expected.push([Number(fetched[2]), fetched[1]!])
  }
  return { messages, expected }
}

test('ImapTest: sections of nested messages', { skip }, () => {
  const mbox = latin1Of(suiteFile('imaptest/fetch-body-mime.mbox')).replace(/^From .*\n/, '').replace(/\r?\n/g, '\r\n')
  const bytes = Buffer.from(mbox, 'latin1')
  const root = scanStructure(bytes)
  const section = (path: number[], text?: 'MIME' | 'HEADER' | 'TEXT') => {
    const range = sectionOf(root, path, text)
    return range && mbox.slice(range.start, range.end).replaceAll('\r\n', '\n')
  }
  assert.equal(section([1]), 'hello\n')
  assert.equal(section([1], 'MIME'), 'Content-Type: text/x-myown; charset=us-ascii\n\n')
  assert.equal(section([2], 'MIME'), 'Content-Type: message/rfc822\n\n')
  assert.equal(section([2], 'HEADER'), 'From: sub@domain.org\nDate: Sun, 12 Aug 2012 12:34:56 +0300\nSubject: submsg\nContent-Type: multipart/alternative; boundary="sub1"\n\n')
  assert.ok(section([2], 'TEXT')?.startsWith('Sub MIME prologue\n') && section([2], 'TEXT')?.endsWith('Sub MIME epilogue\n'))
  assert.equal(section([2, 1]), '<p>Hello world</p>\n')
  assert.equal(section([2, 2], 'MIME'), 'Content-Type: text/plain\n\n')
  assert.equal(section([2, 2]), 'Hello another world\n')
  assert.equal(section([3]), undefined)
  assert.equal(section([2, 1, 1]), undefined)
  assert.equal(section([1], 'HEADER'), undefined)
  assert.equal(section([]), mbox.replaceAll('\r\n', '\n'))
})
