import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import { bodyOf, bodyStructureOf } from '../message/bodystructure.ts'
import { scanStructure } from '../message/structure.ts'
import { plainBodyOf } from './plain-body.ts'

const plain = (text: string) => {
  const body = plainBodyOf(bytesOf(text))
  return body && textOf(body)
}

test('extension data goes, everything else stays', () => {
  assert.equal(plain('("TEXT" "PLAIN" ("charset" "a)\\"(b") NIL {3}\r\n)(" "7BIT" 1 1 NIL ("inline" NIL) NIL NIL)'), '("TEXT" "PLAIN" ("charset" "a)\\"(b") NIL {3}\r\n)(" "7BIT" 1 1)')
  assert.equal(plain('(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL)("IMAGE" "GIF" NIL NIL NIL "BASE64" 9 NIL NIL NIL NIL) "MIXED" ("boundary" "x") NIL NIL NIL)'),
    '(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)("IMAGE" "GIF" NIL NIL NIL "BASE64" 9) "MIXED")')
})

test('what is no structure gives nothing', () => {
  for (const text of ['', '(', '("TEXT"', '()', '("TEXT" "PLAIN")', '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1', '{999}\r\nx', '('.repeat(2000)]) assert.equal(plain(text), undefined, text)
})

const suites = resolve(process.env['DARUMA_SUITES'] ?? join(import.meta.dirname, '../../../shared/suites'))
test('agrees with the tree on every sample', { skip: existsSync(suites) ? false : 'the shared suites are not here' }, () => {
  let seen = 0
  for (const entry of readdirSync(suites, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(eml|msg|txt)$/.test(entry.name)) continue
    const tree = scanStructure(new Uint8Array(readFileSync(join(entry.parentPath, entry.name))))
    assert.equal(textOf(plainBodyOf(bodyStructureOf(tree)) ?? new Uint8Array()), textOf(bodyOf(tree)), entry.name)
    seen += 1
  }
  assert.ok(seen > 300)
})
