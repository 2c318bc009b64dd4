import assert from 'node:assert/strict'
import test from 'node:test'
import { Bug } from '../base/errors.ts'
import { LeashedTx, withTx, type Engine, type Tx } from './tx.ts'

const engine: Engine = { get: () => ({ a: 1 }), all: () => [{ a: 1 }], run: () => 1 }

test('a Tx lives as long as its operation and no longer', async () => {
  let kept: Tx | undefined
  const result = await withTx(engine, async (tx) => {
    kept = tx
    assert.deepEqual(await tx.all('select 1'), [{ a: 1 }])
    return tx.get<{ a: number }>('select 1')
  })
  assert.deepEqual(result, { a: 1 })
  assert.ok(kept)
  const late = kept
  await assert.rejects(late.run('delete from everything'), Bug)
  await assert.rejects(late.get('select 1'), Bug)
  await assert.rejects(late.all('select 1'), Bug)
})

test('a Tx is dead after an operation that threw', async () => {
  let kept: LeashedTx | undefined
  await assert.rejects(withTx(engine, async (tx) => {
    kept = tx as LeashedTx
    throw new Error('no')
  }), /no/)
  await assert.rejects(kept?.run('x') ?? Promise.resolve(), Bug)
})
