// The engines on which the store's contract is tested, and in what they are allowed to differ.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock, type Clock } from '../../src/base/clock.ts'
import { nodeDisk } from '../../src/base/disk.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openInlineStore } from '../../src/store/inline.ts'
import { folderObjects } from '../../src/store/postgres/object-store.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts'
import type { Store } from '../../src/store/store.ts'
import { pglitePool } from './pglite-pool.ts'

export const START_MS = Date.UTC(2026, 0, 15)

export interface OpenedStore {
  store: Store
  close(): Promise<void>
}

export interface TestedStore extends OpenedStore {
  clock: FakeClock
  /** Closes and opens the same data again. */
  reopen(): Promise<OpenedStore>
}

export interface StoreMaker {
  name: string
  differences: {
    /** Applied after it was answered: a reader may be some milliseconds behind `accept`. */
    appliesLater: boolean
  }
  make(): Promise<TestedStore>
}

async function openSqlite(dataDirectory: string, clock: Clock): Promise<OpenedStore> {
  const opened = await openInlineStore({ dataDirectory, clock, random: seededRandom(5), segmentSizeOctets: 4 * 1024 * 1024 })
  if (!opened.ok) throw new Error(opened.reason)
  return { store: opened.value.store, close: () => opened.value.close() }
}

export const makers: readonly StoreMaker[] = [
  {
    name: 'sqlite',
    differences: { appliesLater: true },
    async make() {
      const folder = mkdtempSync(join(tmpdir(), 'daruma-contract-'))
      const clock = new FakeClock(START_MS)
      let now = await openSqlite(folder, clock)
      return {
        clock, store: now.store,
        async reopen() {
          await now.close()
          now = await openSqlite(folder, clock)
          return now
        },
        async close() {
          await now.close()
          rmSync(folder, { recursive: true })
        },
      }
    },
  },
  {
    name: 'postgres',
    differences: { appliesLater: false },
    async make() {
      const folder = mkdtempSync(join(tmpdir(), 'daruma-contract-'))
      const clock = new FakeClock(START_MS)
      const pool = await pglitePool()
      let seed = 5
      const open = async (): Promise<OpenedStore> => {
        // PGlite keeps its data in memory: it stays, the store on it is another.
        const store = await openPostgresStore({ pool: { ...pool, close: async () => {} }, objects: folderObjects(nodeDisk, folder), clock, random: seededRandom(seed++) })
        return { store, close: () => store.close() }
      }
      let now = await open()
      return {
        clock, store: now.store,
        async reopen() {
          await now.close()
          now = await open()
          return now
        },
        async close() {
          await now.close()
          await pool.close()
          rmSync(folder, { recursive: true })
        },
      }
    },
  },
]
