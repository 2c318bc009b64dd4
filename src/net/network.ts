// IP addresses and networks (CIDR): understood, compared, matched. An IPv4 address that arrives
// inside IPv6 (::ffff:192.0.2.1, RFC 4291 §2.5.5.2) is the IPv4 address, everywhere: a rule for
// one spelling can never be evaded with the other. Names are never looked up here.
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'

export interface IpAddress {
  readonly family: 4 | 6
  /** 4 or 16 octets. */
  readonly octets: Uint8Array
}

export interface Network {
  readonly address: IpAddress
  /** Leading bits that must be equal. */
  readonly prefixBits: number
}

const DIGIT_0 = 48
const DIGIT_9 = 57
const DOT = 46
const COLON = 58

/** Four decimal numbers, no leading zeros (some systems read those as octal). */
function octetsOfV4(text: string, from: number, into: Uint8Array, at: number): boolean {
  let value = -1
  let count = 0
  for (let i = from; i <= text.length; i++) {
    const unit = i < text.length ? text.charCodeAt(i) : DOT
    if (unit >= DIGIT_0 && unit <= DIGIT_9) {
      if (value === 0) return false
      value = (value < 0 ? 0 : value * 10) + unit - DIGIT_0
      if (value > 255) return false
    } else if (unit === DOT && value >= 0 && count < 4) {
      into[at + count++] = value
      value = -1
    } else return false
  }
  return count === 4
}

function hexValue(unit: number): number {
  if (unit >= DIGIT_0 && unit <= DIGIT_9) return unit - DIGIT_0
  const letter = unit | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** RFC 4291 §2.2, all three forms. */
function octetsOfV6(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(16)
  let filled = 0
  let gapAt = -1
  let i = 0
  if (text.startsWith('::')) {
    gapAt = 0
    i = 2
  }
  while (i < text.length) {
    const groupAt = i
    let value = 0
    let digits = 0
    for (let hex = 0; i < text.length && digits < 5 && (hex = hexValue(text.charCodeAt(i))) >= 0; i++, digits++) value = value * 16 + hex
    if (i < text.length && text.charCodeAt(i) === DOT) {
      if (filled > 12 || !octetsOfV4(text, groupAt, octets, filled)) return undefined
      filled += 4
      i = text.length
      break
    }
    if (digits === 0 || digits > 4 || filled > 14) return undefined
    octets[filled++] = value >> 8
    octets[filled++] = value & 255
    if (i === text.length) break
    if (text.charCodeAt(i) !== COLON) return undefined
    i++
    if (i === text.length) return undefined // a single colon at the end
    if (text.charCodeAt(i) === COLON) {
      if (gapAt >= 0) return undefined
      gapAt = filled
      i++
    }
  }
  if (gapAt < 0) return filled === 16 ? octets : undefined
  if (filled > 14) return undefined // "::" stands for at least one group
  octets.copyWithin(16 - (filled - gapAt), gapAt, filled)
  octets.fill(0, gapAt, 16 - (filled - gapAt))
  return octets
}

function isMapped(octets: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return false
  return octets[10] === 255 && octets[11] === 255
}

/** From 4 or 16 octets as they stand in packets; an IPv4-mapped address becomes IPv4. */
export function ipOfOctets(octets: Uint8Array): IpAddress {
  if (octets.length === 16 && !isMapped(octets)) return { family: 6, octets }
  return { family: 4, octets: octets.length === 16 ? octets.slice(12) : octets }
}

/** An address without brackets, port or zone; a zone ("%eth0") is dropped. */
export function parseIp(text: string): Parsed<IpAddress> {
  const zoneAt = text.indexOf('%')
  const bare = zoneAt > 0 ? text.slice(0, zoneAt) : text
  if (bare.includes(':')) {
    const octets = bare.length <= 45 ? octetsOfV6(bare) : undefined
    if (octets) return understood(ipOfOctets(octets))
  } else {
    const octets = new Uint8Array(4)
    if (zoneAt < 0 && octetsOfV4(bare, 0, octets, 0)) return understood({ family: 4, octets })
  }
  return refuse('ip-syntax', `"${text.slice(0, 60)}" is not an IP address such as 192.0.2.1 or 2001:db8::1`)
}

/** The canonical text (RFC 5952 for IPv6). */
export function printIp(ip: IpAddress): string {
  if (ip.family === 4) return ip.octets.join('.')
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((ip.octets[i] ?? 0) << 8) | (ip.octets[i + 1] ?? 0))
  let bestAt = -1
  let bestLength = 1 // RFC 5952 §4.2.2: a single zero group is not shortened
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) {
      bestAt = i
      bestLength = length
    }
    if (length > 0) i += length - 1
  }
  const hex = (from: number, to: number) => groups.slice(from, to).map((group) => group.toString(16)).join(':')
  return bestAt < 0 ? hex(0, 8) : `${hex(0, bestAt)}::${hex(bestAt + bestLength, 8)}`
}

/** One spelling for each address, as far as it is one; anything else comes back as it was. */
export function plainAddress(text: string): string {
  if (!text.includes(':')) return text // Node prints IPv4 canonically: the hot path does nothing
  const parsed = parseIp(text)
  return parsed.ok ? printIp(parsed.value) : text
}

/** "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix must be zero: a typing error otherwise. */
export function parseNetwork(text: string): Parsed<Network> {
  const slashAt = text.indexOf('/')
  const ip = parseIp(slashAt < 0 ? text : text.slice(0, slashAt))
  if (!ip.ok) return refuse('network-syntax', `"${text.slice(0, 60)}" is not a network such as 192.0.2.0/24 or 2001:db8::/32`)
  const allBits = ip.value.family === 4 ? 32 : 128
  if (slashAt < 0) return understood({ address: ip.value, prefixBits: allBits })
  const digits = text.slice(slashAt + 1)
  let prefixBits = /^(0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : -1
  if (ip.value.family === 4 && text.includes(':')) prefixBits -= 96 // ::ffff:192.0.2.0/120 says 192.0.2.0/24
  if (prefixBits < 0 || prefixBits > allBits) return refuse('network-prefix', `"${text.slice(0, 60)}": the number behind "/" must be from 0 to ${allBits}`)
  const network = { address: maskedAddress(ip.value, prefixBits), prefixBits }
  if (compareOctets(network.address.octets, ip.value.octets) !== 0) {
    return refuse('network-host-bits', `"${text.slice(0, 60)}" has bits set behind its prefix; did you mean ${printNetwork(network)}?`)
  }
  return understood(network)
}

export function printNetwork(network: Network): string {
  return `${printIp(network.address)}/${network.prefixBits}`
}

function maskedAddress(ip: IpAddress, prefixBits: number): IpAddress {
  const octets = ip.octets.slice()
  for (let i = 0; i < octets.length; i++) {
    const bits = Math.min(8, Math.max(0, prefixBits - i * 8))
    octets[i] = (octets[i] ?? 0) & (0xff00 >> bits) & 0xff
  }
  return { family: ip.family, octets }
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  return a.length === b.length ? Buffer.compare(a, b) : a.length - b.length
}

export function inNetwork(ip: IpAddress, network: Network): boolean {
  if (ip.family !== network.address.family) return false
  const wholeOctets = network.prefixBits >> 3
  for (let i = 0; i < wholeOctets; i++) if (ip.octets[i] !== network.address.octets[i]) return false
  const restBits = network.prefixBits & 7
  if (restBits === 0) return true
  const difference = (ip.octets[wholeOctets] ?? 0) ^ (network.address.octets[wholeOctets] ?? 0)
  return difference >> (8 - restBits) === 0
}

export function inAnyNetwork(ip: IpAddress, networks: readonly Network[]): boolean {
  for (const network of networks) if (inNetwork(ip, network)) return true
  return false
}

/** The network that is taken for one neighbour: /24 in IPv4, /64 in IPv6. */
export function neighbourhoodOf(ip: IpAddress): Network {
  const prefixBits = ip.family === 4 ? 24 : 64
  return { address: maskedAddress(ip, prefixBits), prefixBits }
}

/** Whether two addresses are neighbours (same /24 or /64). */
export function sameNetwork(a: IpAddress, b: IpAddress): boolean {
  return inNetwork(b, neighbourhoodOf(a))
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(ip: IpAddress): boolean {
  if (ip.family === 4) return ip.octets[0] === 127
  return ip.octets[15] === 1 && ip.octets.subarray(0, 15).every((octet) => octet === 0)
}
