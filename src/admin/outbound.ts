// What an operator can do with mail that waits to go out, and where a message went.
import { text } from '../base/language.ts'
import { type TraceEntry, type TraceOf, type WorkId, type WorkRow, parseWorkId, printWorkId, sequence } from '../store/store.ts'
import { type Answer, type Office, type Refusal, done, fromOutcome, refused, EXIT } from './office.ts'

export interface WorkSummary {
  readonly id: string
  readonly state: string
  readonly sender: string
  readonly recipient: string
  readonly size: number
  readonly attempts: number
  readonly arrived: string
  readonly due: string
  readonly lastReply: string | null
}

export interface WorkDetails extends WorkSummary {
  readonly messageId: string | null
  readonly lastAttempt: string | null
  readonly lastRemote: string | null
  readonly notify: string | null
  readonly envid: string | null
  readonly delayNotified: boolean
}

/** Rows of one answer: what fits on a screen or in a program, never the whole of a huge queue. */
const LIST_ROWS_MAX = 10_000

const isoOf = (ms: number): string => new Date(ms).toISOString()

function summaryOf(row: WorkRow): WorkSummary {
  return {
    id: printWorkId(row.id), state: row.state, sender: row.sender, recipient: row.recipient, size: row.size, attempts: row.attempts,
    arrived: isoOf(row.createdMs), due: isoOf(row.dueMs), lastReply: row.lastReply,
  }
}

export async function listWork(office: Office, args: { limit: number | null }): Promise<Answer<readonly WorkSummary[]>> {
  const rows = await office.store.queue.list(Math.min(args.limit ?? LIST_ROWS_MAX, LIST_ROWS_MAX))
  return done(rows.map(summaryOf))
}

export async function showWork(office: Office, args: { id: string }): Promise<Answer<readonly WorkDetails[]>> {
  const rows = await findWork(office, args.id)
  if (!rows.ok) return rows
  return done(rows.result.map((row) => ({
    ...summaryOf(row),
    messageId: row.messageId,
    lastAttempt: row.lastAttemptMs === null ? null : isoOf(row.lastAttemptMs),
    lastRemote: row.lastRemote,
    notify: row.notify,
    envid: row.envid,
    delayNotified: row.delayNotified,
  })))
}

export type WorkWish = 'retry' | 'hold' | 'release' | 'delete'

/** Works changed in one record. */
const WORKS_IN_RECORD_MAX = 1000

/** Retries, holds, releases or deletes what `ids` name: "123.0", "123" for all recipients of an arrival, or "all". */
export async function changeWork(office: Office, args: { wish: string; ids: readonly string[] }): Promise<Answer<{ changed: number }>> {
  const wish = args.wish
  if (wish !== 'retry' && wish !== 'hold' && wish !== 'release' && wish !== 'delete') return refused('bad-argument', text(`no such wish: ${wish}`, `できないこと：${wish}`), EXIT.usage)
  const rows: WorkRow[] = []
  if (args.ids.length === 1 && args.ids[0] === 'all') {
    for (let after: WorkId | undefined; ;) {
      const page = await office.store.queue.list(WORKS_IN_RECORD_MAX, after)
      rows.push(...page)
      after = page.at(-1)?.id
      if (page.length < WORKS_IN_RECORD_MAX) break
    }
  } else {
    for (const id of args.ids) {
      const found = await findWork(office, id)
      if (!found.ok) return found
      rows.push(...found.result)
    }
  }
  const works = rows.filter((row) => suits(row, wish)).map((row) => row.id)
  const dueMs = office.clock.nowMs()
  for (let at = 0; at < works.length; at += WORKS_IN_RECORD_MAX) {
    const some = works.slice(at, at + WORKS_IN_RECORD_MAX)
    const outcome = await office.store.submitQueue(
      wish === 'retry' ? { kind: 'work-retry', works: some, dueMs }
        : { kind: 'work-state', works: some, state: wish === 'hold' ? 'held' : wish === 'release' ? 'waiting' : 'deleted' },
    )
    if (outcome.end === 'refused') return fromOutcome(outcome, undefined as never)
  }
  return done({ changed: works.length })
}

/** What has ended stays ended; what is held is not sent by "retry". */
function suits(row: WorkRow, wish: WorkWish): boolean {
  switch (wish) {
    case 'retry':
    case 'hold':
      return row.state === 'waiting'
    case 'release':
      return row.state === 'held'
    case 'delete':
      return row.state === 'waiting' || row.state === 'held'
  }
}

async function findWork(office: Office, words: string): Promise<{ ok: true; result: WorkRow[] } | Refusal> {
  const id = parseWorkId(words)
  const rows = id ? [await office.store.queue.get(id)]
    : /^\d{1,15}$/.test(words) ? await office.store.queue.ofArrival(sequence(Number(words)))
    : undefined
  if (!rows) return refused('bad-id', text(`"${words}" is no id such as "123.0" (see daruma queue list)`, `「${words}」は "123.0" のような ID ではありません（daruma queue list で見られます）`), EXIT.usage)
  const found = rows.filter((row) => row !== undefined)
  if (found.length === 0) return refused('no-such-work', text(`nothing in the queue has the id ${words}`, `キューに ID ${words} のものはありません`))
  return { ok: true, result: found }
}

export interface TraceRow {
  readonly id: number
  readonly time: string
  readonly via: string
  readonly sender: string
  readonly messageId: string | null
  readonly recipient: string
  readonly fate: string
}

const TRACE_ENTRIES_MAX = 1000

/** An id as the 250 said it ("36"; "U36" of the understudy), or a Message-ID. */
function wantedOf(what: string): TraceOf {
  const id = /^(U?)([1-9][0-9]{0,14})$/i.exec(what)
  if (!id) return { messageId: what }
  return id[1] === '' ? { arrival: sequence(Number(id[2])) } : { taken: Number(id[2]) }
}

/** What became of a message (by Message-ID) or of what an address sent and got. One row for each recipient. */
export async function trace(office: Office, args: { what: string; limit: number | null }): Promise<Answer<readonly TraceRow[]>> {
  const what = args.what.trim().replace(/^<|>$/g, '')
  if (what === '') return refused('bad-argument', text('say a Message-ID or an address', 'Message-ID またはアドレスを指定してください'), EXIT.usage)
  const limit = Math.min(args.limit ?? 50, TRACE_ENTRIES_MAX)
  let entries: TraceEntry[] = await office.store.trace(wantedOf(what), limit)
  if (entries.length === 0 && what.includes('@')) entries = await office.store.trace({ address: what }, limit)
  if (entries.length === 0) return refused('nothing-known', text(`nothing is known of ${what}`, `${what} についての記録はありません`))
  return done(entries.flatMap((entry) => entry.recipients.map(({ address, fate }) => ({
    id: entry.sequence, time: isoOf(entry.timeMs), via: entry.via, sender: entry.sender, messageId: entry.messageId, recipient: address, fate,
  }))))
}
