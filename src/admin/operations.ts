// The table of everything that an operator can ask for: name, arguments, function. The control socket
// and a command that is the owner itself call the same entries, so both behave alike.
import { accountQuota, addAccount, changePassword, deleteAccount, listAccounts, suspendAccount } from './accounts.ts'
import { announce } from './announce.ts'
import { addAlias, addDomain, deleteAlias, deleteDomain, listAliases, listDomains } from './aliases-and-domains.ts'
import type { Answer, Office } from './office.ts'
import { carryOut, operation } from './operation.ts'
import { changeWork, listWork, showWork, trace } from './outbound.ts'
import { pause, resume } from './pause.ts'
import { aFlag, aText, countOrNull, textOrNull, texts } from './shape.ts'
import { lookAtJob, startRepair } from './repair.ts'
import { reload, status, stop } from './status.ts'

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
  'pause': operation({ what: aText, forMs: countOrNull, why: textOrNull }, pause),
  'resume': operation({ what: aText }, resume),
  'repair-start': operation({ kind: aText, full: aFlag, dryRun: aFlag, fromJournal: aFlag, targets: texts }, startRepair),
  'job-look': operation({ job: aText }, lookAtJob),
  'announce': operation({ id: aText, subject: aText, body: aText }, announce),
  'status': operation({}, status),
  'reload': operation({}, reload),
  'stop': operation({}, stop),
} as const

export type OperationName = keyof typeof operations
export type ArgumentsOf<N extends OperationName> = Parameters<(typeof operations)[N]['run']>[1]
export type ResultOf<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]['run']>> extends Answer<infer R> ? R : never

/** Those that change nothing. */
export const readingOperations: ReadonlySet<string> = new Set<OperationName>(['status', 'job-look', 'account-list', 'alias-list', 'domain-list', 'queue-list', 'queue-show', 'trace'])

/** Carries out one operation. Everything comes back as an answer, also what was thrown. */
export function perform(office: Office, name: string, args: unknown): Promise<Answer<unknown>> {
  return carryOut(operations, office, name, args)
}
