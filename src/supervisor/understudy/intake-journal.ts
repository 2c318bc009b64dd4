// Where the understudy keeps mail: a journal of its own in the intake directory. All that waits at one moment
// becomes one write and one flush, then the answers.
//
// The order, and it is the design: append → flush → is the supervisor still there? → 250. A process that was
// stopped and wakes up as an orphan acknowledges nothing more; what it has flushed is adopted all the same.
// After a failed write or flush nobody knows what the disk holds: those in that batch get no answer at all, nothing
// more is kept, and the process ends; the next one finds out what is there.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { OutOfSpace, type Journal, type RecordDraft } from '../../store/journal/journal.ts'

export type Outcome =
  | { end: 'kept'; sequence: number }
  /** It certainly does not exist. */
  | { end: 'no-space' | 'closed' }
  /** It may exist and may not. */
  | { end: 'unknown' }

export interface IntakeJournalOptions {
  journal: Pick<Journal, 'append' | 'closeIdle' | 'tend' | 'close'>
  directory: string
  disk: Pick<Disk, 'freeOctets'>
  clock: Clock
  log: Log
  /** Free octets on the disk below which nothing is taken. */
  diskReserveOctets: number
  /** Asked after each flush and before each answer. */
  mayAcknowledge(): boolean
  onDead(): void
}

const IDLE_CLOSE_MS = 1000
const SPACE_CHECK_MS = 500
const BATCH_OCTETS_MAX = 16 * 1024 * 1024
const BATCH_RECORDS_MAX = 2000

interface Waiting {
  draft: RecordDraft
  octets: number
  done: (outcome: Outcome) => void
}

export class IntakeJournal {
  readonly #options: IntakeJournalOptions
  #gathered: Waiting[] = []
  #scheduled = false
  #tending = false
  #ended = false
  #idleTimer: (() => void) | undefined
  #lastAppendMs = 0
  #freeOctets = Infinity
  #spaceCheckedMs = -Infinity
  /** Messages kept since this process began. */
  taken = 0

  constructor(options: IntakeJournalOptions) {
    this.#options = options
  }

  /** The answer comes in another turn of the loop, once. */
  keep(draft: RecordDraft, octets: number, done: (outcome: Outcome) => void): void {
    if (this.#ended) return done({ end: 'closed' })
    this.#gathered.push({ draft, octets, done })
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#commit())
  }

  /** Is there room for so many octets more, beside the reserve? */
  hasRoom(octets: number): boolean {
    const { clock, disk, directory, diskReserveOctets, log } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#spaceCheckedMs >= SPACE_CHECK_MS) {
      this.#spaceCheckedMs = nowMs
      try {
        this.#freeOctets = disk.freeOctets(directory)
      } catch (error) {
        log.warn('cannot tell how much room the disk of the intake directory has', { error: errorSentence(error) })
      }
    }
    return this.#freeOctets - octets >= diskReserveOctets
  }

  /** Keeps and answers what has gathered, seals the journal, and refuses whatever comes later. */
  stop(): void {
    this.#commit()
    if (this.#ended) return
    this.#end()
    try {
      this.#options.journal.close()
    } catch (error) {
      this.#options.log.error('sealing the intake journal failed; whoever adopts will look at its end', { error: errorSentence(error) })
    }
  }

  /** As after a crash: nothing more is appended or answered. */
  abandon(): void {
    this.#gathered = []
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#idleTimer?.()
  }

  #commit(): void {
    this.#scheduled = false
    while (this.#gathered.length > 0 && !this.#ended) this.#commitBatch(this.#takeBatch())
    this.#tend()
  }

  #takeBatch(): Waiting[] {
    let octets = 0
    let count = 0
    for (const waiting of this.#gathered) {
      octets += waiting.octets
      if (count > 0 && (octets > BATCH_OCTETS_MAX || count >= BATCH_RECORDS_MAX)) break
      count += 1
    }
    return this.#gathered.splice(0, count)
  }

  #commitBatch(batch: readonly Waiting[]): void {
    const { journal, clock, log, mayAcknowledge, onDead } = this.#options
    let sequences: readonly number[]
    try {
      sequences = journal.append(batch.map(({ draft }) => draft))
    } catch (error) {
      if (error instanceof OutOfSpace) {
        this.#freeOctets = 0
        this.#spaceCheckedMs = clock.monotonicMs()
        log.warn('no room in the intake directory: mail is put off', { error: errorSentence(error), hint: error.hint ?? null })
        for (const { done } of batch) done({ end: 'no-space' })
        return
      }
      log.error('the intake journal has failed; nothing more is kept', { error: errorSentence(error) })
      const late = this.#gathered
      this.abandon()
      for (const { done } of batch) done({ end: 'unknown' })
      for (const { done } of late) done({ end: 'closed' })
      onDead()
      return
    }
    for (const [n, { done }] of batch.entries()) {
      if (!mayAcknowledge()) return this.#orphaned(batch.slice(n))
      this.taken += 1
      done({ end: 'kept', sequence: sequences[n] as number })
    }
    for (const { octets } of batch) this.#freeOctets -= octets
    this.#lastAppendMs = clock.monotonicMs()
    this.#idleTimer ??= clock.after(IDLE_CLOSE_MS, this.#whenIdle)
  }

  #orphaned(batch: readonly Waiting[]): void {
    this.#options.log.error('the supervisor has gone; nothing more is acknowledged')
    this.abandon()
    for (const { done } of batch) done({ end: 'unknown' })
    this.#options.onDead()
  }

  readonly #whenIdle = (): void => {
    const { clock, journal } = this.#options
    this.#idleTimer = undefined
    if (this.#ended) return
    if (clock.monotonicMs() - this.#lastAppendMs < IDLE_CLOSE_MS) this.#idleTimer = clock.after(IDLE_CLOSE_MS, this.#whenIdle)
    else this.#try(() => void journal.closeIdle())
  }

  /** Makes the next segment ready in small pieces, after the answers have gone out. */
  #tend(): void {
    if (this.#tending || this.#ended) return
    this.#tending = true
    setImmediate(() => {
      this.#tending = false
      if (this.#ended) return
      this.#try(() => {
        if (this.#options.journal.tend()) this.#tend()
      })
    })
  }

  #try(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.log.error('the intake journal has failed; nothing more is kept', { error: errorSentence(error) })
      this.abandon()
      this.#options.onDead()
    }
  }
}
