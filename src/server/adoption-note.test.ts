import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { SimulatedDisk } from '../base/simulated-disk.ts'
import { AdoptionNote } from './adoption-note.ts'

const stage = () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/intake')
  return () => AdoptionNote.begin('/intake', disk)
}

test('a message on which the process dies twice is set aside, and the rest goes on', () => {
  const begin = stage()
  const first = begin()
  assert.equal(first.isCareful, false)
  for (const sequence of [1, 2, 3]) assert.equal(first.mayAdopt(sequence), true)
  // It died somewhere; from now on one by one.
  for (let death = 1; death <= 2; death += 1) {
    const note = begin()
    assert.equal(note.isCareful, true)
    for (const sequence of [1, 2, 3]) assert.equal(note.mayAdopt(sequence), true, `death ${death} at 3`)
  }
  const last = begin()
  assert.deepEqual([1, 2, 3, 4].map((sequence) => last.mayAdopt(sequence)), [true, true, false, true])
  last.end()
  assert.equal(begin().isCareful, false)
})

test('deaths that have nothing to do with a message set nothing aside', () => {
  const begin = stage()
  begin()
  for (let sequence = 1; sequence <= 20; sequence += 1) assert.equal(begin().mayAdopt(sequence), true)
})

test('a death behind the last message of a page is no message\'s fault', () => {
  const begin = stage()
  begin()
  for (let death = 1; death <= 5; death += 1) {
    const note = begin()
    assert.equal(note.mayAdopt(1), true, `after death ${death}`)
    note.settled()
  }
})

test('a note that cannot be read is none', () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  disk.makeDirectory('/intake')
  disk.writeWhole('/intake/adopting.note', new Uint8Array([1, 2, 3]))
  assert.equal(AdoptionNote.begin('/intake', disk).isCareful, false)
})
