// Where message bytes are when there is no journal: named objects that are written once, read by range,
// and never changed. A folder is the first maker; S3 is the real one.
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../base/disk.ts'

export interface ObjectStore {
  /** Durable when it resolves. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** For bytes that do not fit in memory. Nothing is there under the key before `finish` has resolved. */
  begin(key: string): ObjectWriter
  /** Shorter only at the end of the object. */
  get(key: string, offset: number, length: number): Promise<Uint8Array>
  /** Octets that may still be stored; undefined where nobody knows. */
  freeOctets(): number | undefined
}

export interface ObjectWriter {
  write(chunk: Uint8Array): Promise<void>
  finish(): Promise<void>
  abort(): Promise<void>
}

/** Keys are "ab/cdef…": the first part is a folder. */
export function folderObjects(disk: Disk, folder: string): ObjectStore {
  const known = new Set<string>()
  disk.makeDirectory(folder)
  const pathOf = (key: string): { path: string; directory: string } => {
    const slash = key.lastIndexOf('/')
    const directory = slash < 0 ? folder : join(folder, key.slice(0, slash))
    if (slash >= 0 && !known.has(directory)) {
      disk.makeDirectory(directory)
      disk.flushDirectory(folder)
      known.add(directory)
    }
    return { path: join(folder, key), directory }
  }
  return {
    async put(key, bytes) {
      disk.writeWhole(pathOf(key).path, bytes)
    },
    begin: (key) => new FolderWriter(disk, pathOf(key)),
    async get(key, offset, length) {
      const file = disk.open(join(folder, key), 'read')
      try {
        const into = new Uint8Array(length)
        const got = file.read(into, offset)
        return got === length ? into : into.subarray(0, got)
      } finally {
        file.close()
      }
    },
    freeOctets: () => disk.freeOctets(folder),
  }
}

/** Temporary name, flush, rename, flush of the folder. */
class FolderWriter implements ObjectWriter {
  readonly #disk: Disk
  readonly #path: string
  readonly #directory: string
  #file: DiskFile | undefined
  #size = 0
  constructor(disk: Disk, { path, directory }: { path: string; directory: string }) {
    this.#disk = disk
    this.#path = path
    this.#directory = directory
    this.#file = disk.open(`${path}.new`, 'create')
  }
  async write(chunk: Uint8Array): Promise<void> {
    this.#file?.write([chunk], this.#size)
    this.#size += chunk.length
  }
  async finish(): Promise<void> {
    this.#file?.flush()
    this.#file?.close()
    this.#file = undefined
    this.#disk.rename(`${this.#path}.new`, this.#path)
    this.#disk.flushDirectory(this.#directory)
  }
  async abort(): Promise<void> {
    if (!this.#file) return
    this.#file.close()
    this.#file = undefined
    this.#disk.remove(`${this.#path}.new`)
  }
}
