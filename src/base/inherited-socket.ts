// Where does a listening socket listen that somebody else has opened? Node cannot say without taking it
// over, so the kernel is asked (Linux: /proc).
import * as fs from 'node:fs'
import { endianness } from 'node:os'

export interface SocketPlace {
  readonly address: string
  readonly port: number
}

/** Undefined when it cannot be told (no /proc, no TCP socket). */
export function placeOfSocket(fd: number): SocketPlace | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    if (inode === undefined) return undefined
    for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
      const place = fs.existsSync(table) ? parseSocketTable(fs.readFileSync(table, 'latin1'), inode) : undefined
      if (place) return place
    }
  } catch {
    // A sandbox that hides /proc: the server works without knowing.
  }
  return undefined
}

/** Finds the row of a socket in the text of /proc/net/tcp or tcp6 (proc(5)). */
export function parseSocketTable(text: string, inode: string, isLittleEndian = endianness() === 'LE'): SocketPlace | undefined {
  for (const line of text.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns[9] !== inode) continue
    const [hex = '', port = ''] = (columns[1] ?? '').split(':')
    // 32-bit words in the machine's own order.
    const octets = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
      const bytes = (word.match(/../g) ?? []).map((two) => Number.parseInt(two, 16))
      return isLittleEndian ? bytes.reverse() : bytes
    })
    return { address: octets.length === 4 ? octets.join('.') : ipv6Text(octets), port: Number.parseInt(port, 16) }
  }
  return undefined
}

function ipv6Text(octets: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((octets[index * 2] ?? 0) * 256 + (octets[index * 2 + 1] ?? 0)).toString(16))
  // The URL parser knows how an IPv6 address is shortened (RFC 5952).
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
