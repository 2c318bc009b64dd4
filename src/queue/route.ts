// Which way mail for a domain goes, before anything is looked up: a [[route]], the smart host, or the
// domain's own mail hosts. Pure. The key names the destination whose connections, limits and failures
// are shared by all mail that goes the same way.
import type { TlsPolicy } from '../clients/smtp-open.ts'
import { aLabels } from '../net/mx.ts'

export interface SmartHost {
  host: string
  port: number
  login?: { user: string; password: string }
  tls?: TlsPolicy
}

export interface OutboundConfig {
  /** Port at which other servers are called. */
  port: number
  smarthost?: SmartHost | undefined
  /** The first that fits counts; `domain` "*" fits every one. */
  routes: readonly { domain: string; host: string; port: number; tls?: TlsPolicy }[]
}

export type Route =
  /** One named host (or address), no MX. */
  | { kind: 'host'; key: string; host: string; port: number; tls: TlsPolicy; implicitTls: boolean; login?: { user: string; password: string } }
  /** The mail hosts of the domain (or of the address literal) itself. */
  | { kind: 'mx'; key: string; domain: string; port: number; tls: TlsPolicy }

/** There TLS is spoken from the first byte (RFC 8314 §3.3). */
const SUBMISSIONS_PORT = 465

export function chooseRoute(domain: string, outbound: OutboundConfig): Route {
  const name = canonical(domain)
  const own = outbound.routes.find((route) => route.domain === '*' || canonical(route.domain) === name)
  if (own) return hostRoute({ host: own.host, port: own.port, tls: own.tls ?? 'opportunistic' })
  const { smarthost } = outbound
  if (smarthost) {
    // A password goes only to a server that has shown who it is.
    return hostRoute({ ...smarthost, tls: smarthost.tls ?? (smarthost.login ? 'verified' : 'opportunistic') })
  }
  return { kind: 'mx', key: `mx ${name}`, domain: name, port: outbound.port, tls: 'opportunistic' }
}

/** One spelling for each domain; what cannot be a domain stays as it is and is refused when it is looked up. */
function canonical(domain: string): string {
  return aLabels(domain) ?? domain.toLowerCase()
}

function hostRoute({ host, port, tls, login }: SmartHost & { tls: TlsPolicy }): Route {
  const name = host.toLowerCase()
  return { kind: 'host', key: `host ${name}:${port}`, host: name, port, tls, implicitTls: port === SUBMISSIONS_PORT, ...(login ? { login } : {}) }
}
