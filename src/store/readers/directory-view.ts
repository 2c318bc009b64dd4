// The directory as doors hold it: everything in memory, always there. Loaded whole once, then what has changed
// since. Lookups never wait and never fail.
import type { AccountId } from '../ids.ts'
import type { AccountRow, AliasRow, DomainRow } from '../operations.ts'
import type { Directory } from '../store.ts'
import { ask, type Reading } from '../tx.ts'

/** Plain values, so that they can be posted to another thread. Retired rows say which keys have gone. */
export interface DirectoryRows {
  /** The highest sequence among the rows: where the next loading begins. */
  through: number
  domains: (DomainRow & { retired: boolean })[]
  accounts: (AccountRow & { retired: boolean })[]
  aliases: (AliasRow & { retired: boolean })[]
  settings: { name: string; value: string | null }[]
}

/** Rows changed by records after `since` (−1: all). */
export function* directoryRows(since: number): Reading<DirectoryRows> {
  const domains = yield* ask('select changed, retired_ms, name, catch_all from domain where changed > $1 order by name', since)
  const accounts = yield* ask(
    `select changed, retired_ms, account, address, address_key, suspended, octets_max, argon2, scram, created_ms
     from account where changed > $1 order by account`, since)
  const aliases = yield* ask('select changed, retired_ms, address_key, address, targets from alias where changed > $1 order by address_key', since)
  const settings = yield* ask('select changed, name, value from setting where changed > $1 order by name', since)
  let through = since
  for (const rows of [domains, accounts, aliases, settings]) for (const cells of rows) through = Math.max(through, cells[0] as number)
  return {
    through,
    domains: domains.map((cells) => ({ retired: cells[1] !== null, name: cells[2] as string, catchAll: cells[3] as string | null })),
    accounts: accounts.map((cells) => ({
      retired: cells[1] !== null, account: cells[2] as AccountId, address: cells[3] as string, addressKey: cells[4] as string, suspended: cells[5] === 1,
      octetsMax: cells[6] as number | null, credential: { argon2: cells[7] as string, scram: cells[8] as string | null }, createdMs: cells[9] as number,
    })),
    aliases: aliases.map((cells) => ({ retired: cells[1] !== null, addressKey: cells[2] as string, address: cells[3] as string, targets: JSON.parse(cells[4] as string) as string[] })),
    settings: settings.map((cells) => ({ name: cells[1] as string, value: cells[2] as string | null })),
  }
}

export class DirectoryView implements Directory {
  readonly #isCurrent: () => boolean
  readonly #domains = new Map<string, DomainRow>()
  readonly #accounts = new Map<AccountId, AccountRow>()
  readonly #accountsByKey = new Map<string, AccountRow>()
  readonly #aliases = new Map<string, AliasRow>()
  readonly #settings = new Map<string, string>()
  readonly #octetsUsed = new Map<AccountId, number>()
  #through = -1

  constructor(isCurrent: () => boolean = () => true) {
    this.#isCurrent = isCurrent
  }

  get isCurrent(): boolean {
    return this.#isCurrent()
  }

  /** What to ask `directoryRows` for next. */
  get through(): number {
    return this.#through
  }

  take(rows: DirectoryRows): void {
    for (const { retired, ...row } of rows.domains) {
      if (retired) this.#domains.delete(row.name)
      else this.#domains.set(row.name, row)
    }
    // Those that have gone first: an address may have passed from one account to another.
    for (const { retired, ...row } of [...rows.accounts].sort((a, b) => Number(b.retired) - Number(a.retired))) {
      const before = this.#accounts.get(row.account)
      if (before && this.#accountsByKey.get(before.addressKey) === before) this.#accountsByKey.delete(before.addressKey)
      if (retired) {
        this.#accounts.delete(row.account)
        this.#octetsUsed.delete(row.account)
      } else {
        this.#accounts.set(row.account, row)
        this.#accountsByKey.set(row.addressKey, row)
      }
    }
    for (const { retired, ...row } of rows.aliases) {
      if (retired) this.#aliases.delete(row.addressKey)
      else this.#aliases.set(row.addressKey, row)
    }
    for (const { name, value } of rows.settings) {
      if (value === null) this.#settings.delete(name)
      else this.#settings.set(name, value)
    }
    this.#through = Math.max(this.#through, rows.through)
  }

  /** As the account's database last said; RCPT judges by it. */
  setOctetsUsed(account: AccountId, octets: number): void {
    if (this.#accounts.has(account)) this.#octetsUsed.set(account, octets)
  }

  domain(name: string): DomainRow | undefined {
    return this.#domains.get(name)
  }
  domains(): Iterable<DomainRow> {
    return this.#domains.values()
  }
  account(account: AccountId): AccountRow | undefined {
    return this.#accounts.get(account)
  }
  accountByKey(addressKey: string): AccountRow | undefined {
    return this.#accountsByKey.get(addressKey)
  }
  accounts(): Iterable<AccountRow> {
    return this.#accounts.values()
  }
  aliasByKey(addressKey: string): AliasRow | undefined {
    return this.#aliases.get(addressKey)
  }
  aliases(): Iterable<AliasRow> {
    return this.#aliases.values()
  }
  setting(name: string): string | undefined {
    return this.#settings.get(name)
  }
  octetsUsed(account: AccountId): number {
    return this.#octetsUsed.get(account) ?? 0
  }
}

/** The highest account number that was ever given out, deleted accounts included; 99 when there was none. */
export function* highestAccountEver(): Reading<number> {
  const [row] = yield* ask('select coalesce(max(account), 99) from account')
  return row?.[0] as number
}
