// DNS messages: a question as bytes, and what a reply says about it. Pure. A reply is believed only
// for the question that was asked: id, name, type and class must be the same (RFC 5452 §4), and only
// records on the path from the asked name to its end are looked at; anything else a server sends
// along is ignored.
import packet from 'dns-packet'
import type { DecodedPacket, ResourceRecord } from 'dns-packet'
import { asciiLower } from '../base/bytes.ts'
import { parseIp, printIp } from './network.ts'

export interface DnsRecords {
  A: string
  AAAA: string
  /** `exchange` in lower case, without a final dot; "" is the root (null MX, RFC 7505). */
  MX: { preference: number; exchange: string }
  /** The strings of one record, joined. */
  TXT: Uint8Array
  PTR: string
  TLSA: { usage: number; selector: number; matchingType: number; association: Uint8Array }
  CNAME: string
}
export type DnsType = keyof DnsRecords

/** What one server said to one question. */
export type Reply<T extends DnsType> =
  // `name`: where the aliases within this reply ended.
  /** Not a reply to our question: keep waiting for the true one. */
  | { kind: 'not-ours' }
  /** Ask again over TCP. */
  | { kind: 'truncated' }
  /** The server does not know EDNS: ask again without. */
  | { kind: 'no-edns' }
  | { kind: 'answers'; records: DnsRecords[T][]; name: string; ttlSeconds: number; isAuthentic: boolean }
  | { kind: 'no-data' | 'no-such-name'; name: string; ttlSeconds: number; isAuthentic: boolean }
  /** Its end is another name, about which this reply says nothing. */
  | { kind: 'alias'; target: string; ttlSeconds: number; isAuthentic: boolean }
  | { kind: 'failed'; code: 'servfail' | 'refused' | 'lame' | 'malformed'; reason: string }

/** RFC 9715 and the DNS flag day of 2020: fits one packet nearly everywhere. */
const udpPayloadOctets = 1232
/** Records of an answer that are looked at. */
const recordsMax = 1000
/** Aliases of aliases within one reply. */
const aliasesMax = 12

/** Lower case, no final dot. */
export function plainName(name: string): string {
  return asciiLower(name.endsWith('.') ? name.slice(0, -1) : name)
}

/** Whether a name can stand in a question at all (RFC 1035 §2.3.4). */
export function isDnsName(name: string): boolean {
  return name.length > 0 && name.length <= 253 && /^[\x21-\x7e]+$/.test(name) && name.split('.').every((label) => label.length > 0 && label.length <= 63)
}

export function printQuestion(question: { id: number; name: string; type: DnsType; withEdns: boolean }): Uint8Array {
  return packet.encode({
    id: question.id,
    type: 'query',
    flags: packet.RECURSION_DESIRED | packet.AUTHENTIC_DATA, // AD in a question: tell us whether you checked (RFC 6840 §5.7)
    questions: [{ name: question.name, type: question.type, class: 'IN' }],
    ...(question.withEdns ? { additionals: [{ name: '.', type: 'OPT', udpPayloadSize: udpPayloadOctets, flags: 0, options: [] }] } : {}),
  })
}

export function readReply<T extends DnsType>(bytes: Uint8Array, asked: { id: number; name: string; type: T; withEdns: boolean }): Reply<T> {
  let reply: DecodedPacket
  try {
    reply = packet.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    // Truncated in the middle of a record, as small servers do, is still "ask over TCP".
    const isOurs = bytes.length >= 12 && ((bytes[0] ?? 0) << 8 | (bytes[1] ?? 0)) === asked.id && (bytes[2] ?? 0) >= 0x80
    if (!isOurs) return { kind: 'not-ours' }
    return (bytes[2] ?? 0) & 2 ? { kind: 'truncated' } : { kind: 'failed', code: 'malformed', reason: 'the reply cannot be understood' }
  }
  if (reply.type !== 'response' || reply.id !== asked.id || reply.opcode !== 'QUERY') return { kind: 'not-ours' }
  const question = reply.questions[0]
  // A server that does not understand the question may leave it out (RFC 6891 §7).
  if (asked.withEdns && (reply.rcode === 'FORMERR' || reply.rcode === 'NOTIMP') && reply.questions.length <= 1) return { kind: 'no-edns' }
  if (reply.questions.length !== 1 || !question || plainName(question.name) !== asked.name || question.type !== asked.type || question.class !== 'IN') return { kind: 'not-ours' }
  if (reply.flag_tc) return { kind: 'truncated' }
  switch (reply.rcode) {
    case 'NOERROR':
    case 'NXDOMAIN':
      return content(reply, asked.name, asked.type)
    case 'SERVFAIL':
      return { kind: 'failed', code: 'servfail', reason: 'the name server could not find out (SERVFAIL)' }
    default:
      return { kind: 'failed', code: 'refused', reason: `the name server would not answer (${reply.rcode})` }
  }
}

function content<T extends DnsType>(reply: DecodedPacket, askedName: string, type: T): Reply<T> {
  const answers = reply.answers.slice(0, recordsMax)
  const isAuthentic = reply.flag_ad
  let name = askedName
  let ttlSeconds = Number.POSITIVE_INFINITY
  const note = (record: ResourceRecord) => { ttlSeconds = Math.min(ttlSeconds, ttlOf(record)) }
  for (let steps = 0; steps <= aliasesMax; steps++) {
    const here = answers.filter((record) => record.class === 'IN' && plainName(record.name) === name)
    const records: DnsRecords[T][] = []
    for (const record of here) {
      if (record.type !== type) continue
      const value = dataOf(record, type)
      if (value === undefined) return { kind: 'failed', code: 'malformed', reason: `a ${type} record that cannot be understood` }
      note(record)
      records.push(value)
    }
    if (records.length > 0) return { kind: 'answers', records, name, ttlSeconds, isAuthentic }
    const alias = here.find((record) => record.type === 'CNAME')
    if (!alias || typeof alias.data !== 'string') break
    note(alias)
    name = plainName(alias.data)
    if (steps === aliasesMax) return { kind: 'failed', code: 'malformed', reason: 'aliases (CNAME) that lead nowhere' }
  }
  // RFC 2308 §5: how long "no" may be remembered stands in the SOA, and without one not at all.
  const soa = reply.authorities.find((record) => record.type === 'SOA')
  const minimum = soa && typeof soa.data === 'object' && soa.data !== null && 'minimum' in soa.data && typeof soa.data.minimum === 'number' ? soa.data.minimum : 0
  const noSeconds = Math.min(ttlSeconds, soa ? Math.min(ttlOf(soa), minimum) : 0)
  if (reply.rcode === 'NXDOMAIN') return { kind: 'no-such-name', name, ttlSeconds: noSeconds, isAuthentic } // RFC 6604 §3: of the last name in the chain
  if (soa) return { kind: 'no-data', name, ttlSeconds: noSeconds, isAuthentic }
  if (name !== askedName) return { kind: 'alias', target: name, ttlSeconds, isAuthentic }
  // Neither an answer nor "there is none": it points elsewhere, or it does not ask others for us (RFC 2308 §2.2).
  if (!reply.flag_aa && (!reply.flag_ra || reply.authorities.some((record) => record.type === 'NS'))) {
    return { kind: 'failed', code: 'lame', reason: 'the name server is not responsible and does not ask others for us' }
  }
  return { kind: 'no-data', name, ttlSeconds: 0, isAuthentic }
}

/** RFC 2181 §8: a TTL with the highest bit set counts as 0. */
function ttlOf(record: ResourceRecord): number {
  const ttl = record.ttl ?? 0
  return ttl > 0x7fffffff ? 0 : ttl
}

function field(data: unknown, name: string): unknown {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[name] : undefined
}

const READERS: { [T in DnsType]: (data: unknown) => DnsRecords[T] | undefined } = {
  A: (data) => addressOf(data),
  AAAA: (data) => addressOf(data),
  PTR: (data) => nameOf(data),
  CNAME: (data) => nameOf(data),
  MX: (data) => {
    const [preference, exchange] = [field(data, 'preference'), nameOf(field(data, 'exchange'))]
    return typeof preference === 'number' && exchange !== undefined ? { preference, exchange } : undefined
  },
  TXT: (data) => {
    const strings: unknown[] = Array.isArray(data) ? data : [data]
    return strings.every((each) => each instanceof Uint8Array) ? new Uint8Array(Buffer.concat(strings as Uint8Array[])) : undefined
  },
  TLSA: (data) => {
    const [usage, selector, matchingType, certificate] = ['usage', 'selector', 'matchingType', 'certificate'].map((name) => field(data, name))
    if (typeof usage !== 'number' || typeof selector !== 'number' || typeof matchingType !== 'number' || !(certificate instanceof Uint8Array)) return undefined
    return { usage, selector, matchingType, association: new Uint8Array(certificate) }
  },
}

function dataOf<T extends DnsType>(record: ResourceRecord, type: T): DnsRecords[T] | undefined {
  return READERS[type](record.data)
}

function nameOf(data: unknown): string | undefined {
  return typeof data === 'string' ? plainName(data) : undefined
}

function addressOf(data: unknown): string | undefined {
  const ip = parseIp(typeof data === 'string' ? data : '')
  return ip.ok ? printIp(ip.value) : undefined
}
