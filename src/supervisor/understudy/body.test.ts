// A message on its way in: whole and hashed whatever the pieces, in memory only within the budget, and everything
// given back.
import test from 'node:test'
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import type { AsyncDisk } from '../../base/disk.ts'
import { Outage } from '../../base/errors.ts'
import { seededRandom } from '../../base/random.ts'
import { LargeStore } from '../../store/journal/large-writer.ts'
import { createMemoryBudget } from '../../guard/memory-budget.ts'
import { Body } from './body.ts'

function made(options: { budget?: number; largeOctets?: number; hasRoom?: () => boolean; failAt?: number } = {}) {
  const files = new Map<string, Uint8Array[]>()
  let writes = 0
  const asyncDisk: AsyncDisk = {
    open: (path) => {
      const parts: Uint8Array[] = []
      files.set(path, parts)
      return Promise.resolve({
        path, read: () => Promise.resolve(0), flush: () => Promise.resolve(), close: () => Promise.resolve(),
        write: (given) => {
          writes += 1
          if (writes === options.failAt) return Promise.reject(new Outage('full', { operation: 'write', code: 'ENOSPC' }))
          parts.push(...given.map((part) => part.slice()))
          return Promise.resolve()
        },
      })
    },
    rename: (from, to) => {
      files.set(to, files.get(from) ?? [])
      files.delete(from)
      return Promise.resolve()
    },
    remove: (path) => {
      files.delete(path)
      return Promise.resolve()
    },
    flushDirectory: () => Promise.resolve(),
  }
  const large = new LargeStore({ dataDirectory: '/intake', random: seededRandom(1), asyncDisk })
  const budget = createMemoryBudget(options.budget ?? 1_000_000)
  return { files, budget, body: new Body({ budget, largeOctets: options.largeOctets ?? 100_000, largeWriter: () => large.writer(), hasRoom: options.hasRoom ?? (() => true) }) }
}

function feed(body: Body, bytes: Uint8Array, piece: number): void {
  for (let at = 0; at < bytes.length; at += piece) body.add(bytes.subarray(at, at + piece))
}

const bytesOfLength = (octets: number) => seededRandom(octets).bytes(octets)

test('whatever the pieces: the same octets and hash, in memory or in a file; the memory is given back', async () => {
  for (const octets of [0, 1, 4096, 4097, 70_000, 100_000, 100_001, 400_000]) {
    for (const piece of [1, 1000, 65_536, 1_000_000]) {
      if (piece === 1 && octets > 70_000) continue
      const { body, budget, files } = made()
      const bytes = bytesOfLength(octets)
      feed(body, bytes, piece)
      assert.equal(body.sizeOctets, octets)
      const inMemory = body.finishInMemory()
      const stored = inMemory ?? await body.finishLarge()
      const kept = inMemory ? Buffer.concat(inMemory.parts) : Buffer.concat(files.values().next().value ?? [])
      assert.ok(kept.equals(bytes), `${octets} by ${piece}`)
      assert.ok(Buffer.from(stored.sha256).equals(hash('sha256', bytes, 'buffer')), `${octets} by ${piece}`)
      // It is looked at with each new block: between the limit and one block more it may be either.
      if (octets !== 100_001) assert.equal(inMemory !== undefined, octets <= 100_000, `${octets} by ${piece}`)
      body.release()
      assert.equal(budget.usedOctets, 0)
    }
  }
})

test('no more than the budget is held in memory', async () => {
  const { body, budget, files } = made({ budget: 10_000 })
  feed(body, bytesOfLength(50_000), 1000)
  assert.equal(body.finishInMemory(), undefined)
  assert.equal((await body.finishLarge()).length, 50_000)
  assert.equal(budget.usedOctets, 0)
  assert.equal(files.size, 1)
})

test('no room, at any write: the reason is kept to the end, nothing stays behind', async () => {
  const { body } = made({ largeOctets: 1000, hasRoom: () => false })
  feed(body, bytesOfLength(200_000), 5000)
  assert.equal((body.failure as Outage | undefined)?.code, 'ENOSPC')
  for (const failAt of [1, 2, 3, 4]) {
    const { body: failing, budget, files } = made({ largeOctets: 1000, failAt })
    feed(failing, bytesOfLength(250_000), 5000)
    await assert.rejects(failing.finishLarge(), { code: 'ENOSPC' })
    failing.abort()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(budget.usedOctets, 0)
    assert.equal(files.size, 0)
  }
})

test('given up in the middle: the memory is given back and the file goes', async () => {
  const { body, budget, files } = made()
  feed(body, bytesOfLength(150_000), 10_000)
  body.abort()
  body.add(bytesOfLength(1000))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(budget.usedOctets, 0)
  assert.equal(files.size, 0)
})
