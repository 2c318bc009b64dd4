// Message bytes on their way out. Small ones are in memory, already checked. Large ones are read once from
// end to end, in slices that give the thread back in between, and only when the hash has matched is a
// piece served; the match is remembered, so that the next reader need not wait for it again.
import { createHash } from 'node:crypto'
import { equalBytes } from '../../base/bytes.ts'
import type { AsyncDisk, Disk, DiskFile } from '../../base/disk.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import { type CrashPoint, step } from './crash-point.ts'
import type { BodySource, Damage } from './record.ts'

const SLICE_OCTETS = 1024 * 1024
const REMEMBERED_MAX = 10_000

export function wholeBody(bytes: Uint8Array, sha256: Uint8Array): BodySource {
  return { length: bytes.length, sha256, read: (offset, length) => bytes.subarray(offset, offset + length) }
}

/** Which large bodies have matched, and on which member. Bounded; the oldest are forgotten. */
export class VerifiedNames {
  readonly #members = new Map<string, number>()
  get(key: string): number | undefined {
    return this.#members.get(key)
  }
  set(key: string, member: number): void {
    this.#members.delete(key)
    this.#members.set(key, member)
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
  crashPoint: CrashPoint
  onDamage: (damage: Omit<Damage, 'what' | 'firstSequence' | 'lastSequence'>) => void
}

/** Undefined when no member has the body whole. */
export async function openLargeBody(options: LargeBodyOptions): Promise<BodySource | undefined> {
  const { paths, verified, key } = options
  const known = verified.get(key)
  if (known !== undefined && options.disk.exists(paths[known] as string)) return servedFrom(options, paths[known] as string)
  const bad: string[] = []
  for (const [member, path] of paths.entries()) {
    if (!(await matches(options, path))) {
      bad.push(path)
      continue
    }
    for (const other of bad) await mend(options, path, other)
    verified.set(key, member)
    return servedFrom(options, path)
  }
  return undefined
}

function servedFrom({ disk, start, length, sha256, verified, key }: LargeBodyOptions, path: string): BodySource {
  return {
    length, sha256,
    read(offset, count) {
      const octets = Math.max(0, Math.min(count, length - offset))
      const bytes = new Uint8Array(octets)
      let file: DiskFile | undefined
      try {
        file = disk.open(path, 'read')
        const got = file.read(bytes, start + offset)
        if (got !== octets) throw new Outage(`${path} has become shorter`, { operation: 'read', path })
        return bytes
      } catch (error) {
        verified.forget(key)
        throw error
      } finally {
        file?.close()
      }
    },
  }
}

async function matches({ asyncDisk, start, length, sha256, exact }: LargeBodyOptions, path: string): Promise<boolean> {
  try {
    const file = await asyncDisk.open(path, 'read')
    try {
      const hash = createHash('sha256')
      const slice = new Uint8Array(Math.min(SLICE_OCTETS, Math.max(1, length)))
      for (let at = 0; at < length; ) {
        const want = Math.min(slice.length, length - at)
        const got = await file.read(slice.subarray(0, want), start + at)
        if (got !== want) return false
        hash.update(slice.subarray(0, got))
        at += got
      }
      if (exact && (await file.read(slice.subarray(0, 1), start + length)) > 0) return false
      return equalBytes(hash.digest(), sha256)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Outage) return false
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
