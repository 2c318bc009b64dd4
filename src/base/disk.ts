// The only door to the file system (`node:fs` is imported here and in no other place, a tidy test
// checks it). The same interface is implemented by the simulated disk of the tests, which can keep,
// lose or tear what was not flushed and fail any call.
//
// Everything is synchronous: the journal and account threads do nothing else while they wait, and
// that waiting is what gathers the next batch. Front threads use the asynchronous calls at the end.
// A flush that failed is never tried again (the kernel drops the pages, the second call says "fine").
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { Outage, errorCode, errorSentence } from './errors.ts'

export type OpenMode =
  /** Must exist; read only. */
  | 'read'
  /** Must exist; read and write in place. */
  | 'update'
  /** Must not exist; read and write. */
  | 'create'

export interface DiskFile {
  readonly path: string
  /** Fills as much of `into` as the file has from `position`; returns how many octets. */
  read(into: Uint8Array, position: number): number
  /** Writes everything or throws. A short write is an `Outage`. */
  write(parts: readonly Uint8Array[], position: number): void
  /** fdatasync. Throws an `Outage`; never call it again on this file after that. */
  flush(): void
  sizeOctets(): number
  /** Makes the file at least this long, filled with zeros that are really allocated. */
  allocate(sizeOctets: number): void
  truncate(sizeOctets: number): void
  close(): void
}

export interface FileFacts {
  sizeOctets: number
  isDirectory: boolean
  modifiedMs: number
  /** Tells file systems apart; absent where there is only one. */
  device?: number
}

export interface Disk {
  open(path: string, mode: OpenMode): DiskFile
  exists(path: string): boolean
  facts(path: string): FileFacts | undefined
  /** Names in the folder, sorted; empty when there is no such folder. */
  list(path: string): string[]
  makeDirectory(path: string): void
  rename(from: string, to: string): void
  remove(path: string): void
  /** fsync of a folder: makes creations, renames and removals in it durable. */
  flushDirectory(path: string): void
  /** Whole small file. */
  readWhole(path: string): Uint8Array
  /** Temporary name, flush, rename, flush of the folder. */
  writeWhole(path: string, bytes: Uint8Array, options?: { mode?: number }): void
  /** Octets that an ordinary user may still write on the disk that holds `path`. */
  freeOctets(path: string): number
}

/** The same, for threads that have other things to do: large messages are streamed through these. */
export interface AsyncDiskFile {
  readonly path: string
  /** Fills as much of `into` as the file has from `position`; resolves to how many octets. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes everything or rejects. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  /** fdatasync. After it was rejected it is never called again on this file. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface AsyncDisk {
  open(path: string, mode: OpenMode): Promise<AsyncDiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  flushDirectory(path: string): Promise<void>
}

function outage(operation: string, path: string, cause: unknown): Outage {
  const code = errorCode(cause)
  const hint = code === 'ENOSPC' || code === 'EDQUOT' ? 'make room on this disk'
    : code === 'EIO' ? 'the disk or its cable may be failing: look at the kernel log (dmesg) and the SMART state'
    : code === 'EROFS' ? 'the file system is mounted read-only: look at the kernel log for the reason'
    : code === 'EACCES' || code === 'EPERM' ? 'check who owns the data directory'
    : undefined
  return new Outage(`${operation} ${path}: ${errorSentence(cause)}`, {
    operation, path, cause, ...(code ? { code } : {}), ...(hint ? { hint } : {}),
  })
}

function attempt<T>(operation: string, path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw outage(operation, path, cause)
  }
}

class NodeFile implements DiskFile {
  readonly path: string
  readonly #fd: number
  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }
  read(into: Uint8Array, position: number): number {
    return attempt('read', this.path, () => {
      let done = 0
      while (done < into.length) {
        const got = fs.readSync(this.#fd, into, done, into.length - done, position + done)
        if (got === 0) break
        done += got
      }
      return done
    })
  }
  write(parts: readonly Uint8Array[], position: number): void {
    let length = 0
    for (const part of parts) length += part.length
    const written = attempt('write', this.path, () => fs.writevSync(this.#fd, parts as Uint8Array[], position))
    if (written !== length) {
      // The kernel takes part of a write when space runs out in the middle of it. Whoever called treats the file as torn.
      throw new Outage(`write ${this.path}: only ${written} of ${length} octets were taken`, {
        operation: 'write', path: this.path, code: 'ENOSPC', hint: 'make room on this disk',
      })
    }
  }
  flush(): void {
    attempt('fdatasync', this.path, () => fs.fdatasyncSync(this.#fd))
  }
  sizeOctets(): number {
    return attempt('stat', this.path, () => fs.fstatSync(this.#fd).size)
  }
  allocate(sizeOctets: number): void {
    // Node has no fallocate: zeros are written, which allocates on every file system.
    attempt('allocate', this.path, () => {
      const zeros = new Uint8Array(1024 * 1024)
      let at = fs.fstatSync(this.#fd).size
      while (at < sizeOctets) {
        const count = Math.min(zeros.length, sizeOctets - at)
        const got = fs.writeSync(this.#fd, zeros, 0, count, at)
        if (got === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
        at += got
      }
    })
  }
  truncate(sizeOctets: number): void {
    attempt('truncate', this.path, () => fs.ftruncateSync(this.#fd, sizeOctets))
  }
  close(): void {
    attempt('close', this.path, () => fs.closeSync(this.#fd))
  }
}

const FLAGS: Record<OpenMode, string> = { read: 'r', update: 'r+', create: 'wx+' }

export const nodeDisk: Disk = {
  open: (path, mode) => new NodeFile(path, attempt('open', path, () => fs.openSync(path, FLAGS[mode], 0o600))),
  exists: (path) => fs.existsSync(path),
  facts: (path) => attempt('stat', path, () => {
    const found = fs.statSync(path, { throwIfNoEntry: false })
    return found && { sizeOctets: found.size, isDirectory: found.isDirectory(), modifiedMs: found.mtimeMs, device: found.dev }
  }),
  list: (path) => attempt('list', path, () => (fs.existsSync(path) ? fs.readdirSync(path).sort() : [])),
  makeDirectory: (path) => attempt('mkdir', path, () => void fs.mkdirSync(path, { recursive: true, mode: 0o700 })),
  rename: (from, to) => attempt('rename', from, () => fs.renameSync(from, to)),
  remove: (path) => attempt('remove', path, () => fs.unlinkSync(path)),
  flushDirectory: (path) => attempt('fsync', path, () => {
    const fd = fs.openSync(path, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  }),
  readWhole: (path) => attempt('read', path, () => new Uint8Array(fs.readFileSync(path))),
  writeWhole: (path, bytes, options) => attempt('write', path, () => {
    const temporary = `${path}.new`
    const fd = fs.openSync(temporary, 'w', options?.mode ?? 0o600)
    try {
      let at = 0
      while (at < bytes.length) at += fs.writeSync(fd, bytes, at)
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, path)
    const folder = fs.openSync(dirname(path), 'r')
    try {
      fs.fsyncSync(folder)
    } finally {
      fs.closeSync(folder)
    }
  }),
  freeOctets: (path) => attempt('statfs', path, () => {
    const facts = fs.statfsSync(path)
    return facts.bavail * facts.bsize
  }),
}

async function attemptAsync<T>(operation: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw cause instanceof Outage ? cause : outage(operation, path, cause)
  }
}

class NodeAsyncFile implements AsyncDiskFile {
  readonly path: string
  readonly #handle: fs.promises.FileHandle
  constructor(path: string, handle: fs.promises.FileHandle) {
    this.path = path
    this.#handle = handle
  }
  read(into: Uint8Array, position: number): Promise<number> {
    return attemptAsync('read', this.path, async () => {
      let done = 0
      while (done < into.length) {
        const { bytesRead } = await this.#handle.read(into, done, into.length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    })
  }
  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return attemptAsync('write', this.path, async () => {
      let length = 0
      for (const part of parts) length += part.length
      const { bytesWritten } = await this.#handle.writev(parts as Uint8Array[], position)
      if (bytesWritten !== length) throw Object.assign(new Error(`only ${bytesWritten} of ${length} octets were taken`), { code: 'ENOSPC' })
    })
  }
  flush(): Promise<void> {
    return attemptAsync('fdatasync', this.path, () => this.#handle.datasync())
  }
  close(): Promise<void> {
    return attemptAsync('close', this.path, () => this.#handle.close())
  }
}

export const nodeAsyncDisk: AsyncDisk = {
  open: (path, mode) => attemptAsync('open', path, async () => new NodeAsyncFile(path, await fs.promises.open(path, FLAGS[mode], 0o600))),
  rename: (from, to) => attemptAsync('rename', from, () => fs.promises.rename(from, to)),
  remove: (path) => attemptAsync('remove', path, () => fs.promises.unlink(path)),
  flushDirectory: (path) => attemptAsync('fsync', path, async () => {
    const handle = await fs.promises.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }),
}
