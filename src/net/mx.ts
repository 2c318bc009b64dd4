// Where mail for a domain goes (RFC 5321 §5.1): its mail hosts, best first, with their addresses.
// Only what DNS positively says can refuse mail for good; any trouble is `trouble`, for later.
import { domainToASCII } from 'node:url'
import { asciiLower } from '../base/bytes.ts'
import type { Random } from '../base/random.ts'
import type { DnsAnswer, DnsRecords, Resolver } from './dns.ts'
import { isDnsName, plainName } from './dns-message.ts'
import { parseIp, printIp } from './network.ts'

export interface MailHost {
  /** A-labels, lower case; of an address literal the address. */
  name: string
  preference: number
  /** At least one. IPv6 and IPv4 in turns, so that a dead family costs one try. */
  addresses: readonly string[]
  /** MX and addresses were checked by DNSSEC: what DANE needs (RFC 7672 §2.1). */
  isAuthentic: boolean
}

export type MailTarget =
  /** To be tried in this order. `isImplicit`: the domain has no MX and is its own host. */
  | { kind: 'hosts'; hosts: readonly MailHost[]; isImplicit: boolean; isAuthentic: boolean; ttlSeconds: number }
  /** RFC 7505: it says that it takes no mail (556 5.1.10). */
  | { kind: 'null-mx' }
  /** NXDOMAIN (550 5.1.2). */
  | { kind: 'no-such-domain' }
  /** It exists, but neither it nor any of its mail hosts has an address (550 5.4.4). */
  | { kind: 'no-host'; reason: string }
  /** The best mail host is ourselves, and yet the mail is not for us (5.4.6). */
  | { kind: 'loop'; reason: string }
  | { kind: 'malformed'; reason: string }
  | { kind: 'trouble'; reason: string }

export interface MxOptions {
  resolver: Resolver
  random: Random
  /** Names under which others know this server. */
  ownNames: readonly string[]
  signal?: AbortSignal
}

/** Mail hosts of one domain that are looked at, the best ones. */
const hostsMax = 12
/** Addresses of one host. */
const addressesMax = 8
const literalTtlSeconds = 3600

/** `domain`: what stands behind the "@" of an envelope address. */
export async function resolveMailTarget(domain: string, options: MxOptions): Promise<MailTarget> {
  if (domain.startsWith('[')) return literalTarget(domain)
  const name = aLabels(domain)
  if (name === undefined) return { kind: 'malformed', reason: `"${domain.slice(0, 80)}" cannot be a domain` }
  const { resolver, random, signal } = options
  const answer = await resolver.resolve(name, 'MX', signal)
  switch (answer.kind) {
    case 'trouble':
      return { kind: 'trouble', reason: answer.reason }
    case 'no-such-name':
      return { kind: 'no-such-domain' }
    case 'no-data': {
      const target = await withAddresses([{ preference: 0, exchange: name }], answer, { resolver, signal, random })
      return target.kind === 'hosts' ? { ...target, isImplicit: true } : target
    }
    case 'answers':
      return explicitTarget(answer, options)
  }
}

function explicitTarget(answer: Extract<DnsAnswer<'MX'>, { kind: 'answers' }>, { resolver, random, ownNames, signal }: MxOptions): MailTarget | Promise<MailTarget> {
  const [only] = answer.records
  if (answer.records.length === 1 && only?.exchange === '') return { kind: 'null-mx' }
  const ordered = inOrder(answer.records.filter((record) => record.exchange !== ''), random)
  const own = new Set(ownNames.map(plainName))
  // RFC 5321 §5.1: from our own preference on, everything would come back to us.
  const ours = ordered.find((record) => own.has(record.exchange))
  const better = ours ? ordered.filter((record) => record.preference < ours.preference) : ordered
  if (better.length === 0 && ours) return { kind: 'loop', reason: `the best mail host is ${ours.exchange}, which is this server` }
  return withAddresses(better.slice(0, hostsMax), answer, { resolver, signal, random })
}

/** By preference; equal ones in random order, to spread the load (RFC 5321 §5.1). */
function inOrder(records: readonly DnsRecords['MX'][], random: Random): DnsRecords['MX'][] {
  return shuffled(records, random).sort((a, b) => a.preference - b.preference)
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const mixed = [...items]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = mixed[i] as T
    mixed[i] = mixed[j] as T
    mixed[j] = held
  }
  return mixed
}

interface Asker {
  resolver: Resolver
  random: Random
  signal: AbortSignal | undefined
}

async function withAddresses(records: readonly DnsRecords['MX'][], from: { isAuthentic: boolean; ttlSeconds: number; name: string }, asker: Asker): Promise<MailTarget> {
  const troubles: string[] = []
  let ttlSeconds = from.ttlSeconds
  const found = await Promise.all(records.map(async (record): Promise<MailHost | undefined> => {
    const { resolver, random, signal } = asker
    const [v6, v4] = await Promise.all([resolver.resolve(record.exchange, 'AAAA', signal), resolver.resolve(record.exchange, 'A', signal)])
    const lists: string[][] = []
    let isAuthentic = from.isAuthentic
    for (const answer of [v6, v4]) {
      if (answer.kind === 'trouble') troubles.push(answer.reason)
      else {
        isAuthentic &&= answer.isAuthentic
        ttlSeconds = Math.min(ttlSeconds, answer.ttlSeconds)
      }
      lists.push(answer.kind === 'answers' ? shuffled(answer.records, random) : [])
    }
    const addresses = inTurns(lists).slice(0, addressesMax)
    return addresses.length > 0 ? { name: record.exchange, preference: record.preference, addresses, isAuthentic } : undefined
  }))
  const hosts = found.filter((host) => host !== undefined)
  // A host about which we could not find out may be the one that works: "no host" only when DNS said so of all.
  if (hosts.length === 0 && troubles.length > 0) return { kind: 'trouble', reason: troubles[0] ?? '' }
  if (hosts.length === 0) return { kind: 'no-host', reason: `no mail host of ${from.name} has an address` }
  return { kind: 'hosts', hosts, isImplicit: false, isAuthentic: from.isAuthentic, ttlSeconds }
}

function inTurns(lists: readonly string[][]): string[] {
  const mixed: string[] = []
  const longest = Math.max(...lists.map((list) => list.length))
  for (let i = 0; i < longest; i++) for (const list of lists) if (list[i] !== undefined) mixed.push(list[i] as string)
  return mixed
}

/** RFC 5321 §4.1.3: [192.0.2.1] and [IPv6:2001:db8::1]. */
function literalTarget(domain: string): MailTarget {
  const inner = domain.endsWith(']') ? domain.slice(1, -1) : ''
  const isTagged = asciiLower(inner).startsWith('ipv6:')
  const text = isTagged ? inner.slice(5) : inner
  const ip = parseIp(text)
  if (!ip.ok || text.includes('%') || isTagged !== text.includes(':')) return { kind: 'malformed', reason: `"${domain.slice(0, 80)}" is not an address literal` }
  const address = printIp(ip.value)
  return { kind: 'hosts', hosts: [{ name: address, preference: 0, addresses: [address], isAuthentic: false }], isImplicit: true, isAuthentic: false, ttlSeconds: literalTtlSeconds }
}

/** The domain as DNS knows it (RFC 5891), lower case; `undefined` when it cannot be one. */
export function aLabels(domain: string): string | undefined {
  // Only what is not ASCII is converted: the URL rules behind this would take "0x7f.1" for an address.
  const ascii = plainName(/^[\x00-\x7f]*$/.test(domain) ? domain : domainToASCII(domain))
  return isDnsName(ascii) && !parseIp(ascii).ok ? ascii : undefined
}
