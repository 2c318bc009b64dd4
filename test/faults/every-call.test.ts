// Twelve of all the calls that change the disk in one life of a server (accept, move, expunge, delivery, bounce,
// snapshot): killed there, nothing that was acknowledged is lost, half visible or doubled. The long form does all of
// them: node test/torture/every-call.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missing } from '../harness/program.ts'
import { everyCall } from '../torture/every-call.ts'

const seed = Number(process.env['DARUMA_TORTURE_SEED'] ?? Math.floor(Math.random() * 1e9))

test(`killed before or after a write, a flush or a rename, wherever it is: nothing lost (DARUMA_TORTURE_SEED=${seed})`, { skip: missing('gcc') }, async (t) => {
  const result = await everyCall({ side: 'both', from: 1, to: Infinity, sample: 12, seed, say: () => undefined })
  t.diagnostic(`${result.calls} calls in a life: ${JSON.stringify(result.kinds)}; killed ${result.kills} times`)
  assert.deepEqual(result.findings, [], `seed ${seed}`)
  assert.ok(result.acknowledged > 0)
  assert.ok(result.kills >= 10, `most kills came: ${result.kills}`)
  for (const kind of ['pwritev', 'pwrite', 'fdatasync', 'rename', 'unlink']) assert.ok((result.kinds[kind] ?? 0) > 0, `a life has ${kind}`)
})
