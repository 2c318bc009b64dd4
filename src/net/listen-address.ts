// Where a door listens, as it is written in the config: "address:port" or "[::1]:port". Addresses
// are numbers, never names: a door must not depend on DNS. "[::]:25" takes IPv6 only; whoever wants
// both families lists both, so that each address says exactly what it does.
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { parseIp, printIp } from './network.ts'

export interface ListenAddress {
  host: string
  family: 4 | 6
  /** 0 lets the system choose. */
  port: number
}

export function parseListenAddress(text: string): Parsed<ListenAddress> {
  const colonAt = text.lastIndexOf(':')
  const shown = text.slice(0, 80)
  if (colonAt < 1) return refuse('listen-syntax', `"${shown}": expected "address:port", for example "127.0.0.1:2525" or "[::1]:2525"`)
  const portText = text.slice(colonAt + 1)
  if (!/^[0-9]{1,5}$/.test(portText) || Number(portText) > 65_535) {
    return refuse('listen-port', `"${shown}": the port behind the last colon must be a number from 0 to 65535`)
  }
  let host = text.slice(0, colonAt)
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  else if (host.includes(':')) return refuse('listen-brackets', `"${shown}": an IPv6 address stands in brackets, as in "[::1]:${portText}"`)
  const ip = parseIp(host)
  if (!ip.ok) {
    const hint = host === 'localhost' ? ` (write 127.0.0.1:${portText})` : host === '*' ? ` (write 0.0.0.0:${portText} and [::]:${portText})` : ''
    return refuse('listen-host', `"${shown}": the address must be a number such as 192.0.2.1, not a name${hint}`)
  }
  return understood({ host: printIp(ip.value), family: ip.value.family, port: Number(portText) })
}

export function printListenAddress(address: ListenAddress): string {
  return address.family === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
