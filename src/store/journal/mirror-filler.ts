// Brings a dropped mirror level while the owner goes on. In this order, and the order is the design:
//
//   1. the folder is the mirror's and can be written: a file is made, flushed and removed in it;
//   2. from here on new large messages are written there too (`filling`), so that only older ones are missing;
//   3. its files are compared with the others': equal ones stay, one with anything of its own is kept as
//      `*.surplus`, the rest is removed;
//   4. what is missing is copied: a name of its own, flushed, read again, renamed;
//   5. the segment that is being written is followed to near its end; then the owner does the last (`join`).
//
// Until `join` has recorded the return it is dropped, whatever happens; a crash or an error begins anew, and
// what is there and equal is not copied again. Nothing here waits for the owner, or the owner for it.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { AsyncDisk, Disk } from '../../base/disk.ts'
import { equalBytes } from '../../base/bytes.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { FIRST_BATCH_ALIGNMENT } from './layout.ts'
import type { Membership } from './membership.ts'
import type { Member } from './members.ts'
import { compareFiles, copyRange, type Filling, largeOf, type Pace, segmentsOf, SLICE_OCTETS, unionOf } from './mirror-files.ts'
import { MEMBERS_FILE, parseMembersView } from './members-view.ts'
import { mountPointOf } from './mount-point.ts'
import { JournalDead } from './record.ts'
import { FILLING, SURPLUS } from './retire.ts'
import { UNFINISHED } from './segment-birth.ts'
import { SPARE_NAME, type Spare } from './spares.ts'

/** So much may be left of the active segment when the owner copies the rest in one turn. */
const LAST_OCTETS_MAX = 2 * 1024 * 1024
/** After so many rounds the owner waits for the rest, however much it is: at most one segment. */
const ROUNDS_MAX = 50
const PROBE = 'mirror.probe'

export interface FillerOptions {
  readonly disk: Disk
  readonly asyncDisk: AsyncDisk
  readonly clock: Clock
  readonly log: Log
  readonly members: Membership
  readonly member: Member
  readonly journalId: string
  readonly signal: AbortSignal
  readonly octetsPerSecondMax: number
  readonly spares: () => readonly Spare[]
  /** The segment that is being written, and where its last good batch ends. */
  readonly active: () => { name: string; tail: number } | undefined
  /** The owner's part; false when something is still missing. */
  readonly join: (filling: Filling | undefined) => boolean
}

/** Resolves when it takes part, or when it cannot for now. Rejects only when the journal is dead. */
export async function fillMirror(options: FillerOptions): Promise<void> {
  const { members, member, log } = options
  const unusable = whyUnusable(options)
  if (unusable !== undefined) return members.notYet(member, unusable)
  try {
    await probe(options)
    await new Filler(options).run()
  } catch (error) {
    if (options.signal.aborted) return members.notYet(member, 'the server stopped before it was level')
    if (error instanceof JournalDead || !(error instanceof Outage)) throw error
    log.warn('a copy of the journal cannot be brought level yet; it is tried again', { root: member.root, error: errorSentence(error) })
    members.notYet(member, `not level yet: ${errorSentence(error)}`)
  }
}

/** An empty folder where a disk was mounted is not the mirror, however well it can be written. */
function whyUnusable({ disk, members, member, journalId }: FillerOptions): string | undefined {
  try {
    if (!disk.exists(member.root)) return `${member.root} is not there`
    const file = join(member.root, MEMBERS_FILE)
    if (disk.exists(file)) {
      const view = parseMembersView(disk.readWhole(file))
      if (view.ok && view.value.journalId === journalId) return undefined
      if (view.ok) return `${member.root} belongs to another journal`
    }
    const [was, is] = [members.mountPointOf(member), mountPointOf(disk, member.root)]
    return was === is ? undefined : `nothing is mounted at ${was}`
  } catch (error) {
    if (error instanceof Outage) return errorSentence(error)
    throw error
  }
}

async function probe({ asyncDisk, member, disk }: FillerOptions): Promise<void> {
  const path = join(member.root, PROBE)
  if (disk.exists(path)) await asyncDisk.remove(path)
  const file = await asyncDisk.open(path, 'create')
  try {
    await file.write([new Uint8Array(1)], 0)
    await file.flush()
  } finally {
    await file.close()
  }
  await asyncDisk.remove(path)
}

class Filler {
  readonly #options: FillerOptions
  /** Compared or copied in this run, by name. */
  readonly #level = new Set<string>()
  #filledOctets = 0
  #totalOctets = 0
  #filling: Filling | undefined
  readonly #startedMs: number
  #pacedOctets = 0

  constructor(options: FillerOptions) {
    this.#options = options
    this.#startedMs = options.clock.monotonicMs()
  }

  async run(): Promise<void> {
    const { members, member, disk, asyncDisk } = this.#options
    this.#count()
    members.filling(member, this.#progress)
    for (const folder of [member.journal, member.large]) if (!disk.exists(folder)) disk.makeDirectory(folder)
    await asyncDisk.flushDirectory(member.root)
    await this.#clear()
    for (let round = 1; ; round++) {
      await this.#segments()
      await this.#large()
      const last = await this.#follow()
      if (last > LAST_OCTETS_MAX && round < ROUNDS_MAX) continue
      await this.#makeSpares()
      this.#assertWanted()
      if (this.#options.join(this.#filling)) return
      if (!members.facts.some(({ root, state }) => root === member.root && state === 'filling')) return // it has failed again
      if (round >= 2 * ROUNDS_MAX) throw new Outage(`${member.root} does not get level`, { operation: 'fill', path: member.root })
    }
  }

  get #progress() {
    return { filledOctets: this.#filledOctets, totalOctets: this.#totalOctets }
  }

  #count(): void {
    const { disk, members } = this.#options
    for (const [namesOf, folder] of [[segmentsOf, 'journal'], [largeOf, 'large']] as const) {
      for (const name of unionOf(members.in, (other) => namesOf(disk, other))) this.#totalOctets += this.#sizeOf(this.#source(folder, name))
    }
  }

  #sizeOf(path: string | undefined): number {
    return path === undefined ? 0 : this.#options.disk.facts(path)?.sizeOctets ?? 0
  }

  /** Of all who are in, the first that has it; undefined when it has gone meanwhile. */
  #source(folder: 'journal' | 'large', name: string): string | undefined {
    const { disk, members } = this.#options
    return members.in.map((member) => join(member[folder], name)).find((path) => disk.exists(path))
  }

  /** Puts away what the others do not have, and what was half made. */
  async #clear(): Promise<void> {
    const { disk, asyncDisk, members, member } = this.#options
    const wanted = new Set(unionOf(members.in, (other) => segmentsOf(disk, other)))
    for (const name of disk.list(member.journal)) {
      const path = join(member.journal, name)
      if (name.endsWith(UNFINISHED) || name.endsWith(FILLING) || SPARE_NAME.test(name)) await asyncDisk.remove(path)
    }
    for (const name of segmentsOf(disk, member)) if (!wanted.has(name)) await asyncDisk.rename(join(member.journal, name), join(member.journal, name + SURPLUS))
    for (const name of disk.list(member.large)) if (name.endsWith(FILLING)) await asyncDisk.remove(join(member.large, name))
    await asyncDisk.flushDirectory(member.journal)
  }

  async #segments(): Promise<void> {
    const { disk, members, member } = this.#options
    for (const name of unionOf(members.in, (other) => segmentsOf(disk, other))) {
      if (this.#level.has(name) || name === this.#options.active()?.name) continue
      // The one that was followed is sealed now: the rest of it, and its name.
      const filling = this.#filling?.name === name ? this.#filling : undefined
      if (!filling) await this.#judge('journal', name)
      if (!disk.exists(join(member.journal, name))) await this.#copy('journal', name, filling?.copied ?? 0)
      if (filling) this.#filling = undefined
      this.#level.add(name)
    }
  }

  async #large(): Promise<void> {
    const { disk, members, member } = this.#options
    for (const name of unionOf(members.in, (other) => largeOf(disk, other))) {
      if (this.#level.has(name)) continue
      await this.#judge('large', name)
      if (!disk.exists(join(member.large, name))) await this.#copy('large', name, 0)
      this.#level.add(name)
    }
  }

  /** What it has under that name stays if it is the same. */
  async #judge(folder: 'journal' | 'large', name: string): Promise<void> {
    const { disk, asyncDisk, member } = this.#options
    const [copy, original] = [join(member[folder], name), this.#source(folder, name)]
    if (original === undefined || !disk.exists(copy)) return
    const sizes = { copy: this.#sizeOf(copy), original: this.#sizeOf(original) }
    const likeness = await compareFiles(asyncDisk, copy, original, sizes, this.#pace)
    if (likeness === 'same') this.#filledOctets += sizes.original
    else if (likeness === 'less') await asyncDisk.remove(copy)
    else if (sizes.copy === sizes.original && (folder === 'large' || this.#isSameSegment(copy, original))) {
      // One of the two is damaged, and nobody knows yet which: a reader takes what matches its hash and mends the other.
      this.#filledOctets += sizes.original
      this.#options.log.warn(`${copy} differs from ${original}; it stays, and is mended when it is read`)
    } else await asyncDisk.rename(copy, copy + SURPLUS)
  }

  #isSameSegment(copy: string, original: string): boolean {
    const [own, other] = [copy, original].map((path) => {
      const file = this.#options.disk.open(path, 'read')
      const bytes = new Uint8Array(FIRST_BATCH_ALIGNMENT)
      file.read(bytes, 0)
      file.close()
      return bytes
    }) as [Uint8Array, Uint8Array]
    return equalBytes(own, other)
  }

  async #copy(folder: 'journal' | 'large', name: string, from: number): Promise<void> {
    const { asyncDisk, member } = this.#options
    const original = this.#source(folder, name)
    if (original === undefined) return // removed meanwhile: nobody wants it
    const target = join(member[folder], name)
    const to = this.#sizeOf(original)
    if (!(await copyRange(asyncDisk, original, target + FILLING, { from, to, begin: from === 0 }, this.#pace))) throw new Outage(`${target} does not hold what was written to it`, { operation: 'fill', path: target })
    await asyncDisk.rename(target + FILLING, target)
    await asyncDisk.flushDirectory(member[folder])
    this.#filledOctets += to - from
  }

  /** Copies what the active segment has so far; resolves to what has come meanwhile. */
  async #follow(): Promise<number> {
    const { disk, asyncDisk, member } = this.#options
    const active = this.#options.active()
    if (!active) return 0
    if (this.#filling?.name !== active.name) {
      await this.#judgeActive(active)
      this.#filling = undefined
    }
    const filling: Filling = this.#filling ?? { name: active.name, copied: 0 }
    const original = this.#source('journal', active.name)
    if (original === undefined) return Infinity
    const target = join(member.journal, active.name) + FILLING
    const begin = !disk.exists(target)
    if (active.tail > filling.copied) {
      if (!(await copyRange(asyncDisk, original, target, { from: filling.copied, to: active.tail, begin }, this.#goOn))) throw new Outage(`${target} does not hold what was written to it`, { operation: 'fill', path: target })
      this.#filledOctets += active.tail - filling.copied
      filling.copied = active.tail
    }
    this.#filling = filling
    const now = this.#options.active()
    return now?.name === filling.name ? now.tail - filling.copied : Infinity
  }

  /** The file that it was dropped from. */
  async #judgeActive(active: { name: string; tail: number }): Promise<void> {
    const { disk, asyncDisk, member } = this.#options
    const [copy, original] = [join(member.journal, active.name), this.#source('journal', active.name)]
    if (original === undefined || !disk.exists(copy)) return
    const likeness = await compareFiles(asyncDisk, copy, original, { copy: this.#sizeOf(copy), original: this.#sizeOf(original) }, this.#pace)
    if (likeness === 'different') await asyncDisk.rename(copy, copy + SURPLUS)
    else await asyncDisk.remove(copy)
  }

  /** Its own of the segments made ahead, so that the owner need not wait for them. */
  async #makeSpares(): Promise<void> {
    const { disk, asyncDisk, member } = this.#options
    for (const { name, sizeOctets } of this.#options.spares()) {
      const path = join(member.journal, name)
      if (disk.exists(path)) continue
      if (disk.exists(`${path}.part`)) await asyncDisk.remove(`${path}.part`)
      const file = await asyncDisk.open(`${path}.part`, 'create')
      try {
        const zeros = new Uint8Array(Math.min(SLICE_OCTETS, sizeOctets))
        for (let at = 0; at < sizeOctets; at += zeros.length) await file.write([zeros.subarray(0, Math.min(zeros.length, sizeOctets - at))], at)
        await file.flush()
      } finally {
        await file.close()
      }
      await asyncDisk.rename(`${path}.part`, path)
      await asyncDisk.flushDirectory(member.journal)
    }
  }

  #assertWanted(): void {
    if (this.#options.signal.aborted) throw new Outage('the server is stopping', { operation: 'fill' })
  }

  readonly #pace: Pace = async (octets) => {
    await this.#goOn()
    this.#pacedOctets += octets
    const dueMs = this.#startedMs + (this.#pacedOctets / this.#options.octetsPerSecondMax) * 1000
    const waitMs = dueMs - this.#options.clock.monotonicMs()
    if (waitMs > 0) await this.#options.clock.sleep(waitMs, this.#options.signal)
  }

  /** Following what is being written is not slowed down: it would never get there. */
  readonly #goOn = (): Promise<void> => {
    this.#assertWanted()
    const { members, member } = this.#options
    members.filling(member, this.#progress)
    return Promise.resolve()
  }
}
