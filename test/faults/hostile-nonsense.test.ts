// Random octets and nonsense on every port for a little while; the same for a minute is `npm run random-bytes`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assault, openTarget } from './random-bytes.ts'

const SECONDS = 5
const seed = Number(process.env['DARUMA_SEED'] ?? Date.now() % 1_000_000)

test(`nonsense on every port (DARUMA_SEED=${seed}): the server is well afterwards`, async (t) => {
  const server = await openTarget()
  t.after(() => server.dispose())
  const { connections, octets, wrong } = await assault(server, { seconds: SECONDS, seed })
  t.diagnostic(`${connections} connections, ${octets} octets`)
  assert.deepEqual(wrong, [])
  assert.ok(connections > 20)
  assert.equal(await server.stop(), 0)
})
