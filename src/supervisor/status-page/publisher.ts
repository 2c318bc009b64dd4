// Writes the status page as files, to be shown by another host: soon after every change, and every few minutes, so
// that a copy that is old says so. Each file whole or not at all. What fails is a warning, and tried again.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { PAGE_MS, type PageFiles, pageNames } from './pages.ts'

/** Changes come in groups. */
const SOON_MS = 1000
const AGAIN_MS = 30_000

export interface PublisherOptions {
  /** Absolute; undefined: nothing is published. Asked each time. */
  readonly directory: () => string | undefined
  readonly files: () => PageFiles
  readonly disk: Pick<Disk, 'exists' | 'makeDirectory' | 'writeWhole' | 'rename'>
  /** For the web server, which is somebody else: what this process makes is closed to others. */
  readonly openToAll: (path: string, mode: number) => void
  readonly clock: Clock
  readonly log: Log
}

export class Publisher {
  readonly #options: PublisherOptions
  #cancel: (() => void) | undefined
  #isFailing = false

  constructor(options: PublisherOptions) {
    this.#options = options
    this.changed()
  }

  changed(): void {
    this.#in(SOON_MS)
  }

  close(): void {
    this.#cancel?.()
    this.#write()
    this.#cancel?.()
  }

  #in(ms: number): void {
    this.#cancel?.()
    this.#cancel = this.#options.clock.after(ms, () => this.#write())
  }

  #write(): void {
    const { directory, files, disk, openToAll, log } = this.#options
    const folder = directory()
    if (folder === undefined) return this.#in(PAGE_MS)
    try {
      if (!disk.exists(folder)) {
        disk.makeDirectory(folder)
        openToAll(folder, 0o755)
      }
      const pages = files()
      for (const name of pageNames) {
        const made = join(folder, `.${name}.made`)
        disk.writeWhole(made, pages[name].bytes)
        openToAll(made, 0o644)
        disk.rename(made, join(folder, name))
      }
      if (this.#isFailing) log.info('the status page is published again', { directory: folder })
      this.#isFailing = false
      this.#in(PAGE_MS)
    } catch (error) {
      if (!this.#isFailing) log.warn('the status page cannot be published; it is tried again', { directory: folder, error: errorSentence(error) })
      this.#isFailing = true
      this.#in(AGAIN_MS)
    }
  }
}
