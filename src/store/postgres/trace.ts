// What the record table and the views know of a message or an address, newest first.
import { addressKey } from '../address-key.ts'
import type { Sequence } from '../ids.ts'
import type { ArrivalMeta } from '../operations.ts'
import { fateInAccount } from '../readers/fate.ts'
import { worksOfArrival } from '../readers/queue-reader.ts'
import { workFate } from '../readers/work-fate.ts'
import type { TraceEntry, TraceOf } from '../store.ts'
import { ask, type Cells, type Reading } from '../tx.ts'

export function* traceEntries(what: TraceOf, limit: number): Reading<TraceEntry[]> {
  // There is no understudy beside this engine: it has no journal to adopt into.
  if ('taken' in what) return []
  const rows = 'arrival' in what
    ? yield* ask("select sequence, time_ms, meta from record where sequence = $1 and kind = 'arrival' limit $2", what.arrival, limit)
    : 'messageId' in what
    ? yield* ask("select sequence, time_ms, meta from record where message_id = $1 and kind = 'arrival' order by sequence desc limit $2", what.messageId, limit)
    : yield* ask(
      `select r.sequence, r.time_ms, r.meta from record_address a join record r on r.sequence = a.sequence
       where a.address_key = $1 order by r.sequence desc limit $2`, addressKey(what.address), limit)
  const entries: TraceEntry[] = []
  for (const row of rows) entries.push(yield* entryOf(row))
  return entries
}

function* entryOf(row: Cells): Reading<TraceEntry> {
  const sequence = row[0] as Sequence
  const arrival = JSON.parse(row[2] as string) as ArrivalMeta
  const recipients: TraceEntry['recipients'] = []
  for (const plan of arrival.plans) {
    const fate = yield* fateInAccount(plan.account, sequence)
    for (const address of plan.recipients) recipients.push({ address, fate })
  }
  for (const work of yield* worksOfArrival(sequence)) if (!arrival.work[work.id.n]?.deliveredHere) recipients.push({ address: work.recipient, fate: workFate(work) })
  return { sequence, timeMs: row[1] as number, via: arrival.via, sender: arrival.sender, messageId: arrival.facts.messageId ?? null, recipients }
}

/** Keys under which an arrival is found again. */
export function addressesOf(arrival: ArrivalMeta): string[] {
  const addresses = [arrival.sender, ...arrival.plans.flatMap((plan) => plan.recipients), ...arrival.work.map((work) => work.recipient)]
  return [...new Set(addresses.filter((address) => address !== '').map(addressKey))].sort()
}
