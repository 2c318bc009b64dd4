// A record that could not be applied is passed over by this one (STORE.md, Applying 4). If it carried a message for
// the account, the message goes raw into the mailbox "Recovered", where a person finds it.
import { FIRST_ACCOUNT, sequence, type DatabaseId } from '../ids.ts'
import type { Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { insertMeta } from './account-meta.ts'
import { done, type Context } from './context.ts'
import { fileMessage, type FiledMessage } from './file-message.ts'
import { insertMailbox, mailboxNamed } from './mailbox-row.ts'

/** The record as it stands in the journal. */
export interface SkipMeta {
  kind: 'skip'
  database: DatabaseId
  /** The record that is passed over. */
  sequence: number
  because: string
  /** Octets of its message; 0 when it carried none. */
  bodyOctets: number
}

const RECOVERED = 'Recovered'

export async function applySkip(tx: Tx, context: Context, skip: SkipMeta): Promise<Outcome<FiledMessage | 'ignored'>> {
  const account = context.database
  if (skip.database !== account || account < FIRST_ACCOUNT || skip.bodyOctets === 0) return done('ignored')
  const there = await tx.get('select message from message where account = $1 and message = $2', account, skip.sequence)
  if (there) return done('ignored')
  await insertMetaIfMissing(tx, context)
  const mailbox = (await mailboxNamed(tx, account, RECOVERED))?.mailbox ?? (await insertMailbox(tx, context, { name: RECOVERED })).mailbox
  const filed = await fileMessage(tx, { ...context, sequence: sequence(skip.sequence) }, {
    mailbox, bits: 0, keywords: '', internalDateMs: context.timeMs, prefix: '', bodyOctets: skip.bodyOctets, facts: { size: skip.bodyOctets, threadKeys: [] },
  })
  return done(filed)
}

async function insertMetaIfMissing(tx: Tx, context: Context): Promise<void> {
  const meta = await tx.get('select modseq from meta where account = $1', context.database)
  if (!meta) await insertMeta(tx, context, null)
}
