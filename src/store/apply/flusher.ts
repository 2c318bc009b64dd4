// Flushes databases behind the applier's back and moves the watermark on, so that a restart replays
// seconds and not history.
//
// Flushing one database = note its position, then fdatasync its -wal. Only the noted position counts; what a
// checkpoint says never does. A -wal that is not there was flushed by SQLite itself when it was last closed or
// reset (synchronous=NORMAL flushes the log before, and the database after, it copies pages).
import { dirname } from 'node:path'
import { flushFolderInBackground, flushInBackground, turnstile, type BackgroundFlush } from '../../base/background-flush.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Outage, errorCode, errorSentence } from '../../base/errors.ts'
import { FIRST_ACCOUNT, type DatabaseId } from '../ids.ts'
import { type CrashPoint, step, stepAsync } from '../journal/crash-point.ts'
import type { Watermark } from '../journal/record.ts'
import type { AppliedDatabase } from './applied-database.ts'
import { applyLimits } from './apply-limits.ts'
import type { Applier } from './applier.ts'

export const flushLimits = {
  every_ms: 2000,
  /** Flushes under way at one moment: two of the thread pool's four. */
  at_once_max: 2,
  /** Databases looked after at one moment: files are opened and facts read while others are flushed. */
  lanes: 64,
  exceptions_max: 64,
  /** A writing connection that nobody used for so long is closed. */
  rest_after_ms: 60_000,
} as const

export interface FlusherOptions {
  applier: Applier
  clock: Clock
  log: Log
  crashPoint: CrashPoint
  onWatermark: (watermark: Watermark) => void
  /** After a database was flushed at `position`: the moment for its facts record. */
  onFlushed: (base: AppliedDatabase) => Promise<void>
  /** A flush has failed: nobody can say what the disk holds. The owner must end. */
  onDead: (error: unknown) => void
  /** The machine's own unless a test says otherwise. */
  flushFile?: BackgroundFlush
  flushFolder?: BackgroundFlush
}

export class Flusher {
  readonly #options: FlusherOptions
  readonly #turnstile = turnstile(flushLimits.at_once_max)
  #running: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #stopped = false
  /** A flush has failed: none is tried again, and no watermark is told any more. */
  #dead = false

  constructor(options: FlusherOptions) {
    this.#options = options
    this.#again()
  }

  /** One round over everything that is dirty. */
  async round(): Promise<void> {
    this.#running ??= this.#round().finally(() => (this.#running = undefined))
    await this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#running
  }

  #again(): void {
    if (this.#stopped) return
    this.#cancel = this.#options.clock.after(flushLimits.every_ms, () => {
      void this.round().finally(() => this.#again())
    })
  }

  async #round(): Promise<void> {
    const { applier, log } = this.#options
    if (this.#dead) return
    const dirty = [...applier.databases()].filter((base) => base.dirty && base.path !== null && base.failures === 0)
    // The watermark waits for the one that was flushed longest ago.
    dirty.sort((a, b) => a.flushed - b.flushed)
    const folders: Folders = new Map()
    let next = 0
    const lane = async () => {
      for (let base = dirty[next++]; base && !this.#dead; base = dirty[next++]) await this.#flush(base, folders)
    }
    try {
      await Promise.all(Array.from({ length: flushLimits.lanes }, lane))
    } catch (error) {
      this.#dead = true
      log.error('flushing a database failed', { error: errorSentence(error) })
      this.#options.onDead(error)
      return
    }
    step(this.#options.crashPoint, 'database-watermark', () => this.#options.onWatermark(this.#watermark()))
    this.#rest()
  }

  async #flush(base: AppliedDatabase, folders: Folders): Promise<void> {
    const { log, crashPoint, flushFile = flushInBackground, flushFolder = flushFolderInBackground } = this.#options
    const path = base.path
    if (path === null) return
    const noted = base.position
    const withFolder = !base.folderFlushed
    try {
      await stepAsync(crashPoint, 'database-flush', () => flushFile(`${path}-wal`, this.#turnstile))
      if (withFolder) {
        await stepAsync(crashPoint, 'database-flush-directory', async () => {
          const [own, ...shared] = foldersOf(base.database, path)
          await flushFolder(own, this.#turnstile)
          // Once in a round for all: what leads to their folders was there when the round began.
          for (const folder of shared) await onceIn(folders, folder, () => flushFolder(folder, this.#turnstile))
        })
      }
    } catch (error) {
      if (hasFailedToFlush(error)) throw error
      // It could not even be opened (too many files are, or the folder has gone): nothing was flushed, and nothing is lost by it.
      log.warn('a database could not be flushed now; it is tried again', { database: base.database, error: errorSentence(error) })
      return
    }
    if (base.path !== path) return // replaced meanwhile
    if (withFolder) base.folderFlushed = true
    if (noted > base.flushed) {
      base.flushed = noted
      await stepAsync(crashPoint, 'database-facts', () => this.#options.onFlushed(base)).catch((error: unknown) => log.warn('what follows a flush failed', { database: base.database, error: errorSentence(error) }))
    }
  }

  #watermark(): Watermark {
    const { applier } = this.#options
    let through = applier.scannedThrough
    const exceptions: { database: DatabaseId; through: number }[] = []
    for (const base of applier.databases()) {
      if (!base.dirty && !base.behind && !base.halted && base.damage === null) continue
      const reached = Math.min(base.flushed, base.halted ? base.position : Infinity, applier.scannedThrough)
      const troubled = base.failures > 0 || base.catchUpFrom !== null || base.halted || base.damage !== null
      if (troubled && exceptions.length < flushLimits.exceptions_max) exceptions.push({ database: base.database, through: reached })
      else through = Math.min(through, reached)
    }
    return { through, exceptions: exceptions.filter((exception) => exception.through < through) }
  }

  /** Puts connections to rest that nobody needs: the least lately used beyond the limit, and the idle. */
  #rest(): void {
    const { applier, clock } = this.#options
    const open = [...applier.databases()].filter((base) => base.connection && !base.copying && !base.dirty && !base.behind && base.queued === 'no' && base.atGate.length === 0)
    open.sort((a, b) => a.lastUsedMs - b.lastUsedMs)
    let surplus = open.length - applyLimits.connections_max
    for (const base of open) {
      if (surplus <= 0 && clock.monotonicMs() - base.lastUsedMs < flushLimits.rest_after_ms) break
      applier.rest(base)
      surplus -= 1
    }
  }
}

type Folders = Map<string, Promise<unknown>>

function onceIn(folders: Folders, folder: string, flush: () => Promise<unknown>): Promise<unknown> {
  const known = folders.get(folder) ?? flush()
  folders.set(folder, known)
  return known
}

/** The folders whose entries lead to the file, its own first. */
function foldersOf(database: DatabaseId, path: string): [string, ...string[]] {
  const own = dirname(path)
  return database >= FIRST_ACCOUNT ? [own, dirname(own), dirname(dirname(own))] : [own]
}

/** That a file or folder could not even be opened says nothing about the disk; anything else may. */
function hasFailedToFlush(error: unknown): boolean {
  if (error instanceof Outage && error.operation !== 'open') return true
  const code = error instanceof Outage ? (errorCode(error.cause) ?? error.code) : errorCode(error)
  return !NOT_OPENED.has(code ?? '')
}

const NOT_OPENED = new Set(['ENOENT', 'ENOTDIR', 'EMFILE', 'ENFILE', 'EACCES', 'EPERM', 'ENOMEM'])
