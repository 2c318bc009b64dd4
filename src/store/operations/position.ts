// How far a database has come. Written in the same transaction as what it stands for (STORE.md, Applying 1).
import type { Tx } from '../tx.ts'
import { sequence, type DatabaseId, type Sequence } from '../ids.ts'

export interface Position {
  epoch: number
  sequence: Sequence
}

/** Undefined for a database to which nothing was ever applied. */
export async function readPosition(tx: Tx, database: DatabaseId): Promise<Position | undefined> {
  const row = await tx.get<{ epoch: number; sequence: number }>('select epoch, sequence from position where database_id = $1', database)
  return row && { epoch: row.epoch, sequence: sequence(row.sequence) }
}

/** Once for each record, or once for each batch of records in one transaction. */
export async function setPosition(tx: Tx, database: DatabaseId, position: Position): Promise<void> {
  const changed = await tx.run('update position set epoch = $2, sequence = $3 where database_id = $1', database, position.epoch, position.sequence)
  if (changed === 0) await tx.run('insert into position (database_id, epoch, sequence) values ($1, $2, $3)', database, position.epoch, position.sequence)
}
