// Message bytes on their way out. Small ones are in memory, already checked. Large ones are read once from
// end to end, in slices that give the thread back in between, and only when the hash has matched is a
// piece served; the match is remembered, so that the next reader need not wait for it again. With it are
// remembered the checksums of small slices: what has been whole once may be damaged when a piece is read later.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { equalBytes } from '../../base/bytes.ts'
import type { AsyncDisk, Disk, DiskFile } from '../../base/disk.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import { type CrashPoint, step } from './crash-point.ts'
import type { BodySource, Damage } from './record.ts'
import { healRange } from './segment-copies.ts'

const SLICE_OCTETS = 1024 * 1024
const REMEMBERED_MAX = 10_000
/** A slice with a checksum of its own; a piece is read with the rest of its slices. */
const CHECKED_OCTETS = 64 * 1024

export function wholeBody(bytes: Uint8Array, sha256: Uint8Array): BodySource {
  return { length: bytes.length, sha256, read: (offset, length) => bytes.subarray(offset, offset + length) }
}

interface Verified {
  readonly member: number
  /** CRC-32 of each slice of `CHECKED_OCTETS`. */
  readonly checks: Uint32Array
}

/** Which large bodies have matched, and on which member. Bounded; the oldest are forgotten. */
export class VerifiedNames {
  readonly #members = new Map<string, Verified>()
  get(key: string): Verified | undefined {
    return this.#members.get(key)
  }
  set(key: string, verified: Verified): void {
    this.#members.delete(key)
    this.#members.set(key, verified)
    if (this.#members.size > REMEMBERED_MAX) this.#members.delete(this.#members.keys().next().value as string)
  }
  forget(key: string): void {
    this.#members.delete(key)
  }
}

export interface LargeBodyOptions {
  disk: Disk
  asyncDisk: AsyncDisk
  /** The file on each member. */
  paths: readonly string[]
  /** Where the body begins in it. */
  start: number
  length: number
  sha256: Uint8Array
  verified: VerifiedNames
  key: string
  /** The file holds the body and nothing else: a longer one is damaged too. */
  exact: boolean
  /** Says no for a member that has been dropped meanwhile. */
  mayMend: (path: string) => boolean
  crashPoint: CrashPoint
  onDamage: (damage: Omit<Damage, 'what' | 'firstSequence' | 'lastSequence'>) => void
}

/** Undefined when no member has the body whole. */
export async function openLargeBody(options: LargeBodyOptions): Promise<BodySource | undefined> {
  const { paths, verified, key } = options
  const known = verified.get(key)
  if (known !== undefined && options.disk.exists(paths[known.member] as string)) return servedFrom(options, known)
  const bad: string[] = []
  for (const [member, path] of paths.entries()) {
    const checks = await checksIfWhole(options, path)
    if (!checks) {
      bad.push(path)
      continue
    }
    for (const other of bad) if (options.mayMend(other)) await mend(options, path, other)
    const found: Verified = { member, checks }
    verified.set(key, found)
    return servedFrom(options, found)
  }
  return undefined
}

function servedFrom(options: LargeBodyOptions, found: Verified): BodySource {
  const { length, sha256 } = options
  return {
    length, sha256,
    read(offset, count) {
      const end = Math.min(length, offset + Math.max(0, count))
      if (end <= offset) return new Uint8Array(0)
      const from = Math.floor(offset / CHECKED_OCTETS) * CHECKED_OCTETS
      const until = Math.min(length, Math.ceil(end / CHECKED_OCTETS) * CHECKED_OCTETS)
      return readChecked(options, found, from, until).subarray(offset - from, end - from)
    },
  }
}

/** Whole slices from the first member that has them as they were; those that failed before it are mended. */
function readChecked(options: LargeBodyOptions, { member, checks }: Verified, from: number, until: number): Uint8Array {
  const { disk, paths, start, verified, key, crashPoint, onDamage } = options
  const bytes = new Uint8Array(until - from)
  const bad: string[] = []
  for (const path of [paths[member] as string, ...paths.filter((_, index) => index !== member)]) {
    if (!readInto(disk, path, start + from, bytes) || !isAsChecked(bytes, checks, from / CHECKED_OCTETS)) {
      bad.push(path)
      continue
    }
    for (const other of bad) {
      if (!options.mayMend(other)) continue
      const facts = { path: other, offset: start + from, length: bytes.length }
      try {
        healRange(disk, other, bytes, start + from, crashPoint)
        onDamage({ outcome: 'healed', ...facts, sentence: `${other} was damaged and has been mended from ${path}` })
      } catch (error) {
        if (!(error instanceof Outage)) throw error
        onDamage({ outcome: 'answered', ...facts, sentence: `${other} is damaged and could not be mended: ${errorSentence(error)}` })
      }
    }
    return bytes
  }
  verified.forget(key)
  const path = paths[member] as string
  const sentence = `${path} was whole and is damaged now, in every copy`
  onDamage({ outcome: 'lost', path, offset: start + from, length: bytes.length, sentence })
  throw new Outage(sentence, { operation: 'read', path, hint: 'bring the file back from a backup' })
}

/** False when the file has not so much there, or cannot be read. */
function readInto(disk: Disk, path: string, position: number, bytes: Uint8Array): boolean {
  let file: DiskFile | undefined
  try {
    file = disk.open(path, 'read')
    return file.read(bytes, position) === bytes.length
  } catch (error) {
    if (error instanceof Outage) return false
    throw error
  } finally {
    file?.close()
  }
}

function isAsChecked(bytes: Uint8Array, checks: Uint32Array, first: number): boolean {
  for (let at = 0, slice = first; at < bytes.length; at += CHECKED_OCTETS, slice += 1) {
    if (crc32(bytes.subarray(at, at + CHECKED_OCTETS)) !== checks[slice]) return false
  }
  return true
}

/** The checksums of a body whose hash has matched; undefined when it has not. */
async function checksIfWhole({ asyncDisk, start, length, sha256, exact }: LargeBodyOptions, path: string): Promise<Uint32Array | undefined> {
  try {
    const file = await asyncDisk.open(path, 'read')
    try {
      const hash = createHash('sha256')
      const checks = new Uint32Array(Math.ceil(length / CHECKED_OCTETS))
      const slice = new Uint8Array(Math.min(SLICE_OCTETS, Math.max(1, length)))
      for (let at = 0; at < length; ) {
        const want = Math.min(slice.length, length - at)
        const got = await file.read(slice.subarray(0, want), start + at)
        if (got !== want) return undefined
        hash.update(slice.subarray(0, got))
        for (let part = 0; part < got; part += CHECKED_OCTETS) checks[(at + part) / CHECKED_OCTETS] = crc32(slice.subarray(part, Math.min(got, part + CHECKED_OCTETS)))
        at += got
      }
      if (exact && (await file.read(slice.subarray(0, 1), start + length)) > 0) return undefined
      return equalBytes(hash.digest(), sha256) ? checks : undefined
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Outage) return undefined
    throw error
  }
}

/** Copies the good bytes over the bad ones. A large file is made anew beside the bad one and takes its name. */
async function mend(options: LargeBodyOptions, good: string, bad: string): Promise<void> {
  const { asyncDisk, disk, start, length, exact, crashPoint } = options
  const facts = { path: bad, offset: start, length }
  try {
    const source = await asyncDisk.open(good, 'read')
    try {
      const target = exact ? `${bad}.mending` : bad
      if (exact && disk.exists(target)) disk.remove(target)
      const into = await asyncDisk.open(target, exact ? 'create' : 'update')
      try {
        const slice = new Uint8Array(SLICE_OCTETS)
        for (let at = 0; at < length; ) {
          const got = await source.read(slice.subarray(0, Math.min(slice.length, length - at)), start + at)
          if (got === 0) throw new Outage(`${good} has become shorter`, { operation: 'read', path: good })
          await into.write([slice.subarray(0, got)], start + at)
          at += got
        }
        crashPoint('heal-flush:before')
        await into.flush()
        crashPoint('heal-flush:after')
      } finally {
        await into.close()
      }
      if (exact) step(crashPoint, 'large-rename', () => disk.rename(target, bad))
    } finally {
      await source.close()
    }
    options.onDamage({ outcome: 'healed', ...facts, sentence: `${bad} was damaged and has been mended from ${good}` })
  } catch (error) {
    if (!(error instanceof Outage)) throw error
    options.onDamage({ outcome: 'answered', ...facts, sentence: `${bad} is damaged and could not be mended: ${errorSentence(error)}` })
  }
}
