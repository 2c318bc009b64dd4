// Messages above a megabyte, each in a file of its own in `large/` of every member. Written while the
// message still comes in, in front threads, without holding them up. When `finish` has resolved, file and
// folder are flushed on every member, and a record may name it; until one does, the file is nobody's.
//
// A member on which it cannot be written, though others can, does not stop it: `finish` names who lacks it and
// why, and the journal thread drops such a member before the record is appended. A member that has come back
// meanwhile gets its copy at the end.
//
// Never removes a finished file: it cannot know whether a record names it. `listUnnamedLarge` finds those
// for a later epoch, after replay has reached the end.
import { createHash, type Hash } from 'node:crypto'
import { join } from 'node:path'
import { nodeAsyncDisk, type AsyncDisk, type AsyncDiskFile, type Disk } from '../../base/disk.ts'
import { Bug, errorSentence, Outage } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { hexOf } from '../../base/bytes.ts'
import { type CrashPoint, type CrashStep, noCrashPoint } from './crash-point.ts'
import { isDiskFull, isNoSpace } from './disk-fault.ts'
import { everybody, type Member, memberOf, type MembersSeen } from './members.ts'
import { copyRange } from './mirror-files.ts'
import type { LargeBody } from './record.ts'
import { SURPLUS } from './retire.ts'

const FINISHED = /^[0-9a-f]{32}$/
const PART = '.part'

export interface LargeStoreOptions {
  dataDirectory: string
  mirrors?: readonly string[]
  asyncDisk?: AsyncDisk
  random: Random
  crashPoint?: CrashPoint
  /** Who takes part just now. */
  members?: MembersSeen
  /** A mirror without room is left out, instead of the message being refused. */
  dropFullMirrors?: boolean
}

/** A member that does not have the file, and why. */
export interface Lacking {
  readonly root: string
  readonly because: string
}

export type FinishedLarge = LargeBody & { readonly lacking: readonly Lacking[] }

interface Copy {
  readonly index: number
  readonly member: Member
  file: AsyncDiskFile | undefined
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
  readonly #options: LargeStoreOptions
  readonly #members: readonly Member[]
  readonly #seen: MembersSeen
  readonly #crashPoint: CrashPoint
  readonly #hash: Hash = createHash('sha256')
  /** Where it is being written. */
  #copies: readonly Copy[] = []
  readonly #failed = new Map<Member, string>()
  #begun = false
  #length = 0
  #state: State = 'writing'
  /** One step after the other, whatever the caller awaits. */
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LargeStoreOptions) {
    this.#options = options
    this.#disk = options.asyncDisk ?? nodeAsyncDisk
    this.#members = [options.dataDirectory, ...(options.mirrors ?? [])].map(memberOf)
    this.#seen = options.members ?? everybody
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
      await this.#create()
      const at = this.#length
      this.#hash.update(bytes)
      this.#length += bytes.length
      await this.#onEach('large-write', ({ file }) => (file as AsyncDiskFile).write([bytes], at))
    })
  }

  /** Durable on every member when it resolves. */
  finish(): Promise<FinishedLarge> {
    return this.#then(async () => {
      this.#assertWriting()
      await this.#create()
      await this.#onEach('large-flush', ({ file }) => (file as AsyncDiskFile).flush())
      await this.#onEach('large-close', async (copy) => {
        const file = copy.file as AsyncDiskFile
        copy.file = undefined
        await file.close()
      })
      await this.#onEach('large-rename', ({ member }) => this.#disk.rename(join(member.large, this.name + PART), join(member.large, this.name)))
      await this.#onEach('large-flush-directory', ({ member }) => this.#disk.flushDirectory(member.large))
      await this.#copyToThoseWhoCameBack()
      this.#state = 'finished'
      const lacking = this.#members.filter((member) => !this.#copies.some((copy) => copy.member === member))
        .map((member) => ({ root: member.root, because: this.#failed.get(member) ?? 'a large message was written while it took no part' }))
      return { place: 'large', name: this.name, length: this.#length, sha256: new Uint8Array(this.#hash.digest()), lacking } as const
    })
  }

  /** Removes what was written, also after `finish` when no record was appended. Never throws for what the disk does. */
  abort(): Promise<void> {
    const removing = this.#turn.then(async () => {
      if (this.#state === 'aborted') return
      const suffix = this.#state === 'finished' ? '' : PART
      this.#state = 'aborted'
      for (const copy of this.#copies) if (copy.file) await quietly(() => (copy.file as AsyncDiskFile).close())
      for (const { member } of this.#copies) {
        await quietly(() => this.#step('large-remove', () => this.#disk.remove(join(member.large, this.name + suffix))))
        if (suffix) await quietly(() => this.#disk.remove(join(member.large, this.name))) // a finish that failed half-way
      }
    })
    this.#turn = removing
    return removing
  }

  async #create(): Promise<void> {
    if (this.#begun) return
    this.#begun = true
    this.#copies = this.#members.map((member, index): Copy => ({ index, member, file: undefined })).filter(({ index }) => this.#isWanted(index))
    for (const copy of this.#copies) {
      await this.#onEach('large-create', async () => {
        copy.file = await this.#disk.open(join(copy.member.large, this.name + PART), 'create')
      }, [copy])
    }
    if (this.#copies.length === 0) throw new Outage('a large message could be begun on no copy of the journal', { operation: 'open', path: this.name })
  }

  #isWanted(index: number): boolean {
    return !this.#seen.isOut(index) || this.#seen.isFilling(index)
  }

  /** Copies that fail where others do not are given up; a full disk stops all, unless its member takes no part yet. */
  async #onEach(name: CrashStep, act: (copy: Copy) => Promise<unknown>, copies = this.#copies): Promise<void> {
    await this.#step(name, async () => {
      const results = await Promise.allSettled(copies.map(act))
      const failed: { copy: Copy; error: Outage }[] = []
      for (const [at, result] of results.entries()) {
        if (result.status === 'fulfilled') continue
        if (!(result.reason instanceof Outage)) throw result.reason
        failed.push({ copy: copies[at] as Copy, error: result.reason })
      }
      if (failed.length === 0) return
      const first = failed.find(({ error }) => isNoSpace(error)) ?? (failed[0] as { copy: Copy; error: Outage })
      if (failed.length === this.#copies.length) throw first.error
      const stops = failed.find(({ copy, error }) => !this.#mayLeave(copy, error))
      if (stops) throw stops.error
      for (const { copy, error } of failed) {
        this.#failed.set(copy.member, errorSentence(error))
        if (copy.file) await quietly(() => (copy.file as AsyncDiskFile).close())
        await quietly(() => this.#disk.remove(join(copy.member.large, this.name + PART)))
      }
      this.#copies = this.#copies.filter((copy) => !failed.some((other) => other.copy === copy))
    })
  }

  #mayLeave({ index }: Copy, error: Outage): boolean {
    if (this.#seen.isOut(index)) return true
    if (isDiskFull(error)) return this.#options.dropFullMirrors === true && index > 0
    return !isNoSpace(error)
  }

  /** Who was out when the message began and is not any more would lack it. */
  async #copyToThoseWhoCameBack(): Promise<void> {
    const source = (this.#copies[0] as Copy).member
    for (const [index, member] of this.#members.entries()) {
      if (!this.#isWanted(index) || this.#failed.has(member) || this.#copies.some((copy) => copy.member === member)) continue
      const path = join(member.large, this.name)
      try {
        const whole = await copyRange(this.#disk, join(source.large, this.name), path + PART, { from: 0, to: this.#length, begin: true }, () => Promise.resolve())
        if (!whole) throw new Outage(`${path} does not hold what was written to it`, { operation: 'write', path })
        await this.#disk.rename(path + PART, path)
        await this.#disk.flushDirectory(member.large)
        this.#copies = [...this.#copies, { index, member, file: undefined }]
      } catch (error) {
        if (!(error instanceof Outage)) throw error
        this.#failed.set(member, errorSentence(error))
      }
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
    for (const name of disk.list(large)) if (!name.endsWith(SURPLUS) && (!FINISHED.test(name) || !isNamed(name))) paths.push(join(large, name))
  }
  return paths
}
