// Makes the record of an arrival from an envelope and its bytes: every decision about a message is made
// here, before it is kept (STORE.md, Applying 2). One plan for each account, whatever the number of
// recipients that lead there; one work for each address elsewhere; the fields that differ by
// recipient in a short prefix, the same Received line for all, built once.
import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { bytesOfLatin1, concatBytes } from '../base/bytes.ts'
import type { Limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import { generateMessageId } from '../message/message-id.ts'
import { summarize, summarizeHeader, type HeaderSummary } from '../message/summary.ts'
import { printDeliveredTo, printReceived, printReturnPath, protocolKeyword } from '../message/trace-fields.ts'
import { addressKey, type AccountId, type ArrivalMeta, type BodyDraft, type Directory, type MessageFacts, type Plan, type WorkDraft } from '../store/store.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import { isAscii } from '../wire/smtp/scan.ts'
import type { BodyCollector } from './body-collector.ts'
import type { Envelope, Peer } from './envelope.ts'
import { mayUseAddress } from './judge-envelope.ts'
import type { DeliveryRules } from './resolve-recipient.ts'
import { judgeFrom, missingFields } from './submission-rules.ts'

export interface ArrivalTools {
  directory: Directory
  clock: Clock
  random: Random
  limits: Limits
  hostname: string
  /** Stands in Received, so that a message can be found in the log before its arrival has a number. */
  traceId(): string
  delivery: DeliveryRules
  receivedShowsClient: boolean
}

/** A longer BODYSTRUCTURE is worked out again when somebody asks for it, instead of being carried in the record. */
const STRUCTURE_OCTETS_MAX = 64 * 1024

export type Drafted = { ok: true; meta: ArrivalMeta; draft: BodyDraft } | { ok: false; reply: Reply }

const loop = reply(554, '5.4.6', 'this message has passed too many servers: a loop')
export const headerTooLong = reply(554, '5.6.0', 'the header of the message is too long')

export async function draftArrival(peer: Peer, envelope: Envelope, body: BodyCollector, tools: ArrivalTools): Promise<Drafted> {
  const inMemory = body.finishInMemory()
  if (inMemory) {
    const summary = summarize(inMemory, tools.limits)
    const drafted = judgeAndPlan(peer, envelope, tools, { size: inMemory.length, header: inMemory.subarray(0, summary.headerOctets), summary, structure: summary.structure })
    if (!drafted.ok) return drafted
    return { ok: true, meta: drafted.meta, draft: { at: 'memory', bytes: inMemory, sha256: hash('sha256', inMemory, 'buffer') } }
  }
  const collected = await body.finish()
  if (collected.at !== 'large') throw new Error('a body is in memory or in a file')
  if (body.headerTooLong) return { ok: false, reply: headerTooLong }
  const summary = summarizeHeader(collected.header)
  const drafted = judgeAndPlan(peer, envelope, tools, { size: collected.sizeOctets, header: collected.header, summary, structure: undefined })
  if (!drafted.ok) return drafted
  return { ok: true, meta: drafted.meta, draft: await collected.writer.finish() }
}

interface Message {
  size: number
  header: Uint8Array
  summary: HeaderSummary
  structure: Uint8Array | undefined
}

function judgeAndPlan(peer: Peer, envelope: Envelope, tools: ArrivalTools, message: Message): { ok: true; meta: ArrivalMeta } | { ok: false; reply: Reply } {
  const { summary } = message
  if (summary.receivedCount > tools.limits.received_lines_max) return { ok: false, reply: loop }
  if (summary.headerOctets > tools.limits.header_octets_max) return { ok: false, reply: headerTooLong }
  const atMs = tools.clock.nowMs()
  let added = ''
  if (peer.submitter) {
    const { account } = peer.submitter
    const refusal = judgeFrom(summary, (address) => mayUseAddress(account, address, tools.directory, tools.delivery))
    if (refusal) return { ok: false, reply: refusal }
    added = missingFields(summary, { submitter: peer.submitter, atMs, messageId: () => generateMessageId(tools.hostname, tools.clock, tools.random) })
  }
  const trace = byteString(receivedLine(peer, envelope, tools, atMs) + added)
  // What was added counts as part of the header for everything that reads it.
  const seen = added === '' ? summary : summarizeHeader(concatBytes([bytesOfLatin1(byteString(added)), message.header]))
  const { sender } = envelope
  const { parameters } = sender
  const meta: ArrivalMeta = {
    kind: 'arrival',
    sender: sender.address,
    via: peer.via,
    peer: peer.address,
    helo: peer.helo,
    facts: factsOf(message, seen),
    plans: plansOf(envelope, trace),
    work: [...workOf(envelope), ...successesOf(envelope)],
  }
  if (parameters.smtputf8) meta.smtputf8 = true
  if (parameters.body) meta.bodyType = parameters.body
  if (parameters.ret) meta.ret = parameters.ret
  if (parameters.envid !== undefined) meta.envid = parameters.envid
  if (peer.submitter) meta.submitter = peer.submitter.account
  if (meta.work.length > 0) meta.relayPrefix = trace
  return { ok: true, meta }
}

function factsOf(message: Message, seen: HeaderSummary): MessageFacts {
  const facts: MessageFacts = { size: message.size, envelope: latin1(seen.envelope), threadKeys: seen.threadKeys }
  if (message.structure && message.structure.length <= STRUCTURE_OCTETS_MAX) facts.structure = latin1(message.structure)
  if (seen.messageId !== undefined) facts.messageId = seen.messageId.replace(/^<|>$/g, '')
  return facts
}

function receivedLine(peer: Peer, envelope: Envelope, tools: ArrivalTools, atMs: number): string {
  const [first] = envelope.recipients
  const shown = peer.via !== 'submission' || tools.receivedShowsClient
  return printReceived({
    from: shown ? { helo: peer.helo, address: peer.address } : undefined,
    by: tools.hostname,
    protocol: protocolKeyword({ isExtended: peer.isExtended, isTls: peer.tls !== undefined, isAuthenticated: peer.submitter !== undefined, isUtf8: envelope.sender.parameters.smtputf8 ?? false }),
    id: tools.traceId(),
    tls: peer.tls,
    // RFC 5321 §7.2: with several recipients it would tell each of the others.
    recipient: first && envelope.recipients.length === 1 ? first.address : undefined,
    atMs,
  })
}

/** One for each account, in the order in which they were named. */
function plansOf(envelope: Envelope, trace: string): Plan[] {
  const plans: Plan[] = []
  const byAccount = new Map<AccountId, Plan>()
  const returnPath = byteString(printReturnPath(envelope.sender.address))
  for (const { address, accounts } of envelope.recipients) {
    for (const account of accounts) {
      const there = byAccount.get(account)
      if (there) {
        if (!there.recipients.includes(address)) there.recipients.push(address)
        continue
      }
      const plan: Plan = { account, bits: 0, keywords: '', prefix: `${returnPath}${byteString(printDeliveredTo(address))}${trace}`, recipients: [address] }
      byAccount.set(account, plan)
      plans.push(plan)
    }
  }
  return plans
}

/** One for each address elsewhere, however often and by whichever alias it was named. */
function workOf(envelope: Envelope): WorkDraft[] {
  const works: WorkDraft[] = []
  let seen: Set<string> | undefined
  for (const { address, outside, parameters } of envelope.recipients) {
    for (const recipient of outside) {
      seen ??= new Set()
      const key = addressKey(recipient)
      if (seen.has(key)) continue
      seen.add(key)
      const work: WorkDraft = { recipient, domain: recipient.slice(recipient.lastIndexOf('@') + 1).toLowerCase() }
      if (parameters.notify !== undefined) work.notify = parameters.notify
      // Behind an alias a report names the address that the sender knows (RFC 3461 §5.2.1, §4.2).
      if (parameters.orcpt !== undefined) work.orcpt = parameters.orcpt
      else if (recipient !== address) work.orcpt = `${isAscii(address) ? 'rfc822' : 'utf-8'};${address}`
      works.push(work)
    }
  }
  return works
}

/** Recipients of ours whose sender asked to be told of success: being filed is what they asked about (RFC 3461 §5.2.1, §6.2). */
function successesOf(envelope: Envelope): WorkDraft[] {
  const owed: WorkDraft[] = []
  if (envelope.sender.address === '') return owed
  for (const { address, accounts, parameters } of envelope.recipients) {
    const { notify, orcpt } = parameters
    if (accounts.length === 0 || notify === undefined || !notify.toUpperCase().split(',').includes('SUCCESS')) continue
    if (owed.some((work) => addressKey(work.recipient) === addressKey(address))) continue
    owed.push({ recipient: address, domain: address.slice(address.lastIndexOf('@') + 1).toLowerCase(), notify, ...(orcpt === undefined ? {} : { orcpt }), deliveredHere: true })
  }
  return owed
}

/** Text as one character an octet, which is how bytes stand in a record. */
function byteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
