// For tests only: a small name server on the loopback, over UDP and TCP, that answers what the test
// says, lies when told to, and counts what it was asked.
import { createSocket } from 'node:dgram'
import type { RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import packet from 'dns-packet'
import type { DecodedPacket, Packet, ResourceRecord } from 'dns-packet'
import type { DnsServer } from './dns-servers.ts'

export interface Asked {
  name: string
  type: string
  over: 'udp' | 'tcp'
  query: DecodedPacket
}

/** Parts of a reply; `flags` beside the usual ones. Several replies may be sent to one question. */
export type Said = (Packet & { rcode?: number }) | Uint8Array

export interface TestServer {
  server: DnsServer
  asked: string[]
  close(): void
}

export const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }

export function soa(zone: string, minimum = 300): ResourceRecord {
  return { name: zone, type: 'SOA', class: 'IN', ttl: 3600, data: { mname: `ns.${zone}`, rname: `hostmaster.${zone}`, serial: 1, refresh: 1, retry: 1, expire: 1, minimum } }
}

export function record(name: string, type: string, data: unknown, ttl = 600): ResourceRecord {
  return { name, type, class: 'IN', ttl, data }
}

function encoded(said: Said, query: DecodedPacket): Uint8Array {
  if (said instanceof Uint8Array) return said
  const { rcode = 0, ...parts } = said
  const bytes = packet.encode({ id: query.id, type: 'response', questions: query.questions, ...parts, flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (parts.flags ?? 0) })
  bytes[3] = ((bytes[3] ?? 0) & 0xf0) | rcode
  return bytes
}

/** `answer` returns what is said, nothing for silence. */
export async function testDnsServer(t: TestContext, answer: (asked: Asked) => Said | Said[] | undefined): Promise<TestServer> {
  const log: string[] = []
  const said = (query: DecodedPacket, over: 'udp' | 'tcp'): Uint8Array[] => {
    const question = query.questions[0]
    if (!question) return []
    log.push(`${over} ${question.type} ${question.name}`)
    const replies = answer({ name: question.name, type: question.type, over, query })
    return (replies === undefined ? [] : Array.isArray(replies) ? replies : [replies]).map((reply) => encoded(reply, query))
  }
  const tcp = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      // In two pieces, as a network may.
      for (const reply of said(packet.decode(chunk.subarray(2)), 'tcp')) {
        const framed = Buffer.concat([Uint8Array.of(reply.length >> 8, reply.length & 255), reply])
        socket.write(framed.subarray(0, 3))
        setImmediate(() => socket.write(framed.subarray(3)))
      }
    })
  })
  // The same port for both; the system gives it for TCP, and somebody else may have it for UDP.
  let udp = createSocket('udp4')
  for (;;) {
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1')
    if (await once(udp, 'listening').then(() => true, () => false)) break
    udp.close()
    udp = createSocket('udp4')
    tcp.close()
    await once(tcp, 'close')
  }
  const port = (tcp.address() as AddressInfo).port
  udp.on('message', (bytes: Buffer, from: RemoteInfo) => {
    for (const reply of said(packet.decode(bytes), 'udp')) udp.send(reply, from.port, from.address)
  })
  let isOpen = true
  const close = () => {
    if (!isOpen) return
    isOpen = false
    udp.close()
    tcp.close()
  }
  t.after(close)
  return { server: { address: '127.0.0.1', family: 4, port, isOnThisMachine: true }, asked: log, close }
}
