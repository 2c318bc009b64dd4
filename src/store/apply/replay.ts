// What is done beside applying while a database catches up with the journal: the records that name it are searched
// for in slices, its numbers are compared with the facts that the journal holds, and where the past ends, groups of
// copies that a crash had cut off are taken back.
import type { Clock } from '../../base/clock.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { FIRST_ACCOUNT, accountId, mailboxId } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { RecordMeta } from '../operations/apply-record.ts'
import { openGroups } from '../operations/copy.ts'
import { withTx } from '../tx.ts'
import type { AppliedDatabase } from './applied-database.ts'
import type { ApplierEvents } from './apply-events.ts'
import type { ApplyLimits } from './apply-limits.ts'
import { MOVING, type Entries, type Entry } from './entry.ts'
import { disagreement, noteFacts } from './facts-ahead.ts'
import type { Skips } from './skips.ts'

export interface ReplayOptions {
  reader: JournalReader
  clock: Clock
  log: Log
  events: Pick<ApplierEvents, 'change'>
  limits: ApplyLimits
  entries: Entries
  skips: Skips
  scannedThrough: () => number
  /** The journal's end at the start. */
  gate: () => number
  schedule: (base: AppliedDatabase) => void
  wakeLater: (base: AppliedDatabase, ms: number) => void
  tellTrouble: (base: AppliedDatabase, on: boolean) => void
}

export class Replay {
  readonly #options: ReplayOptions

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /** While catching up: the next slice of records that name this database. */
  refill(base: AppliedDatabase): void {
    if (base.catchUpFrom === null || base.pending.length > 0) return
    const { reader } = this.#options
    if (!this.#options.skips.learn(reader, base.catchUpFrom, this.#options.limits.slice_heads_max)) return
    let looked = 0
    let next = base.catchUpFrom
    let full = false
    reader.scan(base.catchUpFrom, (record) => {
      full = looked >= this.#options.limits.slice_heads_max || base.pending.length >= this.#options.limits.slice_records_max
      if (full) return false
      looked += 1
      next = record.sequence + 1
      if (!record.databases.includes(base.database)) return true
      if (record.type === 'facts') noteFacts(base, record)
      if (!MOVING.has(record.type)) return true
      const entry = this.#options.entries.make(record, { remaining: 1, octets: 0 })
      base.pending.push(entry)
      if (base.distrust && record.type === 'change') this.noteRaise(base, entry)
      return true
    }, this.#options.scannedThrough())
    base.catchUpFrom = full && next <= this.#options.scannedThrough() ? next : null
  }

  /** Compares with what was handed out before, if that is known of the present position. False: it stops until a record has come. */
  async isTrusted(base: AppliedDatabase): Promise<boolean> {
    const { clock, log, events } = this.#options
    if (base.factsAhead.length > 0 && base.connection) {
      const found = await disagreement(base, base.connection)
      if (found) {
        const distrust = (base.distrust ??= { mailboxes: new Set(), askedAtMs: -Infinity, recordAt: null, because: found.sentence })
        const fresh = found.mailboxes.filter((mailbox) => !distrust.mailboxes.has(mailbox))
        if (fresh.length > 0) {
          for (const mailbox of fresh) distrust.mailboxes.add(mailbox)
          distrust.recordAt = null
          distrust.askedAtMs = -Infinity
          distrust.because = found.sentence
          this.#options.tellTrouble(base, true)
          log.error('a replay did not give the numbers that were handed out before: the mailboxes get a new UIDVALIDITY, clients load them again', {
            database: base.database, position: base.position, mailboxes: fresh.join(' '), because: found.sentence,
            hint: 'nothing is lost; please report this with the log and the database that was set aside, if there is one',
          })
        }
      }
    }
    const distrust = base.distrust
    if (!distrust || distrust.recordAt !== null) return true
    if (clock.monotonicMs() - distrust.askedAtMs >= this.#options.limits.ask_again_ms) {
      distrust.askedAtMs = clock.monotonicMs()
      events.change(accountId(base.database), { kind: 'raise-uid-validity', mailboxes: [...distrust.mailboxes].map(mailboxId), because: distrust.because })
    }
    this.#options.wakeLater(base, this.#options.limits.ask_again_ms)
    return false
  }

  /** Where the past ends: a group of copies whose last part has not come will not get it any more. */
  async checkGroups(base: AppliedDatabase): Promise<void> {
    if (this.#options.scannedThrough() < this.#options.gate() || !base.hasPassed(this.#options.gate())) return
    base.groupsChecked = true
    if (base.database < FIRST_ACCOUNT || !base.connection) return
    for (const group of await withTx(base.connection, (tx) => openGroups(tx, base.database))) {
      this.#options.log.warn('copies of which a crash had cut off the rest are taken back', { database: base.database, group })
      this.#options.events.change(accountId(base.database), { kind: 'undo-group', group })
    }
  }

  /** The record that raises UIDVALIDITY is durable: a database that has stopped for it may go on. */
  noteRaise(base: AppliedDatabase, entry: Entry): void {
    let value
    try {
      value = this.#options.entries.valueOf(entry) as RecordMeta
    } catch (error) {
      this.#options.log.warn('a record cannot be read now', { sequence: entry.sequence, error: errorSentence(error) })
      return // asked for again
    }
    if (value.kind !== 'change' || value.change.kind !== 'raise-uid-validity' || !base.distrust) return
    const raised = new Set<number>(value.change.mailboxes)
    if ([...base.distrust.mailboxes].every((mailbox) => raised.has(mailbox))) base.distrust.recordAt = entry.sequence
    this.#options.schedule(base)
  }
}
