// The store as one front thread sees it: implements `Store` over the channels to the journal and account
// threads, and reads databases through read-only connections of its own.
import type { Clock } from '../../base/clock.ts'
import { Outage, assert } from '../../base/errors.ts'
import { nodeAsyncDisk, type Disk } from '../../base/disk.ts'
import type { Inspection } from '../inspection/inspection.ts'
import type { Limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import { DELETED } from '../flags.ts'
import { DIRECTORY, FIRST_ACCOUNT, QUEUE, accountId, sequence, type AccountId, type DatabaseId, type Sequence, INTAKE } from '../ids.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { LargeStore } from '../journal/large-writer.ts'
import type { AccountChange, ArrivalMeta, ChangeResults, DirectoryChange, Outcome, QueueChange } from '../operations.ts'
import type { AccountReader, BodyDraft, BodySource, LargeWriter, QueueReader, Store, TraceEntry, TraceOf } from '../store.ts'
import { refusalOfChange } from '../operations/directory-judgement.ts'
import { accountReader, type RunReading } from '../readers/account-reader.ts'
import { DirectoryView, directoryRows, highestAccountEver } from '../readers/directory-view.ts'
import { fateInAccount } from '../readers/fate.ts'
import { queueReader } from '../readers/queue-reader.ts'
import { DirectoryRefresh } from './directory-refresh.ts'
import { FrontLink } from './front-link.ts'
import { DEAD, OPEN, type Gauges } from './gauges.ts'
import type { FrontPorts, Notice } from './messages.ts'
import { openBodySource } from './body-source.ts'
import { ReaderPool } from './reader-pool.ts'
import { traceJournal } from './trace.ts'

export interface StoreClientOptions {
  ports: FrontPorts
  gauges: Gauges
  limits: Limits
  disk: Disk
  clock: Clock
  log: Log
  reader: JournalReader
  large: LargeStore
  /** A later state of the directory has been read, and nobody has been told yet that it was. */
  onDirectoryRead?: (position: number) => void
  /** This client has changed the directory, the fronts know it or are stuck, and nobody has been told yet that it is done. */
  onDirectoryChanged?: () => void
}

/** A change of the directory is answered after so long even if a front has not read it yet. */
const KNOWN_EVERYWHERE_MS = 1000
/** Readings of the directory before a front says that it cannot be read. */
const CONNECT_ATTEMPTS_MAX = 3

/** Changes that free room or end work: they may use the space kept back for a full disk. */
const RESERVED_CHANGES = new Set(['expunge', 'delete-mailbox', 'attempt-begun', 'settled', 'work-state', 'outbox-done', 'account-delete'])

/** IMAP deletes in two steps: without the first, marking with \Deleted, a full disk could not be cleared. */
function freesRoom(change: AccountChange): boolean {
  return RESERVED_CHANGES.has(change.kind) || (change.kind === 'store-flags' && change.how === 'add' && change.bits === DELETED && change.keywords === '')
}

export class StoreClient implements Store {
  readonly directory: DirectoryView
  readonly queue: QueueReader
  readonly #options: StoreClientOptions
  readonly #link: FrontLink
  readonly #pool: ReaderPool
  readonly #refresh: DirectoryRefresh
  readonly #readers = new Map<AccountId, AccountReader>()
  readonly #listeners = new Map<DatabaseId | 'all', Set<(database: DatabaseId, position: Sequence) => void>>()
  readonly #quotasAsked = new Set<AccountId>()
  readonly #quotasStale = new Set<AccountId>()
  /** Clients may not change these now. */
  readonly #troubled = new Set<DatabaseId>()
  #newsWanted = false
  /** Everything that the directory had applied up to here has been read. */
  #directoryRead = 0
  #nextAccount = FIRST_ACCOUNT
  #directoryChanging: Promise<unknown> = Promise.resolve()

  private constructor(options: StoreClientOptions) {
    this.#options = options
    this.#link = new FrontLink(options.ports, {
      onNotices: (list) => this.#onNotices(list),
      onReplaced: (database) => this.#pool.drop(database),
      onTrouble: (database, on) => {
        if (on) this.#troubled.add(database)
        else this.#troubled.delete(database)
      },
    })
    this.#pool = new ReaderPool({
      open: (database) => this.#link.open(database),
      suspect: (database, path, because) => this.#link.tellAccounts({ t: 'suspect', database, path, because }),
    })
    this.#refresh = new DirectoryRefresh({ read: () => this.#readDirectory(), clock: options.clock, log: options.log })
    this.directory = new DirectoryView(() => this.#directoryRead >= options.gauges.get('directoryPosition'))
    this.queue = queueReader(this.#runs(QUEUE))
  }

  /** Resolves when the directory has been read: from then on every method may be called. */
  static async connect(options: StoreClientOptions): Promise<StoreClient> {
    const client = new StoreClient(options)
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.#readDirectory()
        break
      } catch (error) {
        // A damaged directory is found by its first reader: it is made again, and then there.
        if (!(error instanceof Outage) || attempt === CONNECT_ATTEMPTS_MAX) throw error
        options.log.warn('the directory cannot be read yet', { error: error.message })
      }
    }
    for (const { account, octetsMax } of client.directory.accounts()) if (octetsMax !== null) client.#refreshQuota(account)
    return client
  }

  async accept(arrival: ArrivalMeta, body: BodyDraft): Promise<Sequence> {
    const databases: DatabaseId[] = arrival.plans.map((plan) => plan.account)
    if (arrival.work.length > 0) databases.push(QUEUE)
    assert(databases.length > 0, 'an arrival has somewhere to go')
    // Reports that are owed; what an understudy took lies safe where it is until there is room.
    const reserved = arrival.origin !== undefined && arrival.origin.database !== INTAKE
    return sequence(await this.#link.keep({ type: 'arrival', databases, meta: arrival, body, reserved }))
  }

  async submit<C extends AccountChange>(account: AccountId, change: C, body?: BodyDraft): Promise<Outcome<ChangeResults[C['kind']]>> {
    // A client's change is refused before the append or not at all (STORE.md, Applying 5). What the store owes itself is not.
    if (this.#troubled.has(account) && change.kind !== 'outbox-done' && change.kind !== 'undo-group') throw new Outage(`account ${account} is being repaired`, { operation: 'append', hint: 'its mail is kept; it comes back by itself' })
    const meta = { kind: 'change', account, change }
    const outcome = await this.#link.apply({ type: 'change', databases: [account], meta, body, reserved: freesRoom(change) }, account)
    return outcome as Outcome<ChangeResults[C['kind']]>
  }

  /**
   * One at a time: only one thread changes the directory (the main thread), so what is judged before the append
   * still holds when the change is applied.
   */
  submitDirectory(change: DirectoryChange): Promise<Outcome<Record<string, never>>> {
    const changed = this.#directoryChanging.then(() => this.#changeDirectory(change))
    this.#directoryChanging = changed.catch(() => undefined)
    return changed
  }

  async #changeDirectory(change: DirectoryChange): Promise<Outcome<Record<string, never>>> {
    const refusal = await this.#pool.read(DIRECTORY, refusalOfChange(change))
    if (refusal) return refusal
    const databases: DatabaseId[] = [DIRECTORY]
    if (change.kind === 'account-add' || change.kind === 'account-quota') databases.push(change.account)
    const outcome = await this.#link.apply({ type: 'directory', databases, meta: { kind: 'directory', change }, reserved: RESERVED_CHANGES.has(change.kind) }, DIRECTORY)
    // Whoever changed it sees it changed at once, also in this thread. It is changed whether or not that works now.
    await this.#refresh.refresh()
    await this.#knownEverywhere()
    this.#options.onDirectoryChanged?.()
    return outcome as Outcome<Record<string, never>>
  }

  async submitQueue(change: QueueChange): Promise<Outcome<Record<string, never>>> {
    const outcome = await this.#link.apply({ type: 'queue', databases: [QUEUE], meta: { kind: 'queue', change }, reserved: RESERVED_CHANGES.has(change.kind) }, QUEUE)
    return outcome as Outcome<Record<string, never>>
  }

  /** One thread makes accounts (the main thread): two that did could give one number twice. */
  async nextAccountId(): Promise<AccountId> {
    const highest = await this.#pool.read(DIRECTORY, highestAccountEver())
    // Looked at after the wait: somebody else may have taken a number meanwhile.
    const next = Math.max(this.#nextAccount, highest + 1)
    this.#nextAccount = next + 1
    return accountId(next)
  }

  largeWriter(): LargeWriter {
    const writer = this.#options.large.writer()
    return {
      write: (chunk) => writer.write(chunk),
      finish: async () => {
        const { name, length, sha256, lacking } = await writer.finish()
        return { at: 'large', name, sizeOctets: length, sha256, lacking }
      },
      abort: () => writer.abort(),
    }
  }

  account(account: AccountId): AccountReader {
    let reader = this.#readers.get(account)
    if (!reader) {
      reader = accountReader(account, this.#runs(account), (texts) => this.#link.tellAccounts({ t: 'texts', database: account, texts }))
      this.#readers.set(account, reader)
    }
    return reader
  }

  openBody(message: Sequence): Promise<BodySource> {
    return openBodySource(this.#options.reader, message)
  }

  onNotice(database: DatabaseId | 'all', call: (database: DatabaseId, position: Sequence) => void): () => void {
    let calls = this.#listeners.get(database)
    if (!calls) this.#listeners.set(database, (calls = new Set()))
    calls.add(call)
    this.#tellWanted()
    return () => {
      calls.delete(call)
      if (calls.size === 0 && this.#listeners.get(database) === calls) this.#listeners.delete(database)
      this.#tellWanted()
    }
  }

  admission(octets: number): ReturnType<Store['admission']> {
    const { gauges, limits } = this.#options
    if (gauges.get('state') !== OPEN) return { admit: false, because: 'stopping' }
    if (gauges.get('freeOctets') < limits.disk_reserve_octets + octets) return { admit: false, because: 'disk-full' }
    if (gauges.get('appendedOctets') - gauges.get('appliedOctets') > limits.total_lag_octets_max) return { admit: false, because: 'lag' }
    return { admit: true }
  }

  async ready(account: AccountId): Promise<boolean> {
    // What clients may not change now (a full disk, a long way behind) can be read all the same, once it is at the gate.
    if (this.#options.gauges.get('state') === DEAD) return false
    try {
      await this.#pool.ready(account)
      return true
    } catch (error) {
      if (error instanceof Outage) return false
      throw error
    }
  }

  /** Everything up to `through` of that intake journal has become ours. Resolves when that is durable. */
  async adoptedThrough(journal: string, through: number): Promise<void> {
    await this.#link.keep({ type: 'adopted-through', databases: [], meta: { kind: 'adopted-through', journal, through }, reserved: true })
  }

  trace(what: TraceOf, limit: number): Promise<TraceEntry[]> {
    return traceJournal(what, limit, {
      reader: this.#options.reader, queue: this.queue, through: this.#options.gauges.get('durableSequence'),
      fate: (account, message) => this.#pool.read(account, fateInAccount(account, message)),
    })
  }

  /** For src/repair: all that there is, looked at beside what clients do. Reads in this thread: never where clients wait for it. */
  async inspect(place: { dataDirectory: string; mirrors: readonly string[]; startedMs: number }): Promise<Inspection> {
    const { Inspection: Made } = await import('../inspection/inspection.ts')
    const { disk, clock, log, gauges } = this.#options
    return new Made({
      ...place, members: gauges, disk, asyncDisk: nodeAsyncDisk, clock, log, through: () => gauges.get('durableSequence'),
      open: (database) => this.#link.open(database), mend: (database, how, because) => this.#link.mend(database, how, because),
    })
  }

  /** Ends this front's part: what is under way is answered as unknown. */
  close(): void {
    this.#options.gauges.setDirectoryRead(this.#options.ports.front, undefined)
    this.#refresh.close()
    this.#link.close()
    this.#pool.close()
  }

  /** Who was told that an account is made may log in at any door at once: waits for the other fronts, not for one that is stuck. */
  async #knownEverywhere(): Promise<void> {
    const { gauges, clock } = this.#options
    const position = gauges.get('directoryPosition')
    const untilMs = clock.monotonicMs() + KNOWN_EVERYWHERE_MS
    while (gauges.directoryReadByAll < position && clock.monotonicMs() < untilMs) await clock.sleep(1)
  }

  // ------------------------------------------------------------------ notices

  /** Telling every front of every account costs the account thread more than applying: only those are told at once that listen. */
  #tellWanted(): void {
    const wanted = [...this.#listeners.keys()].some((key) => key === 'all' || key >= FIRST_ACCOUNT)
    if (wanted === this.#newsWanted) return
    this.#newsWanted = wanted
    this.#link.tellAccounts({ t: 'news', wanted })
  }

  #onNotices(list: Notice[]): void {
    for (const [database, position, octetsUsed] of list) {
      if (octetsUsed !== undefined) this.directory.setOctetsUsed(accountId(database), octetsUsed)
      if (database === DIRECTORY) {
        void this.#refresh.refresh() // which tells, once it is read
        continue
      }
      this.#refreshQuota(database)
      this.#tell(database, database, sequence(position))
      this.#tell('all', database, sequence(position))
    }
  }

  #tell(key: DatabaseId | 'all', database: DatabaseId, position: Sequence): void {
    const calls = this.#listeners.get(key)
    if (calls) for (const call of calls) call(database, position)
  }

  async #readDirectory(): Promise<void> {
    const position = this.#options.gauges.get('directoryPosition')
    this.directory.take(await this.#pool.read(DIRECTORY, directoryRows(this.directory.through)))
    this.#directoryRead = Math.max(this.#directoryRead, position)
    this.#options.onDirectoryRead?.(this.#directoryRead)
    this.#options.gauges.setDirectoryRead(this.#options.ports.front, this.#directoryRead)
    // Not before: whoever hears of it looks into the directory.
    this.#tell(DIRECTORY, DIRECTORY, sequence(position))
    this.#tell('all', DIRECTORY, sequence(position))
  }

  /** What RCPT judges by: for the accounts that have a quota, as they last said. One reading at a time for an account. */
  #refreshQuota(database: DatabaseId): void {
    const account = accountId(database)
    if (database < FIRST_ACCOUNT || this.directory.account(account)?.octetsMax == null) return
    if (this.#quotasAsked.has(account)) {
      this.#quotasStale.add(account)
      return
    }
    this.#quotasAsked.add(account)
    this.account(account).quota().then(
      ({ octetsUsed }) => this.directory.setOctetsUsed(account, octetsUsed),
      (error: unknown) => this.#options.log.debug('a quota could not be read', { database, error: String(error) }),
    ).finally(() => {
      this.#quotasAsked.delete(account)
      if (this.#quotasStale.delete(account)) this.#refreshQuota(account)
    })
  }

  #runs(database: DatabaseId): RunReading {
    return (reading) => this.#pool.read(database, reading)
  }
}
