// Puts one new message into a mailbox: what arrivals and APPEND share, and the hottest path of the store.
// Six statements for a message: counters of the account, counters of the mailbox (which hand out the
// UID), thread, message, placement, change log.
import { Bug } from '../../base/errors.ts'
import { DELETED, SEEN } from '../flags.ts'
import type { MessageFacts } from '../operations.ts'
import type { Tx } from '../tx.ts'
import { takeModseq, takeModseqIfOpen } from './account-meta.ts'
import { logMailbox, logNewMessage } from './change-log.ts'
import { safeText, type Context } from './context.ts'
import { mixRunningSql } from './running.ts'
import { takeThread } from './thread.ts'

export interface NewMessage {
  /** Undefined: the INBOX. */
  mailbox: number | undefined
  bits: number
  keywords: string
  internalDateMs: number
  /** latin1 */
  prefix: string
  bodyOctets: number
  facts: MessageFacts
}

export interface FiledMessage {
  mailbox: number
  uid: number
  modseq: number
}

const TAKE_UID = `update mailbox set uid_next = uid_next + 1, total = total + 1, unseen = unseen + $3, deleted = deleted + $4, octets = octets + $5,
    highest_modseq = $6, running = ${mixRunningSql('$6')}
  where account = $1 and mailbox = $2 and retired_ms is null and selectable = 1 returning uid_next - 1 as uid`
const INSERT_MESSAGE = `insert into message (account, message, octets, prefix, envelope, structure, thread, message_id)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`
const INSERT_PLACEMENT = `insert into placement (account, mailbox, uid, message, modseq, bits, keywords, octets, internal_date_ms, saved_ms)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const NOTHING = new Uint8Array(0)

/** Only to be bound: the engine copies it, so it may come from the pool. */
function octetsOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

/** How an arrival, which is never refused, gets what is missing. */
export interface Making {
  account(): Promise<void>
  /** The number of an INBOX that is there. */
  inbox(): Promise<number>
}

/** Without `making` the caller has made sure that account and mailbox are there. */
export async function fileMessage(tx: Tx, context: Context, message: NewMessage, making?: Making): Promise<FiledMessage> {
  const account = context.database
  const octets = message.prefix.length + message.bodyOctets
  const unseen = (message.bits & SEEN) === 0 ? 1 : 0
  const deleted = (message.bits & DELETED) === 0 ? 0 : 1

  let meta = await takeModseqIfOpen(tx, account, octets, 1)
  if (!meta && making) {
    await making.account()
    meta = await takeModseqIfOpen(tx, account, octets, 1)
  }
  if (!meta) throw new Bug(`account ${account} was never opened`)
  let { modseq } = meta

  let mailbox = message.mailbox ?? meta.inbox
  let taken = await tx.get<{ uid: number }>(TAKE_UID, account, mailbox, unseen, deleted, octets, modseq)
  if (!taken && mailbox !== meta.inbox) {
    mailbox = meta.inbox
    taken = await tx.get<{ uid: number }>(TAKE_UID, account, mailbox, unseen, deleted, octets, modseq)
  }
  if (!taken && making) {
    mailbox = await making.inbox()
    // The new INBOX has begun with a later modseq: the message takes one after that, and the log keeps no gap.
    await logMailbox(tx, account, { modseq, mailbox, action: 'changed' })
    modseq = await takeModseq(tx, account)
    taken = await tx.get<{ uid: number }>(TAKE_UID, account, mailbox, unseen, deleted, octets, modseq)
  }
  if (!taken) throw new Bug(`account ${account} has no mailbox that could take a message`)

  const { facts } = message
  const thread = await takeThread(tx, account, context.sequence, facts.threadKeys)
  await tx.run(INSERT_MESSAGE, account, context.sequence, message.bodyOctets,
    message.prefix === '' ? NOTHING : octetsOf(message.prefix),
    facts.envelope === undefined ? null : octetsOf(facts.envelope),
    facts.structure === undefined ? null : octetsOf(facts.structure),
    thread, facts.messageId === undefined ? null : safeText(facts.messageId))
  await tx.run(INSERT_PLACEMENT, account, mailbox, taken.uid, context.sequence, modseq, message.bits, message.keywords, octets, message.internalDateMs, context.timeMs)
  await logNewMessage(tx, account, modseq, mailbox, taken.uid)
  return { mailbox, uid: taken.uid, modseq }
}
