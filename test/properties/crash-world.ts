// A machine that crashes: the journal stands on the simulated disk; the databases are real SQLite files, of which it
// remembers what a crash may leave. Each goes back to the state of any commit since its last flush, that one
// included; files, renames and removals whose folder was not flushed may be undone, the last first.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BackgroundFlush } from '../../src/base/background-flush.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { nodeDisk, type Disk } from '../../src/base/disk.ts'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { SimulatedCrash, SimulatedDisk, type Fate } from '../../src/base/simulated-disk.ts'
import type { AppliedDatabase } from '../../src/store/apply/applied-database.ts'
import type { SqliteWriter } from '../../src/store/sqlite/connection.ts'

/** What a crash may find in a file: the oldest is on disk for certain. */
type Images = Uint8Array[]

type FolderChange =
  | { kind: 'made'; path: string }
  | { kind: 'renamed'; from: string; to: string; over: Images | undefined }
  | { kind: 'removed'; path: string; images: Images }

/** Whether anything here is really flushed does not matter. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const FATES: readonly Fate[] = ['keep', 'lose', 'tear']

export class CrashWorld {
  readonly folder = mkdtempSync(join(MEMORY, 'daruma-crash-'))
  readonly clock = new FakeClock(Date.UTC(2026, 0, 15))
  readonly random: Random
  readonly journalDisk: SimulatedDisk
  crashed = false
  /** Steps of the databases until the crash; undefined: none is planned there. */
  stepsLeft: number | undefined
  /** How many commits there were, for telling whether a run did anything. */
  commits = 0
  readonly #files = new Map<string, Images>()
  readonly #changes = new Map<string, FolderChange[]>()
  readonly #folders = new Set<string>()

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.journalDisk = new SimulatedDisk({ random: seededRandom(seed + 1) })
    this.journalDisk.makeDirectory(this.folder)
    this.#folders.add(this.folder)
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Paths of live databases, of one kind. */
  databases(kind: 'directory' | 'queue' | 'account' | 'snapshot'): string[] {
    const pattern = { directory: /\/directory[^/]*\.db$/, queue: /\/queue[^/]*\.db$/, account: /\/mail\.\d+\.db$/, snapshot: /\/snapshots\/.*\.db$/ }[kind]
    return [...this.#files.keys()].filter((path) => pattern.test(path) && (kind === 'snapshot') === path.includes('/snapshots/'))
  }

  // ------------------------------------------------------------------ what the store is given

  readonly committed = (_base: AppliedDatabase, connection: SqliteWriter): void => {
    if (this.crashed) return
    this.commits += 1
    const images = this.#files.get(connection.path)
    const image = connection.serialize()
    if (images) images.push(image)
    else {
      this.#change(connection.path, { kind: 'made', path: connection.path })
      this.#files.set(connection.path, [new Uint8Array(0), image])
    }
    this.#step()
  }

  readonly flushFile: BackgroundFlush = async (path) => {
    this.#assertUp()
    const images = this.#files.get(path.replace(/-wal$/, ''))
    const through = (images?.length ?? 1) - 1
    await this.#later()
    images?.splice(0, through)
    this.#step()
    return 'flushed'
  }

  readonly flushFolder: BackgroundFlush = async (path) => {
    this.#assertUp()
    const through = this.#changes.get(path)?.length ?? 0
    await this.#later()
    this.#changes.get(path)?.splice(0, through)
    this.#step()
    return 'flushed'
  }

  /** The disk of the databases. */
  readonly disk: Disk = {
    ...nodeDisk,
    makeDirectory: (path) => {
      this.#assertUp()
      nodeDisk.makeDirectory(path)
      for (let at = path; !this.#folders.has(at); at = dirname(at)) {
        this.#folders.add(at)
        this.#change(at, { kind: 'made', path: at })
      }
    },
    rename: (from, to) => {
      this.#step()
      nodeDisk.rename(from, to)
      const images = this.#files.get(from) ?? (/-(wal|shm)/.test(from) ? undefined : [nodeDisk.readWhole(to)])
      if (!images) return
      this.#change(to, { kind: 'renamed', from, to, over: this.#files.get(to) })
      this.#files.delete(from)
      this.#files.set(to, images)
      this.#step()
    },
    remove: (path) => {
      this.#step()
      nodeDisk.remove(path)
      const images = this.#files.get(path)
      if (images) this.#change(path, { kind: 'removed', path, images })
      this.#files.delete(path)
      this.#step()
    },
    writeWhole: (path, bytes) => {
      this.#step()
      nodeDisk.writeWhole(path, bytes)
      this.#files.set(path, [bytes.slice()])
      this.#changes.delete(dirname(path))
      this.#step()
    },
    flushDirectory: (path) => {
      this.#step()
      this.#changes.delete(path)
      this.#step()
    },
  }

  // ------------------------------------------------------------------ what happens to it

  /** The power goes: from here on nothing reaches a disk. */
  cut(): void {
    if (this.crashed) return
    this.crashed = true
    this.journalDisk.failAt(this.journalDisk.operations + 1, 'crash-before')
  }

  /** The machine comes up again, with what a crash leaves; or, without one, with everything. */
  restart({ clean }: { clean: boolean }): void {
    this.journalDisk.forgetTroubles()
    this.stepsLeft = undefined
    if (!clean) {
      this.journalDisk.crash(FATES[this.random.int(3)] as Fate)
      for (const changes of this.#changes.values()) {
        const kept = this.random.int(changes.length + 1)
        for (const change of changes.slice(kept).reverse()) this.#undo(change)
      }
    }
    this.#changes.clear()
    for (const name of nodeDisk.list(this.folder)) if (name !== 'owner.db') rmSync(join(this.folder, name), { recursive: true, force: true })
    for (const folder of this.#folders) mkdirSync(folder, { recursive: true })
    for (const [path, images] of this.#files) {
      const image = (clean ? images.at(-1) : images[this.random.int(images.length)]) as Uint8Array
      this.#files.set(path, [image])
      writeFileSync(path, image)
    }
    this.crashed = false
  }

  /** Something that happens to files of a machine that stands still. */
  spoil(path: string, how: 'delete' | 'empty' | 'truncate' | 'garble'): void {
    const image = this.#files.get(path)?.at(-1)
    if (!image) return
    if (how === 'delete') {
      this.#files.delete(path)
      rmSync(path)
      return
    }
    const spoilt = how === 'empty' ? new Uint8Array(0) : how === 'truncate' ? image.slice(0, this.random.int(image.length)) : garbled(image, this.random)
    this.#files.set(path, [spoilt])
    writeFileSync(path, spoilt)
  }

  // ------------------------------------------------------------------ inside

  #assertUp(): void {
    if (this.crashed) throw new SimulatedCrash('the power is off')
  }

  #step(): void {
    this.#assertUp()
    if (this.stepsLeft === undefined) return
    this.stepsLeft -= 1
    if (this.stepsLeft > 0) return
    this.cut()
    this.#assertUp()
  }

  async #later(): Promise<void> {
    for (let turns = this.random.int(3); turns >= 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
    this.#step()
  }

  #change(path: string, change: FolderChange): void {
    const folder = dirname(path)
    const changes = this.#changes.get(folder)
    if (changes) changes.push(change)
    else this.#changes.set(folder, [change])
  }

  #undo(change: FolderChange): void {
    if (change.kind === 'removed') this.#files.set(change.path, change.images)
    else if (change.kind === 'renamed') {
      const images = this.#files.get(change.to)
      if (change.over) this.#files.set(change.to, change.over)
      else this.#files.delete(change.to)
      if (images) this.#files.set(change.from, images)
    } else {
      this.#files.delete(change.path)
      if (!this.#folders.has(change.path)) return
      for (const path of this.#files.keys()) if (path.startsWith(`${change.path}/`)) this.#files.delete(path)
      for (const path of this.#folders) if (path === change.path || path.startsWith(`${change.path}/`)) this.#folders.delete(path)
    }
  }
}

/** Some of its pages are nonsense. */
export function garbled(image: Uint8Array, random: Random): Uint8Array {
  const spoilt = image.slice()
  const pages = Math.max(1, Math.floor(image.length / 4096))
  for (let n = 0; n < 3; n += 1) {
    const at = random.int(pages) * 4096
    spoilt.fill(0xff, at, at + 4096)
  }
  return spoilt
}

