// Power cuts in short: the file system under a busy server is shut down, what was not flushed is gone, and everything
// that was acknowledged before is there. `npm run torture -- --kills 0 --cuts 20 --fs xfs` is the long form.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootAndLoop } from '../torture/power-cut-disk.ts'
import { torture } from '../torture/rounds.ts'

const seed = Number(process.env['DARUMA_TORTURE_SEED'] ?? Math.floor(Math.random() * 1e9))
const skip = rootAndLoop() ?? false

for (const fs of ['xfs', 'ext4'] as const) {
  test(`power cuts on ${fs}: nothing lost (DARUMA_TORTURE_SEED=${seed})`, { skip }, async () => {
    const result = await torture({ kills: 0, points: [], cuts: 2, fs, damage: false, loadMsMax: 600, seed, say: () => undefined })
    assert.deepEqual(result.findings, [], `seed ${seed}`)
    assert.ok(result.acknowledged > 0)
  })
}
