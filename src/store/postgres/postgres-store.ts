// `Store` on PostgreSQL and an object store, for more than one node. No journal here: an arrival is durable
// when its bytes are in the object store and its row is committed (by a synchronous standby, which is the
// database's own affair). The order is always bytes, then one transaction with everything the record does.
//
// Each change first locks the position row of every database it names, lowest number first, and takes its
// number after that: so the records of one database commit in the order of their numbers. The same operations and
// readings as on SQLite. Replay, snapshots and facts do not exist here.
import { hexOf } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { Outage } from '../../base/errors.ts'
import { defaultLimits } from '../../base/limits.ts'
import type { Random } from '../../base/random.ts'
import { accountId, DIRECTORY, FIRST_ACCOUNT, QUEUE, sequence, type AccountId, type DatabaseId, type Sequence } from '../ids.ts'
import type { AccountChange, ArrivalMeta, ChangeResults, DirectoryChange, Outcome, QueueChange } from '../operations.ts'
import { applyRecord, type RecordMeta } from '../operations/apply-record.ts'
import { cacheTexts, type CachedTexts } from '../operations/cache-texts.ts'
import { safeText } from '../operations/context.ts'
import { setPosition } from '../operations/position.ts'
import { accountReader } from '../readers/account-reader.ts'
import { directoryRows, DirectoryView } from '../readers/directory-view.ts'
import { queueReader } from '../readers/queue-reader.ts'
import { ReplyUnknown, type AccountReader, type BodyDraft, type BodySource, type Directory, type LargeWriter, type QueueReader, type Store, type TraceEntry, type TraceOf } from '../store.ts'
import { ask, LeashedTx, withTx, type Reading, type Tx } from '../tx.ts'
import { LargeObject } from './large-object.ts'
import type { ObjectStore } from './object-store.ts'
import { engineOf, runReading, type PgPool } from './pool.ts'
import { preparePostgres } from './schema.ts'
import { openStoredBody, type BodyRow } from './stored-body.ts'
import { addressesOf, traceEntries } from './trace.ts'

export interface PostgresStoreOptions {
  pool: PgPool
  objects: ObjectStore
  clock: Clock
  random: Random
  limits?: { large_message_octets: number; disk_reserve_octets: number }
}

export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  await preparePostgres(options.pool)
  const store = new PostgresStore(options)
  await store.load()
  return store
}

interface StoredBody {
  key: string
  octets: number
  sha256: Uint8Array
}

/** Thrown inside a transaction to leave it without a trace. */
class RefusedInside extends Error {
  readonly outcome: Outcome<unknown> & { end: 'refused' }
  constructor(outcome: Outcome<unknown> & { end: 'refused' }) {
    super(outcome.reason)
    this.outcome = outcome
  }
}

export class PostgresStore implements Store {
  readonly #pool: PgPool
  readonly #objects: ObjectStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #limits: { large_message_octets: number; disk_reserve_octets: number }
  readonly #directory = new DirectoryView()
  readonly #notices = new Map<(database: DatabaseId, position: Sequence) => void, DatabaseId | 'all'>()
  #refreshing: Promise<void> = Promise.resolve()
  #stopping = false

  constructor(options: PostgresStoreOptions) {
    this.#pool = options.pool
    this.#objects = options.objects
    this.#clock = options.clock
    this.#random = options.random
    this.#limits = options.limits ?? defaultLimits
  }

  /** Fills the directory. Called once, before anything else. */
  async load(): Promise<void> {
    await this.#refreshDirectory()
    for (const [account, octets] of await this.#read(accountOctets())) this.#directory.setOctetsUsed(account, octets)
  }

  get directory(): Directory {
    return this.#directory
  }

  async accept(arrival: ArrivalMeta, body: BodyDraft): Promise<Sequence> {
    const databases = arrival.plans.map((plan): DatabaseId => plan.account)
    if (arrival.work.length > 0) databases.push(QUEUE)
    const { sequence: given } = await this.#record(arrival, databases, body)
    return given
  }

  async submit<C extends AccountChange>(account: AccountId, change: C, body?: BodyDraft): Promise<Outcome<ChangeResults[C['kind']]>> {
    const { outcome } = await this.#record({ kind: 'change', account, change }, [account], body)
    return outcome as Outcome<ChangeResults[C['kind']]>
  }

  async submitDirectory(change: DirectoryChange): Promise<Outcome<Record<string, never>>> {
    const databases: DatabaseId[] = [DIRECTORY]
    if (change.kind === 'account-add' || change.kind === 'account-quota') databases.push(change.account)
    const { outcome } = await this.#record({ kind: 'directory', change }, databases)
    return outcome as Outcome<Record<string, never>>
  }

  async submitQueue(change: QueueChange): Promise<Outcome<Record<string, never>>> {
    const { outcome } = await this.#record({ kind: 'queue', change }, [QUEUE])
    return outcome as Outcome<Record<string, never>>
  }

  async nextAccountId(): Promise<AccountId> {
    return this.#pool.session(async (session) => {
      const row = await engineOf(session).get("select nextval('account_number') as number", []) as { number: number }
      return accountId(row.number)
    })
  }

  largeWriter(): LargeWriter {
    return new LargeObject(this.#objects, this.#newKey())
  }

  account(account: AccountId): AccountReader {
    return accountReader(account, (reading) => this.#read(reading), (texts) => this.#keepTexts(account, texts))
  }

  get queue(): QueueReader {
    return queueReader((reading) => this.#read(reading))
  }

  async openBody(message: Sequence): Promise<BodySource> {
    const row = await this.#read(bodyRow(message))
    if (!row) throw new Outage(`there are no bytes under the number ${message}`, { operation: 'read', path: String(message), code: 'ENOENT' })
    return openStoredBody(this.#objects, row, this.#limits.large_message_octets)
  }

  onNotice(database: DatabaseId | 'all', call: (database: DatabaseId, position: Sequence) => void): () => void {
    // Each call gets an entry of its own, so that the same function may be given twice.
    const own = (which: DatabaseId, position: Sequence) => call(which, position)
    this.#notices.set(own, database)
    return () => void this.#notices.delete(own)
  }

  admission(octets: number): { admit: true } | { admit: false; because: 'disk-full' | 'lag' | 'stopping' } {
    if (this.#stopping) return { admit: false, because: 'stopping' }
    const free = this.#objects.freeOctets()
    if (free !== undefined && free - octets < this.#limits.disk_reserve_octets) return { admit: false, because: 'disk-full' }
    return { admit: true }
  }

  async ready(): Promise<boolean> {
    return !this.#stopping
  }

  trace(what: TraceOf, limit: number): Promise<TraceEntry[]> {
    return this.#read(traceEntries(what, limit))
  }

  async close(): Promise<void> {
    this.#stopping = true
    await this.#pool.close()
  }

  // ---------------------------------------------------------------- one record

  async #record(meta: RecordMeta, named: readonly DatabaseId[], body?: BodyDraft): Promise<{ sequence: Sequence; outcome: Outcome<unknown> }> {
    if (this.#stopping) throw new Outage('the store is stopping', { operation: 'record' })
    const databases = [...new Set(named)].sort((a, b) => a - b)
    const stored = body && await this.#storeBody(body)
    let committing = false
    let given: Sequence = sequence(0)
    let outcome: Outcome<unknown> = { end: 'done', result: {} }
    const octetsUsed = new Map<AccountId, number>()
    try {
      await this.#transaction(async (tx) => {
        for (const database of databases) await lock(tx, database)
        const timeMs = this.#clock.nowMs()
        const next = await tx.get<{ number: number }>("select nextval('record_sequence') as number")
        given = sequence((next as { number: number }).number)
        await insertRecord(tx, { sequence: given, timeMs, meta, stored })
        for (const [n, database] of databases.entries()) {
          const each = await applyRecord(tx, database, { sequence: given, epoch: 0, timeMs }, meta, stored?.octets ?? 0)
          if (each.end === 'refused') throw new RefusedInside(each)
          if (n === 0) outcome = each
          await setPosition(tx, database, { epoch: 0, sequence: given })
          if (database < FIRST_ACCOUNT) continue
          const used = await tx.get<{ octets: number }>('select octets from meta where account = $1', database)
          if (used) octetsUsed.set(accountId(database), used.octets)
        }
      }, () => { committing = true })
    } catch (error) {
      if (error instanceof RefusedInside) return { sequence: sequence(0), outcome: error.outcome }
      if (committing) throw new ReplyUnknown('the connection to the database was lost while it committed', { cause: error })
      throw error
    }
    if (databases.includes(DIRECTORY)) await this.#refreshDirectory()
    for (const [account, octets] of octetsUsed) this.#directory.setOctetsUsed(account, octets)
    this.#notify(databases, given)
    return { sequence: given, outcome }
  }

  /** `onCommit` is called just before the point of no return: an error after it leaves the end unknown. */
  async #transaction(operate: (tx: Tx) => Promise<void>, onCommit: () => void): Promise<void> {
    await this.#pool.session(async (session) => {
      const tx = new LeashedTx(engineOf(session))
      await session.script('begin')
      try {
        await operate(tx)
      } catch (error) {
        tx.end()
        await session.script('rollback')
        throw error
      }
      tx.end()
      onCommit()
      await session.script('commit')
    })
  }

  async #storeBody(body: BodyDraft): Promise<StoredBody> {
    if (body.at === 'large') return { key: body.name, octets: body.sizeOctets, sha256: body.sha256 }
    const key = this.#newKey()
    await this.#objects.put(key, body.bytes)
    return { key, octets: body.bytes.length, sha256: body.sha256 }
  }

  #newKey(): string {
    const name = hexOf(this.#random.bytes(16))
    return `${name.slice(0, 2)}/${name.slice(2)}`
  }

  #read<T>(reading: Reading<T>): Promise<T> {
    return runReading(this.#pool, reading)
  }

  /** One after the other: an older reading must not be taken after a newer one. */
  #refreshDirectory(): Promise<void> {
    const refreshed = this.#refreshing.then(async () => this.#directory.take(await this.#read(directoryRows(this.#directory.through))))
    this.#refreshing = refreshed.catch(() => {})
    return refreshed
  }

  #notify(databases: readonly DatabaseId[], position: Sequence): void {
    for (const [call, wanted] of this.#notices) {
      for (const database of databases) if (wanted === 'all' || wanted === database) call(database, position)
    }
  }

  #keepTexts(account: AccountId, texts: readonly CachedTexts[]): void {
    // A cache: what cannot be kept now is worked out again.
    this.#pool.session((session) => withTx(engineOf(session), (tx) => cacheTexts(tx, account, texts))).catch(() => {})
  }
}

async function lock(tx: Tx, database: DatabaseId): Promise<void> {
  await tx.run('insert into position (database_id, epoch, sequence) values ($1, 0, 0) on conflict (database_id) do nothing', database)
  await tx.get('select sequence from position where database_id = $1 for update', database)
}

async function insertRecord(tx: Tx, record: { sequence: Sequence; timeMs: number; meta: RecordMeta; stored: StoredBody | undefined }): Promise<void> {
  const { meta, stored } = record
  const messageId = meta.kind === 'arrival' ? meta.facts.messageId : undefined
  await tx.run(
    'insert into record (sequence, time_ms, kind, meta, object_key, octets, sha256, message_id) values ($1, $2, $3, $4, $5, $6, $7, $8)',
    record.sequence, record.timeMs, meta.kind, JSON.stringify(meta), stored?.key ?? null, stored?.octets ?? null, stored?.sha256 ?? null,
    messageId === undefined ? null : safeText(messageId))
  if (meta.kind !== 'arrival') return
  for (const address of addressesOf(meta)) {
    await tx.run('insert into record_address (address_key, sequence) values ($1, $2)', safeText(address), record.sequence)
  }
}

function* bodyRow(message: Sequence): Reading<BodyRow | undefined> {
  const [row] = yield* ask('select object_key, octets, sha256 from record where sequence = $1 and object_key is not null', message)
  return row && { object_key: row[0] as string, octets: row[1] as number, sha256: row[2] as Uint8Array }
}

function* accountOctets(): Reading<[AccountId, number][]> {
  const rows = yield* ask('select account, octets from meta order by account')
  return rows.map((cells) => [cells[0] as AccountId, cells[1] as number])
}
