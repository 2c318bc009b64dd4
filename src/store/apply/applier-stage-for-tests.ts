// An applier over a real journal (on the simulated disk) and real database files, without threads and channels:
// tests append what they like and see what comes of it.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '../../base/clock.ts'
import { nodeDisk, type Disk } from '../../base/disk.ts'
import type { Log } from '../../base/log.ts'
import { seededRandom } from '../../base/random.ts'
import { SimulatedDisk } from '../../base/simulated-disk.ts'
import { accountId, type DatabaseId } from '../ids.ts'
import { openJournal, type Journal, type RecordType, type Watermark } from '../journal/journal.ts'
import { openJournalReader, type JournalReader } from '../journal/journal-reader.ts'
import type { CrashPoint } from '../journal/crash-point.ts'
import type { AccountChange, ArrivalMeta, Outcome } from '../operations.ts'
import type { FactsMeta } from '../operations/facts.ts'
import { Applier } from './applier.ts'
import type { AppliedDatabase } from './applied-database.ts'

export class ApplierStage {
  readonly folder = mkdtempSync(join(tmpdir(), 'daruma-applier-'))
  readonly journalDisk = new SimulatedDisk({ random: seededRandom(3) })
  readonly clock = new FakeClock()
  /** Records that the applier asked for; they are appended at once unless `deaf`. */
  readonly asked: { type: RecordType; meta: unknown }[] = []
  readonly outcomes: (Outcome<unknown> | { end: 'unknown' })[] = []
  readonly replaced: DatabaseId[] = []
  readonly reached: DatabaseId[] = []
  readonly troubles: [DatabaseId, boolean][] = []
  readonly warnings: string[] = []
  applied = 0
  appended = 0
  deaf = false
  disk: Disk = nodeDisk
  crashPoint: CrashPoint | undefined
  watermark: Watermark | undefined
  #journal: Journal | undefined
  #reader: JournalReader | undefined
  #applier: Applier | undefined

  constructor() {
    this.journalDisk.makeDirectory(this.folder)
  }

  get applier(): Applier {
    return this.#applier as Applier
  }
  get journal(): Journal {
    return this.#journal as Journal
  }
  get reader(): JournalReader {
    return this.#reader as JournalReader
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  base(database: DatabaseId): AppliedDatabase {
    const found = [...this.applier.databases()].find((each) => each.database === database)
    if (!found) throw new Error(`database ${database} is not known`)
    return found
  }

  open(): void {
    const { folder: dataDirectory, journalDisk, clock } = this
    const warn = (text: string) => void this.warnings.push(text)
    const log: Log = { debug() {}, info() {}, warn, error: warn, with: () => log }
    const { journal, report } = openJournal({ dataDirectory, disk: journalDisk, clock, random: seededRandom(4), log, segmentSizeOctets: 64 * 1024 })
    this.#journal = journal
    this.#reader = openJournalReader({ dataDirectory, disk: journalDisk, asyncDisk: journalDisk.async, log })
    this.appended = 0
    this.applied = 0
    this.#applier = new Applier({
      dataDirectory, disk: this.disk, reader: this.#reader, clock, log, watermark: this.watermark ?? report.watermark,
      ...(this.crashPoint ? { crashPoint: this.crashPoint } : {}),
      events: {
        outcome: (_front, _id, outcome) => void this.outcomes.push(outcome),
        reached: (database) => void this.reached.push(database),
        replaced: (database) => void this.replaced.push(database),
        trouble: (database, on) => void this.troubles.push([database, on]),
        dead: (error) => {
          throw error
        },
        skip: (skip) => this.#ask('skip', skip.database, skip),
        change: (account, change) => this.#ask('change', account, { kind: 'change', account, change }),
        applied: (octets) => void (this.applied += octets),
      },
    })
    this.#applier.start(report.lastSequence)
  }

  #ask(type: RecordType, database: DatabaseId, meta: unknown): void {
    this.asked.push({ type, meta })
    if (!this.deaf) setImmediate(() => this.append(type, [database], meta))
  }

  append(type: RecordType, databases: readonly DatabaseId[], meta: unknown, text?: string): number {
    const bytes = text === undefined ? undefined : new TextEncoder().encode(text)
    const metaBytes = new TextEncoder().encode(JSON.stringify(meta))
    const [sequence] = this.journal.append([{
      type, version: 1, timeMs: this.clock.nowMs(), databases, meta: metaBytes,
      ...(bytes ? { body: { place: 'inline', parts: [bytes], sha256: new Uint8Array(createHash('sha256').update(bytes).digest()) } } : {}),
    }])
    this.appended += metaBytes.length + (bytes?.length ?? 0)
    this.applier.follow(sequence as number)
    return sequence as number
  }

  addAccount(account: number): number {
    const address = `u${account}@example.net`
    return this.append('directory', [0, account], { kind: 'directory', change: { kind: 'account-add', account, address, addressKey: address, credential: { argon2: '', scram: null }, octetsMax: null, mailboxes: [{ name: 'Sent', role: 'sent' }] } })
  }

  arrive(accounts: readonly number[], more: Partial<ArrivalMeta> = {}): number {
    const meta: ArrivalMeta = {
      kind: 'arrival', sender: 's@example.org', via: 'smtp', work: [], facts: { size: 3, threadKeys: [] },
      plans: accounts.map((account) => ({ account: accountId(account), bits: 0, keywords: '', prefix: '', recipients: [] })), ...more,
    }
    return this.append('arrival', accounts, meta, 'abc')
  }

  change(account: number, change: AccountChange): number {
    return this.append('change', [account], { kind: 'change', account, change })
  }

  facts(account: number, facts: FactsMeta): number {
    return this.append('facts', [account], facts)
  }

  /** Until nothing happens any more, with time going on where somebody waits for it. */
  async settle(): Promise<void> {
    for (let n = 0; n < 12; n += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      await this.applier.drained()
      this.clock.advance(100)
    }
  }

  async read(account: number): Promise<FactsMeta | undefined> {
    await this.settle()
    return this.applier.facts(this.base(account))
  }

  /** As after kill -9: nothing is sealed; what was written is there. */
  crash(): void {
    this.applier.stop()
    this.reader.close()
    this.journalDisk.crash('keep')
  }

  dispose(): void {
    this.#applier?.stop()
    this.#reader?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

