// Keeps what the understudy knows of our addresses current: `door.json` in the intake directory, a moment after each
// change of the directory. Until it is written a mark beside it says that it may be older than what an operator was
// told. A failure is a warning and is tried again: the understudy then puts off what it would have refused.
// The taking thread does this. Where that is stuck or gone, whoever has changed the directory marks the list instead
// (`markDoor`), and on a stopped server, whose understudy may be at work, the command itself is the writer.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import { DOOR_FILE, markDoorStale, writeDoorFile, type DoorSettings } from '../intake/door-file.ts'
import type { Directory } from '../store/store.ts'

/** Many changes in a row are written once. */
const WAIT_MS = 500
const AGAIN_MS = 10_000

export interface DoorWriterOptions {
  readonly intakeDirectory: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly settings: () => Omit<DoorSettings, 'nowMs'>
}

export function doorSettings(configNow: () => Config): Pick<DoorWriterOptions, 'intakeDirectory' | 'settings'> {
  return {
    intakeDirectory: configNow().intake.directory,
    settings() {
      const { hostname, delivery: { subaddressSeparator, postmaster } } = configNow()
      return { hostname, delivery: { subaddressSeparator, postmaster } }
    },
  }
}

export class DoorWriter {
  readonly #options: DoorWriterOptions
  #directory: Directory | undefined
  #waiting = false
  #cancel: () => void = () => {}
  #closed = false

  constructor(options: DoorWriterOptions) {
    this.#options = options
  }

  /** Call it before anybody is told that the change is known. False: the understudy does not know that its list is old. */
  onDirectoryRead(): boolean {
    if (this.#closed) return false
    const isMarked = markDoor(this.#options)
    this.#soon(WAIT_MS)
    return isMarked
  }

  /** From now on it can be written; it is, at once. */
  open(directory: Directory): void {
    this.#directory = directory
    this.#soon(0)
  }

  changed(): void {
    this.#soon(WAIT_MS)
  }

  close(): void {
    this.#closed = true
    this.#cancel()
    // What has changed in the last moment counts for the understudy of the next one.
    if (this.#waiting) this.#write()
  }

  #soon(ms: number): void {
    if (this.#waiting || !this.#directory || this.#closed) return
    this.#waiting = true
    this.#cancel = this.#options.clock.after(ms, () => this.#write())
  }

  #write(): void {
    this.#waiting = false
    const { disk, intakeDirectory, settings, clock } = this.#options
    try {
      disk.makeDirectory(intakeDirectory)
      if (this.#directory && writeDoorFile(this.#directory, { ...settings(), nowMs: clock.nowMs() }, join(intakeDirectory, DOOR_FILE), disk)) return
    } catch (error) {
      warn(this.#options.log, error)
    }
    if (!this.#closed) this.#soon(AGAIN_MS)
  }
}

/** False, with a warning, when it could not be done. */
export function markDoor({ intakeDirectory, disk, log }: Pick<DoorWriterOptions, 'intakeDirectory' | 'disk' | 'log'>): boolean {
  try {
    markDoorStale(intakeDirectory, disk)
    return true
  } catch (error) {
    warn(log, error)
    return false
  }
}

function warn(log: Log, error: unknown): void {
  log.warn('the understudy\'s list of addresses could not be written; it is tried again', { error: errorSentence(error) })
}
