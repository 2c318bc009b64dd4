// `AccountReader` over either engine: each call is one reading.
import type { AccountId } from '../ids.ts'
import type { AccountReader } from '../store.ts'
import type { Reading } from '../tx.ts'
import { changesSince, mailboxByName, mailboxesOf, mailboxOf, messagesOf, quotaOf, subscriptionsOf, viewPage } from './account-readings.ts'

/** How an engine runs a reading: SQLite at once, PostgreSQL in a transaction. */
export type RunReading = <T>(reading: Reading<T>) => Promise<T>

/** `keepTexts` hands protocol texts to whoever may write them (operations/cache-texts.ts). */
export function accountReader(account: AccountId, run: RunReading, keepTexts: AccountReader['cacheTexts']): AccountReader {
  return {
    mailboxes: () => run(mailboxesOf(account)),
    mailbox: (mailbox) => run(mailboxOf(account, mailbox)),
    mailboxByName: (name) => run(mailboxByName(account, name)),
    subscriptions: () => run(subscriptionsOf(account)),
    viewPage: (mailbox, afterUid, limit) => run(viewPage(account, mailbox, afterUid, limit)),
    changesSince: (mailbox, modseq, limit) => run(changesSince(account, mailbox, modseq, limit)),
    messages: (mailbox, uids) => run(messagesOf(account, mailbox, uids)),
    cacheTexts: keepTexts,
    quota: () => run(quotaOf(account)),
  }
}
