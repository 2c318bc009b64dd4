// Numbers of the journal's file format (docs/FORMAT.md) and the few ways to put them into bytes.
// Everything is little-endian; every structure begins at a multiple of 8 and has its CRC-32 at offset 4.
import { crc32 } from 'node:zlib'
import { Bug } from '../../base/errors.ts'

/** Size of a segment unless the configuration says otherwise. */
export const SEGMENT_SIZE_OCTETS = 64 * 1024 * 1024

/** Version of everything in a segment. A reader refuses a segment whose `least reader` is above this. */
export const FORMAT_VERSION = 1

/** The first four octets of each structure, read as a little-endian number. */
export const SEGMENT_MAGIC = magicOf('DSeg')
export const BATCH_MAGIC = magicOf('DBat')
export const RECORD_MAGIC = magicOf('DRec')
export const FOOTER_MAGIC = magicOf('DFoo')
export const END_MAGIC = magicOf('DEnd')

export const SEGMENT_HEAD_OCTETS = 96
/** The first batch begins at a multiple of this, so that the header's page is never written again. */
export const FIRST_BATCH_ALIGNMENT = 4096
export const BATCH_HEAD_OCTETS = 112
export const RECORD_HEAD_OCTETS = 104
export const FOOTER_HEAD_OCTETS = 112
export const END_OCTETS = 32
export const LARGE_NAME_OCTETS = 16

/** A record's head with its list of databases; anything that claims to be longer is damage. */
export const RECORD_HEAD_OCTETS_MAX = 1024 * 1024
export const META_OCTETS_MAX = 64 * 1024 * 1024
export const EXCEPTIONS_MAX = 64
/** Databases that one record may name. */
export const DATABASES_MAX = 100_000

function magicOf(word: string): number {
  let value = 0
  for (let i = 3; i >= 0; i--) value = value * 256 + word.charCodeAt(i)
  return value
}

export function alignedTo8(octets: number): number {
  return Math.ceil(octets / 8) * 8
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Whole numbers up to 2^53 - 1 as 64 bits. */
export function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}

/** NaN when it is no safe integer, which no comparison then accepts. */
export function get64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true)
  return high > 0x1f_ffff ? NaN : high * 0x1_0000_0000 + view.getUint32(at, true)
}

/** Puts the CRC-32 of everything from offset 8 to `end` (both counted from `at`) at offset 4. */
export function sealCrc(bytes: Uint8Array, view: DataView, at: number, end: number): void {
  view.setUint32(at + 4, crc32(bytes.subarray(at + 8, at + end)), true)
}

export function crcMatches(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
  return view.getUint32(at + 4, true) === crc32(bytes.subarray(at + 8, at + end))
}

export function crcOf(bytes: Uint8Array): number {
  return crc32(bytes)
}

/** Bytes that grow as they are written into, and are used again for the next batch. */
export class Arena {
  bytes = new Uint8Array(256 * 1024)
  view = viewOf(this.bytes)
  length = 0
  /** Grows at once to hold `octets` from now on, so that views of `bytes` taken later stay views of it. */
  reserve(octets: number): void {
    const at = this.length
    this.take(octets)
    this.length = at
  }
  /** Makes room for `octets` more and returns where they begin. What is there before is kept. */
  take(octets: number): number {
    const at = this.length
    const end = at + octets
    if (end > this.bytes.length) {
      if (end > 1024 * 1024 * 1024) throw new Bug('a batch of more than 1 GiB of heads')
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, at))
      this.bytes = grown
      this.view = viewOf(grown)
    }
    this.length = end
    return at
  }
  /** Empties it; an arena that one huge batch blew up is let go. */
  reset(): void {
    this.length = 0
    if (this.bytes.length > 8 * 1024 * 1024) {
      this.bytes = new Uint8Array(256 * 1024)
      this.view = viewOf(this.bytes)
    }
  }
}
