// docs/FORMAT.md names every file that a running server keeps in its data folder, and every kind of record that is less plain than its name.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaruma } from '../harness/daruma-process.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/FORMAT.md'), 'utf8')

test('every file of a data folder is on the page', async (t) => {
  const server = await startDaruma(t, { accounts: { ada: 'secret' } })
  const unnamed = readdirSync(server.data).filter((name) => !page.includes(`\`${name.replace(/-(wal|shm)$/, '')}`))
  assert.deepEqual(unnamed, [])
})

test('so are the files that are there only at times, and what a meta may hold beside the plain', () => {
  for (const word of ['applying.note', 'scram-decoy.key', 'deliveredHere', '`last`', 'raise-uid-validity', 'undo-group', 'bodyOctets']) assert.ok(page.includes(word), word)
})
