// The only writer of databases: takes the journal's records in order into every database that they
// name, in fair turns. Live following, replay at the start and rebuilding a lost database are one path.
//
// Promises: a database holds an exact prefix of the records that name it; nothing is asked while applying
// (no clock, network, chance); one damaged database holds up nobody else; a record is skipped only by a
// *skip* record; a database that does not repeat what it handed out before is not shown to anybody until
// a record has raised UIDVALIDITY. Never does: flush on the way (the flusher does that), answer for the journal.
import { Outage, assert, errorSentence } from '../../base/errors.ts'
import { FIRST_ACCOUNT, accountId, sequence as sequenceOf, type DatabaseId } from '../ids.ts'
import { noCrashPoint, step, type CrashPoint } from '../journal/crash-point.ts'
import type { ScannedRecord } from '../journal/record.ts'
import type { Outcome } from '../operations.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { cacheTexts, type CachedTexts } from '../operations/cache-texts.ts'
import { readFacts, type FactsMeta } from '../operations/facts.ts'
import { readMeta } from '../operations/account-meta.ts'
import { setPosition } from '../operations/position.ts'
import type { SqliteWriter } from '../sqlite/connection.ts'
import { withTx } from '../tx.ts'
import { AppliedDatabase } from './applied-database.ts'
import type { ApplierOptions } from './apply-events.ts'
import { ApplyNote } from './apply-note.ts'
import { applyLimits, type ApplyLimits } from './apply-limits.ts'
import { Entries, MOVING, type Entry } from './entry.ts'
import { nextFactsAt, noteFacts } from './facts-ahead.ts'
import { judgeFailure } from './failure.ts'
import { Follower } from './follower.ts'
import { Opener } from './opener.ts'
import { Replay } from './replay.ts'
import { Skips } from './skips.ts'
import { TurnOrder } from './turn-order.ts'

const DEADLY = 'the server died twice while it was applied'


export class Applier {
  readonly #options: ApplierOptions
  readonly #crashPoint: CrashPoint
  readonly #limits: ApplyLimits
  readonly #databases = new Map<DatabaseId, AppliedDatabase>()
  readonly #order = new TurnOrder()
  readonly #entries: Entries
  readonly #skips: Skips
  readonly #note: ApplyNote
  readonly #opener: Opener
  readonly #replay: Replay
  readonly #follower: Follower
  #running = false
  #replaying = false
  #careful = false
  #gate = 0
  #stopped = false
  #idle: (() => void)[] = []

  constructor(options: ApplierOptions) {
    const { reader, events, watermark } = options
    this.#options = options
    this.#limits = { ...applyLimits, ...options.limits }
    this.#crashPoint = options.crashPoint ?? noCrashPoint
    this.#entries = new Entries({ reader, metaOctetsMax: this.#limits.meta_octets_max, applied: (octets, sequence) => events.applied(octets, sequence) })
    this.#skips = new Skips(watermark.through + 1)
    this.#follower = new Follower({ ...options, through: watermark.through, limits: this.#limits, take: (record) => this.#take(record), again: () => this.#kick() })
    this.#note = new ApplyNote(options)
    this.#opener = new Opener({
      ...options, limits: this.#limits, crashPoint: this.#crashPoint, entries: this.#entries, scannedThrough: () => this.#follower.through,
      onLost: (base) => this.#tellTrouble(base, true),
      onAppliedUnheard: (base, sequence) => {
        const who = base.waiting.get(sequence)
        base.waiting.delete(sequence)
        if (who) events.outcome(who.front, who.id, { end: 'unknown' })
      },
    })
    this.#replay = new Replay({
      ...options, limits: this.#limits, entries: this.#entries, skips: this.#skips, scannedThrough: () => this.#follower.through, gate: () => this.#gate,
      schedule: (base) => this.#schedule(base, true), wakeLater: (base, ms) => this.#wakeLater(base, ms), tellTrouble: (base, on) => this.#tellTrouble(base, on),
    })
  }

  get scannedThrough(): number {
    return this.#follower.through
  }

  get metaOctets(): number {
    return this.#entries.metaOctets
  }

  databases(): Iterable<AppliedDatabase> {
    return this.#databases.values()
  }

  /** Reads the heads behind the watermark: what each database has still to apply. The gate is the journal's end at the start. */
  start(through: number): void {
    this.#gate = through
    const excepted = this.#options.watermark.exceptions.map((exception) => {
      const base = this.#base(exception.database)
      base.flushed = exception.through
      base.catchUpFrom = exception.through + 1
      return base
    })
    this.#follower.follow(through)
    for (const base of excepted) this.#schedule(base)
    if (this.#order.length === 0) return
    this.#replaying = true
    this.#note.started()
    this.#careful = this.#note.careful
    if (this.#careful) this.#options.log.warn('earlier starts did not come to the end of their replay: records are applied one at a time')
  }

  /** The journal is flushed through `through`: takes what is new into the lists. */
  follow(through: number): void {
    this.#follower.follow(through)
    this.#kick()
  }

  await(database: DatabaseId, sequence: number, who: { front: number; id: number }): void {
    const base = this.#base(database)
    base.waiting.set(sequence, { ...who, sinceMs: this.#options.clock.monotonicMs() })
    this.#schedule(base)
  }

  /** Brings the database to the gate and opens it; resolves with the path of its file. */
  async open(database: DatabaseId): Promise<string> {
    const base = this.#base(database)
    base.lastUsedMs = this.#options.clock.monotonicMs()
    if (base.connection && base.path !== null && this.#isAtGate(base)) return base.path
    if (base.retryAtMs > base.lastUsedMs) throw new Outage(`database ${database} cannot be opened now`, { operation: 'open', hint: 'see the log' })
    if (this.#stopped) throw new Outage('the store is stopping', { operation: 'open' })
    await new Promise<void>((resolve, reject) => {
      base.atGate.push((error) => (error ? reject(error) : resolve()))
      this.#schedule(base, true)
    })
    assert(base.path !== null, 'a database at the gate has a file')
    return base.path
  }

  /** A reader saw damage: look, and rebuild if it is true. */
  async suspect(database: DatabaseId, path: string, because: string): Promise<void> {
    const base = this.#base(database)
    if (this.#stopped || (base.path !== path && base.path !== null)) return // already replaced
    this.#options.log.warn('a database is suspected of damage', { database, because })
    try {
      await this.#opener.open(base)
      const [problem] = base.connection?.integrityProblems() ?? []
      if (problem !== undefined) base.damage = problem
    } catch (error) {
      if (judgeFailure(error) !== 'damaged') return // the world's trouble: its next turn will see
      base.damage = errorSentence(error)
    }
    this.#schedule(base, true)
  }

  /** Protocol texts that a reader worked out: kept if it costs nothing now, else they are worked out again. */
  async cacheTexts(database: DatabaseId, texts: readonly CachedTexts[]): Promise<void> {
    const base = this.#databases.get(database)
    const connection = base?.connection
    if (!connection || base.failures > 0 || base.damage !== null) return
    try {
      await connection.transaction((tx) => cacheTexts(tx, database, texts))
      this.#options.committed?.(base, connection)
    } catch (error) {
      this.#options.log.debug('protocol texts were not kept', { database, error: errorSentence(error) })
    }
  }

  /** What an account has handed out so far; undefined when it is not open, or not yet what it was. */
  async facts(base: AppliedDatabase): Promise<FactsMeta | undefined> {
    if (!base.connection || base.building || !this.#isAtGate(base)) return undefined
    return withTx(base.connection, (tx) => readFacts(tx, accountId(base.database)))
  }

  /** Resolves when everything that was followed so far has been applied by all databases that can be. */
  drained(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** After `drained`: closes every connection (the last close flushes). */
  stop(): void {
    this.#stopped = true
    this.#note.close()
    for (const base of this.#databases.values()) {
      this.#opener.rest(base)
      this.#releaseGate(base, new Outage('the store is stopping', { operation: 'open' }))
    }
  }

  /** A flush has failed: nothing is applied any more. Nothing is closed either: a close would flush once more. */
  halt(): void {
    this.#stopped = true
  }

  /** Closes the writing connection of one database. */
  rest(base: AppliedDatabase): void {
    this.#opener.rest(base)
  }

  // ------------------------------------------------------------------ taking in

  #take(record: ScannedRecord): void {
    const moving = MOVING.has(record.type)
    const octets = record.sequence > this.#gate ? record.metaLength + record.bodyLength : 0
    if (record.type === 'skip') this.#skips.note(record)
    if (!moving || record.databases.length === 0) {
      if (record.type === 'facts' && record.sequence <= this.#gate) this.#takeFacts(record)
      this.#options.events.applied(octets, record.sequence)
      return
    }
    const entry = this.#entries.make(record, { remaining: record.databases.length, octets })
    for (const database of record.databases) {
      const base = this.#base(database)
      if (base.distrust && record.type === 'change') this.#replay.noteRaise(base, entry)
      if (record.type === 'skip') base.retryAtMs = 0
      if (base.catchUpFrom !== null) {
        this.#entries.finish(entry) // its own scan will come by here
        continue
      }
      // Flushed through all that came before: the watermark need not go back to where it last had something to do.
      if (base.pending.length === 0 && !base.dirty && !base.halted) base.flushed = Math.max(base.flushed, record.sequence - 1)
      base.pending.push(entry)
      if (base.pending.octets > this.#limits.lag_octets_max) this.#tellTrouble(base, true)
      this.#schedule(base)
    }
  }

  #takeFacts(record: ScannedRecord): void {
    for (const database of record.databases) {
      const base = this.#base(database)
      if (base.catchUpFrom === null) noteFacts(base, record)
    }
  }

  #base(database: DatabaseId): AppliedDatabase {
    let base = this.#databases.get(database)
    if (!base) {
      base = new AppliedDatabase(database, this.#gate)
      base.flushed = this.#options.watermark.through
      this.#databases.set(database, base)
    }
    return base
  }

  // ------------------------------------------------------------------ turns

  #schedule(base: AppliedDatabase, evenIfIdle = false): void {
    if (!base.behind && !evenIfIdle) return
    this.#order.push(base)
    this.#kick()
  }

  #kick(): void {
    if (this.#running || this.#stopped || this.#order.length === 0) return
    this.#running = true
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    let heldSinceMs = clock.monotonicMs()
    while (!this.#stopped) {
      const base = this.#order.next()
      if (!base) break
      if (base.retryAtMs > clock.monotonicMs()) {
        this.#wakeLater(base, base.retryAtMs - clock.monotonicMs())
        continue
      }
      await this.#turn(base)
      if (base.behind && base.retryAtMs === 0 && !base.halted) this.#schedule(base)
      if (clock.monotonicMs() - heldSinceMs > this.#limits.hold_ms) {
        await new Promise((resolve) => setImmediate(resolve))
        heldSinceMs = clock.monotonicMs()
      }
    }
    this.#running = false
    if (this.#replaying && !this.#stopped && this.#note.poison === undefined) {
      this.#replaying = false
      this.#careful = false
      this.#note.settled()
    }
    const idle = this.#idle
    this.#idle = []
    for (const call of idle) call()
    this.#kick()
  }

  #wakeLater(base: AppliedDatabase, ms: number): void {
    if (base.wakePlanned) return
    base.wakePlanned = true
    this.#options.clock.after(Math.max(1, ms), () => {
      base.wakePlanned = false
      this.#schedule(base, true)
    })
  }

  async #turn(base: AppliedDatabase): Promise<void> {
    base.trying = 0
    try {
      if (base.damage !== null) await this.#opener.rebuild(base, base.damage)
      await this.#opener.open(base)
      if (base.catchUpFrom !== null) this.#replay.refill(base)
      if (!(await this.#replay.isTrusted(base))) return
      if (!base.groupsChecked) await this.#replay.checkGroups(base)
      const next = base.pending.peek()
      if (next && this.#isPoison(base, next)) {
        this.#passOver(base, next, DEADLY)
        base.retryAtMs = this.#options.clock.monotonicMs() + this.#limits.retry_first_ms
        this.#wakeLater(base, this.#limits.retry_first_ms)
        return
      }
      if (next) {
        await this.#applyBatch(base)
        if (!(await this.#replay.isTrusted(base))) return
        if (!base.groupsChecked) await this.#replay.checkGroups(base)
      }
      if (base.building && !base.behind) await this.#opener.markWhole(base)
      if (base.retryAtMs !== 0 || base.failures !== 0) {
        base.retryAtMs = 0
        base.failures = 0
        this.#options.log.info('a database is well again', { database: base.database, position: base.position })
      }
      if (this.#isAtGate(base)) this.#arrived(base)
      this.#opener.keepFew(base)
    } catch (error) {
      this.#onFailure(base, error)
    }
  }

  #isAtGate(base: AppliedDatabase): boolean {
    return base.isAtGate && base.damage === null && this.#follower.through >= base.gate
  }

  #arrived(base: AppliedDatabase): void {
    if (base.atGate.length > 0) this.#releaseGate(base, null)
    if (base.troubleTold && base.pending.octets * 2 < this.#limits.lag_octets_max) {
      this.#tellTrouble(base, false)
      this.#options.events.reached(base.database, base.position)
    }
  }

  #releaseGate(base: AppliedDatabase, error: Error | null): void {
    for (const call of base.atGate.splice(0)) call(error)
  }

  #tellTrouble(base: AppliedDatabase, on: boolean): void {
    if (base.troubleTold === on) return
    base.troubleTold = on
    this.#options.events.trouble(base.database, on)
  }

  async #applyBatch(base: AppliedDatabase): Promise<void> {
    const { clock, events } = this.#options
    const connection = base.connection
    assert(connection, 'a turn has a connection')
    const untilMs = clock.monotonicMs() + this.#limits.turn_ms
    const noted = this.#careful || base.singly > 0
    const most = noted ? 1 : this.#limits.turn_records_max
    // Where facts are to be compared, and where the past ends, a batch ends too.
    const stopAt = Math.min(nextFactsAt(base), base.groupsChecked ? Infinity : this.#gate)
    const outcomes: { sequence: number; outcome: Outcome<unknown> }[] = []
    let last: Entry | undefined
    let count = 0
    let octetsUsed: number | undefined
    connection.begin()
    try {
      for (; count < most; count++) {
        const entry = base.pending.peek(count)
        if (!entry || (count > 0 && (entry.sequence > stopAt || clock.monotonicMs() > untilMs || this.#isPoison(base, entry)))) break
        assert(entry.sequence > base.position, 'a record is applied once')
        last = entry
        base.trying = entry.sequence
        if (noted) this.#note.before(base.database, entry.sequence)
        const outcome = await this.#applyEntry(base, entry, connection)
        if (base.waiting.has(entry.sequence)) outcomes.push({ sequence: entry.sequence, outcome })
      }
      assert(last, 'a batch has an entry')
      const { epoch, sequence } = last
      await withTx(connection, (tx) => setPosition(tx, base.database, { epoch, sequence: sequenceOf(sequence) }))
      if (base.database >= FIRST_ACCOUNT) octetsUsed = await this.#quotaUsed(base, connection)
      step(this.#crashPoint, 'apply-commit', () => connection.commit())
    } catch (error) {
      base.doubtful = true
      connection.rollback()
      throw error
    } finally {
      if (noted) this.#note.after()
    }
    base.trying = 0
    base.position = last.sequence
    base.epoch = last.epoch
    base.sinceSnapshot += count
    base.lastUsedMs = clock.monotonicMs()
    if (base.singly > 0) base.singly -= 1
    if (base.distrust?.recordAt != null && base.position >= base.distrust.recordAt) base.distrust = null
    this.#options.committed?.(base, connection)
    for (let i = 0; i < count; i++) this.#entries.finish(base.pending.shift() as Entry)
    for (const { sequence, outcome } of outcomes) {
      const who = base.waiting.get(sequence)
      base.waiting.delete(sequence)
      if (who) events.outcome(who.front, who.id, outcome)
    }
    // Fronts that knew a later state of it hear nothing before it has come there again.
    if (!base.troubleTold || this.#isAtGate(base)) events.reached(base.database, base.position, octetsUsed)
    connection.checkpointIfDue()
  }

  /** Octets used, where a quota is to be judged by them. */
  async #quotaUsed(base: AppliedDatabase, connection: SqliteWriter): Promise<number | undefined> {
    const meta = await withTx(connection, (tx) => readMeta(tx, base.database))
    return meta?.octets_max === null ? undefined : meta?.octets
  }

  async #applyEntry(base: AppliedDatabase, entry: Entry, connection: SqliteWriter): Promise<Outcome<unknown>> {
    if (this.#skips.has(base.database, entry.sequence)) return { end: 'refused', code: 'not-allowed', reason: 'set aside by a skip record' }
    const value = this.#entries.valueOf(entry) as RecordMeta
    const head = { sequence: sequenceOf(entry.sequence), epoch: entry.epoch, timeMs: entry.timeMs }
    return withTx(connection, (tx) => applyRecord(tx, base.database, head, value, entry.bodyLength))
  }

  // ------------------------------------------------------------------ failures

  /** Not to be applied: it has killed the server twice, or its skip record is on its way. */
  #isPoison(base: AppliedDatabase, entry: Entry): boolean {
    if (this.#skips.isAsked(base.database, entry.sequence)) return true
    const poison = this.#careful ? this.#note.poison : undefined
    return poison !== undefined && poison.database === base.database && poison.sequence === entry.sequence && !this.#skips.has(base.database, entry.sequence)
  }

  #passOver(base: AppliedDatabase, entry: Entry, because: string): void {
    const { database } = base
    if (!this.#skips.ask(database, entry.sequence, this.#options.clock.monotonicMs())) return
    this.#options.log.error('a record cannot be applied and is set aside', { database, sequence: entry.sequence, because })
    this.#options.events.skip({ kind: 'skip', database, sequence: entry.sequence, because, bodyOctets: entry.bodyLength })
  }

  #onFailure(base: AppliedDatabase, error: unknown): void {
    const { clock, log } = this.#options
    const judged = judgeFailure(error)
    if (error instanceof Outage && error.operation === 'fsync') {
      this.#options.events.dead(error)
      return
    }
    const entry = base.pending.peek()
    if (judged === 'damaged') {
      base.damage = errorSentence(error)
      if (base.failures < this.#limits.rebuilds_at_once_max) {
        base.failures += 1
        this.#schedule(base, true)
        return
      }
    } else if (judged === 'bug' && base.trying > 0 && entry) {
      if (base.singly === 0 || base.failedSequence !== base.trying) {
        // Alone, and with a note, before it is given up.
        base.failedSequence = base.trying
        base.singly = Math.min(base.pending.length, this.#limits.turn_records_max)
        this.#schedule(base, true)
        return
      }
      // Tried alone and failed: passed over by a record, so that a replay passes over it too.
      this.#passOver(base, entry, error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    base.failures += 1
    const isFull = error instanceof Outage && error.code === 'SQLITE_FULL'
    const waitMs = Math.min(isFull ? this.#limits.retry_full_ms : this.#limits.retry_most_ms, this.#limits.retry_first_ms * 2 ** Math.min(base.failures, 10))
    base.retryAtMs = clock.monotonicMs() + waitMs
    log.warn('a database cannot go on; what it has to apply stays pending', { database: base.database, judged, error: errorSentence(error) })
    // A full disk: what has been applied can be read all the same, as long as the connection stays (its -shm needs room too).
    if (judged === 'outage' && !isFull) this.#opener.rest(base)
    this.#tellTrouble(base, true)
    this.#releaseGate(base, new Outage(`database ${base.database}: ${errorSentence(error)}`, { operation: 'open' }))
    this.#wakeLater(base, waitMs)
  }
}
