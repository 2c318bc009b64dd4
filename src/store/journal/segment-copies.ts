// One segment as its members hold it: the same bytes under the same name on every disk. Whatever is
// asked for is read from the first copy whose bytes pass their own check; copies that failed before it
// are mended in place from the good one and reported. That mending is the only case in which bytes of
// a segment are written again. Without a good copy there is no answer: nobody is handed bytes that failed.
import { hash } from 'node:crypto'
import type { Disk, DiskFile } from '../../base/disk.ts'
import { equalBytes } from '../../base/bytes.ts'
import { errorSentence, Outage } from '../../base/errors.ts'
import { claimedBatchHeaderLength, parseBatchHeader, type ParsedBatchHeader } from './batch-header.ts'
import { closeQuietly } from './close-quietly.ts'
import { type CrashPoint, noCrashPoint, step } from './crash-point.ts'
import { claimedFooterLength, parseEndMark, parseFooter, type Footer } from './footer.ts'
import { BATCH_MAGIC, END_OCTETS, FOOTER_MAGIC, RECORD_MAGIC, viewOf } from './layout.ts'
import type { Damage, OnDamage } from './record.ts'
import { claimedHeadLength, metaMatches, parseHead, type ParsedHead } from './record-codec.ts'
import { claimedSegmentHeaderLength, parseSegmentHeader, type ParsedSegmentHeader } from './segment-header.ts'

/** A piece of a file in memory. One is shared by everything that a reader does. */
export class Window {
  bytes = new Uint8Array(64 * 1024)
  view = viewOf(this.bytes)
  copies: SegmentCopies | undefined
  member = 0
  start = 0
  end = 0
  forget(): void {
    this.copies = undefined
  }
}

const SMALL_READ = 4096
/** Who reads so far ahead goes through everything, one after the other. */
const FAR_READ = 256 * 1024

export interface CopiesOptions {
  disk: Disk
  /** The file on each member, the preferred one first. Those that are not there are passed over. */
  paths: readonly string[]
  window: Window
  onDamage: OnDamage
  /** False while a tail is recovered: what is about to be copied away is not mended. */
  heal: boolean
  /** Says no for a member that has been dropped meanwhile. */
  mayMend?: (path: string) => boolean
  crashPoint?: CrashPoint
}

export interface RecordAt {
  readonly head: ParsedHead
  readonly meta: Uint8Array
  /** Head and meta as they stand in the file. */
  readonly raw: Uint8Array
}

export class SegmentCopies {
  readonly paths: readonly string[]
  readonly #options: CopiesOptions
  readonly #files: (DiskFile | undefined)[]
  #header: ParsedSegmentHeader | undefined
  /** Octets read ahead when the window does not hold what is asked for. */
  readAhead = 16 * 1024
  /** Told of damage that was answered from another member while `heal` is false. */
  onMerged: ((offset: number, length: number, what: Damage['what']) => void) | undefined

  constructor(options: CopiesOptions) {
    this.#options = options
    this.paths = options.paths
    this.#files = options.paths.map((path) => {
      try {
        return options.disk.open(path, 'read')
      } catch (error) {
        if (error instanceof Outage && !isOursToMend(error)) return undefined
        throw error
      }
    })
  }

  close(): void {
    if (this.#options.window.copies === this) this.#options.window.forget()
    for (const file of this.#files) if (file) closeQuietly(file)
  }

  /** Does any member have the file? */
  get present(): boolean {
    return this.#files.some((file) => file !== undefined)
  }
  has(member: number): boolean {
    return this.#files[member] !== undefined
  }
  get memberCount(): number {
    return this.#files.length
  }

  sizeOctets(): number {
    let size = 0
    for (const file of this.#files) if (file) size = Math.max(size, file.sizeOctets())
    return size
  }

  /** The header of the first member that has a good one. */
  header(): ParsedSegmentHeader | 'damaged' | 'newer-format' {
    if (this.#header) return this.#header
    let newer = false
    const found = this.#firstGood(0, 'segment-header', (member) => {
      const head = this.readFrom(member, 0, SMALL_READ)
      const length = claimedSegmentHeaderLength(head)
      if (length === 0) return undefined
      const bytes = length > head.length ? this.readFrom(member, 0, length) : head
      const header = parseSegmentHeader(bytes)
      if (header === 'newer-format') newer = true
      return typeof header === 'object' ? { value: header, octets: length } : undefined
    })
    if (!found) return newer ? 'newer-format' : 'damaged'
    this.#header = found
    this.#passOverStrangers(found)
    return found
  }

  /** A file of the same name that another history made is no copy: it is neither read nor mended. */
  #passOverStrangers(header: ParsedSegmentHeader): void {
    for (let member = 0; member < this.#files.length; member++) {
      const other = parseSegmentHeader(this.readFrom(member, 0, header.firstBatch))
      if (typeof other !== 'object' || equalBytes(other.segmentId, header.segmentId)) continue
      this.#files[member]?.close()
      this.#files[member] = undefined
    }
  }

  /** For a segment whose header is gone everywhere: what its batches or footer say. */
  presumeHeader(header: ParsedSegmentHeader): void {
    this.#header = header
  }

  #segmentId(): Uint8Array {
    const header = this.header()
    return typeof header === 'object' ? header.segmentId : new Uint8Array(16)
  }

  batchAt(offset: number): ParsedBatchHeader | undefined {
    const segmentId = this.#segmentId()
    return this.#firstGood(offset, 'batch-header', (member, fresh) => {
      let at = this.#load(member, offset, 112, fresh)
      const length = claimedBatchHeaderLength(this.#available, this.#options.window.view, at)
      if (length === 0) return undefined
      at = this.#load(member, offset, length, false)
      const header = parseBatchHeader(this.#available, this.#options.window.view, at, { segmentId, offset })
      return header && { value: header, octets: length }
    })
  }

  /** Head and meta, both checked. `meta` and `raw` are views into the window: valid until the next call. */
  recordAt(offset: number): RecordAt | undefined {
    const segmentId = this.#segmentId()
    return this.#firstGood(offset, 'record', (member, fresh) => {
      const { window } = this.#options
      let at = this.#load(member, offset, 128, fresh)
      const headLength = claimedHeadLength(this.#available, window.view, at)
      if (headLength === 0) return undefined
      at = this.#load(member, offset, headLength, false)
      const head = parseHead(this.#available, window.view, at, { segmentId, offset })
      if (!head) return undefined
      const octets = headLength + head.metaLength
      at = this.#load(member, offset, octets, false)
      if (!metaMatches(this.#available, window.view, at, head)) return undefined
      const raw = window.bytes.subarray(at, at + octets)
      return { value: { head, meta: raw.subarray(headLength), raw }, octets }
    })
  }

  /** An inline body in memory of its own, checked; undefined when no member has it whole. */
  bodyAt(offset: number, length: number, sha256: Uint8Array, sequence: number): Uint8Array | undefined {
    return this.#firstGood(offset, 'body', (member, fresh) => {
      const { window } = this.#options
      let inWindow = !fresh && window.copies === this && window.member === member && window.start <= offset && offset + length <= window.end
      if (!inWindow && this.readAhead >= FAR_READ && length <= FAR_READ) {
        // A walk through a whole tail: one read for many small bodies instead of one for each.
        this.#load(member, offset, length, fresh)
        inWindow = offset + length <= window.end
      }
      const bytes = inWindow ? window.bytes.slice(offset - window.start, offset - window.start + length) : this.readFrom(member, offset, length)
      if (bytes.length !== length || !equalBytes(hash('sha256', bytes, 'buffer'), sha256)) return undefined
      return { value: bytes, octets: length }
    }, sequence)
  }

  /** The footer that begins at `offset` in any member. */
  footerAt(offset: number): Footer | undefined {
    const header = this.header()
    const segmentId = typeof header === 'object' ? header.segmentId : undefined
    return this.#firstGood(offset, 'footer', (member) => {
      const head = this.readFrom(member, offset, SMALL_READ)
      const length = claimedFooterLength(head, viewOf(head), 0)
      if (length === 0) return undefined
      const bytes = length > head.length ? this.readFrom(member, offset, length) : head
      const footer = parseFooter(bytes, 0, { segmentId, offset })
      return footer && { value: footer, octets: footer.octets + END_OCTETS }
    })
  }

  /** The footer that the end mark in the last octets of a member's file leads to. */
  footerByEndMark(): Footer | undefined {
    for (let member = 0; member < this.#files.length; member++) {
      const file = this.#files[member]
      if (!file) continue
      const size = file.sizeOctets()
      if (size < END_OCTETS) continue
      const mark = parseEndMark(this.readFrom(member, size - END_OCTETS, END_OCTETS))
      const footer = mark && this.footerAt(mark.offset)
      if (footer) return footer
    }
    return undefined
  }

  /** Octets of one member's copy; fewer than asked for at its end, none when it cannot be read. */
  readFrom(member: number, offset: number, length: number): Uint8Array {
    const file = this.#files[member]
    if (!file) return new Uint8Array(0)
    try {
      const into = new Uint8Array(Math.max(0, Math.min(length, file.sizeOctets() - offset)))
      const got = file.read(into, offset)
      return got === into.length ? into : into.subarray(0, got)
    } catch (error) {
      if (error instanceof Outage) return new Uint8Array(0)
      throw error
    }
  }

  /** Next place from `offset` on, in any member, at which one of our structures begins. */
  nextStructure(offset: number): number | undefined {
    let best: number | undefined
    for (let member = 0; member < this.#files.length; member++) {
      const found = this.#nextIn(member, offset, best)
      if (found !== undefined && (best === undefined || found < best)) best = found
    }
    return best
  }

  #nextIn(member: number, offset: number, before: number | undefined): number | undefined {
    const file = this.#files[member]
    if (!file) return undefined
    const mark = Buffer.from(this.#segmentId().subarray(0, 8))
    const end = Math.min(file.sizeOctets(), before ?? Infinity)
    const CHUNK = 1024 * 1024
    for (let from = offset; from < end; from += CHUNK) {
      const bytes = this.readFrom(member, from, CHUNK + 24) // overlaps, so that no mark is cut in two
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let found = buffer.indexOf(mark); found >= 0; found = buffer.indexOf(mark, found + 1)) {
        const start = from + found - 16
        if (start < offset || start % 8 !== 0 || start >= end) continue
        const magic = viewOf(this.readFrom(member, start, 4))
        if (magic.byteLength < 4) continue
        const word = magic.getUint32(0, true)
        if (word === BATCH_MAGIC ? this.batchAt(start) : word === RECORD_MAGIC ? this.recordAt(start) : word === FOOTER_MAGIC && this.footerAt(start)) return start
      }
    }
    return undefined
  }

  /** What of the window is real. Set by `#load`. */
  #available: Uint8Array = new Uint8Array(0)

  /** Puts `length` octets from `offset` into the window, if the file has them, and returns where they are in it. */
  #load(member: number, offset: number, length: number, fresh: boolean): number {
    const { window } = this.#options
    if (!fresh && window.copies === this && window.member === member && window.start <= offset && offset + length <= window.end) {
      return offset - window.start // `#available` is still what this window's last reading left
    }
    const octets = Math.max(length, this.readAhead)
    if (octets > window.bytes.length) {
      window.bytes = new Uint8Array(octets)
      window.view = viewOf(window.bytes)
    }
    let got = 0
    try {
      got = this.#files[member]?.read(window.bytes.subarray(0, octets), offset) ?? 0
    } catch (error) {
      if (!(error instanceof Outage)) throw error
    }
    window.copies = this
    window.member = member
    window.start = offset
    window.end = offset + got
    this.#available = window.bytes.subarray(0, got)
    return 0
  }

  /**
   * Asks one member after the other. The first is asked twice, since what the window holds may have
   * been read before the owner wrote it.
   */
  #firstGood<T>(
    offset: number, what: Damage['what'], attempt: (member: number, fresh: boolean) => { value: T; octets: number } | undefined,
    sequence?: number,
  ): T | undefined {
    const bad: number[] = []
    for (let member = 0; member < this.#files.length; member++) {
      if (!this.#files[member]) continue
      const found = attempt(member, false) ?? attempt(member, true)
      if (!found) {
        bad.push(member)
        continue
      }
      if (bad.length > 0) this.#mend(bad, member, offset, found.octets, what, sequence)
      return found.value
    }
    return undefined
  }

  #mend(bad: readonly number[], good: number, offset: number, length: number, what: Damage['what'], sequence: number | undefined): void {
    if (!this.#options.heal) {
      this.onMerged?.(offset, length, what)
      return
    }
    const bytes = this.readFrom(good, offset, length)
    for (const member of bad) {
      const path = this.paths[member] as string
      if (this.#options.mayMend?.(path) === false) continue
      const facts = { what, path, offset, length, firstSequence: sequence, lastSequence: sequence }
      try {
        healRange(this.#options.disk, path, bytes, offset, this.#options.crashPoint ?? noCrashPoint)
        this.#options.onDamage({ outcome: 'healed', ...facts, sentence: `${path} was damaged at octet ${offset} (${what}) and has been mended from ${this.paths[good]}` })
      } catch (error) {
        this.#options.onDamage({ outcome: 'answered', ...facts, sentence: `${path} is damaged at octet ${offset} (${what}) and could not be mended: ${errorSentence(error)}` })
      }
    }
  }
}

/** A file that this process may not open, or has no descriptor left for, is not damaged: nothing may be put away because of it. */
function isOursToMend(error: Outage): boolean {
  return error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EMFILE' || error.code === 'ENFILE' || error.code === 'ENOMEM'
}

/** Writes good bytes over damaged ones, in place, and flushes them. */
export function healRange(disk: Disk, path: string, bytes: Uint8Array, offset: number, crashPoint: CrashPoint): void {
  const file = disk.open(path, 'update')
  try {
    step(crashPoint, 'heal-write', () => file.write([bytes], offset))
    step(crashPoint, 'heal-flush', () => file.flush())
  } finally {
    file.close()
  }
}
