// What the understudy writes beside a message that it took while no server was there (the meta of an arrival
// in the intake journal, version 1; docs/FORMAT.md). Nothing is decided in it: who gets the message is planned
// when it is adopted, by the directory of that time. The body of the record is the message as it was received.
// Field names are part of the format: added, never renamed. Parsing never throws.
import { refuse, understood, type Parsed } from '../base/errors.ts'

/** Version of the record's meta. */
export const TAKEN_VERSION = 1

export interface TakenRecipient {
  /** As it was said. */
  address: string
  /** RFC 3461 NOTIFY, as given. */
  notify?: string
  /** RFC 3461 ORCPT, decoded. */
  orcpt?: string
}

export interface TakenMeta {
  kind: 'taken'
  via: 'smtp'
  /** Reverse path without angle brackets; "" for the null sender. */
  sender: string
  smtputf8?: true
  bodyType?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  ret?: 'FULL' | 'HDRS'
  /** RFC 3461 ENVID, decoded. */
  envid?: string
  /** IP address of who brought it. */
  peer: string
  helo: string
  /** It said EHLO, not HELO. */
  extended?: true
  tls?: { protocol: string; cipher: string }
  /** Stands in Received, and in the understudy's log. */
  traceId: string
  recipients: TakenRecipient[]
  /** Of chance, different for every message that any understudy takes. */
  id: string
}

/** Everything that decides who brought a message, for whom, and how. */
export function printTakenMeta(meta: TakenMeta): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(meta), 'utf8'))
}

const BODY_TYPES: readonly unknown[] = ['7BIT', '8BITMIME', 'BINARYMIME']

export function parseTakenMeta(bytes: Uint8Array): Parsed<TakenMeta> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    return refuse('taken-meta', 'what stands beside the message is no JSON')
  }
  if (!isObject(value) || value['kind'] !== 'taken') return refuse('taken-meta', 'this is no message that an understudy took')
  const { via, sender, smtputf8, bodyType, ret, envid, peer, helo, extended, tls, traceId, recipients, id } = value
  if (via !== 'smtp') return refuse('taken-meta', 'this version knows only messages that came by SMTP')
  if (typeof sender !== 'string' || typeof peer !== 'string' || typeof helo !== 'string' || typeof traceId !== 'string' || typeof id !== 'string') {
    return refuse('taken-meta', 'sender, peer, helo, traceId and id have to be text')
  }
  if (!Array.isArray(recipients) || recipients.length === 0) return refuse('taken-meta', 'the message has no recipients')
  const meta: TakenMeta = { kind: 'taken', via, sender, peer, helo, traceId, recipients: [], id }
  for (const one of recipients as unknown[]) {
    if (!isObject(one) || typeof one['address'] !== 'string' || !isTextOrAbsent(one['notify']) || !isTextOrAbsent(one['orcpt'])) {
      return refuse('taken-meta', 'a recipient has an address and, perhaps, notify and orcpt, all text')
    }
    const recipient: TakenRecipient = { address: one['address'] }
    if (one['notify'] !== undefined) recipient.notify = one['notify']
    if (one['orcpt'] !== undefined) recipient.orcpt = one['orcpt']
    meta.recipients.push(recipient)
  }
  if (smtputf8 === true) meta.smtputf8 = true
  if (extended === true) meta.extended = true
  if (BODY_TYPES.includes(bodyType)) meta.bodyType = bodyType as '7BIT' | '8BITMIME' | 'BINARYMIME'
  if (ret === 'FULL' || ret === 'HDRS') meta.ret = ret
  if (typeof envid === 'string') meta.envid = envid
  if (isObject(tls) && typeof tls['protocol'] === 'string' && typeof tls['cipher'] === 'string') meta.tls = { protocol: tls['protocol'], cipher: tls['cipher'] }
  return understood(meta)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
