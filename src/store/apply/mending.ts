// Caches of an account, worked out again in place by the account thread, the only writer of views (STORE.md, Applying 6):
// counters from a recount, protocol texts by forgetting them (a reader works them out again). No position moves.
import { DELETED, SEEN } from '../flags.ts'
import type { Tx } from '../tx.ts'

interface Counted {
  mailbox: number
  total: number
  unseen: number
  deleted: number
  octets: number
}

export async function recount(tx: Tx, account: number): Promise<void> {
  const rows = await tx.all<Counted>(
    `select m.mailbox, count(p.uid) as total, cast(coalesce(sum(case when p.uid is not null and (p.bits & $2) = 0 then 1 else 0 end), 0) as bigint) as unseen,
       cast(coalesce(sum(case when (p.bits & $3) <> 0 then 1 else 0 end), 0) as bigint) as deleted, cast(coalesce(sum(p.octets), 0) as bigint) as octets
     from mailbox m left join placement p on p.account = m.account and p.mailbox = m.mailbox and p.retired_ms is null
     where m.account = $1 and m.retired_ms is null group by m.mailbox order by m.mailbox`, account, SEEN, DELETED)
  let [messages, octets] = [0, 0]
  for (const row of rows) {
    messages += row.total
    octets += row.octets
    await tx.run('update mailbox set total = $3, unseen = $4, deleted = $5, octets = $6 where account = $1 and mailbox = $2', account, row.mailbox, row.total, row.unseen, row.deleted, row.octets)
  }
  await tx.run('update meta set messages = $2, octets = $3 where account = $1', account, messages, octets)
}

export async function dropTexts(tx: Tx, account: number): Promise<void> {
  await tx.run('update message set envelope = null, structure = null where account = $1', account)
}
