// Random things that happen to one account, and the records that they become.
import fc from 'fast-check'
import { accountId, mailboxId, type AccountId } from '../../src/store/ids.ts'
import type { AccountChange, ArrivalMeta, Outcome } from '../../src/store/operations.ts'
import type { AccountModel, ModelMailbox } from './account-model.ts'

const names = ['a', 'a/x', 'a/x/y', 'a0', 'b/だるま', 'Sent']
const keywordSets = ['', '$Junk', '$Forwarded $Junk', 'Work', 'work']

/** What to do, with places as numbers that are taken modulo what there is. */
export type Step =
  | { do: 'arrive'; place: number; bits: number; keywords: string; octets: number; keys: number[] }
  | { do: 'append'; place: number; bits: number; keywords: string; octets: number; keys: number[] }
  | { do: 'create'; name: string; role: boolean }
  | { do: 'rename'; place: number; name: string }
  | { do: 'delete'; place: number }
  | { do: 'subscribe'; name: string; on: boolean }
  | { do: 'flags'; place: number; uids: [number, number][]; how: 'add' | 'remove' | 'replace'; bits: number; keywords: string; /** How far back from the last modseq. */
    since: number | null }
  | { do: 'copy'; place: number; to: number; uids: [number, number][]; move: boolean; group: number | null; last: boolean }
  | { do: 'undo'; group: number }
  | { do: 'raise'; place: number }
  | { do: 'expunge'; place: number; uids: [number, number][] }
  | { do: 'quota'; /** Beyond what is used now. */ octets: number | null }

const place = fc.nat({ max: 8 })
const bits = fc.nat({ max: 31 })
const keywords = fc.constantFrom(...keywordSets)
const octets = fc.constantFrom(1, 250, 251, 500)
const keys = fc.array(fc.nat({ max: 12 }), { maxLength: 4 })
const uids = fc.array(fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 10 })), { minLength: 1, maxLength: 3 })

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('arrive' as const), place, bits, keywords, octets, keys }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), place, bits, keywords, octets, keys }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), name: fc.constantFrom(...names), role: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rename' as const), place, name: fc.constantFrom(...names) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('subscribe' as const), name: fc.constantFrom(...names), on: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('flags' as const), place, uids, how: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const), bits, keywords, since: fc.option(fc.nat({ max: 4 })) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('copy' as const), place, to: place, uids, move: fc.boolean(), group: fc.option(fc.nat({ max: 2 })), last: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undo' as const), group: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('raise' as const), place }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('expunge' as const), place, uids }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('quota' as const), octets: fc.option(fc.constantFrom(0, 1, 250, 600)) }) },
)

function pick(model: AccountModel, at: number): ModelMailbox {
  // Retired ones too: sessions may speak of a mailbox that has gone.
  return model.mailboxes[at % model.mailboxes.length] as ModelMailbox
}

function changeOf(model: AccountModel, each: Exclude<Step, { do: 'arrive' }>): AccountChange {
  const facts = (keyNumbers: number[], size: number) => ({ size, messageId: `${model.sequence}@example.org`, threadKeys: keyNumbers.map(threadKey) })
  switch (each.do) {
    case 'append': return { kind: 'append', mailbox: mailboxId(pick(model, each.place).mailbox), bits: each.bits, keywords: each.keywords, internalDateMs: 1_600_000_000_000 + each.octets, facts: facts(each.keys, each.octets) }
    case 'create': return { kind: 'create-mailbox', name: each.name, ...(each.role ? { role: 'archive' as const } : {}) }
    case 'rename': return { kind: 'rename-mailbox', mailbox: mailboxId(pick(model, each.place).mailbox), name: each.name }
    case 'delete': return { kind: 'delete-mailbox', mailbox: mailboxId(pick(model, each.place).mailbox) }
    case 'subscribe': return { kind: 'subscribe', name: each.name, on: each.on }
    case 'flags': return { kind: 'store-flags', mailbox: mailboxId(pick(model, each.place).mailbox), uids: each.uids, how: each.how, bits: each.bits, keywords: each.keywords, ...(each.since === null ? {} : { unchangedSince: Math.max(0, model.modseq - each.since) }) }
    case 'copy': return { kind: 'copy', mailbox: mailboxId(pick(model, each.place).mailbox), to: mailboxId(pick(model, each.to).mailbox), uids: each.uids, move: each.move, ...(each.group === null ? {} : { group: `group-${each.group}`, ...(each.last ? { last: true } : {}) }) }
    case 'raise': return { kind: 'raise-uid-validity', mailboxes: [mailboxId(pick(model, each.place).mailbox), mailboxId(1)], because: 'facts differ' }
    case 'undo': return { kind: 'undo-group', group: `group-${each.group}` }
    case 'expunge': return { kind: 'expunge', mailbox: mailboxId(pick(model, each.place).mailbox), uids: each.uids }
    case 'quota': return { kind: 'set-quota', octetsMax: each.octets === null ? null : model.octetsUsed() + each.octets }
  }
}

/** Some as the rule makes them, some as nobody does. */
function threadKey(n: number): string {
  return n % 2 === 0 ? n.toString(16).padStart(16, '0') : `key ${n}`
}

function arrivalOf(model: AccountModel, account: number, each: Step & { do: 'arrive' }): ArrivalMeta {
  return {
    kind: 'arrival', sender: 'sender@example.org', via: 'smtp', work: [],
    facts: { size: each.octets, envelope: '(NIL)', messageId: `${model.sequence}\0@example.org`, threadKeys: each.keys.map(threadKey) },
    plans: [
      { account: accountId(99), bits: 0, keywords: '', prefix: 'not ours', recipients: [] },
      { account: accountId(account), ...(each.place === 0 ? {} : { mailbox: mailboxId(pick(model, each.place).mailbox) }), bits: each.bits, keywords: each.keywords, prefix: `X: ${'\xe9'.repeat(each.place)}\r\n`, recipients: ['user@example.net'] },
    ],
  }
}

/** The record of a step, as the account stands now. */
export function recordOf(model: AccountModel, account: number, each: Step): { meta: ArrivalMeta | { kind: 'change'; account: AccountId; change: AccountChange }; bodyOctets: number } {
  if (each.do === 'arrive') return { meta: arrivalOf(model, account, each), bodyOctets: each.octets }
  return { meta: { kind: 'change', account: accountId(account), change: changeOf(model, each) }, bodyOctets: each.do === 'append' ? each.octets : 0 }
}

/** What the model answers to a record. */
export function modelAnswer(model: AccountModel, account: number, { meta, bodyOctets }: ReturnType<typeof recordOf>): Outcome<unknown> {
  return meta.kind === 'arrival' ? { end: 'done', result: model.arrive(meta, account, bodyOctets) } : model.change(meta.change, bodyOctets)
}

/** The next record's number and time. */
export function nextRecord(model: AccountModel): void {
  model.sequence += 1
  model.timeMs = 1_700_000_000_000 + model.sequence * 300
}

export const opening: AccountChange = { kind: 'open-account', mailboxes: [{ name: 'Sent', role: 'sent' }, { name: 'a' }] }
