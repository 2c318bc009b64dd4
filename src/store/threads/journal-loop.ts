// The journal thread: the only appender. Gathers whatever waits on all ports, makes one write and one
// flush of it, then answers. It waits for nobody: what comes next (applying, notices) is told, not awaited.
//
// Order, and it is the design: append → flush → answer the doors → tell the account thread. A record that
// was answered is on every member; one that the account thread hears of is too.
import type { MessagePort } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import type { Limits } from '../../base/limits.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { isOutOfMeans } from '../journal/disk-fault.ts'
import type { Journal } from '../journal/journal.ts'
import { checkDraft } from '../journal/record-codec.ts'
import { OutOfSpace, type RecordDraft } from '../journal/record.ts'
import { DEAD, Gauges } from './gauges.ts'
import type { Appended, FromJournal, NotKept, PutItem, ToJournal } from './messages.ts'

export interface JournalLoopOptions {
  journal: Journal
  accounts: MessagePort
  gauges: Gauges
  clock: Clock
  disk: Disk
  /** Folders whose disks must have room. */
  folders: readonly string[]
  limits: Limits
  log: Log
  /** The journal has failed: nothing more is kept. The owner must end (exit 74). */
  onDead: (error: unknown) => void
}

/** Version of every record type's meta today (docs/FORMAT.md). */
const META_VERSION = 1
const NO_FRONT = -1
const IDLE_CLOSE_MS = 1000
const SPACE_CHECK_MS = 500
/** A dropped mirror is looked at again so often. */
const MIRROR_LOOK_MS = 10_000
/** Octets of bodies in one batch; more waits for the next one, so that no flush takes too long. */
const BATCH_OCTETS_MAX = 16 * 1024 * 1024
const BATCH_RECORDS_MAX = 2000

interface Waiting {
  front: number
  item: PutItem
}

export interface JournalLoop {
  /** A front may put records from now on. A front that was restarted comes with a number of its own. */
  attach(front: number, port: MessagePort): void
  /** Resolves when the account thread has said its last (facts and the watermark come before). */
  readonly accountsStopped: Promise<void>
  /** Appends what has gathered, answers, and refuses whatever comes later. */
  stop(): void
  /** After `stop`: resolves when nothing is written to a mirror any more. */
  settled(): Promise<void>
  /** For tests: as after a crash, nothing more is appended or answered. */
  abandon(): void
}

export function runJournalLoop(options: JournalLoopOptions): JournalLoop {
  const { journal, gauges, log, clock } = options
  let gathered: Waiting[] = []
  let scheduled = false
  let preparing = false
  let ended: 'stopping' | 'dead' | undefined
  let appendedOctets = gauges.get('appendedOctets')
  let lastAppendMs = clock.monotonicMs()
  let idleClosed = true

  const accountsStopped = Promise.withResolvers<void>()
  const fronts = new Map<number, MessagePort>()
  const tell = (front: number, message: FromJournal) => fronts.get(front)?.postMessage(message)

  function refuse(waiting: readonly Waiting[], because: NotKept): void {
    const byFront = new Map<number, number[]>()
    for (const { front, item } of waiting) {
      const ids = byFront.get(front)
      if (ids) ids.push(item.id)
      else byFront.set(front, [item.id])
    }
    for (const [front, ids] of byFront) tell(front, { t: 'not-kept', ids, because })
  }

  function die(error: unknown): void {
    if (ended === 'dead') return
    ended = 'dead'
    gauges.set('state', DEAD)
    log.error('the journal has failed; nothing more is accepted', { error: errorSentence(error) })
    // No answer for anything in the failed batch: whether it is on disk is not known (R3).
    options.onDead(error)
  }

  function commit(): void {
    scheduled = false
    while (gathered.length > 0 && ended === undefined) {
      const batch = takeBatch()
      if (!commitBatch(batch)) break
    }
    prepare()
    refuseLate()
  }

  /** What was not part of a batch when the end came does certainly not exist. */
  function refuseLate(): void {
    if (ended === undefined || gathered.length === 0) return
    const late = gathered
    gathered = []
    refuse(late, ended)
  }

  /** Makes the next segment ready in small pieces, while nobody waits. */
  function prepare(): void {
    if (preparing || ended !== undefined) return
    preparing = true
    setImmediate(() => {
      preparing = false
      if (ended !== undefined) return
      try {
        if (gathered.length > 0 || journal.tend()) prepare()
      } catch (error) {
        die(error)
      }
    })
  }

  function takeBatch(): Waiting[] {
    let octets = 0
    let count = 0
    for (const { item } of gathered) {
      octets += (item.body?.length ?? 0) + item.meta.length
      if (count > 0 && (octets > BATCH_OCTETS_MAX || count >= BATCH_RECORDS_MAX)) break
      count += 1
    }
    const batch = gathered.slice(0, count)
    gathered = count === gathered.length ? [] : gathered.slice(count)
    return batch
  }

  /** False when the journal has died. */
  function commitBatch(batch: Waiting[]): boolean {
    const timeMs = clock.nowMs()
    const drafts: RecordDraft[] = []
    const good: Waiting[] = []
    for (const each of batch) {
      const draft = draftOf(each.item, timeMs)
      if (!isSound(each, draft) || !isNamable(each)) continue
      drafts.push(draft)
      good.push(each)
    }
    if (good.length === 0) return true
    let sequences: readonly number[]
    try {
      sequences = journal.append(drafts)
    } catch (error) {
      if (error instanceof OutOfSpace) return retryAfterFull(good, isOutOfMeans(error) ? 'no-means' : 'no-space')
      die(error)
      return false
    }
    answer(good, drafts, sequences)
    return true
  }

  /** One front's mistake is answered to that front; it does not end the journal. */
  function isSound(each: Waiting, draft: RecordDraft): boolean {
    try {
      checkDraft(draft)
      return true
    } catch (error) {
      log.error('a record that cannot be written was refused', { type: each.item.type, error: errorSentence(error) })
      refuse([each], 'not-writable')
      return false
    }
  }

  /** Its file is on all who take part, or they take part no more. */
  function isNamable(each: Waiting): boolean {
    const lacking = each.item.large?.lacking
    if (!lacking || lacking.length === 0 || journal.dropLacking(lacking)) return true
    refuse([each], 'member-lost')
    return false
  }

  /** The segment is sealed before the batch: its records certainly do not exist. What may use the reserve gets one more try, by itself. */
  function retryAfterFull(batch: Waiting[], because: NotKept): boolean {
    const reserved = batch.filter(({ item }) => item.reserved)
    refuse(batch.filter(({ item }) => !item.reserved), because)
    if (because === 'no-space') gauges.set('freeOctets', 0)
    if (reserved.length === 0) return true
    if (reserved.length < batch.length) return commitBatch(reserved)
    refuse(reserved, because)
    return true
  }

  function answer(batch: readonly Waiting[], drafts: readonly RecordDraft[], sequences: readonly number[]): void {
    const kept = new Map<number, { ids: number[]; sequences: number[] }>()
    const waiting: Appended['waiting'] = []
    let through = 0
    let arrivals = 0
    const before = appendedOctets
    for (let i = 0; i < batch.length; i++) {
      const { front, item } = batch[i] as Waiting
      const seq = sequences[i] as number
      through = seq
      if (item.type === 'arrival') arrivals += 1
      // The same count as the account thread makes when it has applied the record: their difference is the lag.
      appendedOctets += (drafts[i] as RecordDraft).meta.length + (item.body?.length ?? item.large?.sizeOctets ?? 0)
      if (item.answerFrom !== null) {
        waiting.push({ sequence: seq, front, id: item.id, database: item.answerFrom })
        continue
      }
      const list = kept.get(front)
      if (list) {
        list.ids.push(item.id)
        list.sequences.push(seq)
      } else kept.set(front, { ids: [item.id], sequences: [seq] })
    }
    gauges.set('durableSequence', through)
    gauges.set('appendedOctets', appendedOctets)
    if (arrivals > 0) gauges.set('arrivals', gauges.get('arrivals') + arrivals)
    // Until the disk is asked again: a burst must not eat up what is kept back.
    gauges.set('freeOctets', Math.max(0, gauges.get('freeOctets') - (appendedOctets - before)))
    for (const [front, list] of kept) tell(front, { t: 'kept', ...list })
    options.accounts.postMessage({ t: 'appended', through, waiting } satisfies Appended)
    lastAppendMs = clock.monotonicMs()
    idleClosed = false
  }

  function onMessage(front: number, message: ToJournal): void {
    switch (message.t) {
      case 'put':
        for (const item of message.items) gathered.push({ front, item })
        if (ended !== undefined) refuseLate()
        else if (!scheduled) {
          scheduled = true
          // After this turn's messages of all ports have come in: that is what makes the batch.
          setImmediate(commit)
        }
        return
      case 'watermark':
        journal.setWatermark(message.watermark)
        return
      case 'stopped':
        accountsStopped.resolve()
    }
  }

  // What the account thread puts (facts, skips) is answered to nobody: it sees it come by.
  options.accounts.on('message', (message: ToJournal) => onMessage(NO_FRONT, message))

  function checkSpace(): void {
    let free = Infinity
    const out = new Set(journal.members.filter(({ state }) => state !== 'in').map(({ root }) => root))
    for (const folder of options.folders) {
      if (out.has(folder) || (journal.dropsFullMirrors && folder !== options.folders[0])) continue
      try {
        free = Math.min(free, options.disk.freeOctets(folder))
      } catch (error) {
        log.warn('cannot tell how much room a disk has', { folder, error: errorSentence(error) })
      }
    }
    gauges.set('freeOctets', free)
  }
  checkSpace()

  let mirrorsLookedMs = -Infinity
  let returning: Promise<void> = Promise.resolve()
  const leaving = new AbortController()
  /** The journal brings them level behind our back; what it does in our turn is the last step. */
  function returnMirrors(): void {
    const nowMs = clock.monotonicMs()
    if (nowMs - mirrorsLookedMs < MIRROR_LOOK_MS || !journal.members.some(({ state }) => state === 'dropped')) return
    mirrorsLookedMs = nowMs
    returning = journal.returnMirrors(leaving.signal).catch((error: unknown) => {
      if (ended === undefined) die(error)
    })
  }

  const timer = setInterval(() => {
    if (ended !== undefined) return
    checkSpace()
    try {
      journal.tendMembers()
      returnMirrors()
    } catch (error) {
      die(error)
      return
    }
    if (!idleClosed && clock.monotonicMs() - lastAppendMs > IDLE_CLOSE_MS) {
      idleClosed = true
      try {
        journal.closeIdle()
      } catch (error) {
        die(error)
      }
    }
  }, SPACE_CHECK_MS)
  timer.unref()

  return {
    attach(front, port) {
      fronts.set(front, port)
      port.on('message', (message: ToJournal) => onMessage(front, message))
      port.on('close', () => fronts.delete(front))
    },
    accountsStopped: accountsStopped.promise,
    stop() {
      commit()
      ended ??= 'stopping'
      clearInterval(timer)
      leaving.abort(new Error('the journal stops'))
    },
    settled: () => returning,
    abandon() {
      ended = 'dead'
      clearInterval(timer)
      leaving.abort(new Error('the journal stops'))
    },
  }
}

function draftOf(item: PutItem, timeMs: number): RecordDraft {
  return {
    type: item.type,
    version: META_VERSION,
    timeMs,
    databases: item.databases,
    meta: Buffer.from(item.meta),
    reserved: item.reserved,
    ...bodyOf(item),
  }
}

function bodyOf({ body, large, sha256 }: PutItem): Pick<RecordDraft, 'body'> {
  if (sha256 === null) return {}
  if (large) return { body: { place: 'large', name: large.name, length: large.sizeOctets, sha256 } }
  return { body: { place: 'inline', parts: body ? [body] : [], sha256 } }
}
