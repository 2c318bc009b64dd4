// What became of one arrival in one account: where it is filed, whether it was expunged since, or that it waits.
import type { AccountId, Sequence } from '../ids.ts'
import { ask, type Reading } from '../tx.ts'

export function* fateInAccount(account: AccountId, message: Sequence): Reading<string> {
  const placed = yield* ask(
    `select m.name, p.uid, p.retired_ms from placement p join mailbox m on m.account = p.account and m.mailbox = p.mailbox
     where p.account = $1 and p.message = $2 order by p.mailbox, p.uid`, account, message)
  return placed.map((cells) => (cells[2] === null ? `filed in ${cells[0]} as ${cells[1]}` : `expunged from ${cells[0]}`)).join('; ') || 'pending'
}
