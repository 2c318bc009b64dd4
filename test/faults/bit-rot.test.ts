// Single octets flipped anywhere in a store: each is found by the next scrub, and made well where there is a second copy.
import assert from 'node:assert/strict'
import test from 'node:test'
import { bitRot } from '../torture/bit-rot.ts'

for (const mirrored of [true, false]) {
  test(`flipped octets ${mirrored ? 'with a mirror: found and mended' : 'without one: found'}`, async () => {
    const result = await bitRot({ flips: 30, seed: 11, mirrored })
    assert.deepEqual(result.missed, [])
    assert.equal(result.detected + result.harmless + result.healedAtOpen, 30)
  })
}
