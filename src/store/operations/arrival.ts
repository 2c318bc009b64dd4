// An arrival in one account's database: files the message as the plan says. Never refused: it was
// answered 250 long ago. Quota is not asked (it was, at RCPT); a mailbox that has gone means the INBOX.
import type { ArrivalMeta, Outcome } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { insertMeta } from './account-meta.ts'
import { done, type Context } from './context.ts'
import { fileMessage, type FiledMessage } from './file-message.ts'
import { insertMailbox, mailboxNamed } from './mailbox-row.ts'
import { originIsNew } from './origin.ts'

/** `ignored`: no plan for this account, or its origin was seen before. */
export async function applyArrival(tx: Tx, context: Context, arrival: ArrivalMeta, bodyOctets: number): Promise<Outcome<FiledMessage | 'ignored'>> {
  const plan = arrival.plans.find((each) => each.account === context.database)
  if (!plan) return done('ignored')
  if (arrival.origin && !(await originIsNew(tx, context, arrival.origin))) return done('ignored')
  const message = {
    mailbox: plan.mailbox, bits: plan.bits, keywords: plan.keywords, internalDateMs: arrival.receivedMs ?? context.timeMs,
    prefix: plan.prefix, bodyOctets, facts: arrival.facts,
  }
  return done(await fileMessage(tx, context, message, {
    account: () => insertMeta(tx, context, null),
    inbox: async () => (await mailboxNamed(tx, context.database, 'INBOX'))?.mailbox
      ?? (await insertMailbox(tx, context, { name: 'INBOX', role: 'inbox' })).mailbox,
  }))
}
