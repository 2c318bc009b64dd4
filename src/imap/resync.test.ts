import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { printSet, rangesHold, rangesOf } from '../wire/imap/sequence-set.ts'
import { missingUids } from './resync.ts'

test('the gaps between messages, within what the client knows', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 30 }), fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 })), { maxLength: 4 }), (there, pairs) => {
    const uids = there.toSorted((a, b) => a - b)
    const view = {
      count: uids.length, uidNext: (uids.at(-1) ?? 0) + 3,
      lowerBound: (uid: number) => uids.filter((other) => other < uid).length,
      uidAt: (index: number) => uids[index]!,
    }
    const known = rangesOf(pairs.flat(), view.uidNext - 1)
    const expected = Array.from({ length: view.uidNext - 1 }, (_, n) => n + 1).filter((uid) => rangesHold(known, uid) && !uids.includes(uid))
    const got = missingUids(view, known)
    const numbers = got === '' ? [] : got.split(',').flatMap((part) => {
      const [from, to = from] = part.split(':').map(Number)
      return Array.from({ length: to! - from! + 1 }, (_, n) => from! + n)
    })
    assert.deepEqual(numbers, expected)
    assert.equal(printSet(numbers), printSet(expected))
  }))
})
