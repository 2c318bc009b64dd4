import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { configReference } from '../config/reference.ts'
import { commandReference } from './help.ts'
import { version } from './version.ts'

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

// DARUMA_WRITE_DOCS=1 node --test src/cli/reference.test.ts writes them anew.
const DOCS: [path: string, make: () => string][] = [
  ['docs/CONFIG.md', () => configReference('en')],
  ['docs/CONFIG.ja.md', () => configReference('ja')],
  ['docs/COMMANDS.md', () => commandReference('en')],
  ['docs/COMMANDS.ja.md', () => commandReference('ja')],
]

for (const [path, make] of DOCS) {
  test(`${path} says what the code says`, () => {
    if (process.env['DARUMA_WRITE_DOCS']) writeFileSync(at(path), make())
    assert.equal(readFileSync(at(path), 'utf8'), make(), `write it anew: DARUMA_WRITE_DOCS=1 node --test src/cli/reference.test.ts`)
  })
}

test('the version is that of the package', () => {
  const { version: packaged } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as { version: string }
  assert.equal(version, packaged)
})
