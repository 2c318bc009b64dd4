// The table of everything that an operator can ask for: name, arguments, function. The control socket
// and a command that is the owner itself call the same entries, so both behave alike.
import { type Text, sameText } from '../base/language.ts'
import { accountQuota, addAccount, changePassword, deleteAccount, listAccounts, suspendAccount } from './accounts.ts'
import { addAlias, addDomain, deleteAlias, deleteDomain, listAliases, listDomains } from './aliases-and-domains.ts'
import { type Answer, type Office, EXIT, refusalOf, refused } from './office.ts'
import { changeWork, listWork, showWork, trace } from './outbound.ts'
import { type Shape, type Shaped, aFlag, aText, countOrNull, readShape, textOrNull, texts } from './shape.ts'
import { reload, status, stop } from './status.ts'

interface Operation<S extends Shape, R> {
  readonly shape: S
  readonly run: (office: Office, args: Shaped<S>) => Promise<Answer<R>>
}

function operation<S extends Shape, R>(shape: S, run: (office: Office, args: Shaped<S>) => Promise<Answer<R>>): Operation<S, R> {
  return { shape, run }
}

export const operations = {
  'account-add': operation({ address: aText, password: textOrNull, quota: countOrNull }, addAccount),
  'account-list': operation({}, listAccounts),
  'account-passwd': operation({ address: aText, password: textOrNull }, changePassword),
  'account-suspend': operation({ address: aText, suspended: aFlag }, suspendAccount),
  'account-delete': operation({ address: aText }, deleteAccount),
  'account-quota': operation({ address: aText, quota: countOrNull, none: aFlag }, accountQuota),
  'alias-add': operation({ address: aText, targets: texts }, addAlias),
  'alias-list': operation({}, listAliases),
  'alias-delete': operation({ address: aText }, deleteAlias),
  'domain-add': operation({ domain: aText, catchAll: textOrNull }, addDomain),
  'domain-list': operation({}, listDomains),
  'domain-delete': operation({ domain: aText }, deleteDomain),
  'queue-list': operation({ limit: countOrNull }, listWork),
  'queue-show': operation({ id: aText }, showWork),
  'queue-change': operation({ wish: aText, ids: texts }, changeWork),
  'trace': operation({ what: aText, limit: countOrNull }, trace),
  'status': operation({}, status),
  'reload': operation({}, reload),
  'stop': operation({}, stop),
} as const

export type OperationName = keyof typeof operations
export type ArgumentsOf<N extends OperationName> = Parameters<(typeof operations)[N]['run']>[1]
export type ResultOf<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]['run']>> extends Answer<infer R> ? R : never

/** Those that change nothing. */
export const readingOperations: ReadonlySet<string> = new Set<OperationName>(['status', 'account-list', 'alias-list', 'domain-list', 'queue-list', 'queue-show', 'trace'])

function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(operations, name)
}

/** Carries out one operation. Everything comes back as an answer, also what was thrown. */
export async function perform(office: Office, name: string, args: unknown): Promise<Answer<unknown>> {
  if (!isOperationName(name)) return usage(sameText(`there is no operation "${name}"`))
  const { shape, run } = operations[name] as Operation<Shape, unknown>
  const read = readShape(shape, args)
  if (!read.ok) return usage(sameText(`${name}: ${read.reason}`))
  try {
    return await run(office, read.value)
  } catch (error) {
    return refusalOf(error)
  }
}

function usage(reason: Text): Answer<never> {
  return refused('bad-request', reason, EXIT.usage)
}
