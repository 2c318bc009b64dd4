// Facts that a replay meets (STORE.md, Applying 7): what an account had handed out at one position. They come
// by in the journal a little behind the position that they speak of; they are kept until the
// database stands exactly there, and then compared.
//
// Some are missed (those of a position passed before they came by): the numbers in them only ever grow out of
// the earlier ones, so whatever differs shows in the next.
import { accountId } from '../ids.ts'
import type { ScannedRecord } from '../journal/record.ts'
import { compareFacts, readFacts, type FactsMeta } from '../operations/facts.ts'
import { withTx, type Engine } from '../tx.ts'
import type { AppliedDatabase } from './applied-database.ts'
import { metaValue } from './entry.ts'

/** Facts of one database that wait; the oldest go first. */
const WAITING_MAX = 64

export function noteFacts(base: AppliedDatabase, record: ScannedRecord): void {
  const facts = metaValue(record.meta) as FactsMeta
  if (facts.sequence < base.position) return
  base.factsAhead.push(facts)
  if (base.factsAhead.length > WAITING_MAX) base.factsAhead.shift()
}

/** The position at which a batch has to stop, so that facts can be compared there. */
export function nextFactsAt(base: AppliedDatabase): number {
  return base.factsAhead[0]?.sequence ?? Infinity
}

/** Compares what can be compared at the present position. The sentence and mailboxes of a disagreement, or undefined. */
export async function disagreement(base: AppliedDatabase, engine: Engine): Promise<{ mailboxes: number[]; sentence: string } | undefined> {
  let found: { mailboxes: number[]; sentence: string } | undefined
  while (base.factsAhead.length > 0 && nextFactsAt(base) <= base.position) {
    const then = base.factsAhead.shift() as FactsMeta
    if (then.sequence < base.position) continue
    const now = await withTx(engine, (tx) => readFacts(tx, accountId(base.database)))
    const verdict = compareFacts(then, now)
    if (verdict.verdict !== 'differ') continue
    // Only the account's own counter differs: what every mailbox hands out next would.
    const mailboxes = verdict.mailboxes.length > 0 ? verdict.mailboxes : then.mailboxes.map((each) => each.mailbox)
    found = { mailboxes, sentence: verdict.sentence }
  }
  return found
}
