// The store under inspection: what it is made of, each part checked by itself, and what can be mended. For the rooms
// above (src/repair); made beside a running server's threads or in a command that is the owner. Reads through
// connections of its own, as a front does; whatever changes a database is asked of the account thread.
import { basename, join } from 'node:path'
import type { AsyncDisk, Disk } from '../../base/disk.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { databasePath, incarnations } from '../apply/database-files.ts'
import { judgeFailure } from '../apply/failure.ts'
import { snapshotFolder, snapshotsOf, SUM_SUFFIX } from '../apply/snapshots.ts'
import { DIRECTORY, FIRST_ACCOUNT, QUEUE, type DatabaseId } from '../ids.ts'
import { openJournalReader, type JournalReader } from '../journal/journal-reader.ts'
import { memberOf, type Member, type MembersSeen } from '../journal/members.ts'
import type { Damage } from '../journal/record.ts'
import { SegmentCopies, Window } from '../journal/segment-copies.ts'
import { inOrder, parseSegmentName, type SegmentName } from '../journal/segment-name.ts'
import { SqliteReader } from '../sqlite/connection.ts'
import type { Reading } from '../tx.ts'
import { accountsInDirectory, checkDatabase, messagesPage, workArrivals } from './database-check.ts'
import type { Fault } from './fault.ts'
import { checkLarge, unnamedLarge } from './large-check.ts'
import { compareWithReplay, surveyJournal } from './replay-check.ts'
import { checkSegment, type NamedLarge } from './segment-check.ts'

export type DatabaseMend = 'rebuild' | 'recount' | 'drop-texts'

export interface InspectionOptions {
  dataDirectory: string
  mirrors: readonly string[]
  members: MembersSeen
  disk: Disk
  asyncDisk: AsyncDisk
  clock: Clock
  log: Log
  /** The last sequence that is durable now. */
  through: () => number
  /** Wall time at which this owner began. */
  startedMs: number
  open: (database: DatabaseId) => Promise<string>
  /** Resolves with the path of its file, once it has been done and the database is at the gate. */
  mend: (database: DatabaseId, how: DatabaseMend, because: string) => Promise<string>
}

export interface Reporting {
  onFault: (fault: Fault) => void
  pace: (octets: number) => Promise<void>
}

const PAGE = 2000
/** Damage of which places are remembered. */
const LOST_MAX = 10_000

export class Inspection {
  readonly #options: InspectionOptions
  readonly #reader: JournalReader
  readonly #large = new Map<string, NamedLarge>()
  #lost: Damage[] = []
  #survey: Promise<{ skips: Set<string>; lostThrough: number }> | undefined

  constructor(options: InspectionOptions) {
    this.#options = options
    this.#reader = openJournalReader({
      dataDirectory: options.dataDirectory, mirrors: options.mirrors, members: options.members, disk: options.disk, asyncDisk: options.asyncDisk, log: options.log,
      onDamage: (damage) => {
        if (damage.outcome === 'lost' && this.#lost.length < LOST_MAX) this.#lost.push(damage)
      },
    })
  }

  close(): void {
    this.#reader.close()
  }

  // ------------------------------------------------------------------ journal

  #members(): Member[] {
    const { dataDirectory, mirrors, members } = this.#options
    return [dataDirectory, ...mirrors].filter((_, index) => !members.isOut(index)).map(memberOf)
  }

  #mayMend(path: string): boolean {
    const { dataDirectory, mirrors, members } = this.#options
    return ![dataDirectory, ...mirrors].some((root, index) => path.startsWith(`${root}/`) && members.isOut(index))
  }

  segments(): { name: SegmentName; octets: number }[] {
    const names = new Map<string, SegmentName>()
    for (const { journal } of this.#members()) {
      for (const name of this.#options.disk.list(journal)) {
        const parsed = parseSegmentName(name)
        if (parsed) names.set(name, parsed)
      }
    }
    return [...names.values()].sort(inOrder).map((name) => ({
      name, octets: this.#members().reduce((sum, { journal }) => sum + (this.#options.disk.facts(join(journal, name.name))?.sizeOctets ?? 0), 0),
    }))
  }

  async checkSegment(segment: SegmentName, heal: boolean, { onFault, pace }: Reporting): Promise<void> {
    await checkSegment({
      disk: this.#options.disk, members: this.#members(), segment, through: this.#options.through(), heal, mayMend: (path) => this.#mayMend(path),
      onFault, pace, onLarge: (large) => this.#large.set(large.name, large),
    })
  }

  /** After the segments: they say which there must be. */
  async checkLarge(heal: boolean, reporting: Reporting): Promise<void> {
    const { disk, asyncDisk, startedMs } = this.#options
    const options = { disk, asyncDisk, members: this.#members(), heal, mayMend: (path: string) => this.#mayMend(path), ...reporting }
    for (const large of this.#large.values()) await checkLarge(large, options)
    for (const path of unnamedLarge((name) => this.#large.has(name), startedMs, options)) reporting.onFault({ code: 'large-unnamed', path })
  }

  get largeOctets(): number {
    return [...this.#large.values()].reduce((sum, { length }) => sum + length, 0)
  }

  // ------------------------------------------------------------------ databases

  /** Directory and queue first. */
  databases(): DatabaseId[] {
    const accounts = this.#options.disk.list(join(this.#options.dataDirectory, 'accounts')).filter((name) => /^\d+$/.test(name)).map(Number).filter((id) => id >= FIRST_ACCOUNT)
    return [DIRECTORY, QUEUE, ...accounts.sort((a, b) => a - b)]
  }

  fileOf(database: DatabaseId): string | undefined {
    const { disk, dataDirectory } = this.#options
    const [newest] = incarnations(disk, dataDirectory, database)
    return newest === undefined ? undefined : databasePath(dataDirectory, database, newest)
  }

  octetsOf(database: DatabaseId): number {
    const path = this.fileOf(database)
    return path === undefined ? 0 : (this.#options.disk.facts(path)?.sizeOctets ?? 0)
  }

  async checkDatabase(database: DatabaseId, how: 'quick' | 'full', { onFault, pace }: Reporting): Promise<void> {
    const checked = await this.#read(database, onFault, (path) => checkDatabase(database, path, how))
    checked?.faults.forEach(onFault)
    await pace(this.octetsOf(database))
    if (!checked || how === 'quick' || checked.faults.some(({ code }) => code === 'database-damaged')) return
    if (database >= FIRST_ACCOUNT) await this.#checkMessages(database, { onFault, pace })
    else if (database === QUEUE) await this.#checkWork({ onFault, pace })
    else await this.#checkAccounts(onFault)
  }

  /** A few at a time. */
  async compareWithReplay(databases: readonly DatabaseId[], reporting: Reporting): Promise<void> {
    const { disk, dataDirectory, open, through } = this.#options
    this.#survey ??= surveyJournal(this.#reader, { through: through(), begins: this.#begins(), lost: () => this.#lostThrough(), pace: reporting.pace })
    await compareWithReplay(databases, { dataDirectory, disk, reader: this.#reader, open, through, ...(await this.#survey), ...reporting })
  }

  async #checkMessages(database: DatabaseId, { onFault, pace }: Reporting): Promise<void> {
    for (let after = 0; ; ) {
      const page = await this.#read(database, onFault, () => messagesPage(database, after, PAGE))
      if (!page || page.length === 0) return
      for (const { sequence, octets } of page) if (!this.#holds(sequence, octets)) onFault({ code: 'message-unresolved', database, sequence })
      after = page.at(-1)?.sequence ?? after
      await pace(page.length * 256)
    }
  }

  async #checkWork({ onFault, pace }: Reporting): Promise<void> {
    for (let after = 0; ; ) {
      const page = await this.#read(QUEUE, onFault, () => workArrivals(after, PAGE))
      if (!page || page.length === 0) return
      for (const sequence of page) if (!this.#holds(sequence)) onFault({ code: 'work-unresolved', sequence })
      after = page.at(-1) ?? after
      await pace(page.length * 256)
    }
  }

  async #checkAccounts(onFault: (fault: Fault) => void): Promise<void> {
    const known = await this.#read(DIRECTORY, onFault, () => accountsInDirectory())
    if (!known) return
    for (const database of known) if (this.fileOf(database) === undefined) onFault({ code: 'account-without-database', database })
    const there = new Set(known)
    for (const database of this.databases()) {
      const path = this.fileOf(database)
      if (database >= FIRST_ACCOUNT && !there.has(database) && path !== undefined) onFault({ code: 'database-without-account', database, path })
    }
  }

  /** Does the journal know the record, with a message of so many octets? Its bytes were checked with the segments. */
  #holds(sequence: number, octets?: number): boolean {
    try {
      const head = this.#reader.readHead(sequence)
      return head.bodyPlace !== 'none' && (octets === undefined || head.bodyLength === octets)
    } catch (error) {
      if (error instanceof Outage) return false
      throw error
    }
  }

  /** The first number that is missing at the beginning: 0 when the journal is there from its first record on. */
  #begins(): number {
    const [first] = this.segments()
    if (!first) return 0
    const copies = new SegmentCopies({ disk: this.#options.disk, paths: this.#members().map(({ journal }) => join(journal, first.name.name)), window: new Window(), onDamage: () => {}, heal: false })
    try {
      const header = copies.header()
      return typeof header === 'object' ? header.previousLast : first.name.firstSequence
    } finally {
      copies.close()
    }
  }

  /** Records, not bodies: a replay does not need those. */
  #lostThrough(): number {
    return this.#lost.filter(({ what }) => what === 'record' || what === 'segment' || what === 'batch-header' || what === 'segment-header').reduce((most, { lastSequence, firstSequence }) => Math.max(most, lastSequence ?? firstSequence ?? 0), 0)
  }

  async #read<T>(database: DatabaseId, onFault: (fault: Fault) => void, reading: (path: string) => Reading<T>): Promise<T | undefined> {
    let path = this.fileOf(database) ?? ''
    let reader: SqliteReader | undefined
    try {
      path = await this.#options.open(database)
      reader = new SqliteReader(path)
      return reader.read(reading(path))
    } catch (error) {
      const judged = judgeFailure(error)
      if (judged === 'damaged') onFault({ code: 'database-damaged', database, path, because: errorSentence(error) })
      else if (judged === 'outage') onFault({ code: 'database-away', database, because: errorSentence(error) })
      else throw error
      return undefined
    } finally {
      reader?.close()
    }
  }

  // ------------------------------------------------------------------ mending

  mendDatabase(database: DatabaseId, how: DatabaseMend, because: string): Promise<string> {
    return this.#options.mend(database, how, because)
  }

  /** Out of use, its bytes kept in `aside/` of the same disk. Nothing is deleted. */
  setAside(path: string, because: string): string {
    const { disk, clock, dataDirectory, mirrors } = this.#options
    const root = [dataDirectory, ...mirrors].find((each) => path.startsWith(`${each}/`)) ?? dataDirectory
    const folder = join(root, 'aside')
    disk.makeDirectory(folder)
    const aside = join(folder, `${basename(path)}.${because}-${clock.nowMs()}`)
    disk.rename(path, aside)
    if (disk.exists(`${path}${SUM_SUFFIX}`)) disk.rename(`${path}${SUM_SUFFIX}`, `${aside}${SUM_SUFFIX}`)
    return aside
  }

  /** So that the journal alone makes the database again. */
  setSnapshotsAside(database: DatabaseId): string[] {
    const { disk, dataDirectory } = this.#options
    return snapshotsOf(disk, dataDirectory, database).map(({ name }) => this.setAside(join(snapshotFolder(dataDirectory), name), 'unused'))
  }

  /** Damage that no copy could answer, met so far. */
  get lost(): readonly string[] {
    return this.#lost.map(({ sentence }) => sentence)
  }
}
