// The only writer of databases: takes the journal's records in order into every database that they
// name, in fair turns. Live following, replay at the start and rebuilding a lost database are one path.
//
// Promises: a database holds an exact prefix of the records that name it; nothing is asked while applying
// (no clock, network, chance); one damaged database holds up nobody else; a record is skipped only by a
// *skip* record. Never does: flush on the way (the flusher does that), answer for the journal.
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { Outage, assert, errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { FIRST_ACCOUNT, DIRECTORY, accountId, sequence as sequenceOf, type DatabaseId } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { ScannedRecord } from '../journal/record.ts'
import type { Outcome } from '../operations.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { cacheTexts, type CachedTexts } from '../operations/cache-texts.ts'
import { readFacts, type FactsMeta } from '../operations/facts.ts'
import { readMeta } from '../operations/account-meta.ts'
import { readPosition, setPosition } from '../operations/position.ts'
import type { SkipMeta } from '../operations/skip.ts'
import { SqliteWriter } from '../sqlite/connection.ts'
import { withTx } from '../tx.ts'
import { AppliedDatabase } from './applied-database.ts'
import { databasePath, folderOf, highestIncarnation, incarnations, kindOf, setAside } from './database-files.ts'
import { type Entry } from './entry.ts'
import { judgeFailure } from './failure.ts'
import { placeSnapshot } from './snapshots.ts'

export const applyLimits = {
  /** Records or milliseconds of one account's turn. */
  turn_records_max: 64,
  turn_ms: 20,
  /** The loop is given back to messages from other threads after so long. */
  hold_ms: 5,
  /** Octets of meta kept in memory for records that wait; more is read again from the segment. */
  meta_octets_max: 64 * 1024 * 1024,
  /** Records of one slice of a catch-up. */
  slice_records_max: 2000,
  /** Heads looked at in one slice of a catch-up before others get their turn. */
  slice_heads_max: 20_000,
  /** Writing connections open at one moment. */
  connections_max: 300,
  retry_first_ms: 250,
  retry_most_ms: 30_000,
} as const

export interface ApplierEvents {
  outcome(front: number, id: number, outcome: Outcome<unknown>): void
  /** `octetsUsed` of an account, for those who judge quota before the append. */
  reached(database: DatabaseId, position: number, octetsUsed?: number): void
  replaced(database: DatabaseId): void
  /** A record could not be applied even alone: asks for a skip record. */
  skip(skip: SkipMeta): void
  /** All databases together have applied so many octets more. */
  applied(octets: number, through: number): void
}

export interface ApplierOptions {
  dataDirectory: string
  disk: Disk
  reader: JournalReader
  clock: Clock
  log: Log
  events: ApplierEvents
  /** Everything up to here is applied and flushed, but for the exceptions (from the last batch header). */
  watermark: { through: number; exceptions: readonly { database: DatabaseId; through: number }[] }
}

/** Types that move a database's position. Facts and ticks move none and make nothing dirty. */
const MOVING = new Set(['arrival', 'change', 'directory', 'queue', 'skip'])

export class Applier {
  readonly #options: ApplierOptions
  readonly #databases = new Map<DatabaseId, AppliedDatabase>()
  /** Those with something to apply; clients that wait come first. */
  #urgent: AppliedDatabase[] = []
  #ready: AppliedDatabase[] = []
  #running = false
  #scannedThrough: number
  #gate = 0
  #metaOctets = 0
  readonly #skips = new Set<string>()
  readonly #skipsAsked = new Set<string>()
  #stopped = false
  #idle: (() => void)[] = []

  constructor(options: ApplierOptions) {
    this.#options = options
    this.#scannedThrough = options.watermark.through
  }

  get scannedThrough(): number {
    return this.#scannedThrough
  }

  databases(): Iterable<AppliedDatabase> {
    return this.#databases.values()
  }

  /** Reads the heads behind the watermark: what each database has still to apply. The gate is the journal's end at the start. */
  start(through: number): void {
    for (const exception of this.#options.watermark.exceptions) {
      const base = this.#base(exception.database)
      base.flushed = exception.through
      base.catchUpFrom = exception.through + 1
    }
    this.#gate = through
    this.follow(through)
  }

  /** The journal is flushed through `through`: takes what is new into the lists. */
  follow(through: number): void {
    if (through <= this.#scannedThrough) return
    this.#options.reader.scan(this.#scannedThrough + 1, (record) => this.#take(record), through)
    this.#scannedThrough = through
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
    if (base.connection && base.path !== null && this.#atGate(base)) return base.path
    if (base.failures > 0) throw new Outage(`database ${database} cannot be opened now`, { operation: 'open', hint: 'see the log' })
    await new Promise<void>((resolve, reject) => {
      base.atGate.push((error) => (error ? reject(error) : resolve()))
      this.#schedule(base, true)
    })
    assert(base.path !== null, 'a database at the gate has a file')
    return base.path
  }

  /** True when a client's change may be taken: nothing damaged, nothing stuck. */
  sound(database: DatabaseId): boolean {
    const base = this.#databases.get(database)
    return !base || (base.failures === 0 && base.catchUpFrom === null)
  }

  /** A reader saw damage: look, and rebuild if it is true. */
  async suspect(database: DatabaseId, path: string, because: string): Promise<void> {
    const base = this.#base(database)
    if (base.path !== path && base.path !== null) return // already replaced
    this.#options.log.warn('a database is suspected of damage', { database, because })
    let damaged: string | undefined
    try {
      await this.#openConnection(base)
      damaged = base.connection?.integrityProblems()[0]
    } catch (error) {
      if (judgeFailure(error) !== 'damaged') return // the world's trouble: its next turn will see
      damaged = errorSentence(error)
    }
    if (damaged !== undefined) await this.#rebuild(base, damaged)
    this.#schedule(base, true)
  }

  /** Protocol texts that a reader worked out: kept if it costs nothing now, else they are worked out again. */
  async cacheTexts(database: DatabaseId, texts: readonly CachedTexts[]): Promise<void> {
    const base = this.#databases.get(database)
    if (!base?.connection || base.failures > 0) return
    try {
      await base.connection.transaction((tx) => cacheTexts(tx, database, texts))
    } catch (error) {
      this.#options.log.debug('protocol texts were not kept', { database, error: errorSentence(error) })
    }
  }

  /** What an account has handed out so far; undefined when it is not open. */
  async facts(base: AppliedDatabase): Promise<FactsMeta | undefined> {
    return base.connection ? withTx(base.connection, (tx) => readFacts(tx, accountId(base.database))) : undefined
  }

  /** Resolves when everything that was followed so far has been applied by all databases that can be. */
  drained(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** After `drained`: closes every connection (the last close flushes). */
  stop(): void {
    this.#stopped = true
    for (const base of this.#databases.values()) this.rest(base)
  }

  /** Closes the writing connection of one database. */
  rest(base: AppliedDatabase): void {
    try {
      base.connection?.close()
    } catch (error) {
      this.#options.log.warn('closing a database failed', { database: base.database, error: errorSentence(error) })
    }
    base.connection = null
  }

  // ------------------------------------------------------------------ taking in

  #take(record: ScannedRecord): void {
    if (!MOVING.has(record.type)) return
    const entry = this.#entryOf(record)
    if (record.type === 'skip') this.#noteSkip(record)
    for (const database of record.databases) {
      const base = this.#base(database)
      if (base.catchUpFrom !== null) {
        this.#finish(entry)
        continue // its own scan will come by here
      }
      base.pending.push(entry)
      this.#schedule(base)
    }
    if (record.databases.length === 0) this.#finish(entry)
  }

  #entryOf(record: ScannedRecord): Entry {
    const keep = this.#metaOctets < applyLimits.meta_octets_max
    if (keep) this.#metaOctets += record.meta.length
    return {
      sequence: record.sequence, epoch: record.epoch, timeMs: record.timeMs, type: record.type, bodyLength: record.bodyLength,
      octets: record.metaLength + record.bodyLength, remaining: record.databases.length,
      meta: keep ? record.meta.slice() : null, value: undefined,
    }
  }

  #noteSkip(record: ScannedRecord): void {
    const value = JSON.parse(new TextDecoder().decode(record.meta)) as SkipMeta
    this.#skips.add(`${value.database}:${value.sequence}`)
  }

  #finish(entry: Entry): void {
    entry.remaining -= 1
    if (entry.remaining > 0) return
    if (entry.meta) this.#metaOctets -= entry.meta.length
    entry.meta = null
    entry.value = undefined
    this.#options.events.applied(entry.octets, entry.sequence)
  }

  #base(database: DatabaseId): AppliedDatabase {
    let base = this.#databases.get(database)
    if (!base) {
      base = new AppliedDatabase(database)
      base.flushed = this.#options.watermark.through
      this.#databases.set(database, base)
    }
    return base
  }

  // ------------------------------------------------------------------ turns

  #schedule(base: AppliedDatabase, evenIfIdle = false): void {
    if (base.queued || (!base.behind && !evenIfIdle)) return
    base.queued = true
    if (base.waiting.size > 0 || base.atGate.length > 0 || base.database === DIRECTORY) this.#urgent.push(base)
    else this.#ready.push(base)
    this.#kick()
  }

  #kick(): void {
    if (this.#running || this.#stopped) return
    this.#running = true
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    let heldSinceMs = clock.monotonicMs()
    while (!this.#stopped) {
      const base = this.#urgent.shift() ?? this.#ready.shift()
      if (!base) break
      base.queued = false
      if (base.retryAtMs > clock.monotonicMs()) {
        this.#wakeLater(base)
        continue
      }
      await this.#turn(base)
      if (base.behind) this.#schedule(base)
      if (clock.monotonicMs() - heldSinceMs > applyLimits.hold_ms) {
        await new Promise((resolve) => setImmediate(resolve))
        heldSinceMs = clock.monotonicMs()
      }
    }
    this.#running = false
    const idle = this.#idle
    this.#idle = []
    for (const call of idle) call()
    if (!this.#stopped && (this.#urgent.length > 0 || this.#ready.length > 0)) this.#kick()
  }

  #wakeLater(base: AppliedDatabase): void {
    this.#options.clock.after(Math.max(1, base.retryAtMs - this.#options.clock.monotonicMs()), () => this.#schedule(base, true))
  }

  async #turn(base: AppliedDatabase): Promise<void> {
    try {
      await this.#openConnection(base)
      this.#refill(base)
      if (base.pending.length > 0) await this.#applyBatch(base)
      if (base.building && !base.behind) await this.#markWhole(base)
      if (base.retryAtMs !== 0 || base.failures !== 0) {
        base.retryAtMs = 0
        base.failures = 0
        this.#options.log.info('a database is well again', { database: base.database, position: base.position })
      }
      if (base.atGate.length > 0 && this.#atGate(base)) this.#releaseGate(base, null)
    } catch (error) {
      await this.#onFailure(base, error)
    }
  }

  #atGate(base: AppliedDatabase): boolean {
    if (base.catchUpFrom !== null && base.catchUpFrom <= this.#gate) return false
    const next = base.pending.peek()
    return next === undefined || next.sequence > this.#gate
  }

  #releaseGate(base: AppliedDatabase, error: Error | null): void {
    for (const call of base.atGate.splice(0)) call(error)
  }

  async #applyBatch(base: AppliedDatabase): Promise<void> {
    const { clock, events } = this.#options
    const connection = base.connection
    assert(connection, 'a turn has a connection')
    const untilMs = clock.monotonicMs() + applyLimits.turn_ms
    const most = base.singly > 0 ? 1 : applyLimits.turn_records_max
    const outcomes: { sequence: number; outcome: Outcome<unknown> }[] = []
    let last: Entry | undefined
    let count = 0
    let octetsUsed: number | undefined
    connection.begin()
    try {
      for (; count < most; count++) {
        const entry = base.pending.peek(count)
        if (!entry || (count > 0 && clock.monotonicMs() > untilMs)) break
        last = entry
        const outcome = await this.#applyEntry(base, entry)
        if (base.waiting.has(entry.sequence)) outcomes.push({ sequence: entry.sequence, outcome })
      }
      assert(last, 'a batch has an entry')
      const { epoch, sequence } = last
      await withTx(connection, (tx) => setPosition(tx, base.database, { epoch, sequence: sequenceOf(sequence) }))
      if (base.database >= FIRST_ACCOUNT) octetsUsed = (await withTx(connection, (tx) => readMeta(tx, base.database)))?.octets
      connection.commit()
    } catch (error) {
      connection.rollback()
      throw error
    }
    base.position = last.sequence
    base.epoch = last.epoch
    base.sinceSnapshot += count
    base.lastUsedMs = clock.monotonicMs()
    if (base.singly > 0) base.singly -= 1
    for (let i = 0; i < count; i++) this.#finish(base.pending.shift() as Entry)
    for (const { sequence, outcome } of outcomes) {
      const who = base.waiting.get(sequence)
      base.waiting.delete(sequence)
      if (who) events.outcome(who.front, who.id, outcome)
    }
    events.reached(base.database, base.position, octetsUsed)
  }

  async #applyEntry(base: AppliedDatabase, entry: Entry): Promise<Outcome<unknown>> {
    if (this.#skips.has(`${base.database}:${entry.sequence}`)) return { end: 'refused', code: 'not-allowed', reason: 'set aside by a skip record' }
    if (entry.value === undefined) {
      const meta = entry.meta ?? this.#options.reader.readMeta(entry.sequence)
      entry.value = JSON.parse(Buffer.from(meta.buffer, meta.byteOffset, meta.byteLength).toString('utf8'))
    }
    const connection = base.connection
    assert(connection, 'a turn has a connection')
    const head = { sequence: sequenceOf(entry.sequence), epoch: entry.epoch, timeMs: entry.timeMs }
    return withTx(connection, (tx) => applyRecord(tx, base.database, head, entry.value as RecordMeta, entry.bodyLength))
  }

  // ------------------------------------------------------------------ opening, catching up

  async #openConnection(base: AppliedDatabase): Promise<void> {
    if (base.connection) return
    const { disk, dataDirectory, log } = this.#options
    const [newest] = incarnations(disk, dataDirectory, base.database)
    if (newest === undefined) {
      await this.#openNew(base)
      return
    }
    const path = databasePath(dataDirectory, base.database, newest)
    base.path = path
    base.incarnation = newest
    const connection = new SqliteWriter(path, kindOf(base.database))
    base.connection = connection
    const position = await withTx(connection, (tx) => readPosition(tx, base.database))
    if (!position) {
      // Emptied, or a crash came between making the file and its first commit: it knows nothing, so it starts from nothing.
      base.folderFlushed = false
      this.#startFrom(base, connection, 0)
      return
    }
    base.folderFlushed = true
    const { epoch, sequence } = position
    if (connection.isBuilding) {
      base.building = true
      this.#dropPending(base)
      base.catchUpFrom = sequence + 1
    }
    const endOfEpoch = this.#options.reader.lastSequenceOfEpoch(epoch)
    if (endOfEpoch !== undefined && sequence > endOfEpoch) {
      // The view has seen records that the journal lost unflushed: it must not go on from them (STORE.md, Journal 5).
      await this.#rebuild(base, `its position ${sequence} lies beyond the end of its epoch ${epoch} (${endOfEpoch})`)
      return
    }
    base.epoch = epoch
    base.position = sequence
    if (base.catchUpFrom === null) {
      for (let next = base.pending.peek(); next && next.sequence <= sequence; next = base.pending.peek()) this.#finish(base.pending.shift() as Entry)
    } else base.catchUpFrom = sequence + 1
    log.debug('database open', { database: base.database, path, position: sequence })
  }

  /** No file: either the database is new with the next record, or it was lost. */
  async #openNew(base: AppliedDatabase): Promise<void> {
    const { disk, dataDirectory, log } = this.#options
    const incarnation = highestIncarnation(disk, dataDirectory, base.database) + 1
    disk.makeDirectory(folderOf(dataDirectory, base.database))
    const path = databasePath(dataDirectory, base.database, incarnation)
    const snapshot = this.#born(base) ? undefined : await placeSnapshot({
      disk, dataDirectory, database: base.database, path, log, lastSequenceOfEpoch: (epoch) => this.#options.reader.lastSequenceOfEpoch(epoch),
    })
    const connection = new SqliteWriter(path, kindOf(base.database))
    base.connection = connection
    base.path = path
    base.incarnation = incarnation
    base.folderFlushed = false
    base.epoch = snapshot?.epoch ?? 0
    this.#startFrom(base, connection, snapshot?.sequence ?? 0)
  }

  /** The database stands at `position`: what follows comes from a scan, unless the next record is the one that makes it. */
  #startFrom(base: AppliedDatabase, connection: SqliteWriter, position: number): void {
    const first = base.pending.peek()
    base.position = position
    if (first && this.#born(base)) {
      base.flushed = first.sequence - 1
      return
    }
    base.flushed = 0
    base.building = true
    connection.markBuilding(true)
    this.#dropPending(base)
    base.catchUpFrom = position + 1
    if (this.#gate > 0) this.#options.log.warn('a database is made again from the journal', { database: base.database, from: position })
  }

  #born(base: AppliedDatabase): boolean {
    const first = base.pending.peek()
    return base.catchUpFrom === null && first !== undefined && this.#opens(first, base.database)
  }

  #opens(entry: Entry, database: DatabaseId): boolean {
    if (entry.type !== 'directory') return false
    const meta = entry.meta ?? this.#options.reader.readMeta(entry.sequence)
    const value = JSON.parse(new TextDecoder().decode(meta)) as { change?: { kind?: string; account?: number } }
    return value.change?.kind === 'account-add' && value.change.account === database
  }

  #dropPending(base: AppliedDatabase): void {
    while (base.pending.length > 0) this.#finish(base.pending.shift() as Entry)
  }

  /** While catching up: the next slice of records that name this database. */
  #refill(base: AppliedDatabase): void {
    if (base.catchUpFrom === null || base.pending.length > 0) return
    let looked = 0
    let next = base.catchUpFrom
    this.#options.reader.scan(base.catchUpFrom, (record) => {
      if (looked >= applyLimits.slice_heads_max || base.pending.length >= applyLimits.slice_records_max) return false
      looked += 1
      next = record.sequence + 1
      if (!MOVING.has(record.type) || !record.databases.includes(base.database)) return true
      if (record.type === 'skip') this.#noteSkip(record)
      base.pending.push({ ...this.#entryOf(record), remaining: 1, octets: 0 })
      return true
    }, this.#scannedThrough)
    base.catchUpFrom = next > base.catchUpFrom ? next : null
    if (base.catchUpFrom !== null && base.catchUpFrom > this.#scannedThrough) base.catchUpFrom = null
  }

  /** It has reached what arrives live: from now on its position says everything. */
  async #markWhole(base: AppliedDatabase): Promise<void> {
    const connection = base.connection
    assert(connection, 'a turn has a connection')
    if (base.position === 0) await connection.transaction((tx) => setPosition(tx, base.database, { epoch: 0, sequence: sequenceOf(0) }))
    connection.markBuilding(false)
    base.building = false
    this.#options.log.info('a database is whole', { database: base.database, position: base.position })
  }

  async #rebuild(base: AppliedDatabase, because: string): Promise<void> {
    const { disk, log, clock, events } = this.#options
    log.error('a database is damaged: it is set aside and made again', { database: base.database, path: base.path ?? '', because })
    this.rest(base)
    events.replaced(base.database)
    const path = base.path ?? databasePath(this.#options.dataDirectory, base.database, incarnations(disk, this.#options.dataDirectory, base.database)[0] ?? 1)
    setAside(disk, path, 'damaged', clock.nowMs())
    base.path = null
    base.position = 0
    base.epoch = 0
    base.flushed = 0
    this.#dropPending(base)
    base.catchUpFrom = 1
    await this.#openNew(base)
  }

  // ------------------------------------------------------------------ failures

  async #onFailure(base: AppliedDatabase, error: unknown): Promise<void> {
    const { clock, log, events } = this.#options
    const judged = judgeFailure(error)
    if (judged === 'damaged' && base.failures < 3) {
      try {
        base.failures += 1
        await this.#rebuild(base, errorSentence(error))
        this.#schedule(base, true)
        return
      } catch (again) {
        log.error('making a database again failed; it is tried later', { database: base.database, error: errorSentence(again) })
      }
    } else if (judged === 'bug') {
      if (base.singly === 0 && base.pending.length > 1) {
        base.singly = Math.min(base.pending.length, applyLimits.turn_records_max)
        this.#schedule(base, true)
        return
      }
      const entry = base.pending.peek()
      if (entry) {
        // Tried alone and failed: passed over by a record, so that a replay passes over it too.
        log.error('a record cannot be applied and is set aside', { database: base.database, sequence: entry.sequence, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
        const name = `${base.database}:${entry.sequence}`
        if (!this.#skipsAsked.has(name)) events.skip({ kind: 'skip', database: base.database, sequence: entry.sequence, because: errorSentence(error), bodyOctets: entry.bodyLength })
        this.#skipsAsked.add(name)
      }
    }
    base.failures += 1
    base.retryAtMs = clock.monotonicMs() + Math.min(applyLimits.retry_most_ms, applyLimits.retry_first_ms * 2 ** Math.min(base.failures, 10))
    log.warn('a database cannot go on; what it has to apply stays pending', { database: base.database, judged, error: errorSentence(error) })
    if (judged === 'outage') this.rest(base)
    this.#releaseGate(base, new Outage(`database ${base.database}: ${errorSentence(error)}`, { operation: 'open' }))
    this.#wakeLater(base)
  }
}
