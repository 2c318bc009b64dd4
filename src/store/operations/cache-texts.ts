// Keeps protocol texts (ENVELOPE, BODYSTRUCTURE) that a reader worked out from the bytes. A cache, written in place
// beside the records (STORE.md, Applying 6): no position moves, nothing is lost when it is lost.
import type { Sequence } from '../ids.ts'
import type { Tx } from '../tx.ts'

export interface CachedTexts {
  message: Sequence
  envelope?: Uint8Array
  structure?: Uint8Array
}

export async function cacheTexts(tx: Tx, account: number, texts: readonly CachedTexts[]): Promise<void> {
  for (const { message, envelope, structure } of texts) {
    if (envelope) await tx.run('update message set envelope = $3 where account = $1 and message = $2 and envelope is null', account, message, envelope)
    if (structure) await tx.run('update message set structure = $3 where account = $1 and message = $2 and structure is null', account, message, structure)
  }
}
