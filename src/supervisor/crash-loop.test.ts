import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Death, nextStep } from './crash-loop.ts'

const soon: Death = { lifeMs: 2000, pinned: false }
const late: Death = { lifeMs: 3_600_000, pinned: false }
const pinned: Death = { lifeMs: 0, pinned: true }

const table: { name: string; deaths: Death[]; step: string; check: string; waitMs: number }[] = [
  { name: 'the first', deaths: [late], step: 'restart', check: 'none', waitMs: 0 },
  { name: 'the second within a minute', deaths: [late, soon], step: 'restart', check: 'quick', waitMs: 0 },
  { name: 'the third', deaths: [late, soon, soon], step: 'understudy-only', check: 'quick', waitMs: 5000 },
  { name: 'the fourth', deaths: [late, soon, soon, soon], step: 'understudy-only', check: 'quick', waitMs: 10_000 },
  { name: 'no end', deaths: Array.from({ length: 32 }, () => soon), step: 'understudy-only', check: 'quick', waitMs: 60_000 },
  { name: 'a long life begins anew', deaths: [soon, soon, soon, late], step: 'restart', check: 'none', waitMs: 0 },
  { name: 'pinned to a record: not counted', deaths: [late, pinned, pinned], step: 'restart', check: 'none', waitMs: 0 },
  { name: 'pinned between others', deaths: [late, pinned, soon, pinned], step: 'restart', check: 'quick', waitMs: 0 },
  { name: 'pinned for ever', deaths: Array.from({ length: 12 }, () => pinned), step: 'understudy-only', check: 'quick', waitMs: 40_000 },
]

for (const { name, deaths, ...wanted } of table) {
  test(`crash loop: ${name}`, () => assert.deepEqual(nextStep(deaths), wanted))
}
