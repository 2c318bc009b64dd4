// The announcement of a literal at the end of a line: {n}, {n+} (RFC 7888), ~{n} (RFC 3516).
import { CR } from '../../base/bytes.ts'

export interface Announcement {
  sizeOctets: number
  /** {n}: the client waits for our "+". {n+}: it does not. */
  waits: boolean
  /** ~{n}: may hold NUL. */
  binary: boolean
  /** Where the announcement begins in the bytes that were looked at. */
  from: number
}

/** An announcement that ends at `end` (which is where the line's LF stands), if there is one. */
export function announcementAt(bytes: Uint8Array, start: number, end: number): Announcement | undefined {
  let at = end - 1
  if (at >= start && bytes[at] === CR) at -= 1
  if (at < start || bytes[at] !== 0x7d) return undefined
  at -= 1
  let waits = true
  if (bytes[at] === 0x2b || bytes[at] === 0x2d) {
    waits = false
    at -= 1
  }
  let size = 0
  let unit = 1
  const digitsEnd = at
  while (at >= start && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) {
    size += (bytes[at]! - 0x30) * unit
    unit *= 10
    at -= 1
  }
  if (at === digitsEnd || at < start || bytes[at] !== 0x7b) return undefined
  if (digitsEnd - at > 20) size = Number.MAX_SAFE_INTEGER
  const binary = at > start && bytes[at - 1] === 0x7e
  return { sizeOctets: Math.min(size, Number.MAX_SAFE_INTEGER), waits, binary, from: binary ? at - 1 : at }
}
