// What an operator can do with domains and aliases. Every change is one record of the directory.
import { text } from '../base/language.ts'
import type { Deleted } from './accounts.ts'
import { leftBehind } from './left-behind.ts'
import { type Answer, type Office, done, fromOutcome, refused, EXIT } from './office.ts'
import { readAddress, readDomain } from './operator-address.ts'

export interface DomainSummary {
  readonly domain: string
  readonly catchAll: string | null
  readonly accounts: number
  readonly aliases: number
}

export interface AliasSummary {
  readonly address: string
  readonly targets: readonly string[]
}

/** Adds a domain, or changes the catch-all of one that is there. */
export async function addDomain(office: Office, args: { domain: string; catchAll: string | null }): Promise<Answer<{ domain: string }>> {
  const domain = readDomain(args.domain)
  if (!domain.ok) return domain
  const name = domain.value
  const catchAll = args.catchAll === null ? undefined : readAddress(args.catchAll)
  if (catchAll && !catchAll.ok) return catchAll
  if (!catchAll && office.store.directory.domain(name)) return refused('exists', text(`the domain ${name} is there already`, `ドメイン ${name} はすでにあります`))
  const outcome = await office.store.submitDirectory({ kind: 'domain-add', name, ...(catchAll ? { catchAll: catchAll.value.address } : {}) })
  return fromOutcome(outcome, { domain: name })
}

export async function listDomains(office: Office): Promise<Answer<readonly DomainSummary[]>> {
  const { directory } = office.store
  const [accounts, aliases] = [new Map<string, number>(), new Map<string, number>()]
  const count = (counts: Map<string, number>, key: string) => {
    const domain = key.slice(key.lastIndexOf('@') + 1)
    counts.set(domain, (counts.get(domain) ?? 0) + 1)
  }
  for (const row of directory.accounts()) count(accounts, row.addressKey)
  for (const row of directory.aliases()) count(aliases, row.addressKey)
  return done([...directory.domains()]
    .map((row) => ({ domain: row.name, catchAll: row.catchAll, accounts: accounts.get(row.name) ?? 0, aliases: aliases.get(row.name) ?? 0 }))
    .sort((a, b) => (a.domain < b.domain ? -1 : 1)))
}

/** Only an empty domain can go: its accounts and aliases would be addresses that no mail reaches. */
export async function deleteDomain(office: Office, args: { domain: string }): Promise<Answer<{ domain: string }>> {
  const domain = readDomain(args.domain)
  if (!domain.ok) return domain
  const listed = await listDomains(office)
  const found = listed.ok ? listed.result.find((one) => one.domain === domain.value) : undefined
  if (!found) return refused('no-such-domain', text(`there is no domain ${domain.value}`, `ドメイン ${domain.value} はありません`))
  if (found.accounts + found.aliases > 0) {
    return refused('not-empty', text(
      `${domain.value} still has ${found.accounts} account(s) and ${found.aliases} alias(es); delete them first`,
      `${domain.value} にはまだアカウントが ${found.accounts}、別名が ${found.aliases} あります。先に削除してください`,
    ))
  }
  return fromOutcome(await office.store.submitDirectory({ kind: 'domain-delete', name: domain.value }), { domain: domain.value })
}

const ALIAS_TARGETS_MAX = 1000

export async function addAlias(office: Office, args: { address: string; targets: readonly string[] }): Promise<Answer<AliasSummary>> {
  const address = readAddress(args.address)
  if (!address.ok) return address
  const { directory } = office.store
  const { key, domain } = address.value
  if (args.targets.length === 0 || args.targets.length > ALIAS_TARGETS_MAX) {
    return refused('bad-targets', text(`an alias has 1 to ${ALIAS_TARGETS_MAX} targets`, `別名の転送先は 1 から ${ALIAS_TARGETS_MAX} までです`), EXIT.usage)
  }
  const targets: string[] = []
  for (const words of args.targets) {
    const target = readAddress(words)
    if (!target.ok) return target
    if (target.value.key === key) return refused('bad-targets', text('an alias cannot lead to itself', '別名を自分自身に向けることはできません'))
    const isOurs = directory.domain(target.value.domain) !== undefined
    if (isOurs && !directory.accountByKey(target.value.key) && !directory.aliasByKey(target.value.key)) {
      return refused('no-such-target', text(`there is neither an account nor an alias ${words}`, `${words} というアカウントも別名もありません`))
    }
    targets.push(target.value.address)
  }
  if (!directory.domain(domain)) return refused('no-such-domain', text(`${domain} is no domain of this server; add it first (daruma domain add ${domain})`, `${domain} はこのサーバーのドメインではありません。先に追加してください（daruma domain add ${domain}）`))
  if (directory.accountByKey(key)) return refused('exists', text(`${address.value.address} is an account`, `${address.value.address} はアカウントです`))
  if (directory.aliasByKey(key)) return refused('exists', text(`there is an alias ${address.value.address} already; delete it first`, `別名 ${address.value.address} はすでにあります。先に削除してください`))
  const outcome = await office.store.submitDirectory({ kind: 'alias-add', address: address.value.address, addressKey: key, targets })
  return fromOutcome(outcome, { address: address.value.address, targets })
}

export async function listAliases(office: Office): Promise<Answer<readonly AliasSummary[]>> {
  return done([...office.store.directory.aliases()]
    .sort((a, b) => (a.addressKey < b.addressKey ? -1 : 1))
    .map(({ address, targets }) => ({ address, targets })))
}

export async function deleteAlias(office: Office, args: { address: string }): Promise<Answer<Deleted>> {
  const address = readAddress(args.address)
  if (!address.ok) return address
  const found = office.store.directory.aliasByKey(address.value.key)
  if (!found) return refused('no-such-alias', text(`there is no alias ${args.address}`, `別名 ${args.address} はありません`))
  const stillNamedBy = leftBehind(office.store.directory, found.addressKey)
  return fromOutcome(await office.store.submitDirectory({ kind: 'alias-delete', addressKey: found.addressKey }), { address: found.address, stillNamedBy })
}
