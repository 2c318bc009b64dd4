// What the directory refuses of changes that an account's own database applies as well: judged when they are applied,
// and before that, before the append, since that database cannot see that the directory has refused.
import type { DirectoryChange, Outcome } from '../operations.ts'
import { ask, type Reading } from '../tx.ts'
import { refused } from './context.ts'

/** Only what ends as refused. */
type Refusal = Outcome<never>

/** undefined: nothing is to be said against it, or only the directory applies it. */
export function* refusalOfChange(change: DirectoryChange): Reading<Refusal | undefined> {
  switch (change.kind) {
    case 'account-add':
      return yield* refusalOfAccountAdd(change)
    case 'account-quota':
      return (yield* isThere('select account from account where account = $1 and retired_ms is null', change.account)) ? undefined : refused('no-such-thing', 'there is no such account')
    default:
      return undefined
  }
}

export function* refusalOfAccountAdd(change: DirectoryChange & { kind: 'account-add' }): Reading<Refusal | undefined> {
  const domain = domainOf(change.addressKey)
  if (yield* isThere('select account from account where account = $1', change.account)) return refused('exists', `the account number ${change.account} was given out before`)
  if (yield* addressIsTaken(change.addressKey)) return refused('exists', `the address ${change.address} is taken`)
  if (!(yield* isThere('select name from domain where name = $1 and retired_ms is null', domain))) return refused('no-such-thing', `there is no domain ${domain}`)
  return undefined
}

/** What comes after the last "@" of a key; "" for one without. */
export function domainOf(addressKey: string): string {
  const at = addressKey.lastIndexOf('@')
  return at < 0 ? '' : addressKey.slice(at + 1)
}

export function* addressIsTaken(addressKey: string): Reading<boolean> {
  return (yield* isThere('select account from account where address_key = $1 and retired_ms is null', addressKey))
    || (yield* isThere('select address_key from alias where address_key = $1 and retired_ms is null', addressKey))
}

function* isThere(sql: string, key: string | number): Reading<boolean> {
  return (yield* ask(sql, key)).length > 0
}
