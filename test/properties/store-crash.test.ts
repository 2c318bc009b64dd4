// Random work through the real journal and the real applier on a machine that crashes at random steps: everything
// acknowledged is there once, with the same UIDs, flags, modseqs and counters; spoilt databases heal by themselves.
// DARUMA_LONG=1: hundreds of seeds. DARUMA_SEED=n: that one alone.
import test from 'node:test'
import { CrashRun } from './store-crash-run.ts'

const LONG = process.env['DARUMA_LONG'] === '1'
const ONE = process.env['DARUMA_SEED']

async function seeds(first: number, count: number, sabotage: boolean): Promise<void> {
  for (let seed = ONE === undefined ? first : Number(ONE); seed < (ONE === undefined ? first + count : Number(ONE) + 1); seed += 1) {
    try {
      await new CrashRun({ seed, lives: LONG ? 8 : 5, sabotage }).run()
    } catch (error) {
      throw new Error(`DARUMA_SEED=${seed}${LONG ? ' DARUMA_LONG=1' : ''}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

test('crashes at random steps, and databases that are spoilt in between', { timeout: 3_600_000 }, () => seeds(1, LONG ? 400 : 6, false))
test('the same with errors of the disk and mistakes of our own', { timeout: 3_600_000 }, () => seeds(10_001, LONG ? 400 : 6, true))
