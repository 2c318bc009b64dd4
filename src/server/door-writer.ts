// Keeps what the understudy knows of our addresses current: `door.json` in the intake directory, a moment after each
// change of the directory. Until it is written a mark beside it says that it may be older than what an operator was
// told. A failure is a warning and is tried again: the understudy then puts off what it would have refused.
// The taking thread does this. Where that is stuck or gone, whoever has changed the directory marks the list instead,
// and on a stopped server, whose understudy may be at work, the command itself is the writer.
//
// Nothing is written where the disk of the intake directory was unmounted meanwhile: an understudy that finds no list
// takes no mail, and what it took there would be hidden when the disk is back.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { nodeDisk, type Disk } from '../base/disk.ts'
import { errorSentence, Outage } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import { DOOR_FILE, markDoorStale, writeDoorFile, type DoorSettings } from '../intake/door-file.ts'
import { mountPointOf } from '../store/journal/mount-point.ts'
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

export function newDoorWriter(configNow: () => Config, { clock, log }: Pick<DoorWriterOptions, 'clock' | 'log'>): DoorWriter {
  return new DoorWriter({
    intakeDirectory: configNow().intake.directory, disk: nodeDisk, clock, log,
    settings() {
      const { hostname, delivery: { subaddressSeparator, postmaster } } = configNow()
      return { hostname, delivery: { subaddressSeparator, postmaster } }
    },
  })
}

export class DoorWriter {
  readonly #options: DoorWriterOptions
  readonly #mountPoint: string
  #directory: Directory | undefined
  #waiting = false
  #cancel: () => void = () => {}
  #closed = false

  constructor(options: DoorWriterOptions) {
    this.#options = options
    this.#mountPoint = mountPointOf(options.disk, options.intakeDirectory)
  }

  /** Call it before anybody is told that the change is known. False: the understudy does not know that its list is old. */
  onDirectoryRead(): boolean {
    if (this.#closed) return false
    this.#soon(WAIT_MS)
    return this.#tried(() => markDoorStale(this.#options.intakeDirectory, this.#options.disk))
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
    let isWritten = false
    this.#tried(() => {
      disk.makeDirectory(intakeDirectory)
      isWritten = this.#directory !== undefined && writeDoorFile(this.#directory, { ...settings(), nowMs: clock.nowMs() }, join(intakeDirectory, DOOR_FILE), disk)
    })
    if (!isWritten && !this.#closed) this.#soon(AGAIN_MS)
  }

  /** False, with a warning, when it could not be done. */
  #tried(action: () => void): boolean {
    const { disk, intakeDirectory, log } = this.#options
    try {
      if (mountPointOf(disk, intakeDirectory) !== this.#mountPoint) throw new Outage(`${intakeDirectory} is not on the disk of the start, which was mounted at ${this.#mountPoint}`, { operation: 'open', path: intakeDirectory })
      action()
      return true
    } catch (error) {
      log.warn('the understudy\'s list of addresses could not be written; it is tried again', { error: errorSentence(error) })
      return false
    }
  }
}
