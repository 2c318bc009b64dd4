// The PROXY protocol, version 1 (text) and 2 (binary): how a load balancer says who is really there.
// Understood from bytes, as far as they have come. Whoever calls has made sure that the bytes come
// from a listed proxy: from anybody else they would be a lie about the sender's address.
// (The specification is proxy-protocol.txt of HAProxy; its sections are cited.)
import { CR, LF, SPACE } from '../base/bytes.ts'
import { refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { ipOfOctets, parseIp, printIp } from './network.ts'

/** §2.1: the longest line of version 1, its end included. */
const lineOctetsMax = 107
/** Version 2 allows 65,535 octets; real headers with all their extras stay far below this. */
const binaryOctetsMax = 4096

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
const WORD = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, SPACE) // "PROXY "

export interface ProxyHeader {
  /** Length of the header: what follows belongs to the protocol proper. */
  octets: number
  /** Absent when the proxy speaks for itself (health checks) or does not know. */
  source: { address: string; port: number } | undefined
}

function startsAlike(bytes: Uint8Array, pattern: Uint8Array): boolean {
  const length = Math.min(bytes.length, pattern.length)
  for (let i = 0; i < length; i++) if (bytes[i] !== pattern[i]) return false
  return true
}

/** `undefined`: so far it may be one, more is needed. */
export function parseProxyHeader(bytes: Uint8Array): Parsed<ProxyHeader | undefined> {
  if (startsAlike(bytes, SIGNATURE)) return bytes.length < 16 ? understood(undefined) : binaryHeader(bytes)
  if (startsAlike(bytes, WORD)) return lineHeader(bytes)
  return refuse('proxy-header-missing', 'the proxy did not begin with a PROXY header')
}

function lineHeader(bytes: Uint8Array): Parsed<ProxyHeader | undefined> {
  const lfAt = bytes.subarray(0, lineOctetsMax).indexOf(LF)
  if (lfAt < 0) return bytes.length < lineOctetsMax ? understood(undefined) : refuse('proxy-header-too-long', 'a PROXY line of more than 107 octets')
  if (bytes[lfAt - 1] !== CR) return refuse('proxy-header-syntax', 'a PROXY line ends with CR LF')
  const words = Buffer.from(bytes.subarray(0, lfAt - 1)).toString('latin1').split(' ')
  const octets = lfAt + 1
  if (words[1] === 'UNKNOWN') return understood({ octets, source: undefined })
  const family = words[1] === 'TCP4' ? 4 : words[1] === 'TCP6' ? 6 : 0
  const address = family !== 0 && words.length === 6 ? parseIp(words[2] ?? '') : undefined
  const destination = parseIp(words[3] ?? '')
  // An IPv4 client of an IPv6 door is written ::ffff:a.b.c.d in TCP6.
  if (!address?.ok || !destination.ok || (family === 4) === (words[2] ?? '').includes(':') || !isPort(words[4]) || !isPort(words[5])) {
    return refuse('proxy-header-syntax', 'a PROXY line that cannot be understood')
  }
  return understood({ octets, source: { address: printIp(address.value), port: Number(words[4]) } })
}

function isPort(word: string | undefined): boolean {
  return word !== undefined && /^(0|[1-9][0-9]{0,4})$/.test(word) && Number(word) <= 65_535
}

function binaryHeader(bytes: Uint8Array): Parsed<ProxyHeader | undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint8(12) >> 4
  const command = view.getUint8(12) & 15
  if (version !== 2 || command > 1) return refuse('proxy-header-version', 'a PROXY header of a version other than 2')
  const octets = 16 + view.getUint16(14)
  if (octets > binaryOctetsMax) return refuse('proxy-header-too-long', `a PROXY header of more than ${binaryOctetsMax} octets`)
  if (bytes.length < octets) return understood(undefined)
  const addressOctets = { 0x11: 4, 0x21: 16 }[view.getUint8(13)] // TCP over IPv4, TCP over IPv6
  if (command === 0 || addressOctets === undefined) return understood({ octets, source: undefined }) // §2.2: LOCAL, or a family not spoken here
  if (octets < 16 + addressOctets * 2 + 4) return refuse('proxy-header-syntax', 'a PROXY header that is shorter than its addresses')
  const address = printIp(ipOfOctets(bytes.slice(16, 16 + addressOctets)))
  return understood({ octets, source: { address, port: view.getUint16(16 + addressOctets * 2) } })
}
