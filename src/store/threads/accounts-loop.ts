// The account thread: applies what the journal thread has flushed, answers clients with what applying
// gave, and tells everybody how far each database has come.
import type { MessagePort } from 'node:worker_threads'
import type { BackgroundFlush } from '../../base/background-flush.ts'
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { Outage, errorSentence } from '../../base/errors.ts'
import type { Limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import { Applier } from '../apply/applier.ts'
import type { AppliedDatabase } from '../apply/applied-database.ts'
import type { ApplyLimits } from '../apply/apply-limits.ts'
import { Flusher } from '../apply/flusher.ts'
import { dropTexts, recount } from '../apply/mending.ts'
import { takeSnapshot } from '../apply/snapshots.ts'
import { DIRECTORY, FIRST_ACCOUNT, type DatabaseId } from '../ids.ts'
import { type CrashPoint, noCrashPoint } from '../journal/crash-point.ts'
import type { JournalReader } from '../journal/journal-reader.ts'
import type { Watermark } from '../journal/record.ts'
import type { Outcome } from '../operations.ts'
import type { SqliteWriter } from '../sqlite/connection.ts'
import type { Gauges } from './gauges.ts'
import type { FromAccounts, Notice, PutItem, ToAccounts, ToJournal } from './messages.ts'

export interface AccountsLoopOptions {
  dataDirectory: string
  disk: Disk
  reader: JournalReader
  journal: MessagePort
  gauges: Gauges
  clock: Clock
  log: Log
  /** Of these: how many records of one database make a snapshot due, and how far an account may lag behind. */
  limits: Limits
  crashPoint?: CrashPoint
  watermark: Watermark
  /** Last sequence that is durable at the start: the gate. */
  through: number
  onDead: (error: unknown) => void
  /** For tests that simulate a crash. */
  committed?: (base: AppliedDatabase, connection: SqliteWriter) => void
  applyLimits?: Partial<ApplyLimits>
  flushFile?: BackgroundFlush
  flushFolder?: BackgroundFlush
}

const loopLimits = {
  /** A client waits no longer than this for the outcome of its change; then its connection is closed. */
  outcome_ms: 30_000,
  /** Fronts without sessions that wait for news of accounts hear of them so often. */
  news_later_ms: 100,
}

export interface AccountsLoop {
  attach(front: number, port: MessagePort): void
  /** Resolves once `directory.db` and `queue.db` have reached the gate. */
  readonly open: Promise<void>
  /** Applies what is left, flushes, closes. */
  stop(): Promise<void>
  /** For tests: as after a crash, nothing more is applied or told. Resolves when nothing touches a file any more. */
  abandon(): Promise<void>
}

export function runAccountsLoop(options: AccountsLoopOptions): AccountsLoop {
  const { clock, log, gauges, disk, dataDirectory } = options
  const crashPoint = options.crashPoint ?? noCrashPoint
  const fronts = new Map<number, MessagePort>()
  const outcomes = new Map<number, [number, Outcome<unknown> | { end: 'unknown' }][]>()
  const reached = new Map<DatabaseId, Notice>()
  /** Fronts where sessions wait for news of accounts. The others hear of accounts now and then. */
  const eager = new Set<number>()
  const later = new Map<DatabaseId, Notice>()
  let answersDue = false
  let newsDue = false
  let appliedOctets = 0
  let putId = 1

  const tell = (front: number, message: FromAccounts) => fronts.get(front)?.postMessage(message)

  /** Whoever waits for an outcome gets it at once; a session hears of its own change from its own answer first. */
  function tellOutcomes(): void {
    answersDue = false
    for (const [front, list] of outcomes) tell(front, { t: 'outcomes', list })
    outcomes.clear()
  }

  /** News gathers for a turn of the loop: one message for all accounts that got on meanwhile. */
  function tellNews(): void {
    newsDue = false
    if (reached.size === 0) return
    const list = [...reached.values()]
    reached.clear()
    // RCPT judges by what an account uses of its quota: that is told to every front at once.
    const forAll = list.filter(([database, , octetsUsed]) => database < FIRST_ACCOUNT || octetsUsed !== undefined)
    for (const front of fronts.keys()) {
      if (eager.has(front)) tell(front, { t: 'notices', list })
      else if (forAll.length > 0) tell(front, { t: 'notices', list: forAll })
    }
    for (const notice of list) if (notice[0] >= FIRST_ACCOUNT) later.set(notice[0], notice)
  }

  /** For those who are not eager. */
  function tellLater(): void {
    if (later.size === 0) return
    const list = [...later.values()]
    later.clear()
    for (const front of fronts.keys()) if (!eager.has(front)) tell(front, { t: 'notices', list })
  }

  function answer(front: number, id: number, outcome: Outcome<unknown> | { end: 'unknown' }): void {
    const list = outcomes.get(front)
    if (list) list.push([id, outcome])
    else outcomes.set(front, [[id, outcome]])
    if (answersDue) return
    answersDue = true
    queueMicrotask(tellOutcomes)
  }

  function put(type: PutItem['type'], database: DatabaseId, meta: unknown, reserved: boolean): void {
    const item: PutItem = { id: putId++, type, databases: [database], meta: JSON.stringify(meta), body: null, large: null, sha256: null, reserved, answerFrom: null }
    options.journal.postMessage({ t: 'put', items: [item] } satisfies ToJournal)
  }

  const troubled = new Set<DatabaseId>()
  function die(error: unknown): void {
    applier.halt()
    options.onDead(error)
  }

  const applier: Applier = new Applier({
    dataDirectory, disk, reader: options.reader, clock, log, watermark: options.watermark, crashPoint,
    ...(options.committed ? { committed: options.committed } : {}),
    limits: { lag_octets_max: options.limits.account_lag_octets_max, ...options.applyLimits },
    events: {
      outcome: answer,
      reached(database, position, octetsUsed) {
        // Before anybody is told: a front that has not read it yet knows by this that it is behind.
        if (database === DIRECTORY) gauges.set('directoryPosition', position)
        reached.set(database, octetsUsed === undefined ? [database, position] : [database, position, octetsUsed])
        if (newsDue) return
        newsDue = true
        setImmediate(tellNews)
      },
      replaced(database) {
        for (const front of fronts.keys()) tell(front, { t: 'replaced', database })
      },
      trouble(database, on) {
        if (on) troubled.add(database)
        else troubled.delete(database)
        gauges.set('accountsInTrouble', troubled.size)
        for (const front of fronts.keys()) tell(front, { t: 'trouble', database, on })
      },
      skip(skip) {
        put('skip', skip.database, skip, true)
      },
      change(account, change) {
        put('change', account, { kind: 'change', account, change }, true)
      },
      dead: die,
      applied(octets, through) {
        appliedOctets += octets
        gauges.set('appliedOctets', appliedOctets)
        gauges.set('appliedSequence', through)
      },
    },
  })

  let snapshotUnderWay: Promise<void> | undefined
  async function afterFlush(base: AppliedDatabase): Promise<void> {
    if (base.database >= FIRST_ACCOUNT) {
      const facts = await applier.facts(base)
      // Not from the reserve: it is for what frees room.
      if (facts) put('facts', base.database, facts, false)
    }
    if (base.sinceSnapshot >= options.limits.snapshot_records && !snapshotUnderWay) {
      snapshotUnderWay = takeSnapshot(base, { disk, dataDirectory, log, crashPoint })
        .catch((error: unknown) => log.warn('taking a snapshot failed; the last one counts on', { database: base.database, error: errorSentence(error) }))
        .finally(() => (snapshotUnderWay = undefined))
    }
  }

  const flusher = new Flusher({
    applier, clock, log, crashPoint,
    onWatermark: (watermark) => options.journal.postMessage({ t: 'watermark', watermark } satisfies ToJournal),
    onFlushed: afterFlush,
    onDead: die,
    ...(options.flushFile ? { flushFile: options.flushFile } : {}),
    ...(options.flushFolder ? { flushFolder: options.flushFolder } : {}),
  })

  // Octets of the replay are no lag: nobody has appended them in this life.
  gauges.set('appliedOctets', 0)

  /** Asked for by an inspection; between two turns, so that no batch is open. */
  async function mend(database: DatabaseId, how: 'rebuild' | 'recount' | 'drop-texts', because: string): Promise<string> {
    let path = ''
    // A damaged file may not open at all: then its own turn makes it again.
    await applier.open(database).then((opened) => (path = opened), (error: unknown) => {
      if (how !== 'rebuild') throw error
    })
    const base = [...applier.databases()].find((each) => each.database === database)
    if (!base) throw new Outage(`there is no database ${database}`, { operation: 'open' })
    if (how === 'rebuild') {
      base.damage ??= because
      return applier.open(database)
    }
    if (!base.connection || database < FIRST_ACCOUNT) throw new Outage(`database ${database} cannot be mended so`, { operation: 'open' })
    const act = how === 'recount' ? recount : dropTexts
    await base.connection.transaction((tx) => act(tx, database))
    options.committed?.(base, base.connection)
    return path
  }

  function onMessage(front: number, message: ToAccounts): void {
    switch (message.t) {
      case 'appended':
        for (const { sequence, database, ...who } of message.waiting) applier.await(database, sequence, who)
        applier.follow(message.through)
        return
      case 'open':
        applier.open(message.database).then(
          (path) => tell(front, { t: 'opened', id: message.id, path, because: '' }),
          (error: unknown) => tell(front, { t: 'opened', id: message.id, path: null, because: errorSentence(error) }),
        )
        return
      case 'suspect':
        void applier.suspect(message.database, message.path, message.because)
        return
      case 'mend':
        mend(message.database, message.how, message.because).then(
          (path) => tell(front, { t: 'mended', id: message.id, path, because: '' }),
          (error: unknown) => tell(front, { t: 'mended', id: message.id, path: null, because: errorSentence(error) }),
        )
        return
      case 'texts':
        void applier.cacheTexts(message.database, message.texts)
        return
      case 'news':
        if (!message.wanted) eager.delete(front)
        else if (!eager.has(front)) {
          // What was put off for it until now is news for it too.
          if (later.size > 0) tell(front, { t: 'notices', list: [...later.values()] })
          eager.add(front)
        }
    }
  }

  options.journal.on('message', (message: ToAccounts) => onMessage(-1, message))

  const sweep = setInterval(() => {
    const now = clock.monotonicMs()
    for (const base of applier.databases()) {
      for (const [sequence, who] of base.waiting) {
        if (now - who.sinceMs < loopLimits.outcome_ms) continue
        base.waiting.delete(sequence)
        answer(who.front, who.id, { end: 'unknown' })
      }
    }
  }, 1000)
  sweep.unref()
  const latecomers = setInterval(tellLater, loopLimits.news_later_ms)
  latecomers.unref()

  applier.start(options.through)
  const open = (async () => {
    await applier.open(0)
    await applier.open(1)
  })()

  return {
    attach(front, port) {
      fronts.set(front, port)
      for (const database of troubled) tell(front, { t: 'trouble', database, on: true })
      port.on('message', (message: ToAccounts) => onMessage(front, message))
      port.on('close', () => {
        fronts.delete(front)
        eager.delete(front)
      })
    },
    open,
    async stop() {
      clearInterval(sweep)
      clearInterval(latecomers)
      await applier.drained()
      tellOutcomes()
      tellNews()
      await flusher.stop()
      // Facts and the watermark are the last that the journal hears, before it is sealed.
      await flusher.round()
      await snapshotUnderWay
      applier.stop()
      options.journal.postMessage({ t: 'stopped' } satisfies ToJournal)
    },
    async abandon() {
      clearInterval(sweep)
      clearInterval(latecomers)
      applier.stop()
      await Promise.allSettled([flusher.stop(), snapshotUnderWay])
    },
  }
}
