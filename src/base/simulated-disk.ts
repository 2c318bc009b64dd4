// A disk in memory for tests. It knows of each file and folder what is written and what is flushed, so
// that a power cut can keep, lose or tear the difference, as disks do:
//
//   written data    each 512-octet sector of an unflushed write arrives or does not, in any order;
//   folders         creations, renames and removals arrive in order, up to some point, per folder;
//   a failed flush  the pages are clean afterwards: what did not arrive is never written again.
//
// Any call can be made to fail or to be the last one before the cut, by its number. It is the same
// interface as the real disk; it never touches one.
import { dirname } from 'node:path'
import type { AsyncDisk, AsyncDiskFile, Disk, DiskFile, FileFacts, OpenMode } from './disk.ts'
import { Outage } from './errors.ts'
import type { Random } from './random.ts'

export const SECTOR_OCTETS = 512

export type SimulatedOperation = 'write' | 'allocate' | 'truncate' | 'flush' | 'open' | 'rename' | 'remove' | 'flush-directory'

/** The power was cut, or the process killed. Nothing can be called until `crash` has decided what is left. */
export class SimulatedCrash extends Error {
  override name = 'SimulatedCrash'
}

export type Fate = 'keep' | 'lose' | 'tear'

export interface Trouble {
  /** `crash` also decides whether the call still had its effect: half of the time it had. */
  readonly kind: 'EIO' | 'ENOSPC' | 'short-write' | 'crash-before' | 'crash-after'
}

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number }

class Content {
  current = new Uint8Array(0)
  durable = new Uint8Array(0)
  size = 0
  durableSize = 0
  /** Not yet flushed, in order. */
  changes: Change[] = []
}

type FolderChange = { readonly name: string; readonly content: Content | undefined; readonly also?: { readonly name: string; readonly content: Content | undefined } }

class Folder {
  entries = new Map<string, Content>()
  durable = new Map<string, Content>()
  changes: FolderChange[] = []
}

export interface SimulatedDiskOptions {
  random: Random
  /** Octets that all files together may have. */
  capacityOctets?: number
}

export class SimulatedDisk implements Disk {
  readonly #random: Random
  #folders = new Map<string, Folder>()
  #down = false
  /** Grows by one with each call that changes something; what a `failAt` counts. */
  operations = 0
  /** Names of the calls, for finding out what a number means. Kept only while `trace` is true. */
  readonly log: string[] = []
  trace = false
  capacityOctets: number
  readonly #troubles = new Map<number, Trouble>()
  /** Paths whose every use fails, as of a member that has gone. */
  readonly #gone = new Set<string>()
  #generation = 0

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random
    this.capacityOctets = options.capacityOctets ?? Infinity
  }

  // ------------------------------------------------------------------ what tests do to it

  /** The operation with this number (see `operations`) meets trouble. */
  failAt(operation: number, trouble: Trouble['kind']): void {
    this.#troubles.set(operation, { kind: trouble })
  }

  forgetTroubles(): void {
    this.#troubles.clear()
  }

  /** Everything below the folder fails with EIO from now on (or works again). */
  setGone(root: string, gone: boolean): void {
    if (gone) this.#gone.add(root)
    else this.#gone.delete(root)
  }

  /** The machine stops here and comes up again. Open files are gone; what was not flushed meets its fate. */
  crash(fate: Fate): void {
    this.#down = false
    this.#generation += 1
    for (const folder of this.#folders.values()) this.#settleFolder(folder, fate)
    const seen = new Set<Content>()
    for (const folder of this.#folders.values()) {
      for (const content of folder.entries.values()) {
        if (seen.has(content)) continue
        seen.add(content)
        this.#settleContent(content, fate)
      }
    }
  }

  /** Turns over bits of a file, in the cache and on the platter. */
  flip(path: string, offset: number, mask = 0xff): void {
    const content = this.#contentOf(path)
    if (!content) throw new Error(`no file ${path}`)
    if (offset < content.size) content.current[offset] = (content.current[offset] as number) ^ mask
    if (offset < content.durableSize) content.durable[offset] = (content.durable[offset] as number) ^ mask
  }

  /** A file vanishes, flushed or not. */
  vanish(path: string): void {
    const folder = this.#folders.get(dirname(path))
    const name = nameOf(path)
    folder?.entries.delete(name)
    folder?.durable.delete(name)
    if (folder) folder.changes = folder.changes.filter((change) => change.name !== name && change.also?.name !== name)
  }

  usedOctets(): number {
    let octets = 0
    for (const folder of this.#folders.values()) for (const content of folder.entries.values()) octets += content.size
    return octets
  }

  // ------------------------------------------------------------------ Disk

  open(path: string, mode: OpenMode): DiskFile {
    this.#assertUsable('open', path)
    const folder = this.#folderOf(path)
    const name = nameOf(path)
    let content = folder.entries.get(name)
    if (mode === 'create') {
      if (content) throw trouble('open', path, 'EEXIST')
      content = this.#change('open', path, () => {
        const made = new Content()
        folder.entries.set(name, made)
        folder.changes.push({ name, content: made })
        return made
      })
    }
    if (!content) throw trouble('open', path, 'ENOENT')
    return new SimulatedFile(this, path, content, this.#generation)
  }

  exists(path: string): boolean {
    this.#assertUsable('stat', path)
    return this.#contentOf(path) !== undefined || this.#folders.has(path)
  }

  facts(path: string): FileFacts | undefined {
    this.#assertUsable('stat', path)
    if (this.#folders.has(path)) return { sizeOctets: 0, isDirectory: true, modifiedMs: 0 }
    const content = this.#contentOf(path)
    return content && { sizeOctets: content.size, isDirectory: false, modifiedMs: 0 }
  }

  list(path: string): string[] {
    this.#assertUsable('list', path)
    const names = new Set(this.#folders.get(path)?.entries.keys() ?? [])
    for (const folder of this.#folders.keys()) if (dirname(folder) === path && folder !== path) names.add(nameOf(folder))
    return [...names].sort()
  }

  /** Folders are durable at once: nothing here depends on their being lost. */
  makeDirectory(path: string): void {
    this.#assertUsable('mkdir', path)
    for (let at = path; !this.#folders.has(at); at = dirname(at)) {
      this.#folders.set(at, new Folder())
      if (dirname(at) === at) break
    }
  }

  rename(from: string, to: string): void {
    this.#assertUsable('rename', from)
    if (dirname(from) !== dirname(to)) throw new Error('the simulated disk renames within one folder only')
    const folder = this.#folderOf(from)
    const content = folder.entries.get(nameOf(from))
    if (!content) throw trouble('rename', from, 'ENOENT')
    this.#change('rename', from, () => {
      folder.entries.delete(nameOf(from))
      folder.entries.set(nameOf(to), content)
      folder.changes.push({ name: nameOf(from), content: undefined, also: { name: nameOf(to), content } })
    })
  }

  remove(path: string): void {
    this.#assertUsable('remove', path)
    const folder = this.#folderOf(path)
    const name = nameOf(path)
    if (!folder.entries.has(name)) throw trouble('remove', path, 'ENOENT')
    this.#change('remove', path, () => {
      folder.entries.delete(name)
      folder.changes.push({ name, content: undefined })
    })
  }

  flushDirectory(path: string): void {
    this.#assertUsable('fsync', path)
    const folder = this.#folders.get(path)
    if (!folder) throw trouble('fsync', path, 'ENOENT')
    this.#change('flush-directory', path, () => {
      folder.durable = new Map(folder.entries)
      folder.changes = []
    }, () => this.#settleFolderOnDisk(folder, 'tear'))
  }

  readWhole(path: string): Uint8Array {
    const file = this.open(path, 'read')
    const bytes = new Uint8Array(file.sizeOctets())
    file.read(bytes, 0)
    return bytes
  }

  writeWhole(path: string, bytes: Uint8Array): void {
    const temporary = `${path}.new`
    if (this.exists(temporary)) this.remove(temporary)
    const file = this.open(temporary, 'create')
    file.write([bytes], 0)
    file.flush()
    file.close()
    this.rename(temporary, path)
    this.flushDirectory(dirname(path))
  }

  freeOctets(path: string): number {
    this.#assertUsable('statfs', path)
    return Math.max(0, this.capacityOctets - this.usedOctets())
  }

  /** The same disk for those that await: each call happens in a later turn. */
  get async(): AsyncDisk {
    const later = async <T>(act: () => T): Promise<T> => {
      await Promise.resolve()
      return act()
    }
    return {
      open: (path, mode) => later((): AsyncDiskFile => {
        const file = this.open(path, mode)
        return {
          path,
          read: (into, position) => later(() => file.read(into, position)),
          write: (parts, position) => later(() => file.write(parts, position)),
          flush: () => later(() => file.flush()),
          close: () => later(() => file.close()),
        }
      }),
      rename: (from, to) => later(() => this.rename(from, to)),
      remove: (path) => later(() => this.remove(path)),
      flushDirectory: (path) => later(() => this.flushDirectory(path)),
    }
  }

  // ------------------------------------------------------------------ for its files

  read(content: Content, path: string, into: Uint8Array, position: number, generation: number): number {
    this.#assertUsable('read', path, generation)
    const octets = Math.max(0, Math.min(into.length, content.size - position))
    into.set(content.current.subarray(position, position + octets))
    return octets
  }

  write(content: Content, path: string, parts: readonly Uint8Array[], position: number, generation: number): void {
    this.#assertUsable('write', path, generation)
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const bytes = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    const room = this.capacityOctets - this.usedOctets() - Math.max(0, position + length - content.size)
    const take = (octets: number) => this.#put(content, position, bytes.subarray(0, octets))
    if (room < 0) {
      this.#change('write', path, () => take(Math.max(0, length + room)))
      throw trouble('write', path, 'ENOSPC')
    }
    this.#change('write', path, () => take(length), () => take(this.#random.int(length + 1)))
  }

  allocate(content: Content, path: string, sizeOctets: number, generation: number): void {
    this.#assertUsable('allocate', path, generation)
    const missing = sizeOctets - content.size
    if (missing <= 0) return
    const room = this.capacityOctets - this.usedOctets()
    this.#change('allocate', path, () => this.#put(content, content.size, new Uint8Array(Math.min(missing, Math.max(0, room)))), () => this.#put(content, content.size, new Uint8Array(this.#random.int(missing))))
    if (room < missing) throw trouble('allocate', path, 'ENOSPC')
  }

  truncate(content: Content, path: string, sizeOctets: number, generation: number): void {
    this.#assertUsable('truncate', path, generation)
    this.#change('truncate', path, () => {
      resize(content, sizeOctets)
      content.changes.push({ size: sizeOctets })
    })
  }

  flush(content: Content, path: string, generation: number): void {
    this.#assertUsable('flush', path, generation)
    this.#change('flush', path, () => {
      for (const change of content.changes) applyDurably(content, change)
      content.changes = []
    }, () => {
      for (const change of content.changes) if (this.#random.int(2) === 0) applyDurably(content, change)
      content.changes = []
    })
  }

  // ------------------------------------------------------------------ inside

  #put(content: Content, position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (position + bytes.length > content.size) resize(content, position + bytes.length)
    content.current.set(bytes, position)
    content.changes.push({ at: position, bytes: bytes.slice() })
  }

  /** Every call that changes something comes through here: counted, failed, or the last one before a crash. */
  #change<T>(operation: SimulatedOperation, path: string, act: () => T, half?: () => void): T {
    this.operations += 1
    if (this.trace) this.log.push(`${this.operations} ${operation} ${path}`)
    const planned = this.#troubles.get(this.operations)
    if (!planned) return act()
    switch (planned.kind) {
      case 'crash-before':
        if (this.#random.int(2) === 0) half?.()
        this.#down = true
        throw new SimulatedCrash(`before ${operation} ${path}`)
      case 'crash-after':
        act()
        this.#down = true
        throw new SimulatedCrash(`after ${operation} ${path}`)
      case 'short-write':
        half?.()
        throw trouble(operation, path, 'ENOSPC')
      default:
        // A failed flush always drops what was waiting; another call fails with or without a part of its effect.
        if (operation === 'flush' || operation === 'flush-directory' || this.#random.int(2) === 0) half?.()
        throw trouble(operation, path, planned.kind)
    }
  }

  #assertUsable(operation: string, path: string, generation = this.#generation): void {
    if (this.#down) throw new SimulatedCrash('the power is off')
    if (generation !== this.#generation) throw new SimulatedCrash(`${path} was opened before the crash`)
    for (const root of this.#gone) if (path === root || path.startsWith(`${root}/`)) throw trouble(operation, path, 'EIO')
  }

  #folderOf(path: string): Folder {
    const folder = this.#folders.get(dirname(path))
    if (!folder) throw trouble('open', path, 'ENOENT')
    return folder
  }

  #contentOf(path: string): Content | undefined {
    return this.#folders.get(dirname(path))?.entries.get(nameOf(path))
  }

  #settleFolder(folder: Folder, fate: Fate): void {
    this.#settleFolderOnDisk(folder, fate)
    folder.entries = new Map(folder.durable)
    folder.changes = []
  }

  #settleFolderOnDisk(folder: Folder, fate: Fate): void {
    const count = fate === 'keep' ? folder.changes.length : fate === 'lose' ? 0 : this.#random.int(folder.changes.length + 1)
    for (const change of folder.changes.slice(0, count)) {
      for (const entry of change.also ? [change, change.also] : [change]) {
        if (entry.content) folder.durable.set(entry.name, entry.content)
        else folder.durable.delete(entry.name)
      }
    }
    folder.changes = folder.changes.slice(count)
  }

  #settleContent(content: Content, fate: Fate): void {
    if (fate === 'keep') for (const change of content.changes) applyDurably(content, change)
    if (fate === 'tear') for (const change of content.changes) this.#tear(content, change)
    content.changes = []
    content.size = content.durableSize
    content.current = content.durable.slice(0, content.size)
  }

  #tear(content: Content, change: Change): void {
    if ('size' in change) {
      if (this.#random.int(2) === 0) applyDurably(content, change)
      return
    }
    const whole = this.#random.int(4) // now and then all or nothing, otherwise sector by sector
    for (let from = 0; from < change.bytes.length; ) {
      const sectorEnd = (Math.floor((change.at + from) / SECTOR_OCTETS) + 1) * SECTOR_OCTETS - change.at
      const to = Math.min(change.bytes.length, sectorEnd)
      const arrives = whole === 0 ? true : whole === 1 ? false : this.#random.int(2) === 0
      if (arrives) applyDurably(content, { at: change.at + from, bytes: change.bytes.subarray(from, to) })
      from = to
    }
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string
  readonly #disk: SimulatedDisk
  readonly #content: Content
  readonly #generation: number
  constructor(disk: SimulatedDisk, path: string, content: Content, generation: number) {
    this.#disk = disk
    this.path = path
    this.#content = content
    this.#generation = generation
  }
  read(into: Uint8Array, position: number): number {
    return this.#disk.read(this.#content, this.path, into, position, this.#generation)
  }
  write(parts: readonly Uint8Array[], position: number): void {
    this.#disk.write(this.#content, this.path, parts, position, this.#generation)
  }
  flush(): void {
    this.#disk.flush(this.#content, this.path, this.#generation)
  }
  sizeOctets(): number {
    return this.#content.size
  }
  allocate(sizeOctets: number): void {
    this.#disk.allocate(this.#content, this.path, sizeOctets, this.#generation)
  }
  truncate(sizeOctets: number): void {
    this.#disk.truncate(this.#content, this.path, sizeOctets, this.#generation)
  }
  close(): void {}
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function trouble(operation: string, path: string, code: string): Outage {
  return new Outage(`${operation} ${path}: ${code}`, { operation, path, code })
}

function resize(content: Content, size: number): void {
  if (size > content.current.length) {
    const grown = new Uint8Array(Math.max(size, content.current.length * 2))
    grown.set(content.current.subarray(0, content.size))
    content.current = grown
  } else if (size < content.size) content.current.fill(0, size, content.size)
  content.size = size
}

function applyDurably(content: Content, change: Change): void {
  const end = 'size' in change ? change.size : Math.max(content.durableSize, change.at + change.bytes.length)
  if (end > content.durable.length) {
    const grown = new Uint8Array(Math.max(end, content.durable.length * 2))
    grown.set(content.durable.subarray(0, content.durableSize))
    content.durable = grown
  } else if (end < content.durableSize) content.durable.fill(0, end, content.durableSize)
  content.durableSize = end
  if ('bytes' in change) content.durable.set(change.bytes, change.at)
}
