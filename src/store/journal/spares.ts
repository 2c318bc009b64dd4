// Segments made ahead: files of zeros that are really allocated and flushed on every member, so that
// the hot path only renames one. `reserve-*` is the last resort: on a full disk only drafts marked
// `reserved` (expunge, settle, bounces) may use it. `ahead-*` is the next segment of ordinary times.
//
// A file is called `*.part` while it is made; only a flushed one has its name. What a crash left half
// made is removed at the next start.
import { join } from 'node:path'
import type { AsyncDisk, AsyncDiskFile, Disk, DiskFile } from '../../base/disk.ts'
import { closeQuietly } from './close-quietly.ts'
import { type CrashPoint, step } from './crash-point.ts'
import { onEach } from './each-member.ts'
import type { Member } from './members.ts'
import type { WhoTakesPart } from './segment-writer.ts'

export type SpareKind = 'reserve' | 'ahead'

/** Octets of zeros written and flushed in one turn, so that no append waits long for it. */
const SLICE_OCTETS = 1024 * 1024
/** Part of a segment's size that must stay free for others besides a new spare. */
const MARGIN_SHARE = 16

export const SPARE_NAME = /^(reserve|ahead)-[0-9a-f]+\.zero(\.part)?$/

export interface Spare {
  readonly name: string
  readonly sizeOctets: number
}

export interface SparesOptions {
  disk: Disk
  members: WhoTakesPart
  sizeOctets: number
  crashPoint: CrashPoint
  /** Part of the names, so that those of two owners are never mixed. */
  epoch: number
}

interface Making {
  kind: SpareKind
  name: string
  files: readonly { readonly member: Member; readonly file: DiskFile }[]
  octets: number
}

/** One that is made behind the owner's back, in the thread pool. It shares nothing with the owner but its name. */
interface Background {
  readonly kind: SpareKind
  cancelled: boolean
}

export class Spares {
  readonly #options: SparesOptions
  #background: Background | undefined
  readonly #ready = new Map<SpareKind, Spare>()
  #making: Making | undefined
  #made = 0

  constructor(options: SparesOptions) {
    this.#options = options
  }

  /** Takes over what the last owner left whole on every member, and removes the rest. */
  takeOver(): void {
    const { disk, sizeOctets } = this.#options
    const members = this.#options.members.in
    const lists = members.map((member) => new Set(disk.list(member.journal).filter((name) => SPARE_NAME.test(name))))
    for (const name of [...(lists[0] ?? [])].sort()) {
      const kind: SpareKind = name.startsWith('reserve-') ? 'reserve' : 'ahead'
      const whole = !name.endsWith('.part') && lists.every((list) => list.has(name)) && members.every((member) => disk.facts(join(member.journal, name))?.sizeOctets === sizeOctets)
      if (!whole || this.#ready.has(kind)) continue
      this.#ready.set(kind, { name, sizeOctets })
      for (const list of lists) list.delete(name)
    }
    lists.forEach((list, index) => {
      for (const name of list) step(this.#options.crashPoint, 'retire-remove', () => disk.remove(join((members[index] as Member).journal, name)))
    })
  }

  has(kind: SpareKind): boolean {
    return this.#ready.has(kind)
  }

  /** Is one half made? */
  get making(): boolean {
    return this.#making !== undefined || this.#background !== undefined
  }

  /**
   * Makes one while the owner goes on. True when it is ready; false when it was overtaken (the owner could
   * not wait and made its own, or has closed). Rejects with what the disk said, and leaves nothing behind.
   */
  async makeBehind(kind: SpareKind, disk: AsyncDisk): Promise<boolean> {
    if (this.#ready.has(kind) || this.#background) return false
    const { sizeOctets } = this.#options
    const members = this.#options.members.in
    const job: Background = { kind, cancelled: false }
    this.#background = job
    const name = this.#nextName(kind)
    const paths = members.map((member) => join(member.journal, name))
    const files: AsyncDiskFile[] = []
    try {
      const zeros = new Uint8Array(Math.min(SLICE_OCTETS, sizeOctets))
      for (const path of paths) files.push(await disk.open(`${path}.part`, 'create'))
      for (let at = 0; at < sizeOctets && !job.cancelled; at += zeros.length) {
        const slice = zeros.subarray(0, Math.min(zeros.length, sizeOctets - at))
        await Promise.all(files.map((file) => file.write([slice], at)))
        await Promise.all(files.map((file) => file.flush()))
      }
      await closeAll(files)
      if (!job.cancelled) for (const path of paths) await disk.rename(`${path}.part`, path)
      if (!job.cancelled) for (const member of members) await disk.flushDirectory(member.journal)
      if (job.cancelled) {
        await removeAll(disk, paths)
        return false
      }
      this.#ready.set(kind, { name, sizeOctets })
      return true
    } catch (error) {
      await closeAll(files)
      await removeAll(disk, paths)
      if (job.cancelled) return false
      throw error
    } finally {
      if (this.#background === job) this.#background = undefined
    }
  }

  /** Hands one out; it is no spare any more. */
  take(kind: SpareKind): Spare | undefined {
    const spare = this.#ready.get(kind)
    this.#ready.delete(kind)
    return spare
  }

  /** Those that have no room for so much. */
  withoutRoom(octets: number): Member[] {
    return this.#options.members.in.filter((member) => this.#options.disk.freeOctets(member.journal) <= octets + this.#options.sizeOctets / MARGIN_SHARE)
  }

  /** Is there room to make one, on every member? */
  roomFor(octets: number): boolean {
    return this.withoutRoom(octets).length === 0
  }

  /** Names of those that are ready: a member that comes back gets its own of them. */
  get ready(): readonly Spare[] {
    return [...this.#ready.values()]
  }

  /** Somebody has left or joined: what is half made was for others. */
  startAnew(): void {
    this.#abandon()
    this.#cancelBackground()
  }

  /** One slice of work on a spare. True when it is ready. An outage (a full disk) leaves nothing behind. */
  advance(kind: SpareKind): boolean {
    if (this.#ready.has(kind)) return true
    if (this.#background?.kind === kind) this.#cancelBackground() // its writes may still be under way: never taken over
    const { sizeOctets, crashPoint } = this.#options
    try {
      if (this.#making?.kind !== kind) {
        this.#abandon()
        this.#making = this.#begin(kind)
      }
      const making = this.#making
      const until = Math.min(sizeOctets, making.octets + SLICE_OCTETS)
      making.files = onEach(making.files, ({ file }) => step(crashPoint, 'spare-allocate', () => file.allocate(until)), this.#options.members.onFault)
      making.files = onEach(making.files, ({ file }) => step(crashPoint, 'spare-flush', () => file.flush()), this.#options.members.onFault)
      making.octets = until
      if (until < sizeOctets) return false
      this.#finish(making)
      return true
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  /** Makes it in one go. */
  make(kind: SpareKind): void {
    while (!this.advance(kind)) continue
  }

  /** Forgets a half-made spare and removes its files. */
  close(): void {
    this.#abandon()
    this.#cancelBackground()
  }

  #cancelBackground(): void {
    if (this.#background) this.#background.cancelled = true
    this.#background = undefined
  }

  #nextName(kind: SpareKind): string {
    this.#made += 1
    return `${kind}-${this.#options.epoch.toString(16)}${this.#made.toString(16).padStart(6, '0')}.zero`
  }

  #begin(kind: SpareKind): Making {
    const { disk, members, crashPoint } = this.#options
    const name = this.#nextName(kind)
    const making: Making = { kind, name, files: [], octets: 0 }
    this.#making = making
    onEach(members.in.map((member) => ({ member })), ({ member }) => {
      const path = join(member.journal, `${name}.part`)
      making.files = [...making.files, { member, file: step(crashPoint, 'spare-create', () => disk.open(path, 'create')) }]
    }, members.onFault)
    return making
  }

  #finish(making: Making): void {
    const { disk, members, crashPoint, sizeOctets } = this.#options
    for (const { file } of making.files) closeQuietly(file)
    onEach(making.files, ({ member }) => {
      const path = join(member.journal, making.name)
      step(crashPoint, 'spare-rename', () => disk.rename(`${path}.part`, path))
      step(crashPoint, 'spare-flush-directory', () => disk.flushDirectory(member.journal))
    }, members.onFault)
    making.files = []
    this.#making = undefined
    this.#ready.set(making.kind, { name: making.name, sizeOctets })
  }

  #abandon(): void {
    const making = this.#making
    if (!making) return
    this.#making = undefined
    for (const { file } of making.files) closeQuietly(file)
    for (const member of this.#options.members.in) {
      for (const name of [`${making.name}.part`, making.name]) {
        const path = join(member.journal, name)
        if (this.#options.disk.exists(path)) this.#options.disk.remove(path)
      }
    }
  }
}

async function closeAll(files: AsyncDiskFile[]): Promise<void> {
  for (const file of files.splice(0)) await file.close().catch(() => {})
}

async function removeAll(disk: AsyncDisk, paths: readonly string[]): Promise<void> {
  for (const path of paths) for (const name of [`${path}.part`, path]) await disk.remove(name).catch(() => {})
}
