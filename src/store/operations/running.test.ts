import assert from 'node:assert/strict'
import test from 'node:test'
import { SqliteWriter } from '../sqlite/connection.ts'
import { mixRunning, mixRunningSql } from './running.ts'

test('SQL and JavaScript mix alike, for the largest numbers too, and what is mixed matters', async () => {
  const writer = new SqliteWriter(':memory:', 'account')
  for (const [running, uid, modseq] of [[0, 1, 1], [2_147_483_646, 4_294_967_295, 9_007_199_254], [77, 3, 12]] as const) {
    const row = await writer.tx().get<{ mixed: number }>(
      `select ${mixRunningSql('$3')} as mixed from (select cast($1 as bigint) as running, cast($2 as bigint) as uid_next)`, running, uid, modseq)
    assert.equal(row?.mixed, mixRunning(running, uid, modseq))
  }
  assert.notEqual(mixRunning(5, 1, 2), mixRunning(5, 2, 1))
  assert.notEqual(mixRunning(mixRunning(0, 1, 1), 2, 2), mixRunning(mixRunning(0, 2, 2), 1, 1))
  writer.close()
})
