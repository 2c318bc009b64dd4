// The whole store as simply as it can be thought: the records of the journal, one after the other, on plain maps.
import { DIRECTORY, FIRST_ACCOUNT, QUEUE, type WorkId } from '../../src/store/ids.ts'
import type { JournalReader } from '../../src/store/journal/journal-reader.ts'
import type { ScannedRecord } from '../../src/store/journal/record.ts'
import type { ArrivalMeta, ChangeRefusal, DirectoryChange, Outcome, QueueChange } from '../../src/store/operations.ts'
import type { RecordMeta } from '../../src/store/operations/apply-record.ts'
import type { SkipMeta } from '../../src/store/operations/skip.ts'
import { AccountModel } from './account-model.ts'

export interface ModelWork {
  recipient: string
  state: string
  attempts: number
  dueMs: number
  lastReply: string | null
}

/** Every change of a test carries one. */
export interface Tagged {
  tag?: number
}

const ok: Outcome<unknown> = { end: 'done', result: {} }
const no = (code: ChangeRefusal): Outcome<unknown> => ({ end: 'refused', code, reason: '' })

export class StoreModel {
  readonly accounts = new Map<number, AccountModel>()
  readonly domains = new Map<string, string | null>()
  readonly rows = new Map<number, { address: string; suspended: boolean; octetsMax: number | null; retired: boolean }>()
  readonly aliases = new Map<string, string[]>()
  readonly settings = new Map<string, string>()
  readonly works = new Map<string, ModelWork>()
  readonly outbox = new Map<string, { kind: string; works: number }>()
  /** What became of each tagged record. */
  readonly outcomes = new Map<number, { sequence: number; outcome: Outcome<unknown> | undefined }>()
  /** Records that only a store in trouble makes. */
  readonly ofTrouble: string[] = []
  records = 0
  readonly #skipped = new Set<string>()

  static of(reader: JournalReader): StoreModel {
    const model = new StoreModel()
    let last = 0
    reader.scan(1, (record) => {
      if (record.type !== 'skip') return
      const { database, sequence } = JSON.parse(Buffer.from(record.meta).toString('utf8')) as SkipMeta
      model.#skipped.add(`${database}:${sequence}`)
    }, 2 ** 45)
    reader.scan(1, (record) => {
      if (record.sequence <= last) throw new Error(`record ${record.sequence} comes after ${last}`)
      last = record.sequence
      model.take(record)
    }, 2 ** 45)
    return model
  }

  account(account: number): AccountModel {
    let model = this.accounts.get(account)
    if (!model) this.accounts.set(account, (model = new AccountModel()))
    return model
  }

  take(record: ScannedRecord): void {
    if (record.type === 'facts') return
    this.records += 1
    const meta = JSON.parse(Buffer.from(record.meta).toString('utf8')) as RecordMeta
    for (const account of record.databases.filter((each) => each >= FIRST_ACCOUNT)) Object.assign(this.account(account), { sequence: record.sequence, timeMs: record.timeMs })
    let outcome: Outcome<unknown> | undefined
    let tag: number | undefined
    const isSkipped = (database: number) => this.#skipped.has(`${database}:${record.sequence}`)
    switch (meta.kind) {
      case 'arrival':
        tag = Number(meta.facts.messageId)
        for (const plan of meta.plans) if (!isSkipped(plan.account)) this.account(plan.account).arrive(meta, plan.account, record.bodyLength)
        if (record.databases.includes(QUEUE) && !isSkipped(QUEUE)) this.#file(meta, record)
        break
      case 'change':
        tag = (meta.change as Tagged).tag
        if (tag === undefined) this.ofTrouble.push(meta.change.kind)
        outcome = isSkipped(meta.account) ? no('not-allowed') : this.account(meta.account).change(meta.change, record.bodyLength)
        break
      case 'directory':
        tag = (meta.change as Tagged).tag
        outcome = this.#directory(meta.change, isSkipped)
        if (record.databases.length !== (meta.change.kind === 'account-add' || meta.change.kind === 'account-quota' ? 2 : 1) || record.databases[0] !== DIRECTORY) throw new Error('a directory record names other databases')
        break
      case 'queue':
        tag = (meta.change as Tagged).tag
        outcome = isSkipped(QUEUE) ? no('not-allowed') : this.#queue(meta.change, record)
        break
      case 'skip':
        this.ofTrouble.push('skip')
        if (meta.database >= FIRST_ACCOUNT && meta.bodyOctets > 0) this.account(meta.database).recover(meta.sequence, meta.bodyOctets)
        break
      default:
        this.ofTrouble.push(meta.kind)
    }
    if (tag === undefined) return
    if (this.outcomes.has(tag)) throw new Error(`what was tagged ${tag} is there twice`)
    this.outcomes.set(tag, { sequence: record.sequence, outcome })
  }

  #directory(change: DirectoryChange, isSkipped: (database: number) => boolean): Outcome<unknown> {
    const skipped = isSkipped(DIRECTORY)
    const taken = (address: string) => this.aliases.has(address) || [...this.rows.values()].some((row) => !row.retired && row.address === address)
    // Its own account applies these too, whatever the directory says.
    if (change.kind === 'account-quota' && !isSkipped(change.account)) this.account(change.account).octetsMax = change.octetsMax
    if (change.kind === 'account-add' && !isSkipped(change.account)) {
      const model = this.account(change.account)
      if (model.mailboxes.length === 0) {
        model.change({ kind: 'open-account', mailboxes: change.mailboxes }, 0)
        model.octetsMax = change.octetsMax
      }
    }
    if (skipped) return no('not-allowed')
    switch (change.kind) {
      case 'domain-add':
        if (this.domains.has(change.name)) return no('exists')
        this.domains.set(change.name, change.catchAll ?? null)
        return ok
      case 'account-add': {
        if (this.rows.has(change.account) || taken(change.addressKey)) return no('exists')
        if (!this.domains.has('example.net')) return no('no-such-thing')
        this.rows.set(change.account, { address: change.addressKey, suspended: false, octetsMax: change.octetsMax, retired: false })
        return ok
      }
      case 'account-suspend':
      case 'account-quota': {
        const row = this.rows.get(change.account)
        if (!row || row.retired) return no('no-such-thing')
        if (change.kind === 'account-quota') row.octetsMax = change.octetsMax
        else row.suspended = change.suspended
        return ok
      }
      case 'alias-add':
        if (taken(change.addressKey)) return no('exists')
        if (!this.domains.has('example.net')) return no('no-such-thing')
        this.aliases.set(change.addressKey, change.targets)
        return ok
      case 'alias-delete':
        return this.aliases.delete(change.addressKey) ? ok : no('no-such-thing')
      case 'setting':
        if (change.value === null) this.settings.delete(change.name)
        else this.settings.set(change.name, change.value)
        return ok
      default:
        throw new Error(`the model does not know ${change.kind}`)
    }
  }

  #file(arrival: ArrivalMeta, record: ScannedRecord): void {
    for (const [n, work] of arrival.work.entries()) {
      this.works.set(`${record.sequence}.${n}`, { recipient: work.recipient, state: 'waiting', attempts: 0, dueMs: record.timeMs, lastReply: null })
    }
  }

  #queue(change: QueueChange, record: ScannedRecord): Outcome<unknown> {
    const of = (id: WorkId) => this.works.get(`${id.arrival}.${id.n}`)
    if (change.kind === 'outbox-done') {
      this.outbox.delete(`${change.position}.${change.n}`)
      return ok
    }
    if (change.kind === 'settled') {
      const reports = new Map<string, number>()
      for (const { work, outcome, report } of change.settlements) {
        const row = of(work)
        if (!row || row.state === 'done' || row.state === 'failed') continue
        const before = row.state
        row.lastReply = outcome.reply
        if (outcome.end === 'retry') row.dueMs = outcome.dueMs
        if (outcome.end === 'done' || (outcome.end === 'failed' && before !== 'deleted')) row.state = outcome.end
        if (report !== undefined && before !== 'deleted') reports.set(report, (reports.get(report) ?? 0) + 1)
      }
      ;[...reports].forEach(([kind, works], n) => this.outbox.set(`${record.sequence}.${n}`, { kind, works }))
      return ok
    }
    if (change.kind === 'tick') return ok
    const allowed = change.kind === 'work-state' ? ['waiting', 'held'] : ['waiting']
    for (const id of change.works) {
      const row = of(id)
      if (!row) return no('no-such-thing')
      if (!allowed.includes(row.state)) return no('not-allowed')
    }
    for (const id of change.works) {
      const row = of(id)
      if (!row) continue
      if (change.kind === 'work-state') row.state = change.state
      else row.dueMs = change.dueMs
      if (change.kind === 'attempt-begun') row.attempts += 1
    }
    return ok
  }
}

