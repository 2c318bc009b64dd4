// Reads the journal behind what has been read, as far as it is flushed. What was flushed must be there: when it
// is not found, or cannot be read, it is tried again for some seconds before it is called lost.
import type { Clock } from '../../base/clock.ts'
import { Outage, errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { ScannedRecord } from '../journal/record.ts'
import type { ApplyLimits } from './apply-limits.ts'

export interface FollowerOptions {
  reader: JournalReader
  clock: Clock
  log: Log
  limits: ApplyLimits
  /** Where reading begins behind. */
  through: number
  take: (record: ScannedRecord) => void
  /** What could not be read before has been read now, by itself. */
  again: () => void
}

export class Follower {
  readonly #options: FollowerOptions
  #through: number
  #wanted = 0
  #failures = 0

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#through = options.through
  }

  /** Everything up to here has been taken. */
  get through(): number {
    return this.#through
  }

  follow(through: number): void {
    this.#wanted = Math.max(this.#wanted, through)
    if (through <= this.#through) return
    let last = this.#through
    let trouble: unknown
    try {
      this.#options.reader.scan(last + 1, (record) => {
        last = record.sequence
        this.#options.take(record)
      }, through)
    } catch (error) {
      if (!(error instanceof Outage)) throw error
      trouble = error
    }
    if (last >= through) this.#failures = 0
    this.#through = last >= through || this.#givesUp(through, last, trouble) ? through : last
  }

  #givesUp(through: number, last: number, error: unknown): boolean {
    const { clock, log, limits, again } = this.#options
    this.#failures += 1
    const sentence = error === undefined ? 'they are not found' : errorSentence(error)
    if (this.#failures > limits.read_attempts_max) {
      this.#failures = 0
      log.error(`records ${last + 1} to ${through} cannot be read and are passed over`, { error: sentence, hint: 'see the log for damaged segments' })
      return true
    }
    if (this.#failures === 1) log.warn(`records ${last + 1} to ${through} cannot be read yet`, { error: sentence })
    clock.after(limits.retry_first_ms, () => {
      this.follow(this.#wanted)
      again()
    })
    return false
  }
}
