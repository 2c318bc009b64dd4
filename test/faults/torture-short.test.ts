// The torture in short: some kills with damage and a stop in between, and some crash points.
// `npm run torture` is the long form; test/torture/RESULTS.md has its figures.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { torture, type TortureOptions } from '../torture/rounds.ts'

const seed = Number(process.env['DARUMA_TORTURE_SEED'] ?? Math.floor(Math.random() * 1e9))
const options: TortureOptions = { kills: 0, points: [], cuts: 0, fs: 'xfs', damage: false, loadMsMax: 400, seed, say: () => undefined }

test(`killed again and again under load, with damage: nothing lost (DARUMA_TORTURE_SEED=${seed})`, async () => {
  const result = await torture({ ...options, kills: 3, damage: true })
  assert.deepEqual(result.findings, [], `seed ${seed}`)
  assert.ok(result.acknowledged > 0 && result.changes > 0)
})

test(`killed at crash points: nothing lost (DARUMA_TORTURE_SEED=${seed})`, async () => {
  const points = ['append-flush:before', 'recover-rename:after', 'apply-commit:after']
  const result = await torture({ ...options, points })
  assert.deepEqual(result.findings, [], `seed ${seed}`)
  assert.deepEqual(result.pointsMissed, [], 'every point came by')
})
