// For tests only: a queue in memory that answers as the store does, as far as the queue asks. It keeps
// every change it was given, in order, can be told to fail, and survives a scheduler that "dies".
import type { Clock } from '../base/clock.ts'
import { Outage } from '../base/errors.ts'
import { bytesOf } from '../base/bytes.ts'
import { QUEUE, printWorkId, sequence } from '../store/store.ts'
import type { BodySource, OutboxRow, Outcome, QueueChange, QueueReader, Sequence, Store, WorkDraft, WorkId, WorkRow } from '../store/store.ts'

export interface FakeArrival {
  sender?: string
  work: readonly (Partial<WorkDraft> & { recipient: string })[]
  body?: string
  relayPrefix?: string
  ret?: 'FULL' | 'HDRS'
  envid?: string
}

export class FakeStore implements Pick<Store, 'queue' | 'submitQueue' | 'openBody' | 'onNotice'> {
  readonly rows = new Map<string, WorkRow>()
  readonly bodies = new Map<Sequence, Uint8Array>()
  readonly changes: QueueChange[] = []
  outbox: OutboxRow[] = []
  /** Thrown by the next `submitQueue` of this kind. */
  failNext: QueueChange['kind'] | undefined
  /** Asked before each change; a promise holds it up. */
  beforeChange: ((change: QueueChange) => Promise<void> | void) | undefined
  readonly #clock: Clock
  readonly #listeners = new Set<() => void>()
  #sequence = 100

  readonly #born = new Map<Sequence, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  arrive({ sender = 'sender@us.example', work, body = 'Subject: x\r\n\r\nhello\r\n', relayPrefix = '', ret, envid }: FakeArrival): Sequence {
    const arrival = sequence(++this.#sequence)
    this.bodies.set(arrival, bytesOf(body))
    this.#born.set(arrival, this.#clock.monotonicMs())
    work.forEach((draft, n) => this.rows.set(printWorkId({ arrival, n }), {
      id: { arrival, n }, sender, recipient: draft.recipient, domain: draft.domain ?? draft.recipient.slice(draft.recipient.lastIndexOf('@') + 1),
      notify: draft.notify ?? null, orcpt: draft.orcpt ?? null, envid: envid ?? null, ret: ret ?? null, smtputf8: false, bodyType: '7BIT',
      size: bytesOf(body).length, relayPrefix, submitter: null, messageId: null, state: 'waiting', createdMs: this.#clock.nowMs(), dueMs: this.#clock.nowMs(),
      attempts: 0, lastAttemptMs: null, lastReply: null, lastRemote: null, delayNotified: false, livedMinutes: 0,
    }))
    this.#notify()
    return arrival
  }

  row(arrival: Sequence, n = 0): WorkRow {
    const row = this.rows.get(printWorkId({ arrival, n }))
    if (!row) throw new Error('no such work')
    return row
  }

  settled(kind: QueueChange['kind']): number {
    return this.changes.filter((change) => change.kind === kind).length
  }

  async submitQueue(change: QueueChange): Promise<Outcome<Record<string, never>>> {
    await this.beforeChange?.(change)
    if (this.failNext === change.kind) {
      this.failNext = undefined
      throw new Outage('no space left', { operation: 'write', code: 'ENOSPC' })
    }
    this.changes.push(change)
    const position = sequence(++this.#sequence)
    if (change.kind === 'attempt-begun') {
      for (const id of change.works) this.#change(id, (row) => ({ ...row, dueMs: change.dueMs, attempts: row.attempts + 1, lastAttemptMs: this.#clock.nowMs() }))
    } else if (change.kind === 'settled') {
      const reports = new Map<string, OutboxRow['report']>()
      for (const { work, outcome, report } of change.settlements) {
        this.#change(work, (row) => ({
          ...row, lastReply: outcome.reply, lastRemote: outcome.remote,
          ...(outcome.end === 'retry' ? { dueMs: outcome.dueMs, delayNotified: row.delayNotified || outcome.delayNotice } : { state: outcome.end }),
        }))
        if (!report) continue
        const sender = this.rows.get(printWorkId(work))?.id.arrival
        const key = `${report} ${sender}`
        const owed = reports.get(key) ?? { kind: report, works: [] }
        owed.works.push({ work, reply: outcome.reply, remote: outcome.remote, status: outcome.end === 'done' ? '' : outcome.status ?? '' })
        reports.set(key, owed)
      }
      let n = 0
      for (const report of reports.values()) this.outbox.push({ database: QUEUE, position, n: n++, createdMs: this.#clock.nowMs(), report })
    } else if (change.kind === 'work-state') {
      for (const id of change.works) this.#change(id, (row) => ({ ...row, state: change.state }))
    } else if (change.kind === 'work-retry') {
      for (const id of change.works) this.#change(id, (row) => ({ ...row, state: 'waiting', dueMs: change.dueMs }))
    } else if (change.kind === 'outbox-done') {
      this.outbox = this.outbox.filter((row) => row.position !== change.position || row.n !== change.n)
    }
    this.#notify()
    return { end: 'done', result: {} }
  }

  #change(id: WorkId, to: (row: WorkRow) => WorkRow): void {
    const row = this.rows.get(printWorkId(id))
    if (row && (row.state === 'waiting' || row.state === 'held')) this.rows.set(printWorkId(id), to(row))
  }

  #open(): WorkRow[] {
    return [...this.rows.values()].filter((row) => row.state === 'waiting' || row.state === 'held').map((row) => this.#aged(row))
  }

  /** As if every quarter of an hour of the monotonic clock had been a tick. */
  #aged(row: WorkRow): WorkRow {
    const livedMs = this.#clock.monotonicMs() - (this.#born.get(row.id.arrival) ?? 0)
    return { ...row, livedMinutes: Math.floor(livedMs / 900_000) * 15 }
  }

  readonly queue: QueueReader = {
    due: async (nowMs, limit, without = []) => this.#open()
      .filter((row) => row.state === 'waiting' && row.dueMs <= nowMs && !without.includes(row.domain))
      .sort((a, b) => a.dueMs - b.dueMs).slice(0, limit),
    nextDueMs: async () => {
      const due = this.#open().filter((row) => row.state === 'waiting').map((row) => row.dueMs)
      return due.length === 0 ? undefined : Math.min(...due)
    },
    list: async (limit, after) => this.#open()
      .filter(({ id }) => !after || id.arrival > after.arrival || (id.arrival === after.arrival && id.n > after.n))
      .sort((a, b) => a.id.arrival - b.id.arrival || a.id.n - b.id.n).slice(0, limit),
    get: async (id) => {
      const row = this.rows.get(printWorkId(id))
      return row && this.#aged(row)
    },
    ofArrival: async (arrival) => [...this.rows.values()].filter((row) => row.id.arrival === arrival).map((row) => this.#aged(row)),
    outbox: async (limit) => this.outbox.slice(0, limit),
    counts: async () => ({ waiting: this.#open().filter((row) => row.state === 'waiting').length, held: this.#open().filter((row) => row.state === 'held').length }),
  }

  async openBody(message: Sequence): Promise<BodySource> {
    const bytes = this.bodies.get(message)
    if (!bytes) throw new Outage('the message cannot be read', { operation: 'read', code: 'EIO' })
    return { sizeOctets: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length), whole: () => bytes, close() {} }
  }

  onNotice(_database: unknown, call: (database: number, position: Sequence) => void): () => void {
    const listener = () => call(QUEUE, sequence(this.#sequence))
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Lets everything run that needs no clock. */
export async function turns(count = 50): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}
