// The one row of counters of an account: modseq, the next mailbox number, the last UIDVALIDITY, quota.
import { Bug } from '../../base/errors.ts'
import type { Tx } from '../tx.ts'
import type { Context } from './context.ts'

export interface MetaRow {
  modseq: number
  inbox: number
  next_mailbox: number
  last_uid_validity: number
  octets: number
  messages: number
  octets_max: number | null
}

export async function readMeta(tx: Tx, account: number): Promise<MetaRow | undefined> {
  return tx.get<MetaRow>('select modseq, inbox, next_mailbox, last_uid_validity, octets, messages, octets_max from meta where account = $1', account)
}

export async function insertMeta(tx: Tx, context: Context, octetsMax: number | null): Promise<void> {
  await tx.run(
    `insert into meta (account, modseq, inbox, next_mailbox, last_uid_validity, octets, messages, octets_max, opened_ms)
     values ($1, 0, 0, 1, 0, 0, 0, $2, $3)`,
    context.database, octetsMax, context.timeMs)
}

const TAKE_MODSEQ = `update meta set modseq = modseq + 1, octets = octets + $2, messages = messages + $3
  where account = $1 returning modseq, inbox`

/** The modseq of this record, and the account's counters moved on. Undefined when the account was never opened. */
export async function takeModseqIfOpen(tx: Tx, account: number, octets: number, messages: number): Promise<{ modseq: number; inbox: number } | undefined> {
  return tx.get<{ modseq: number; inbox: number }>(TAKE_MODSEQ, account, octets, messages)
}

export async function takeModseq(tx: Tx, account: number, octets = 0, messages = 0): Promise<number> {
  const row = await takeModseqIfOpen(tx, account, octets, messages)
  if (!row) throw new Bug(`account ${account} has mailboxes and no counters`)
  return row.modseq
}
