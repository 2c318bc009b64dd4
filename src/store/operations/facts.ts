// Facts about an account at one position: what every mailbox has handed out so far. A replay that comes
// to facts and disagrees has found that the past was not repeated (STORE.md, Applying 7); what to do about it is
// the caller's.
import type { AccountId } from '../ids.ts'
import type { Tx } from '../tx.ts'
import { readPosition } from './position.ts'

export interface MailboxFacts {
  mailbox: number
  uidValidity: number
  uidNext: number
  highestModseq: number
  running: number
}

/** The record as it stands in the journal. */
export interface FactsMeta {
  kind: 'facts'
  account: AccountId
  epoch: number
  sequence: number
  modseq: number
  mailboxes: MailboxFacts[]
}

/** What the account's database says of itself now. Undefined before its first record. */
export async function readFacts(tx: Tx, account: AccountId): Promise<FactsMeta | undefined> {
  const position = await readPosition(tx, account)
  const meta = await tx.get<{ modseq: number }>('select modseq from meta where account = $1', account)
  if (!position || !meta) return undefined
  const mailboxes = await tx.all<MailboxFacts>(
    `select mailbox, uid_validity as "uidValidity", uid_next as "uidNext", highest_modseq as "highestModseq", running
     from mailbox where account = $1 and retired_ms is null order by mailbox`, account)
  return { kind: 'facts', account, epoch: position.epoch, sequence: position.sequence, modseq: meta.modseq, mailboxes: mailboxes.map((row) => ({ ...row })) }
}

export type FactsVerdict =
  | { verdict: 'agree' }
  /** The database is not at the position that the facts speak of: nothing can be said. */
  | { verdict: 'elsewhere' }
  /** Mailboxes (by number) that have handed out other numbers. Their UIDVALIDITY must be raised before anybody sees them. */
  | { verdict: 'differ'; mailboxes: number[]; sentence: string }

/** Pure. `now` is read by `readFacts` in the same transaction as the position. */
export function compareFacts(then: FactsMeta, now: FactsMeta | undefined): FactsVerdict {
  if (!now || now.sequence !== then.sequence) return { verdict: 'elsewhere' }
  const found = new Map(now.mailboxes.map((each) => [each.mailbox, each]))
  const wrong: number[] = []
  const sentences: string[] = []
  for (const before of then.mailboxes) {
    const after = found.get(before.mailbox)
    found.delete(before.mailbox)
    const differs = (['uidValidity', 'uidNext', 'highestModseq', 'running'] as const).filter((name) => after?.[name] !== before[name])
    if (differs.length === 0) continue
    wrong.push(before.mailbox)
    sentences.push(after ? differs.map((name) => `mailbox ${before.mailbox}: ${name} ${before[name]} then, ${after[name]} now`).join('; ') : `mailbox ${before.mailbox} is not there`)
  }
  for (const extra of found.keys()) {
    wrong.push(extra)
    sentences.push(`mailbox ${extra} was not there`)
  }
  if (now.modseq !== then.modseq) sentences.push(`modseq ${then.modseq} then, ${now.modseq} now`)
  return sentences.length === 0 ? { verdict: 'agree' } : { verdict: 'differ', mailboxes: wrong, sentence: sentences.join('; ') }
}
