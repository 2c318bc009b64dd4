// A note of the record that is being applied, so that a record which kills the process is found out. Written
// only when there is reason to suspect one: before a record is tried alone, and, when two starts
// in a row have not come to the end of their replay, before every record of the third.
//
// A process that dies leaves its note behind (the page cache outlives it; a power cut is no record's fault, so
// nothing is flushed). A record that was named by the notes of two dead processes is passed over by
// a skip record. The note is advice: that it cannot be written holds up nothing.
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { DatabaseId } from '../ids.ts'

const NAME = 'applying.note'
const OCTETS = 256
/** Deaths after which a record is passed over. */
const DEATHS_MAX = 2
/** Starts in a row that did not end their replay, after which each record is noted. */
const STARTS_MAX = 2

interface Named {
  database: DatabaseId
  sequence: number
}

interface Note {
  /** Starts whose replay has not ended. */
  starts: number
  /** The record that is being applied at this moment. */
  applying: Named | null
  /** The record that was being applied when the process died, and how often. */
  suspect: (Named & { deaths: number }) | null
}

export class ApplyNote {
  readonly #disk: Disk
  readonly #path: string
  readonly #log: Log
  #note: Note
  #file: DiskFile | undefined

  constructor({ disk, dataDirectory, log }: { disk: Disk; dataDirectory: string; log: Log }) {
    this.#disk = disk
    this.#path = join(dataDirectory, NAME)
    this.#log = log
    this.#note = this.#read()
    const { applying, suspect } = this.#note
    if (applying) {
      // What the dead process was doing when it died.
      this.#note.suspect = { ...applying, deaths: suspect && isSame(suspect, applying) ? suspect.deaths + 1 : 1 }
      this.#note.applying = null
    }
  }

  /** The record that has killed two processes. */
  get poison(): Named | undefined {
    const { suspect } = this.#note
    return suspect && suspect.deaths >= DEATHS_MAX ? suspect : undefined
  }

  /** Records should be applied one at a time, each with its note. */
  get careful(): boolean {
    return this.#note.starts > STARTS_MAX || this.#note.suspect !== null
  }

  /** A replay begins. */
  started(): void {
    this.#note.starts += 1
    this.#write()
  }

  before(database: DatabaseId, sequence: number): void {
    this.#note.applying = { database, sequence }
    this.#write()
  }

  after(): void {
    const { applying, suspect } = this.#note
    if (!applying) return
    if (suspect && isSame(suspect, applying)) this.#note.suspect = null
    this.#note.applying = null
    this.#write()
  }

  /** The replay has come to its end. */
  settled(): void {
    this.#note = nothing()
    try {
      this.#file?.close()
      this.#file = undefined
      if (this.#disk.exists(this.#path)) this.#disk.remove(this.#path)
    } catch (error) {
      this.#log.debug('the note of what is being applied could not be removed', { error: errorSentence(error) })
    }
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  #read(): Note {
    try {
      if (!this.#disk.exists(this.#path)) return nothing()
      const value: unknown = JSON.parse(new TextDecoder().decode(this.#disk.readWhole(this.#path)))
      return isNote(value) ? value : nothing()
    } catch {
      return nothing()
    }
  }

  #write(): void {
    try {
      this.#file ??= this.#disk.open(this.#path, this.#disk.exists(this.#path) ? 'update' : 'create')
      this.#file.write([Buffer.from(JSON.stringify(this.#note).padEnd(OCTETS))], 0)
    } catch (error) {
      this.#log.debug('the note of what is being applied could not be written', { error: errorSentence(error) })
    }
  }
}

function nothing(): Note {
  return { starts: 0, applying: null, suspect: null }
}

function isSame(one: Named, other: Named): boolean {
  return one.database === other.database && one.sequence === other.sequence
}

function isNamed(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && 'database' in value && 'sequence' in value && Number.isSafeInteger(value.database) && Number.isSafeInteger(value.sequence)
}

function isNote(value: unknown): value is Note {
  if (typeof value !== 'object' || value === null || !('starts' in value && 'applying' in value && 'suspect' in value)) return false
  const { starts, applying, suspect } = value
  return Number.isSafeInteger(starts) && (applying === null || isNamed(applying))
    && (suspect === null || (isNamed(suspect) && 'deaths' in suspect && Number.isSafeInteger(suspect.deaths)))
}
