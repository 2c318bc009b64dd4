// The change log: what happened under which modseq, written in the same transaction (INV-4: no gaps).
import type { Tx } from '../tx.ts'
import type { UidRange } from '../operations.ts'
import { printRanges } from './uid-ranges.ts'

export type ChangeAction = 'created' | 'changed' | 'retired'

const INSERT = 'insert into change (account, modseq, n, object, mailbox, action, uids) values ($1, $2, $3, $4, $5, $6, $7)'

/** `n` tells the rows of one modseq apart. */
export async function logMessages(
  tx: Tx, account: number, { modseq, n = 0, mailbox, action, uids }: { modseq: number; n?: number; mailbox: number; action: ChangeAction; uids: readonly UidRange[] },
): Promise<void> {
  await tx.run(INSERT, account, modseq, n, 'message', mailbox, action, printRanges(uids))
}

/** The same for one message, without making ranges of it: every arrival comes by here. */
export async function logNewMessage(tx: Tx, account: number, modseq: number, mailbox: number, uid: number): Promise<void> {
  await tx.run(INSERT, account, modseq, 0, 'message', mailbox, 'created', String(uid))
}

export async function logMailbox(
  tx: Tx, account: number, { modseq, n = 0, mailbox, action }: { modseq: number; n?: number; mailbox: number; action: ChangeAction },
): Promise<void> {
  await tx.run(INSERT, account, modseq, n, 'mailbox', mailbox, action, null)
}
