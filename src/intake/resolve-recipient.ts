// Where mail for an address goes: accounts here, addresses elsewhere, or nowhere. Pure over the
// directory, which is in memory: no wait, no fault. The order is: the account, the alias, the same two
// without a tag (user+tag), postmaster (RFC 5321 §4.5.1), the domain's catch-all.
import { addressKey, domainKey, type AccountId, type AccountRow, type Directory } from '../store/store.ts'

export interface DeliveryRules {
  /** Between user and tag; "" for none. */
  subaddressSeparator: string
  /** Who gets mail for postmaster where nobody has that name; undefined: the first account. */
  postmaster: string | undefined
}

export type Resolution =
  /** Not our domain: to be relayed, if that is allowed. */
  | { end: 'elsewhere' }
  | { end: 'unknown-user' }
  /** Aliases that lead to each other only. The operator's mistake, hence temporary for the sender. */
  | { end: 'alias-loop' }
  | { end: 'found'; accounts: AccountId[]; outside: string[]; byAlias: boolean }

/** Steps from alias to alias. */
const ALIAS_DEPTH_MAX = 10
/** Addresses that one recipient may fan out to. */
const ALIAS_TARGETS_MAX = 1000

export function resolveRecipient(address: string, directory: Directory, rules: DeliveryRules): Resolution {
  const key = addressKey(address)
  const at = key.lastIndexOf('@')
  if (at < 0) return key === 'postmaster' ? resolvePostmaster(directory, rules) : { end: 'unknown-user' }
  const domain = key.slice(at + 1)
  if (!directory.domain(domain)) return key.slice(0, at) === 'postmaster' && domain.startsWith('[') ? resolvePostmaster(directory, rules) : { end: 'elsewhere' }
  const account = directory.accountByKey(key)
  if (account) return { end: 'found', accounts: [account.account], outside: [], byAlias: false } // by far the most
  const walk = new Walk(directory, rules)
  walk.visit(key, 0)
  if (walk.accounts.size > 0 || walk.outside.size > 0) return { end: 'found', accounts: [...walk.accounts], outside: [...walk.outside.values()], byAlias: walk.byAlias }
  return { end: walk.looped ? 'alias-loop' : 'unknown-user' }
}

class Walk {
  readonly accounts = new Set<AccountId>()
  /** By key, so that two spellings are one. */
  readonly outside = new Map<string, string>()
  byAlias = false
  looped = false
  readonly #directory: Directory
  readonly #rules: DeliveryRules
  readonly #seen = new Set<string>()

  constructor(directory: Directory, rules: DeliveryRules) {
    this.#directory = directory
    this.#rules = rules
  }

  visit(key: string, depth: number): void {
    const at = key.lastIndexOf('@')
    const local = key.slice(0, at)
    const domain = key.slice(at + 1)
    for (const candidate of candidates(local, this.#rules.subaddressSeparator)) {
      const account = this.#directory.accountByKey(`${candidate}@${domain}`)
      if (account) return void this.accounts.add(account.account)
      const alias = this.#directory.aliasByKey(`${candidate}@${domain}`)
      if (alias) return this.#follow(alias.addressKey, alias.targets, depth)
    }
    if (local === 'postmaster') {
      const account = postmasterAccount(this.#directory, this.#rules)
      if (account) return void this.accounts.add(account.account)
    }
    const catchAll = this.#directory.domain(domain)?.catchAll
    if (catchAll) this.#follow(`catch-all of ${domain}`, [catchAll], depth)
  }

  #follow(name: string, targets: readonly string[], depth: number): void {
    this.byAlias = true
    if (this.#seen.has(name)) {
      this.looped = true
      return
    }
    this.#seen.add(name)
    if (depth >= ALIAS_DEPTH_MAX) {
      this.looped = true
      return
    }
    for (const target of targets) {
      if (this.accounts.size + this.outside.size >= ALIAS_TARGETS_MAX) return
      const key = addressKey(target)
      if (this.#directory.domain(domainKey(target.slice(target.lastIndexOf('@') + 1)))) this.visit(key, depth + 1)
      else if (!this.outside.has(key)) this.outside.set(key, target)
    }
  }
}

/** The local part itself, then without its tag: the longest user first, so that "a-b-tag" is tried as "a-b", then "a". */
function candidates(local: string, separator: string): string[] {
  const all = [local]
  if (separator === '' || local.startsWith('"')) return all
  for (let at = local.lastIndexOf(separator); at > 0; at = local.lastIndexOf(separator, at - 1)) all.push(local.slice(0, at))
  return all
}

function resolvePostmaster(directory: Directory, rules: DeliveryRules): Resolution {
  if (rules.postmaster !== undefined && addressKey(rules.postmaster) !== 'postmaster') {
    const named = resolveRecipient(rules.postmaster, directory, { ...rules, postmaster: undefined })
    if (named.end === 'found') return named
    if (named.end === 'elsewhere') return { end: 'found', accounts: [], outside: [rules.postmaster], byAlias: true }
  }
  const account = firstAccount(directory)
  return account ? { end: 'found', accounts: [account.account], outside: [], byAlias: false } : { end: 'unknown-user' }
}

function postmasterAccount(directory: Directory, rules: DeliveryRules): AccountRow | undefined {
  const resolved = resolvePostmaster(directory, rules)
  const [account] = resolved.end === 'found' ? resolved.accounts : []
  return account === undefined ? firstAccount(directory) : directory.account(account)
}

function firstAccount(directory: Directory): AccountRow | undefined {
  let first: AccountRow | undefined
  for (const account of directory.accounts()) if (!first || account.account < first.account) first = account
  return first
}
