// The invariants of one account, asked of its rows: what tests, `repair` and a nightly chore call alike
// (docs/INVARIANTS.md). Each finding is one sentence; none means that all hold. Reads everything: not for hot paths.
import { ask, type Reading } from '../tx.ts'

/** Findings after which the rest is not listed. */
const FINDINGS_MAX = 50

const RECOUNT = `select m.mailbox, m.name, m.total, m.unseen, m.deleted, m.octets, m.uid_next, m.highest_modseq,
    count(p.uid), coalesce(sum(case when p.bits % 2 = 0 then 1 else 0 end), 0),
    coalesce(sum(case when (p.bits / 8) % 2 = 1 then 1 else 0 end), 0), coalesce(cast(sum(p.octets) as bigint), 0)
  from mailbox m left join placement p on p.account = m.account and p.mailbox = m.mailbox and p.retired_ms is null
  where m.account = $1 and m.retired_ms is null
  group by m.mailbox, m.name, m.total, m.unseen, m.deleted, m.octets, m.uid_next, m.highest_modseq order by m.mailbox`

const BEYOND = `select p.mailbox, p.uid from placement p join mailbox m on m.account = p.account and m.mailbox = p.mailbox
  where p.account = $1 and m.retired_ms is null and (p.uid >= m.uid_next or p.uid < 1 or p.modseq > m.highest_modseq or coalesce(p.retired_modseq, 0) > m.highest_modseq)
  order by p.mailbox, p.uid limit $2`

const LOST = `select p.mailbox, p.uid, p.message from placement p left join message m on m.account = p.account and m.message = p.message
  where p.account = $1 and m.message is null order by p.mailbox, p.uid limit $2`

const GAPS = `select c.modseq from (select distinct modseq from change where account = $1) c
  left join (select distinct modseq from change where account = $1) b on b.modseq = c.modseq - 1
  where b.modseq is null and c.modseq > 1 order by c.modseq limit $2`

export function* accountProblems(account: number): Reading<string[]> {
  const problems: string[] = []
  const [meta] = yield* ask('select modseq, octets, messages, next_mailbox, last_uid_validity, inbox from meta where account = $1', account)
  if (!meta) {
    const [row] = yield* ask('select count(*) from mailbox where account = $1', account)
    return row?.[0] === 0 ? [] : ['the account has mailboxes and no counters']
  }
  const [modseq, octets, messages] = meta as number[]

  let octetsFound = 0
  let messagesFound = 0
  for (const cells of yield* ask(RECOUNT, account)) {
    const stored = cells.slice(2, 6) as number[]
    const counted = cells.slice(8, 12) as number[]
    const names = ['total', 'unseen', 'deleted', 'octets']
    for (const [n, name] of names.entries()) {
      if (stored[n] !== counted[n]) problems.push(`INV-11 mailbox ${cells[0]} (${cells[1]}): ${name} is ${stored[n]}, counted ${counted[n]}`)
    }
    messagesFound += counted[0] ?? 0
    octetsFound += counted[3] ?? 0
    if ((cells[7] as number) > (modseq ?? 0)) problems.push(`INV-4 mailbox ${cells[0]}: HIGHESTMODSEQ ${cells[7]} is beyond the account's ${modseq}`)
  }
  if (octets !== octetsFound) problems.push(`INV-11 quota: ${octets} octets are said to be used, counted ${octetsFound}`)
  if (messages !== messagesFound) problems.push(`INV-11 quota: ${messages} messages are said to be there, counted ${messagesFound}`)

  for (const [mailbox, uid] of yield* ask(BEYOND, account, FINDINGS_MAX)) problems.push(`INV-4 mailbox ${mailbox}: UID ${uid} or its modseq was never handed out`)
  for (const [mailbox, uid, message] of yield* ask(LOST, account, FINDINGS_MAX)) problems.push(`INV-3 mailbox ${mailbox}, UID ${uid}: there is no message ${message}`)
  for (const [after] of yield* ask(GAPS, account, FINDINGS_MAX)) problems.push(`INV-4 the change log has a gap before modseq ${after}`)
  const [ends] = yield* ask('select coalesce(min(modseq), 0), coalesce(max(modseq), 0) from change where account = $1', account)
  if (ends?.[1] !== modseq || (modseq !== 0 && ends?.[0] !== 1)) problems.push(`INV-4 the change log goes from ${ends?.[0]} to ${ends?.[1]}, the account is at ${modseq}`)
  const doubles = yield* ask(
    `select uid_validity, count(*) from mailbox where account = $1 group by uid_validity having count(*) > 1 order by uid_validity limit $2`, account, FINDINGS_MAX)
  for (const [validity] of doubles) problems.push(`INV-4 UIDVALIDITY ${validity} was given to two mailboxes`)
  const [inbox] = yield* ask(
    `select count(*) from mailbox b join meta m on m.account = b.account and m.inbox = b.mailbox
     where b.account = $1 and b.name = 'INBOX' and b.retired_ms is null and b.selectable = 1`, account)
  if (inbox?.[0] !== 1) problems.push('the account has no INBOX that can take mail')
  return problems.slice(0, FINDINGS_MAX)
}
