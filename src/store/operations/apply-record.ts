// Applies one record to one of the databases that it names. The same function live, after a crash, on a
// standby and from a backup: what it does depends on the database and the record alone.
//
// The caller keeps the transaction, sees to it that records come in order and each once, and sets the
// position (`setPosition`) in that same transaction. A refusal has written nothing. Whatever is thrown rolls back.
import { Bug } from '../../base/errors.ts'
import { DIRECTORY, FIRST_ACCOUNT, QUEUE, type AccountId, type DatabaseId, type Sequence } from '../ids.ts'
import type { AccountChange, ArrivalMeta, DirectoryChange, Outcome, QueueChange } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { applyAccountChange } from './account-change.ts'
import { applyArrival } from './arrival.ts'
import { done, type Context } from './context.ts'
import { applyDirectoryChange } from './directory-change.ts'
import type { FactsMeta } from './facts.ts'
import { applyOpenAccount } from './open-account.ts'
import { applyQueueArrival } from './queue-arrival.ts'
import { applyQueueChange } from './queue-change.ts'
import { applySetQuota } from './set-quota.ts'
import { applySkip, type SkipMeta } from './skip.ts'

/** What of a record's header an operation may know. */
export interface RecordHead {
  sequence: Sequence
  epoch: number
  timeMs: number
}

/** The meta part of every record that a database applies, as it stands in the journal. */
export type RecordMeta =
  | ArrivalMeta
  | { kind: 'change'; account: AccountId; change: AccountChange }
  | { kind: 'directory'; change: DirectoryChange }
  | { kind: 'queue'; change: QueueChange }
  | FactsMeta
  | SkipMeta

/** `bodyOctets`: the record's own bytes, wherever they stand (segment or large file). */
export async function applyRecord(tx: Tx, database: DatabaseId, head: RecordHead, meta: RecordMeta, bodyOctets: number): Promise<Outcome<unknown>> {
  const context: Context = { database, sequence: head.sequence, epoch: head.epoch, timeMs: head.timeMs }
  if (database >= FIRST_ACCOUNT) return applyToAccount(tx, context, meta, bodyOctets)
  switch (database) {
    case DIRECTORY: return meta.kind === 'directory' ? applyDirectoryChange(tx, context, meta.change) : done('ignored')
    case QUEUE:
      if (meta.kind === 'arrival') return applyQueueArrival(tx, context, meta, bodyOctets)
      return meta.kind === 'queue' ? applyQueueChange(tx, context, meta.change) : done('ignored')
    default: throw new Bug(`there is no database ${database}`)
  }
}

async function applyToAccount(tx: Tx, context: Context, meta: RecordMeta, bodyOctets: number): Promise<Outcome<unknown>> {
  switch (meta.kind) {
    case 'arrival': return applyArrival(tx, context, meta, bodyOctets)
    case 'change': return meta.account === context.database ? applyAccountChange(tx, context, meta.change, bodyOctets) : done('ignored')
    case 'directory': {
      const { change } = meta
      if (change.kind === 'account-add' && change.account === context.database) return applyOpenAccount(tx, context, change)
      if (change.kind === 'account-quota' && change.account === context.database) return applySetQuota(tx, context, change.octetsMax)
      return done('ignored')
    }
    // Compared by whoever replays (facts.ts): applying them does nothing.
    case 'facts': return done('ignored')
    case 'skip': return applySkip(tx, context, meta)
    case 'queue': return done('ignored')
  }
}
