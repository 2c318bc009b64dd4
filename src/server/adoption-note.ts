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
  /** The message that was being adopted; 0 when that was not written down. */
  sequence: number
  /** Deaths in a row at that message. */
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
    const before = readNote(disk, path)
    const note = new AdoptionNote(disk, path, { ...before, runs: before.runs + 1 })
    note.#write()
    return note
  }

  /** False: this one has ended the process twice, and is set aside. */
  mayAdopt(sequence: number): boolean {
    if (this.#note.runs === 1) return true
    const deaths = this.#note.sequence === sequence ? this.#note.deaths + 1 : 0
    this.#note = { ...this.#note, sequence, deaths }
    if (deaths >= DEATHS_MAX) return false
    this.#write()
    return true
  }

  /** From the second run on each message is done alone. */
  get isCareful(): boolean {
    return this.#note.runs > 1
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
  const none: Note = { runs: 0, sequence: 0, deaths: 0 }
  if (!disk.exists(path)) return none
  try {
    const value: unknown = JSON.parse(textOf(disk.readWhole(path)))
    if (typeof value !== 'object' || value === null) return none
    const { runs, sequence, deaths } = value as Record<string, unknown>
    const whole = (number: unknown) => (Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : 0)
    return { runs: whole(runs), sequence: whole(sequence), deaths: whole(deaths) }
  } catch {
    return none
  }
}
