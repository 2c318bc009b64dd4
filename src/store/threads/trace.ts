// "Where is my mail?": looks through the journal, newest first, for a Message-ID or an address, and says
// of each recipient what has become of it. Reads heads and metas only, in slices, and gives the loop back between them.
import { addressKey } from '../address-key.ts'
import { errorSentence } from '../../base/errors.ts'
import { INTAKE, QUEUE, sequence, type AccountId, type Sequence } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { ArrivalMeta } from '../operations.ts'
import { workFate } from '../readers/work-fate.ts'
import type { QueueReader, TraceEntry, TraceOf } from '../store.ts'

/** Records looked at before others get their turn. */
const SLICE_RECORDS = 5000

export interface TraceOptions {
  reader: JournalReader
  queue: QueueReader
  through: number
  /** What the account's own database says. */
  fate: (account: AccountId, message: Sequence) => Promise<string>
}

interface Found {
  sequence: Sequence
  timeMs: number
  meta: ArrivalMeta
  toQueue: boolean
}

export async function traceJournal(what: TraceOf, limit: number, options: TraceOptions): Promise<TraceEntry[]> {
  const found: Found[] = []
  const fits = 'arrival' in what ? () => true : 'messageId' in what ? byMessageId(what.messageId) : 'taken' in what ? (meta: ArrivalMeta) => meta.origin?.database === INTAKE && meta.origin.n === what.taken : byAddress(what.address)
  const through = 'arrival' in what ? Math.min(what.arrival, options.through) : options.through
  let next: number = 'arrival' in what ? what.arrival : 1
  while (next <= through) {
    let looked = 0
    const from = next
    options.reader.scan(from, (record) => {
      if (looked >= SLICE_RECORDS) return false
      looked += 1
      next = record.sequence + 1
      if (record.type !== 'arrival') return true
      const meta = JSON.parse(Buffer.from(record.meta.buffer, record.meta.byteOffset, record.meta.byteLength).toString('utf8')) as ArrivalMeta
      if (fits(meta)) found.push({ sequence: sequence(record.sequence), timeMs: record.timeMs, meta, toQueue: record.databases.includes(QUEUE) })
      if (found.length > limit * 2) found.splice(0, found.length - limit)
      return true
    }, through)
    if (next === from) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  return Promise.all(found.slice(-limit).reverse().map((each) => entryOf(each, options)))
}

function byMessageId(text: string): (meta: ArrivalMeta) => boolean {
  const wanted = text.replace(/^<|>$/g, '')
  return (meta) => meta.facts.messageId !== undefined && meta.facts.messageId.replace(/^<|>$/g, '') === wanted
}

function byAddress(address: string): (meta: ArrivalMeta) => boolean {
  const key = addressKey(address)
  return (meta) => addressKey(meta.sender) === key
    || meta.plans.some((plan) => plan.recipients.some((recipient) => addressKey(recipient) === key))
    || meta.work.some((work) => addressKey(work.recipient) === key)
}

async function entryOf({ sequence: id, timeMs, meta, toQueue }: Found, { queue, fate }: TraceOptions): Promise<TraceEntry> {
  const works = toQueue ? await queue.ofArrival(id) : []
  const filed = await Promise.all(meta.plans.map(async (plan) => {
    // An account that is being made again cannot be asked just now; its mail is pending and safe.
    const now = await fate(plan.account, id).catch((error: unknown) => `pending: ${errorSentence(error)}`)
    return plan.recipients.map((address) => ({ address, fate: now }))
  }))
  return {
    sequence: id, timeMs, via: meta.via, sender: meta.sender, messageId: meta.facts.messageId ?? null,
    recipients: [
      ...filed.flat(),
      ...meta.work.flatMap((work, n) => (work.deliveredHere ? [] : [{ address: work.recipient, fate: workFate(works.find((row) => row.id.n === n)) }])),
    ],
  }
}
