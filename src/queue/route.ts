// Which way mail for a domain goes, before anything is looked up: a [[route]], the smart host, an
// address literal, or MX records. Pure. The key names the destination whose connections, limits and
// failures are shared by all mail that goes the same way.
import { domainToASCII } from 'node:url'
import type { TlsPolicy } from '../clients/smtp-open.ts'
import { parseIp, printIp } from '../net/network.ts'

export interface SmartHost {
  host: string
  port: number
  user?: string
  password?: string
  tls?: TlsPolicy
}

export interface OutboundConfig {
  /** Port at which other servers are called. */
  port: number
  smarthost?: SmartHost
  /** The first that fits counts; `domain` "*" fits every one. */
  routes: readonly { domain: string; host: string; port: number; tls?: TlsPolicy }[]
}

export interface Login {
  user: string
  password: string
}

export type Route =
  /** One named host, its addresses looked up, no MX. */
  | { kind: 'host'; key: string; host: string; port: number; tls: TlsPolicy; implicitTls: boolean; login?: Login }
  | { kind: 'address'; key: string; address: string; port: number; tls: TlsPolicy }
  /** `domain` as A-labels. */
  | { kind: 'mx'; key: string; domain: string; port: number; tls: TlsPolicy }
  /** No way at all: permanent. */
  | { kind: 'none'; key: string; status: string; sentence: string }

/** There TLS is spoken from the first byte (RFC 8314 §3.3). */
const SUBMISSIONS_PORT = 465

export function chooseRoute(domain: string, outbound: OutboundConfig): Route {
  const lower = domain.toLowerCase()
  const ascii = lower.startsWith('[') ? lower : domainToASCII(lower.replace(/\.$/, ''))
  const own = outbound.routes.find((route) => route.domain === '*' || sameDomain(route.domain, lower, ascii))
  if (own) {
    return hostRoute({ host: own.host, port: own.port, tls: own.tls ?? 'opportunistic' })
  }
  const { smarthost } = outbound
  if (smarthost) {
    const login = smarthost.user !== undefined && smarthost.password !== undefined ? { user: smarthost.user, password: smarthost.password } : undefined
    // A password goes only to a server that has shown who it is.
    return hostRoute({ host: smarthost.host, port: smarthost.port, tls: smarthost.tls ?? (login ? 'verified' : 'opportunistic'), ...(login ? { login } : {}) })
  }
  if (lower.startsWith('[')) return literalRoute(lower, outbound.port)
  if (ascii === '' || ascii.length > 253 || !ascii.split('.').every((label) => label.length >= 1 && label.length <= 63)) {
    return { kind: 'none', key: 'none', status: '5.1.2', sentence: `"${domain}" is not a domain name` }
  }
  return { kind: 'mx', key: `mx ${ascii}`, domain: ascii, port: outbound.port, tls: 'opportunistic' }
}

function hostRoute({ host, port, tls, login }: { host: string; port: number; tls: TlsPolicy; login?: Login }): Route {
  return { kind: 'host', key: `host ${host.toLowerCase()}:${port}`, host: host.toLowerCase(), port, tls, implicitTls: port === SUBMISSIONS_PORT, ...(login ? { login } : {}) }
}

function sameDomain(configured: string, lower: string, ascii: string): boolean {
  const wanted = configured.toLowerCase().replace(/\.$/, '')
  return wanted === lower || (ascii !== '' && domainToASCII(wanted) === ascii)
}

/** "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3). */
function literalRoute(literal: string, port: number): Route {
  const inner = /^\[(ipv6:)?([^\]]+)\]$/.exec(literal)
  const ip = inner ? parseIp(inner[2]!) : undefined
  if (!ip?.ok || (ip.value.family === 4 && inner?.[1] !== undefined)) return { kind: 'none', key: 'none', status: '5.1.2', sentence: `${literal} is not an address literal` }
  const address = printIp(ip.value)
  return { kind: 'address', key: `address ${address}`, address, port, tls: 'opportunistic' }
}
