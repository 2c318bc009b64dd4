// Messages above a megabyte, each in a file of its own in `large/` of every member. Written while the
// message still comes in, in front threads, without holding them up. When `finish` has resolved, file and
// folder are flushed on every member, and a record may name it; until one does, the file is nobody's.
//
// Never removes a finished file: it cannot know whether a record names it. `listUnnamedLarge` finds those
// for a later epoch, after replay has reached the end.
import { createHash, type Hash } from 'node:crypto'
import { join } from 'node:path'
import { nodeAsyncDisk, type AsyncDisk, type AsyncDiskFile, type Disk } from '../../base/disk.ts'
import { Bug, Outage } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { hexOf } from '../../base/bytes.ts'
import { type CrashPoint, type CrashStep, noCrashPoint } from './crash-point.ts'
import { memberOf } from './members.ts'
import type { LargeBody } from './record.ts'

const FINISHED = /^[0-9a-f]{32}$/
const PART = '.part'

export interface LargeStoreOptions {
  dataDirectory: string
  mirrors?: readonly string[]
  asyncDisk?: AsyncDisk
  random: Random
  crashPoint?: CrashPoint
}

/** Gives out writers for large messages. */
export class LargeStore {
  readonly #options: LargeStoreOptions
  constructor(options: LargeStoreOptions) {
    this.#options = options
  }
  writer(): LargeWriter {
    return new LargeWriter(this.#options)
  }
}

type State = 'writing' | 'finished' | 'aborted' | 'failed'

export class LargeWriter {
  readonly name: string
  readonly #disk: AsyncDisk
  readonly #folders: readonly string[]
  readonly #crashPoint: CrashPoint
  readonly #hash: Hash = createHash('sha256')
  #files: AsyncDiskFile[] = []
  #length = 0
  #state: State = 'writing'
  /** One step after the other, whatever the caller awaits. */
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LargeStoreOptions) {
    this.#disk = options.asyncDisk ?? nodeAsyncDisk
    this.#folders = [options.dataDirectory, ...(options.mirrors ?? [])].map((root) => memberOf(root).large)
    this.#crashPoint = options.crashPoint ?? noCrashPoint
    this.name = hexOf(options.random.bytes(16))
  }

  get length(): number {
    return this.#length
  }

  /** Resolves when every member has taken the octets. They must not be changed before that. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#then(async () => {
      this.#assertWriting()
      if (this.#files.length === 0) await this.#create()
      const at = this.#length
      this.#hash.update(bytes)
      this.#length += bytes.length
      await this.#step('large-write', () => Promise.all(this.#files.map((file) => file.write([bytes], at))))
    })
  }

  /** Durable on every member when it resolves. */
  finish(): Promise<LargeBody> {
    return this.#then(async () => {
      this.#assertWriting()
      if (this.#files.length === 0) await this.#create()
      await this.#step('large-flush', () => Promise.all(this.#files.map((file) => file.flush())))
      const files = this.#files
      this.#files = []
      await Promise.all(files.map((file) => file.close()))
      for (const folder of this.#folders) await this.#step('large-rename', () => this.#disk.rename(join(folder, this.name + PART), join(folder, this.name)))
      await this.#step('large-flush-directory', () => Promise.all(this.#folders.map((folder) => this.#disk.flushDirectory(folder))))
      this.#state = 'finished'
      return { place: 'large', name: this.name, length: this.#length, sha256: new Uint8Array(this.#hash.digest()) } as const
    })
  }

  /** Removes what was written, also after `finish` when no record was appended. Never throws for what the disk does. */
  abort(): Promise<void> {
    const removing = this.#turn.then(async () => {
      if (this.#state === 'aborted') return
      const suffix = this.#state === 'finished' ? '' : PART
      this.#state = 'aborted'
      const files = this.#files
      this.#files = []
      for (const file of files) await quietly(() => file.close())
      for (const folder of this.#folders) {
        await quietly(() => this.#step('large-remove', () => this.#disk.remove(join(folder, this.name + suffix))))
        if (suffix) await quietly(() => this.#disk.remove(join(folder, this.name))) // a finish that failed half-way
      }
    })
    this.#turn = removing
    return removing
  }

  async #create(): Promise<void> {
    for (const folder of this.#folders) {
      await this.#step('large-create', async () => {
        this.#files.push(await this.#disk.open(join(folder, this.name + PART), 'create'))
      })
    }
  }

  async #step<T>(name: CrashStep, act: () => Promise<T>): Promise<T> {
    this.#crashPoint(`${name}:before`)
    const result = await act()
    this.#crashPoint(`${name}:after`)
    return result
  }

  #then<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act)
    this.#turn = result.then(() => {}, () => {
      // A failed write or flush is never tried again: only `abort` is left.
      if (this.#state === 'writing') this.#state = 'failed'
    })
    return result
  }

  #assertWriting(): void {
    if (this.#state === 'failed') throw new Outage('a large message could not be written', { operation: 'write', path: this.name })
    if (this.#state !== 'writing') throw new Bug(`a large message was used after it was ${this.#state}`)
  }
}

async function quietly(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Outage)) throw error
  }
}

/**
 * Files in `large/` that no record names: unfinished ones, and finished ones whose name `isNamed` does not
 * know. Only a later epoch may remove them, after replay has reached the end and only those that it found
 * before it took its first message.
 */
export function listUnnamedLarge(disk: Disk, roots: readonly string[], isNamed: (name: string) => boolean): string[] {
  const paths: string[] = []
  for (const root of roots) {
    const { large } = memberOf(root)
    for (const name of disk.list(large)) if (!FINISHED.test(name) || !isNamed(name)) paths.push(join(large, name))
  }
  return paths
}
