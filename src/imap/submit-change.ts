// A client's change, and what this thread must know of it at once: every session here sees it with its next
// command, whether or not the store's notice has come by then.
import type { AccountChange, AccountId, BodyDraft, ChangeResults, Outcome } from '../store/store.ts'
import type { ImapServices } from './services.ts'

export async function submitChange<C extends AccountChange>(services: ImapServices, account: AccountId, change: C, body?: BodyDraft): Promise<Outcome<ChangeResults[C['kind']]>> {
  try {
    return await services.store.submit(account, change, body)
  } finally {
    services.views.touch(account)
  }
}
