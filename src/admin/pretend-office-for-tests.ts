// For tests: an office whose store is a few maps in memory. It obeys the store's interface and keeps
// nothing. Refuses what the real directory refuses, so that an operation cannot rely on kindness.
import { FakeClock } from '../base/clock.ts'
import { seededRandom } from '../base/random.ts'
import {
  type AccountId, type AccountReader, type AccountRow, type AliasRow, type ArrivalMeta, type DirectoryChange, type DomainRow, type MailboxRow, type Outcome, type QueueChange, type TraceEntry, type WorkRow, accountId, printWorkId, sequence,
} from '../store/store.ts'
import type { Office, OfficeStore } from './office.ts'

export interface PretendOffice {
  office: Office
  clock: FakeClock
  /** What was submitted, in order. */
  submitted: (DirectoryChange | QueueChange)[]
  /** What was filed, with its bytes. */
  accepted: { arrival: ArrivalMeta; octets: Uint8Array }[]
  work: WorkRow[]
  traced: TraceEntry[]
  /** Messages in the INBOX of an account, for status and list. */
  messages: Map<AccountId, number>
  /** Accounts whose database cannot be read. */
  damaged: Set<AccountId>
}

const none = (): Outcome<Record<string, never>> => ({ end: 'done', result: {} })

export function pretendOffice(): PretendOffice {
  const domains = new Map<string, DomainRow>()
  const accounts = new Map<AccountId, AccountRow>()
  const aliases = new Map<string, AliasRow>()
  const clock = new FakeClock()
  const pretend: Omit<PretendOffice, 'office'> = { clock, submitted: [], accepted: [], work: [], traced: [], messages: new Map(), damaged: new Set() }
  let lastAccount = 99

  const refusedAs = (code: 'exists' | 'no-such-thing'): Outcome<Record<string, never>> => ({ end: 'refused', code, reason: code })
  const changed = (id: AccountId, change: Partial<AccountRow>) => {
    const row = accounts.get(id)
    if (!row) return refusedAs('no-such-thing')
    accounts.set(id, { ...row, ...change })
    return none()
  }
  const submitDirectory = async (change: DirectoryChange): Promise<Outcome<Record<string, never>>> => {
    pretend.submitted.push(change)
    switch (change.kind) {
      case 'domain-add':
        domains.set(change.name, { name: change.name, catchAll: change.catchAll ?? null })
        return none()
      case 'domain-delete':
        return domains.delete(change.name) ? none() : refusedAs('no-such-thing')
      case 'account-add':
        if ([...accounts.values()].some((row) => row.addressKey === change.addressKey)) return refusedAs('exists')
        accounts.set(change.account, { account: change.account, address: change.address, addressKey: change.addressKey, suspended: false, octetsMax: change.octetsMax, credential: change.credential, createdMs: clock.nowMs() })
        return none()
      case 'account-delete':
        return accounts.delete(change.account) ? none() : refusedAs('no-such-thing')
      case 'account-suspend':
        return changed(change.account, { suspended: change.suspended })
      case 'account-credential':
        return changed(change.account, { credential: change.credential })
      case 'account-quota':
        return changed(change.account, { octetsMax: change.octetsMax })
      case 'alias-add':
        aliases.set(change.addressKey, { address: change.address, addressKey: change.addressKey, targets: change.targets })
        return none()
      case 'alias-delete':
        return aliases.delete(change.addressKey) ? none() : refusedAs('no-such-thing')
      case 'setting':
        return none()
    }
  }
  const submitQueue = async (change: QueueChange): Promise<Outcome<Record<string, never>>> => {
    pretend.submitted.push(change)
    if (change.kind === 'work-state' || change.kind === 'work-retry') {
      const ids = new Set(change.works.map(printWorkId))
      for (const row of pretend.work) {
        if (!ids.has(printWorkId(row.id))) continue
        if (change.kind === 'work-state') row.state = change.state
        else row.dueMs = change.dueMs
      }
    }
    return none()
  }
  const reader = (id: AccountId) => ({
    quota: async () => {
      if (pretend.damaged.has(id)) throw new Error('cannot be read')
      return { octetsUsed: 1000 * (pretend.messages.get(id) ?? 0), octetsMax: accounts.get(id)?.octetsMax ?? null, messages: pretend.messages.get(id) ?? 0 }
    },
    mailboxes: async () => {
      if (pretend.damaged.has(id)) throw new Error('cannot be read')
      return [{ name: 'INBOX', total: pretend.messages.get(id) ?? 0 }] as MailboxRow[]
    },
  }) as unknown as AccountReader

  const store: OfficeStore = {
    directory: {
      isCurrent: true, domain: (name) => domains.get(name),
      domains: () => domains.values(),
      account: (id) => accounts.get(id),
      accountByKey: (key) => [...accounts.values()].find((row) => row.addressKey === key),
      accounts: () => accounts.values(),
      aliasByKey: (key) => aliases.get(key),
      aliases: () => aliases.values(),
      setting: () => undefined,
      octetsUsed: () => 0,
    },
    submit: async () => {
      throw new Error('no operation changes an account directly')
    },
    submitDirectory,
    submitQueue,
    nextAccountId: async () => accountId((lastAccount += 1)),
    account: reader,
    queue: {
      due: async () => [],
      nextDueMs: async () => undefined,
      list: async (limit, after) => {
        const rows = pretend.work.filter((row) => row.state === 'waiting' || row.state === 'held')
        const from = after === undefined ? 0 : rows.findIndex((row) => printWorkId(row.id) === printWorkId(after)) + 1
        return rows.slice(from, from + limit)
      },
      get: async (id) => pretend.work.find((row) => printWorkId(row.id) === printWorkId(id)),
      ofArrival: async (arrival) => pretend.work.filter((row) => row.id.arrival === arrival),
      outbox: async () => [],
      counts: async () => ({ waiting: pretend.work.filter((row) => row.state === 'waiting').length, held: pretend.work.filter((row) => row.state === 'held').length }),
    },
    trace: async (what, limit) => pretend.traced
      .filter((entry) => ('arrival' in what ? entry.sequence === what.arrival : 'messageId' in what ? entry.messageId === what.messageId : 'taken' in what ? false : entry.sender === what.address || entry.recipients.some((one) => one.address === what.address)))
      .slice(0, limit),
    admission: () => ({ admit: true }),
    accept: async (arrival, body) => {
      const octets = body.at === 'memory' ? structuredClone(body.bytes, { transfer: [body.bytes.buffer as ArrayBuffer] }) : new Uint8Array(0)
      pretend.accepted.push({ arrival, octets })
      return sequence(pretend.accepted.length)
    },
  }
  const office: Office = {
    store, clock, random: seededRandom(7), server: undefined,
    makeCredential: async (password) => ({ argon2: `verifier of ${password}`, scram: null }),
  }
  return { ...pretend, office }
}
