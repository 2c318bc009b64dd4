// Reading, making and retiring the rows of mailboxes, for the operations that need them.
import type { Tx } from '../tx.ts'
import type { SpecialUse } from '../operations.ts'
import { takeModseq } from './account-meta.ts'
import { logMailbox } from './change-log.ts'
import type { Context } from './context.ts'

export interface LiveMailbox {
  mailbox: number
  name: string
  role: SpecialUse | null
  selectable: number
  uid_validity: number
  uid_next: number
  highest_modseq: number
  total: number
  unseen: number
  deleted: number
  octets: number
  running: number
}

const COLUMNS = 'mailbox, name, role, selectable, uid_validity, uid_next, highest_modseq, total, unseen, deleted, octets, running'

/** A mailbox that is there, selectable or not. */
export async function liveMailbox(tx: Tx, account: number, mailbox: number): Promise<LiveMailbox | undefined> {
  return tx.get<LiveMailbox>(`select ${COLUMNS} from mailbox where account = $1 and mailbox = $2 and retired_ms is null`, account, mailbox)
}

/** A mailbox that can hold messages. */
export async function messageMailbox(tx: Tx, account: number, mailbox: number): Promise<LiveMailbox | undefined> {
  const found = await liveMailbox(tx, account, mailbox)
  return found?.selectable === 1 ? found : undefined
}

export async function mailboxNamed(tx: Tx, account: number, name: string): Promise<LiveMailbox | undefined> {
  return tx.get<LiveMailbox>(`select ${COLUMNS} from mailbox where account = $1 and name = $2 and retired_ms is null`, account, name)
}

/** All mailboxes below a name, in order of their numbers. "0" is the character after "/": the range holds what begins with "name/". */
export async function mailboxesBelow(tx: Tx, account: number, name: string): Promise<LiveMailbox[]> {
  const found = await tx.all<LiveMailbox>(`select ${COLUMNS} from mailbox where account = $1 and name > $2 and name < $3 and retired_ms is null order by mailbox`, account, `${name}/`, `${name}0`)
  return found
}

/**
 * Makes a mailbox with the next number and a UIDVALIDITY that was never used in this account: max(last + 1, the
 * record's time in seconds), so that clients which remember an older mailbox of that name know it is another.
 */
export async function insertMailbox(
  tx: Tx, context: Context, { name, role, selectable = true }: { name: string; role?: SpecialUse | undefined; selectable?: boolean },
): Promise<{ mailbox: number; uidValidity: number }> {
  const account = context.database
  const modseq = await takeModseq(tx, account)
  const numbers = await tx.get<{ mailbox: number; uid_validity: number }>(
    `update meta set next_mailbox = next_mailbox + 1,
       last_uid_validity = case when last_uid_validity + 1 > cast($2 as bigint) then last_uid_validity + 1 else cast($2 as bigint) end
     where account = $1 returning next_mailbox - 1 as mailbox, last_uid_validity as uid_validity`,
    account, Math.floor(context.timeMs / 1000))
  const { mailbox, uid_validity } = numbers as { mailbox: number; uid_validity: number }
  await tx.run(
    `insert into mailbox (account, mailbox, name, role, selectable, uid_validity, uid_next, highest_modseq, total, unseen, deleted, octets, running, created_ms)
     values ($1, $2, $3, $4, $5, $6, 1, $7, 0, 0, 0, 0, 0, $8)`,
    account, mailbox, name, role ?? null, selectable ? 1 : 0, uid_validity, modseq, context.timeMs)
  if (name === 'INBOX') await tx.run('update meta set inbox = $2 where account = $1', account, mailbox)
  await logMailbox(tx, account, { modseq, mailbox, action: 'created' })
  return { mailbox, uidValidity: uid_validity }
}

/** Retires a mailbox with everything in it: its placements stay as they are, out of sight with it. */
export async function retireMailbox(tx: Tx, context: Context, gone: LiveMailbox): Promise<void> {
  const account = context.database
  const modseq = await takeModseq(tx, account, -gone.octets, -gone.total)
  await tx.run('update mailbox set retired_ms = $3, retired_modseq = $4 where account = $1 and mailbox = $2', account, gone.mailbox, context.timeMs, modseq)
  await logMailbox(tx, account, { modseq, mailbox: gone.mailbox, action: 'retired' })
}
