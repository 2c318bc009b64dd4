// What an operator can do with accounts. Every change is one record of the directory.
import { text } from '../base/language.ts'
import { nearestWord } from '../base/nearest.ts'
import { generatedPassword } from '../base/random.ts'
import type { AccountRow, SpecialUse } from '../store/store.ts'
import { leftBehind, type LeftBehind } from './left-behind.ts'
import { type Answer, type Office, type Refusal, done, fromOutcome, refused, EXIT } from './office.ts'
import { readAddress } from './operator-address.ts'

/** What a new account finds, beside its INBOX (RFC 6154). */
const FIRST_MAILBOXES: { name: string; role: SpecialUse }[] = [
  { name: 'Drafts', role: 'drafts' },
  { name: 'Sent', role: 'sent' },
  { name: 'Junk', role: 'junk' },
  { name: 'Trash', role: 'trash' },
  { name: 'Archive', role: 'archive' },
]

export interface AccountSummary {
  readonly address: string
  readonly account: number
  readonly state: 'active' | 'suspended'
  /** Null while the account cannot be read. */
  readonly messages: number | null
  readonly octetsUsed: number | null
  /** Octets; null for none. */
  readonly quota: number | null
  readonly created: string
}

export interface Deleted {
  readonly address: string
  readonly stillNamedBy: readonly LeftBehind[]
}

export interface NewPassword {
  readonly address: string
  /** Only when it was made here; never one that was given. */
  readonly password: string | null
}

export interface NewAccount extends NewPassword {
  readonly account: number
  /** The domain was not known before and was added with it. */
  readonly domainAdded: string | null
}

const PASSWORD_OCTETS_MAX = 1000

function checkPassword(password: string | null): Refusal | undefined {
  if (password === null) return undefined
  if (password === '') return refused('bad-password', text('the password is empty', 'パスワードが空です'), EXIT.usage)
  if (/[\0\r\n]/.test(password) || Buffer.byteLength(password) > PASSWORD_OCTETS_MAX) {
    return refused('bad-password', text(`a password is one line of at most ${PASSWORD_OCTETS_MAX} octets`, `パスワードは一行で ${PASSWORD_OCTETS_MAX} オクテット以内です`), EXIT.usage)
  }
  return undefined
}

export async function addAccount(office: Office, args: { address: string; password: string | null; quota: number | null }): Promise<Answer<NewAccount>> {
  const address = readAddress(args.address)
  if (!address.ok) return address
  const badPassword = checkPassword(args.password)
  if (badPassword) return badPassword
  const { key, domain } = address.value
  const { directory } = office.store
  if (directory.accountByKey(key)) return refused('exists', text(`there is an account ${address.value.address} already`, `アカウント ${address.value.address} はすでにあります`))
  if (directory.aliasByKey(key)) return refused('exists', text(`${address.value.address} is an alias; delete it first (daruma alias delete)`, `${address.value.address} は別名です。先に削除してください（daruma alias delete）`))
  let domainAdded: string | null = null
  if (!directory.domain(domain)) {
    const outcome = await office.store.submitDirectory({ kind: 'domain-add', name: domain })
    if (outcome.end === 'refused') return fromOutcome(outcome, undefined as never)
    domainAdded = domain
  }
  const generated = args.password === null ? generatedPassword(office.random) : null
  const credential = await office.makeCredential(args.password ?? generated ?? '')
  const account = await office.store.nextAccountId()
  const outcome = await office.store.submitDirectory({
    kind: 'account-add', account, address: address.value.address, addressKey: key, credential, octetsMax: args.quota, mailboxes: FIRST_MAILBOXES,
  })
  return fromOutcome(outcome, { address: address.value.address, account, password: generated, domainAdded })
}

export async function listAccounts(office: Office): Promise<Answer<readonly AccountSummary[]>> {
  const rows = [...office.store.directory.accounts()].sort((a, b) => (a.addressKey < b.addressKey ? -1 : 1))
  const summaries: AccountSummary[] = []
  for (const row of rows) {
    // One account that cannot be read is no reason to hide the others.
    const used = await office.store.account(row.account).quota().catch(() => undefined)
    summaries.push({
      address: row.address,
      account: row.account,
      state: row.suspended ? 'suspended' : 'active',
      messages: used?.messages ?? null,
      octetsUsed: used?.octetsUsed ?? null,
      quota: row.octetsMax,
      created: new Date(row.createdMs).toISOString(),
    })
  }
  return done(summaries)
}

export async function changePassword(office: Office, args: { address: string; password: string | null }): Promise<Answer<NewPassword>> {
  const found = findAccount(office, args.address)
  if (!found.ok) return found
  const badPassword = checkPassword(args.password)
  if (badPassword) return badPassword
  const generated = args.password === null ? generatedPassword(office.random) : null
  const credential = await office.makeCredential(args.password ?? generated ?? '')
  const outcome = await office.store.submitDirectory({ kind: 'account-credential', account: found.result.account, credential })
  return fromOutcome(outcome, { address: found.result.address, password: generated })
}

export async function suspendAccount(office: Office, args: { address: string; suspended: boolean }): Promise<Answer<{ address: string }>> {
  const found = findAccount(office, args.address)
  if (!found.ok) return found
  const { account, address } = found.result
  if (found.result.suspended === args.suspended) return done({ address })
  return fromOutcome(await office.store.submitDirectory({ kind: 'account-suspend', account, suspended: args.suspended }), { address })
}

export async function deleteAccount(office: Office, args: { address: string }): Promise<Answer<Deleted>> {
  const found = findAccount(office, args.address)
  if (!found.ok) return found
  const { account, address, addressKey } = found.result
  const stillNamedBy = leftBehind(office.store.directory, addressKey)
  return fromOutcome(await office.store.submitDirectory({ kind: 'account-delete', account }), { address, stillNamedBy })
}

/** Shows the quota, or sets it: `quota` in octets, `none` for no limit. */
export async function accountQuota(office: Office, args: { address: string; quota: number | null; none: boolean }): Promise<Answer<{ address: string; octetsUsed: number; quota: number | null }>> {
  const found = findAccount(office, args.address)
  if (!found.ok) return found
  const { account, address } = found.result
  const isChange = args.none || args.quota !== null
  const octetsMax = args.none ? null : args.quota
  if (isChange) {
    const outcome = await office.store.submitDirectory({ kind: 'account-quota', account, octetsMax })
    if (outcome.end === 'refused') return fromOutcome(outcome, undefined as never)
  }
  const { octetsUsed } = await office.store.account(account).quota()
  return done({ address, octetsUsed, quota: isChange ? octetsMax : found.result.octetsMax })
}

function findAccount(office: Office, words: string): Answer<AccountRow> {
  const address = readAddress(words)
  if (!address.ok) return address
  const row = office.store.directory.accountByKey(address.value.key)
  if (row) return done(row)
  const near = nearestWord(address.value.key, [...office.store.directory.accounts()].map((one) => one.addressKey))
  return near === undefined
    ? refused('no-such-account', text(`there is no account ${words}`, `アカウント ${words} はありません`))
    : refused('no-such-account', text(`there is no account ${words}; did you mean ${near}?`, `アカウント ${words} はありません。${near} のことですか`))
}
