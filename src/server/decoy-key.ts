// The key from which the answers to SCRAM exchanges of people who do not exist are made. It must be the same in
// every thread and after every start, as the salts of those who do exist are: else two looks tell them apart.
import { join } from 'node:path'
import { nodeDisk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'

const KEY_FILE = 'scram-decoy.key'
const KEY_OCTETS = 32

/** From the data directory, made there when it is missing. A disk that takes nothing is no reason not to start. */
export function loadDecoyKey(data: string, { random, log }: { random: Random; log: Log }): Uint8Array {
  const path = join(data, KEY_FILE)
  try {
    if (nodeDisk.exists(path)) {
      const kept = nodeDisk.readWhole(path)
      if (kept.length === KEY_OCTETS) return kept
    }
    const made = random.bytes(KEY_OCTETS)
    nodeDisk.writeWhole(path, made)
    return made
  } catch (error) {
    log.warn('the key for logins of nobody cannot be kept; it is a new one at each start', { error: errorSentence(error) })
    return random.bytes(KEY_OCTETS)
  }
}
