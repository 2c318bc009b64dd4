// Looks a route up: the hosts to try, in order, or why there is none. What DNS does not positively say
// is temporary: trouble is never "no such host". Mail that would come back to ourselves is refused
// here (5.4.6), before it goes round.
import type { RecipientResult } from '../clients/delivery-result.ts'
import type { Resolver } from '../net/dns.ts'
import { resolveMailTarget } from '../net/mx.ts'
import type { MailTarget } from '../net/mx.ts'
import { parseIp, printIp } from '../net/network.ts'
import type { Random } from '../base/random.ts'
import type { Route } from './route.ts'

export interface Hop {
  /** As named in MX or config: for TLS and for people. */
  host: string
  address: string
  port: number
}

export type Hops = { ok: true; hops: Hop[] } | { ok: false; result: RecipientResult }

export interface HopsOptions {
  resolver: Resolver
  random: Random
  /** Our own name in the world. */
  hostname: string
  /** Whether one of our own doors for mail from strangers listens there. */
  isOurs: (address: string, port: number) => boolean
  signal: AbortSignal
}

/** Addresses tried in one attempt. */
const HOPS_MAX = 12

export async function findHops(route: Route, options: HopsOptions): Promise<Hops> {
  const target = route.kind === 'mx' ? await mailTarget(route.domain, options) : await hostTarget(route.host, options)
  const where = route.kind === 'mx' ? route.domain : route.host
  const none = (end: 'temporary' | 'permanent', status: string, sentence: string): Hops => ({ ok: false, result: { end, reply: sentence, status, remote: where } })
  switch (target.kind) {
    case 'hosts': {
      const hops = target.hosts.flatMap(({ name, addresses }) => addresses.map((address) => ({ host: name, address, port: route.port })))
      // RFC 5321 §5.1: from ourselves on, everything would come back. Hosts are in order of preference.
      const ourselves = route.kind === 'mx' ? hops.findIndex(({ address, port }) => options.isOurs(address, port)) : -1
      if (ourselves === 0) return none('permanent', '5.4.6', `mail for ${where} would come back to this server`)
      return { ok: true, hops: hops.slice(0, ourselves < 0 ? HOPS_MAX : Math.min(ourselves, HOPS_MAX)) }
    }
    case 'null-mx':
      return none('permanent', '5.1.10', `${where} takes no mail (null MX)`) // RFC 7505 §4.2
    case 'no-such-domain':
      // A host that the operator named is the operator's mistake, not the sender's.
      return route.kind === 'mx' ? none('permanent', '5.1.2', `the domain ${where} does not exist`) : none('temporary', '4.4.3', `the host ${where} of our own configuration does not exist`)
    case 'no-host':
      return route.kind === 'mx' ? none('permanent', '5.4.4', target.reason) : none('temporary', '4.4.3', target.reason)
    case 'loop':
      return none('permanent', '5.4.6', target.reason)
    case 'malformed':
      return route.kind === 'mx' ? none('permanent', '5.1.2', target.reason) : none('temporary', '4.4.3', target.reason)
    case 'trouble':
      return none('temporary', '4.4.3', `DNS: ${target.reason}`)
  }
}

function mailTarget(domain: string, { resolver, random, hostname, signal }: HopsOptions): Promise<MailTarget> {
  return resolveMailTarget(domain, { resolver, random, ownNames: [hostname], signal })
}

/** A host of the config: an address, or a name with addresses of its own. Its MX is not asked. */
async function hostTarget(host: string, { resolver, signal }: HopsOptions): Promise<MailTarget> {
  const ip = parseIp(host)
  const found = (addresses: string[]): MailTarget => ({ kind: 'hosts', hosts: [{ name: host, preference: 0, addresses, isAuthentic: false }], isImplicit: true, isAuthentic: false, ttlSeconds: 0 })
  if (ip.ok) return found([printIp(ip.value)])
  if (host === 'localhost') return found(['127.0.0.1', '::1']) // RFC 6761 §6.3: never asked of anybody
  const [v6, v4] = await Promise.all([resolver.resolve(host, 'AAAA', signal), resolver.resolve(host, 'A', signal)])
  const addresses = [v6, v4].flatMap((answer) => (answer.kind === 'answers' ? answer.records : []))
  if (addresses.length > 0) return found(addresses)
  const trouble = [v6, v4].find((answer) => answer.kind === 'trouble')
  if (trouble?.kind === 'trouble') return { kind: 'trouble', reason: trouble.reason }
  return v4.kind === 'no-such-name' ? { kind: 'no-such-domain' } : { kind: 'no-host', reason: `${host} has no address` }
}
