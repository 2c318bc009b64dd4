// What an understudy took while no server was there becomes ours, exactly once, whatever dies in the middle.
//
// Each record of the intake journal becomes an ordinary arrival of the main journal, whose origin is (that journal,
// its sequence there); every database ignores an origin that it has seen. So the order may be the simple one:
//
//   lock of the intake directory → recovery of its journal → for each page: arrivals, flushed → "adopted-through",
//   flushed → segments removed → … → nothing is left but the door list
//
// A death between any two steps leaves records that are adopted a second time and ignored. Adopted mail is never
// refused. A record whose bytes are damaged, or on which the process has died twice, is set aside as it is.
import { join } from 'node:path'
import { bytesOf, hexOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { Outage, errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { draftAdoption, type Adoptable, type AdoptTools, type TakenMessage } from '../intake/adopt-message.ts'
import { parseTakenMeta, type TakenMeta } from '../intake/taken.ts'
import { noCrashPoint, step, stepAsync, type CrashPoint } from '../store/journal/crash-point.ts'
import { BodyDamaged, type BodySource } from '../store/journal/record.ts'
import { takeOwnerLock } from '../store/owner-lock.ts'
import { ReplyUnknown, type Store } from '../store/store.ts'
import { AdoptionNote } from './adoption-note.ts'
import { hasTaken, IntakeJournal, type TakenRecord } from './intake-journal.ts'

const adoptionLimits = {
  /** Looked at again so often while something is left (an understudy may still be there). */
  look_ms: 10_000,
  /** When all is adopted and only cannot be removed. */
  stuck_ms: 600_000,
  /** When it is told that the understudy has gone and finds the lock still held. */
  soon_ms: 200,
  page_records: 500,
  /** Arrivals on their way at one moment, and octets of them. */
  under_way_max: 64,
  under_way_octets_max: 16 * 1024 * 1024,
} as const

export interface AdoptionOptions {
  readonly directory: string
  readonly segmentSizeOctets: number
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Pick<Store, 'accept' | 'admission'> & { adoptedThrough(journal: string, through: number): Promise<void> }
  readonly tools: () => AdoptTools
  readonly crashPoint?: CrashPoint
}

export class Adoption {
  readonly #options: AdoptionOptions
  readonly #crashPoint: CrashPoint
  #running: Promise<void> | undefined
  #closing = false
  #cancel: () => void = () => {}
  /** By id of the intake journal; there is mostly one. */
  readonly #through = new Map<string, number>()

  constructor(options: AdoptionOptions) {
    this.#options = options
    this.#crashPoint = options.crashPoint ?? noCrashPoint
  }

  /** Looks now, unless it is at it already. */
  look(): void {
    if (this.#closing || this.#running) return
    this.#cancel()
    this.#running = this.#run().then((again) => this.#lookAgain(again), (error: unknown) => {
      this.#options.log.error('adopting what the understudy took was broken off; it is tried again', { error: errorSentence(error), ...(error instanceof Outage && error.hint ? { hint: error.hint } : {}) })
      this.#lookAgain(adoptionLimits.look_ms)
    })
  }

  /** Resolves when it is not at it. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Resolves when the intake directory has been let go of. What is left is adopted at the next start. */
  async close(): Promise<void> {
    this.#closing = true
    this.#cancel()
    await this.#running
  }

  #lookAgain(afterMs: number): void {
    this.#running = undefined
    if (!this.#closing) this.#cancel = this.#options.clock.after(afterMs, () => this.look())
  }

  /** After how long to look again. */
  async #run(): Promise<number> {
    const { directory, disk, log } = this.#options
    // Opening is work too: not while nothing could be taken anyway.
    if (!hasTaken(directory, disk) || !this.#mayTake()) return adoptionLimits.look_ms
    const lock = takeOwnerLock(directory)
    if (!lock.ok) {
      if (lock.code !== 'already-owned') log.warn('the intake directory cannot be opened yet', { reason: lock.reason })
      return adoptionLimits.soon_ms * 5
    }
    const startedMs = this.#options.clock.monotonicMs()
    const note = AdoptionNote.begin(directory, disk)
    let journal: IntakeJournal | undefined
    try {
      const opened = step(this.#crashPoint, 'adopt-open', () => new IntakeJournal(this.#options))
      journal = opened
      const adopted = await this.#adoptAll(opened, note)
      journal = undefined
      opened.close()
      note.end()
      if (!adopted.whole) return adoptionLimits.look_ms
      const emptied = opened.removeAll()
      if (adopted.count > 0) log.info('what the understudy took has been adopted', { messages: adopted.count, set_aside: adopted.aside, ms: Math.round(this.#options.clock.monotonicMs() - startedMs) })
      return emptied ? adoptionLimits.look_ms : adoptionLimits.stuck_ms
    } catch (error) {
      // No message's fault: the disk, or the store that is stopping.
      note.end()
      throw error
    } finally {
      journal?.close()
      lock.value.release()
    }
  }

  async #adoptAll(journal: IntakeJournal, note: AdoptionNote): Promise<{ whole: boolean; count: number; aside: number }> {
    let count = 0
    let aside = 0
    // What this process has adopted already; a new one begins again, and is ignored where it was seen.
    let from = (this.#through.get(journal.id) ?? 0) + 1
    for (;;) {
      const page = journal.page(from, adoptionLimits.page_records)
      const last = page.at(-1)
      if (!last) return { whole: true, count, aside }
      let octets = 0
      let kept: Promise<unknown>[] = []
      // Answers that are never asked for must not count as forgotten rejections.
      const settle = async () => {
        const settled = await Promise.allSettled(kept)
        kept = []
        octets = 0
        for (const one of settled) if (one.status === 'rejected') throw one.reason
      }
      for (const record of page) {
        if (this.#closing || !this.#mayTake()) {
          await settle()
          return { whole: false, count, aside }
        }
        const size = await this.#adopt(journal, record, note, kept)
        if (size === undefined) aside += 1
        else count += 1
        octets += size ?? 0
        if (note.isCareful || kept.length >= adoptionLimits.under_way_max || octets >= adoptionLimits.under_way_octets_max) await settle()
      }
      await settle()
      note.settled()
      await stepAsync(this.#crashPoint, 'adopt-through', () => this.#options.store.adoptedThrough(journal.id, last.sequence))
      this.#through.set(journal.id, last.sequence)
      journal.removeThrough(last.sequence)
      from = last.sequence + 1
    }
  }

  /** A full disk, or databases far behind: what lies in the intake directory is safe there. */
  #mayTake(): boolean {
    const admission = this.#options.store.admission(0)
    if (admission.admit) return true
    this.#options.log.warn('adopting what the understudy took waits', { because: admission.because })
    return false
  }

  /** Its octets; undefined when it was set aside. */
  async #adopt(journal: IntakeJournal, record: TakenRecord, note: AdoptionNote, kept: Promise<unknown>[]): Promise<number | undefined> {
    const { log, store } = this.#options
    const { sequence } = record
    if (!record.isArrival) {
      log.error('the intake journal holds a record that this version does not know; it is set aside', { sequence })
      return this.#setAside(journal, record, 'unknown record', await this.#bodyOf(journal, record))
    }
    if (!note.mayAdopt(sequence)) {
      log.error('the server has ended twice on one message; it is set aside', { sequence, aside: join(this.#options.directory, 'aside') })
      return this.#setAside(journal, record, 'the server ended twice on it', await this.#bodyOf(journal, record))
    }
    const meta = parseTakenMeta(record.meta)
    const body = await this.#bodyOf(journal, record)
    if (!meta.ok || !body) {
      log.error('a message that the understudy took cannot be read; it is set aside', { sequence, reason: meta.ok ? 'its bytes are damaged' : meta.reason })
      return this.#setAside(journal, record, meta.ok ? 'its bytes are damaged' : meta.reason, body, meta.ok ? meta.value : undefined)
    }
    const drafted = await this.#draft({ meta: meta.value, journal: journal.number, sequence, takenMs: record.timeMs, body })
    if (!drafted.ok) {
      log.error('a message that the understudy took cannot be planned; it is set aside', { sequence, error: errorSentence(drafted.error), aside: join(this.#options.directory, 'aside') })
      return this.#setAside(journal, record, errorSentence(drafted.error), body, meta.value)
    }
    const { arrival, draft } = drafted
    const accepted = stepAsync(this.#crashPoint, 'adopt-accept', () => store.accept(arrival, draft)).then((id) => {
      log.info('message adopted', { arrival: id, taken: `U${sequence}`, from: arrival.sender, accounts: arrival.plans.length, outside: arrival.work.length, octets: body.length, id: meta.value.traceId })
    })
    const settled = accepted.catch(async (error: unknown) => {
      if (error instanceof Outage || error instanceof ReplyUnknown) throw error
      // A bug would be met again for ever by this message.
      log.error('a message that the understudy took cannot be adopted; it is set aside', { sequence, error: errorSentence(error) })
      await this.#setAside(journal, record, errorSentence(error), body, meta.value)
    })
    // Waited for with its page; until then nobody else hears of it.
    settled.catch((error: unknown) => log.debug('a message was not adopted', { sequence, error: errorSentence(error) }))
    kept.push(settled)
    return body.length
  }

  /** An outage passes, and is tried again; a bug would be met again for ever by this message, and hold up all others. */
  async #draft(message: TakenMessage): Promise<({ ok: true } & Adoptable) | { ok: false; error: unknown }> {
    try {
      return { ok: true, ...(await draftAdoption(message, this.#options.tools())) }
    } catch (error) {
      if (error instanceof Outage) throw error
      return { ok: false, error }
    }
  }

  async #bodyOf(journal: IntakeJournal, { sequence, hasBody }: TakenRecord): Promise<BodySource | undefined> {
    if (!hasBody) return undefined
    try {
      return await journal.body(sequence)
    } catch (error) {
      if (error instanceof BodyDamaged) return undefined
      throw error
    }
  }

  /** Kept for a person, durable before the record counts as adopted. */
  async #setAside(journal: IntakeJournal, record: TakenRecord, because: string, body: BodySource | undefined, meta?: TakenMeta): Promise<undefined> {
    const { directory, disk, clock } = this.#options
    const folder = join(directory, 'aside')
    disk.makeDirectory(folder)
    const name = `${journal.id.slice(0, 8)}-${record.sequence}`
    const raw = body ? undefined : journal.damagedBody(record.sequence)
    const facts = { because, atMs: clock.nowMs(), takenMs: record.timeMs, sequence: record.sequence, meta: meta ?? { raw: hexOf(record.meta) }, bytes: body || raw ? `${name}.eml` : null }
    step(this.#crashPoint, 'adopt-aside', () => {
      if (body ?? raw) writeBody(disk, join(folder, `${name}.eml`), body ?? { length: raw?.length ?? 0, read: (at, length) => (raw ?? new Uint8Array()).subarray(at, at + length) })
      disk.writeWhole(join(folder, `${name}.json`), bytesOf(`${JSON.stringify(facts, undefined, 1)}\n`))
    })
    return undefined
  }
}

const PIECE_OCTETS = 1024 * 1024

function writeBody(disk: Disk, path: string, body: Pick<BodySource, 'length' | 'read'>): void {
  if (disk.exists(path)) disk.remove(path)
  const file = disk.open(path, 'create')
  try {
    for (let at = 0; at < body.length; at += PIECE_OCTETS) file.write([body.read(at, Math.min(PIECE_OCTETS, body.length - at))], at)
    file.flush()
  } finally {
    file.close()
  }
  disk.flushDirectory(join(path, '..'))
}
