import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearestWord } from '../base/nearest.ts'
import { parseDurationText, parseSizeText, printDuration, printSize } from './units.ts'

test('sizes', () => {
  const table: [string, number | undefined][] = [
    ['0', 0], ['123', 123], ['1K', 1024], ['64 KiB', 65_536], ['50M', 52_428_800], ['50mb', 52_428_800], ['1.5G', 1_610_612_736],
    ['', undefined], ['M', undefined], ['-1', undefined], ['1e3', undefined], ['1.00001K', undefined], ['99999999999T', undefined], ['5 minutes', undefined],
  ]
  for (const [words, octets] of table) assert.equal(parseSizeText(words), octets, words)
})

test('times', () => {
  const table: [string, number | undefined][] = [
    ['250ms', 250], ['5m', 300_000], ['1h30m', 5_400_000], ['4 d', 345_600_000], ['1w', 604_800_000],
    ['', undefined], ['5', undefined], ['m', undefined], ['-5m', undefined], ['5y', undefined], ['1.5h', undefined],
  ]
  for (const [words, ms] of table) assert.equal(parseDurationText(words), ms, words)
})

test('what is printed is read as the same value', () => {
  for (const octets of [0, 1, 1000, 1024, 65_536, 52_428_800, 52_428_801]) assert.equal(parseSizeText(printSize(octets)), octets)
  for (const ms of [1, 999, 1000, 90_000, 300_000, 5_400_000, 432_000_000]) assert.equal(parseDurationText(printDuration(ms)), ms)
  assert.equal(printSize(52_428_800), '50M')
  assert.equal(printDuration(432_000_000), '5d')
})

test('nearest words', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3) // Levenshtein's own example
  assert.equal(editDistance('stmp', 'smtp'), 1) // neighbours swapped count once
  assert.equal(nearestWord('lisst', ['list', 'add', 'delete']), 'list')
  assert.equal(nearestWord('zebra', ['list', 'add', 'delete']), undefined)
})
