// Which name servers are asked: those of the config, or those of the system.
import type { Disk } from '../base/disk.ts'
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { isLoopback, parseIp, printIp } from './network.ts'
import { parseListenAddress } from './listen-address.ts'

export interface DnsServer {
  address: string
  family: 4 | 6
  port: number
  /** A resolver on this machine is believed when it says that DNSSEC was checked; over a network anybody could say so. */
  isOnThisMachine: boolean
}

const dnsPort = 53
const serversMax = 10

/** "192.0.2.53", "2001:db8::53", "192.0.2.53:5353" or "[2001:db8::53]:5353". */
export function parseDnsServer(text: string): Parsed<DnsServer> {
  const bare = parseIp(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text)
  if (bare.ok) return understood({ address: printIp(bare.value), family: bare.value.family, port: dnsPort, isOnThisMachine: isLoopback(bare.value) })
  const withPort = parseListenAddress(text)
  if (!withPort.ok || withPort.value.port === 0) return refuse('dns-server-syntax', `"${text.slice(0, 80)}" is not a name server such as 192.0.2.53 or 127.0.0.1:5353`)
  const { host, family, port } = withPort.value
  const ip = parseIp(host)
  return understood({ address: host, family, port, isOnThisMachine: ip.ok && isLoopback(ip.value) })
}

/** The servers of resolv.conf(5); without any, a resolver on this machine, as the C library does. */
export function parseResolvConf(text: string): DnsServer[] {
  const servers: DnsServer[] = []
  for (const line of text.split('\n')) {
    const [word, address] = line.trim().split(/\s+/)
    if (word !== 'nameserver' || address === undefined || servers.length >= serversMax) continue
    const server = parseDnsServer(address)
    if (server.ok) servers.push(server.value)
  }
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', family: 4, port: dnsPort, isOnThisMachine: true }]
}

export function systemDnsServers(disk: Disk, path = '/etc/resolv.conf'): DnsServer[] {
  return parseResolvConf(disk.exists(path) ? Buffer.from(disk.readWhole(path)).toString('latin1') : '')
}
