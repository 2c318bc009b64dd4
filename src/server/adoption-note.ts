// Which message was being adopted when a process died: `adopting.note` in the intake directory. Written before the
// first message of a run, and, once a run has not come to its end, before each message, so that a death is pinned to
// the one that caused it. Advice only: without it a start takes longer to find such a message.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Disk } from '../base/disk.ts'

const NOTE_FILE = 'adopting.note'
/** Deaths pinned to one message after which it is set aside. */
const DEATHS_MAX = 2

interface Note {
  /** Runs that began and did not end, this one included. */
  runs: number
  /** The message under way now; 0 when that is not written down. */
  current: number
  /** The message at which the process died last, and how often in a row. */
  suspect: number
  deaths: number
}

export class AdoptionNote {
  readonly #disk: Disk
  readonly #path: string
  #note: Note

  private constructor(disk: Disk, path: string, note: Note) {
    this.#disk = disk
    this.#path = path
    this.#note = note
  }

  /** A run begins. */
  static begin(intake: string, disk: Disk): AdoptionNote {
    const path = join(intake, NOTE_FILE)
    const { runs, current, suspect, deaths } = readNote(disk, path)
    const pinned = current === 0 ? { suspect, deaths } : { suspect: current, deaths: current === suspect ? deaths + 1 : 1 }
    const note = new AdoptionNote(disk, path, { runs: runs + 1, current: 0, ...pinned })
    note.#write()
    return note
  }

  /** False: this one has ended the process twice, and is set aside. */
  mayAdopt(sequence: number): boolean {
    if (this.#note.runs === 1) return true
    if (this.#note.suspect === sequence && this.#note.deaths >= DEATHS_MAX) return false
    this.#note = { ...this.#note, current: sequence }
    this.#write()
    return true
  }

  /** From the second run on each message is done alone. */
  get isCareful(): boolean {
    return this.#note.runs > 1
  }

  /** All that was begun is durable: a death from here on is no message's fault. */
  settled(): void {
    if (this.#note.current === 0) return
    this.#note = { ...this.#note, current: 0 }
    this.#write()
  }

  /** The run has come to its end, or has been broken off by what is no fault of a message. */
  end(): void {
    if (this.#disk.exists(this.#path)) this.#disk.remove(this.#path)
  }

  #write(): void {
    this.#disk.writeWhole(this.#path, bytesOf(JSON.stringify(this.#note)))
  }
}

function readNote(disk: Disk, path: string): Note {
  const none: Note = { runs: 0, current: 0, suspect: 0, deaths: 0 }
  if (!disk.exists(path)) return none
  try {
    const value: unknown = JSON.parse(textOf(disk.readWhole(path)))
    if (typeof value !== 'object' || value === null) return none
    const { runs, current, suspect, deaths } = value as Record<string, unknown>
    const whole = (number: unknown) => (Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : 0)
    return { runs: whole(runs), current: whole(current), suspect: whole(suspect), deaths: whole(deaths) }
  } catch {
    return none
  }
}
