import assert from 'node:assert/strict'
import test from 'node:test'
import { joinRanges, printRanges, rangesOf, rangeWalker, readRanges, tidyRanges } from './uid-ranges.ts'

test('ranges are turned, sorted, and joined where they touch or overlap', () => {
  assert.deepEqual(tidyRanges([[9, 7], [1, 1], [2, 3], [8, 12], [20, 20]]), [[1, 3], [7, 12], [20, 20]])
  assert.deepEqual(tidyRanges([[1, 100], [2, 3]]), [[1, 100]])
  assert.deepEqual(tidyRanges([]), [])
})

test('ranges near each other are asked for together', () => {
  assert.deepEqual(joinRanges([[1, 2], [5, 5], [100, 101]], 3), [[1, 5], [100, 101]])
})

test('ranges of UIDs, printed and read', () => {
  const ranges = rangesOf([1, 2, 3, 5, 9, 10])
  assert.deepEqual(ranges, [[1, 3], [5, 5], [9, 10]])
  assert.equal(printRanges(ranges), '1:3,5,9:10')
  assert.deepEqual(readRanges('1:3,5,9:10'), ranges)
  assert.deepEqual(readRanges(''), [])
})

test('the walker knows which UIDs are meant', () => {
  const isMeant = rangeWalker([[2, 3], [7, 7]])
  assert.deepEqual([1, 2, 3, 4, 6, 7, 8].map(isMeant), [false, true, true, false, false, true, false])
})
