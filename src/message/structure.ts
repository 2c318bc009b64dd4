// Finds the MIME parts of a message (RFC 2045, 2046) and where they lie, in one pass over its octets:
// whole, or in pieces of any size with the same result. Time is linear in the input and memory bounded
// whatever it holds: depth, number of parts, and what is kept of their headers have limits, beyond which
// parts are no longer told apart. It never throws on input and changes no octet.
//
// A delimiter is a line that is "--", the boundary, perhaps "--", perhaps white space, and nothing
// else. The line end before it belongs to it (RFC 2046 §5.1.1). A delimiter of an outer multipart ends
// everything inside, headers too.
import { CR, LF, SPACE, TAB } from '../base/bytes.ts'
import { defaultLimits, type Limits } from '../base/limits.ts'
import { bufferOver, byteStringOf, trimSpace, type ByteString } from './byte-string.ts'
import { EMPTY_ENVELOPE, envelopeText } from './envelope.ts'
import { FIELD_OCTETS_MAX, KEEP, KnownFields } from './known-fields.ts'
import { rawParameter } from './parameters.ts'
import { describePart, descriptionOctets, newPart, showAsOctets, showAsText, showBare, type Part } from './part.ts'

export type StructureLimits = Pick<Limits, 'mime_depth_max' | 'mime_parts_max'>

export interface ScanOptions {
  limits?: StructureLimits | undefined
  /** Called once, when the message's own header has been read and before anything else is; the fields are gone afterwards. */
  onHeader?: ((fields: KnownFields, bodyStart: number) => void) | undefined
}

/** The parts of a message that is in memory as a whole. */
export function scanStructure(bytes: Uint8Array, options: ScanOptions = {}): Part {
  return new StructureScanner(options, bytes).end()
}

/** Octets of descriptions (parameters, envelopes) that one tree holds; later parts are shown bare. */
const TREE_OCTETS_MAX = 4 * 1024 * 1024
/** Longer boundaries are not followed; RFC 2046 allows 70. */
const BOUNDARY_OCTETS_MAX = 8000
/** Octets of a header line that are looked at when it arrives in pieces. */
const LINE_HEAD_OCTETS_MAX = FIELD_OCTETS_MAX + 64
/** A longer line is no delimiter, whatever it begins with. */
const DELIMITER_OCTETS_MAX = BOUNDARY_OCTETS_MAX + 200
const DASH = 45
const NOTHING = Buffer.alloc(0)

interface Frame {
  part: Part
  /** Line ends of the message before this part's body; set when its header has ended. */
  linesBefore: number
  boundary: ByteString | undefined
  isDigest: boolean
}

export class StructureScanner {
  readonly #limits: StructureLimits
  readonly #onHeader: ScanOptions['onHeader']
  readonly #whole: Buffer | undefined
  readonly #fields: KnownFields
  /** The part at hand and everything around it, outermost first. */
  readonly #frames: Frame[]
  /** Active boundaries, each with the index of the innermost frame that has it. */
  readonly #boundaries = new Map<ByteString, number>()
  #longestBoundary = 0
  #inHeader = true
  #parts = 1
  #treeOctets = 0
  /** Octets and line ends seen, and where the line end of the line before begins. */
  #octets = 0
  #lines = 0
  #cut = 0
  // A line that began in an earlier piece:
  #lineStart = -1
  #head: Buffer = NOTHING
  #headLength = 0
  #lastOctet = 0

  constructor(options: ScanOptions = {}, whole?: Uint8Array) {
    this.#limits = options.limits ?? defaultLimits
    this.#onHeader = options.onHeader
    this.#whole = whole && bufferOver(whole)
    this.#fields = new KnownFields(whole)
    this.#fields.reset(KEEP.message)
    this.#frames = [{ part: newPart(0), linesBefore: 0, boundary: undefined, isDigest: false }]
  }

  /** Octets taken so far. */
  get octets(): number {
    return this.#octets
  }

  /** The next piece of the message. It is not kept. */
  push(piece: Uint8Array): void {
    const buffer = bufferOver(piece)
    if (buffer.length === 0) return
    const base = this.#octets
    this.#octets += buffer.length
    let at = 0
    if (this.#lineStart >= 0) {
      const lf = buffer.indexOf(LF)
      if (lf < 0) return this.#keepHead(buffer, 0)
      const before = lf > 0 ? buffer[lf - 1] : this.#lastOctet
      const eol = base + lf - (before === CR ? 1 : 0)
      const start = this.#lineStart
      this.#keepHead(buffer.subarray(0, lf + 1), 0)
      this.#lineStart = -1
      this.#line(this.#head, 0, this.#headLength, start, eol, base + lf + 1)
      at = lf + 1
    }
    at = this.#wholeLines(buffer, at, base)
    if (at < buffer.length) {
      this.#lineStart = base + at
      this.#headLength = 0
      this.#keepHead(buffer, at)
    }
  }

  /** The message is complete. Returns its tree; nothing may be pushed afterwards. */
  end(): Part {
    const root = this.#frames[0]!.part
    if (this.#whole) {
      const buffer = this.#whole
      this.#octets = buffer.length
      const at = this.#wholeLines(buffer, 0, 0)
      if (at < buffer.length) this.#line(buffer, at, buffer.length, at, buffer.length, -1)
    } else if (this.#lineStart >= 0) {
      this.#line(this.#head, 0, this.#headLength, this.#lineStart, this.#octets, -1)
    }
    if (this.#inHeader) this.#endHeader(this.#octets, false)
    this.#closeFramesAbove(-1, this.#octets, this.#lines)
    return root
  }

  /** All complete lines of `buffer` from `from` on; returns where the unfinished one begins. */
  #wholeLines(buffer: Buffer, from: number, base: number): number {
    let at = from
    while (at < buffer.length) {
      const lf = buffer.indexOf(LF, at)
      if (lf < 0) return at
      const eol = lf > at && buffer[lf - 1] === CR ? lf - 1 : lf
      if (this.#inHeader || (buffer[at] === DASH && buffer[at + 1] === DASH && this.#longestBoundary > 0)) {
        this.#line(buffer, at, lf + 1, base + at, base + eol, base + lf + 1)
      } else {
        this.#lines++
        this.#cut = base + eol
      }
      at = lf + 1
    }
    return at
  }

  /** Keeps of an unfinished line what may be needed of it: in a body nothing, unless it begins with dashes. */
  #keepHead(buffer: Buffer, start: number): void {
    this.#lastOctet = buffer[buffer.length - 1]!
    if (!this.#inHeader && this.#headLength >= 2 && !(this.#head[0] === DASH && this.#head[1] === DASH)) return
    const max = this.#inHeader ? LINE_HEAD_OCTETS_MAX : DELIMITER_OCTETS_MAX + 2
    const octets = Math.min(buffer.length - start, max - this.#headLength)
    const needed = this.#headLength + octets
    if (needed > this.#head.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#head.length * 2, 256))
      larger.set(this.#head.subarray(0, this.#headLength))
      this.#head = larger
    }
    this.#head.set(buffer.subarray(start, start + octets), this.#headLength)
    this.#headLength = needed
  }

  /**
   * One line: `buffer[start, end)` is what is known of it, line end included. In the message it begins at `lineStart`,
   * its line end at `eol`, the next line at `next` (-1: the message ends here, without a line end).
   */
  #line(buffer: Buffer, start: number, end: number, lineStart: number, eol: number, next: number): void {
    const first = buffer[start]
    const dashed = first === DASH && this.#longestBoundary > 0 && end - start > 2 && buffer[start + 1] === DASH
    const isDelimiter = dashed && eol - lineStart <= DELIMITER_OCTETS_MAX && this.#delimiter(buffer, start, end, next < 0 ? eol : next)
    if (next >= 0) {
      this.#lines++
      this.#cut = eol
    }
    if (!isDelimiter && this.#inHeader) {
      if (eol === lineStart && next >= 0) this.#endHeader(next, true)
      else if (first === SPACE || first === TAB) this.#fields.continuation(buffer, start, end)
      else this.#fields.line(buffer, start, end)
    }
  }

  /** Recognises a delimiter line and does what it asks: begin the next part, or end the multipart. */
  #delimiter(buffer: Buffer, start: number, end: number, next: number): boolean {
    let textEnd = end
    while (textEnd > start + 2 && isBlank(buffer[textEnd - 1]!)) textEnd--
    const length = textEnd - start - 2
    if (length < 1 || length > this.#longestBoundary + 2) return false
    const text = byteStringOf(buffer, start + 2, textEnd)
    let index = this.#boundaries.get(text)
    const ends = index === undefined
    if (ends) {
      if (!text.endsWith('--')) return false
      index = this.#boundaries.get(text.slice(0, -2))
    }
    if (index === undefined) return false
    if (!ends && this.#parts >= this.#limits.mime_parts_max) {
      this.#boundaries.clear() // the part at hand takes all the rest
      this.#longestBoundary = 0
      return false
    }
    if (this.#inHeader) this.#endHeader(Math.max(this.#cut, this.#frames[this.#frames.length - 1]!.part.headerStart), false)
    this.#closeFramesAbove(index, this.#cut, this.#lines - 1)
    const frame = this.#frames[index]!
    if (ends) this.#dropBoundary(frame)
    else this.#beginPart(next, KEEP.part)
    return true
  }

  #beginPart(headerStart: number, keep: number): void {
    const part = newPart(headerStart)
    this.#parts++
    this.#frames[this.#frames.length - 1]!.part.children.push(part)
    this.#frames.push({ part, linesBefore: 0, boundary: undefined, isDigest: false })
    this.#fields.reset(keep)
    this.#inHeader = true
  }

  /** The header of the innermost part is complete. `closed`: by an empty line, so that a body may follow. */
  #endHeader(bodyStart: number, closed: boolean): void {
    this.#inHeader = false
    const depth = this.#frames.length - 1
    const frame = this.#frames[depth]!
    const part = frame.part
    const around = depth > 0 ? this.#frames[depth - 1]! : undefined
    part.bodyStart = bodyStart
    part.headerClosed = closed
    frame.linesBefore = this.#lines
    describePart(part, this.#fields, around?.isDigest === true)
    if (!around) this.#onHeader?.(this.#fields, bodyStart)
    const boundary = part.type === 'multipart' ? trimSpace(rawParameter(part.parameters, 'boundary') ?? '') : ''
    if (around?.part.kind === 'message') part.envelope = this.#treeOctets < TREE_OCTETS_MAX ? envelopeText(this.#fields) : EMPTY_ENVELOPE
    this.#treeOctets += descriptionOctets(part) + (part.envelope?.length ?? 0)
    if (this.#treeOctets > TREE_OCTETS_MAX) showBare(part)
    if (part.type === 'multipart') this.#openMultipart(frame, boundary)
    else if (part.type === 'message' && part.subtype === 'rfc822') this.#openMessage(part)
  }

  #openMultipart(frame: Frame, boundary: ByteString): void {
    const part = frame.part
    if (!part.headerClosed || boundary === '' || boundary.length > BOUNDARY_OCTETS_MAX) return showAsText(part)
    if (this.#frames.length > this.#limits.mime_depth_max) return showAsOctets(part)
    part.kind = 'multipart'
    frame.isDigest = part.subtype === 'digest'
    frame.boundary = boundary
    this.#boundaries.set(boundary, this.#frames.length - 1)
    if (boundary.length > this.#longestBoundary) this.#longestBoundary = boundary.length
  }

  #openMessage(part: Part): void {
    if (!part.headerClosed) return showAsText(part)
    const isEncoded = part.encoding === 'base64' || part.encoding === 'quoted-printable' || part.encoding.includes('uue')
    if (isEncoded || this.#frames.length > this.#limits.mime_depth_max || this.#parts >= this.#limits.mime_parts_max) return showAsOctets(part)
    part.kind = 'message'
    this.#beginPart(part.bodyStart, KEEP.nested)
  }

  /** Ends all parts inside frame `index` at `cut`, before which there are `lines` line ends. */
  #closeFramesAbove(index: number, cut: number, lines: number): void {
    while (this.#frames.length > index + 1) {
      const frame = this.#frames.pop()!
      const part = frame.part
      const lastChild = part.children[part.children.length - 1]
      const end = Math.max(cut, part.bodyStart, lastChild ? lastChild.bodyEnd : 0)
      part.bodyEnd = end
      part.lines = Math.max(0, (end > cut ? this.#lines : lines) - frame.linesBefore)
      this.#dropBoundary(frame)
      if (part.kind === 'multipart' ? !lastChild : part.kind === 'message' && !lastChild!.headerClosed) showAsText(part)
    }
  }

  #dropBoundary(frame: Frame): void {
    const boundary = frame.boundary
    if (boundary === undefined) return
    frame.boundary = undefined
    if (this.#boundaries.size === 0) return // all given up
    // A boundary used again further in hides the outer one until it ends.
    const outer = this.#frames.findLastIndex((other) => other.boundary === boundary)
    if (outer >= 0) this.#boundaries.set(boundary, outer)
    else this.#boundaries.delete(boundary)
    if (this.#boundaries.size === 0) this.#longestBoundary = 0
  }
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF
}
