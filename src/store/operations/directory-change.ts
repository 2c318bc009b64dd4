// Changes of domains, accounts, aliases and settings, in the directory's database. Rows are retired, not
// deleted; an account's number is never used again, its address may be.
import type { DirectoryChange, Outcome } from '../operations.ts'
import { readIn, type Tx } from '../tx.ts'
import { done, refused, type Context } from './context.ts'
import { addressIsTaken, domainOf, refusalOfAccountAdd } from './directory-judgement.ts'

type Result = Outcome<Record<string, never>>

export async function applyDirectoryChange(tx: Tx, context: Context, change: DirectoryChange): Promise<Result> {
  switch (change.kind) {
    case 'domain-add': return domainAdd(tx, context, change)
    case 'domain-delete': return domainDelete(tx, context, change)
    case 'account-add': return accountAdd(tx, context, change)
    case 'account-delete': return accountUpdate(tx, context, change.account, 'retired_ms = $3', context.timeMs)
    case 'account-suspend': return accountUpdate(tx, context, change.account, 'suspended = $3', change.suspended ? 1 : 0)
    case 'account-quota': return accountUpdate(tx, context, change.account, 'octets_max = $3', change.octetsMax)
    case 'account-credential': {
      const { argon2, scram } = change.credential
      return accountUpdate(tx, context, change.account, 'argon2 = $3, scram = $4', argon2, scram)
    }
    case 'alias-add': return aliasAdd(tx, context, change)
    case 'alias-delete': return aliasDelete(tx, context, change)
    case 'setting': {
      await tx.run(
        `insert into setting (name, value, changed) values ($1, $2, $3)
         on conflict (name) do update set value = excluded.value, changed = excluded.changed`,
        change.name, change.value, context.sequence)
      return done({})
    }
  }
}

async function domainIsThere(tx: Tx, name: string): Promise<boolean> {
  return await tx.get('select name from domain where name = $1 and retired_ms is null', name) !== undefined
}

async function domainAdd(tx: Tx, context: Context, change: DirectoryChange & { kind: 'domain-add' }): Promise<Result> {
  if (change.name === '') return refused('bad-name', 'a domain needs a name')
  // One that is there gets another catch-all; adding it for its own sake would be a mistake to tell of.
  if (change.catchAll === undefined && await domainIsThere(tx, change.name)) return refused('exists', `the domain ${change.name} is there already`)
  await tx.run(
    `insert into domain (name, catch_all, changed, retired_ms) values ($1, $2, $3, null)
     on conflict (name) do update set catch_all = excluded.catch_all, changed = excluded.changed, retired_ms = null`,
    change.name, change.catchAll ?? null, context.sequence)
  return done({})
}

async function domainDelete(tx: Tx, context: Context, change: DirectoryChange & { kind: 'domain-delete' }): Promise<Result> {
  if (!(await domainIsThere(tx, change.name))) return refused('no-such-thing', `there is no domain ${change.name}`)
  const user = await tx.get<{ address: string }>('select address from account where domain = $1 and retired_ms is null order by account limit 1', change.name)
    ?? await tx.get<{ address: string }>('select address from alias where domain = $1 and retired_ms is null order by address_key limit 1', change.name)
  if (user) return refused('not-allowed', `the domain still has addresses (${user.address})`)
  await tx.run('update domain set retired_ms = $2, changed = $3 where name = $1', change.name, context.timeMs, context.sequence)
  return done({})
}

async function accountAdd(tx: Tx, context: Context, change: DirectoryChange & { kind: 'account-add' }): Promise<Result> {
  const refusal = await readIn(tx, refusalOfAccountAdd(change))
  if (refusal) return refusal
  await tx.run(
    `insert into account (account, address, address_key, domain, suspended, octets_max, argon2, scram, created_ms, changed)
     values ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9)`,
    change.account, change.address, change.addressKey, domainOf(change.addressKey), change.octetsMax, change.credential.argon2, change.credential.scram, context.timeMs, context.sequence)
  return done({})
}

/** `set` names its values `$3` and `$4`. */
async function accountUpdate(tx: Tx, context: Context, account: number, set: string, ...values: (number | string | null)[]): Promise<Result> {
  if (!(await tx.get('select account from account where account = $1 and retired_ms is null', account))) return refused('no-such-thing', 'there is no such account')
  await tx.run(`update account set changed = $2, ${set} where account = $1`, account, context.sequence, ...values)
  return done({})
}

async function aliasAdd(tx: Tx, context: Context, change: DirectoryChange & { kind: 'alias-add' }): Promise<Result> {
  const domain = domainOf(change.addressKey)
  if (change.targets.length === 0) return refused('not-allowed', 'an alias needs a target')
  if (await readIn(tx, addressIsTaken(change.addressKey))) return refused('exists', `the address ${change.address} is taken`)
  if (domain !== '' && !(await domainIsThere(tx, domain))) return refused('no-such-thing', `there is no domain ${domain}`)
  await tx.run(
    `insert into alias (address_key, address, domain, targets, changed, retired_ms) values ($1, $2, $3, $4, $5, null)
     on conflict (address_key) do update set address = excluded.address, domain = excluded.domain, targets = excluded.targets,
       changed = excluded.changed, retired_ms = null`,
    change.addressKey, change.address, domain, JSON.stringify(change.targets), context.sequence)
  return done({})
}

async function aliasDelete(tx: Tx, context: Context, change: DirectoryChange & { kind: 'alias-delete' }): Promise<Result> {
  const changed = await tx.run('update alias set retired_ms = $2, changed = $3 where address_key = $1 and retired_ms is null',
    change.addressKey, context.timeMs, context.sequence)
  return changed === 1 ? done({}) : refused('no-such-thing', 'there is no such alias')
}
