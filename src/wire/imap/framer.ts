// Bytes from the client → complete commands. The session pushes what arrives and pulls events, one at a
// time; any way of cutting the same bytes gives the same events (chunks of an APPEND aside, which join up
// to the same message). It promises bounded memory: a command and its literals together never hold more
// than the limits say; an APPEND's message is handed on in chunks and never kept; what is too large is
// refused before "+", or, when the client does not wait (RFC 7888), read past without being kept.
//
// The session must answer an 'append' event with `acceptLiteral` or `refuseLiteral` before the next pull.
// It never writes, and understands of a command only its tag and whether it is APPEND.
import { CR, LF, SPACE, latin1Of } from '../../base/bytes.ts'
import { Bug } from '../../base/errors.ts'
import { announcementAt } from './literal.ts'
import type { Announcement } from './literal.ts'
import { appendLiteralIsMessage } from './parse-append.ts'

export interface FramerLimits {
  /** One command without its literals. */
  commandOctetsMax: number
  /** Literals of one command that are not an APPEND's message, together. */
  literalOctetsMax: number
}

export type FrameTrouble = 'command-too-long' | 'literal-too-long'

export type FrameEvent =
  /** A whole command without its last CRLF, literals included as they came. */
  | { readonly event: 'command'; readonly bytes: Uint8Array }
  /** A literal was announced that is within limits: the client waits for "+". */
  | { readonly event: 'continue' }
  /** This command is over and was not kept. */
  | { readonly event: 'refused'; readonly tag: string | undefined; readonly why: FrameTrouble }
  /** APPEND and everything up to the announcement of a message. `first` is false for MULTIAPPEND's later ones. */
  | { readonly event: 'append'; readonly head: Uint8Array; readonly first: boolean; readonly sizeOctets: number; readonly waits: boolean; readonly binary: boolean }
  /** Bytes of the message. They belong to the receiver. */
  | { readonly event: 'chunk'; readonly bytes: Uint8Array }
  /** The message is complete; another 'append' or 'append-end' follows. */
  | { readonly event: 'message-end' }
  /** The APPEND command's line is over; `rest` is what stood after the last message. `refused`: the session refused a message on the way. */
  | { readonly event: 'append-end'; readonly rest: Uint8Array; readonly refused: boolean }

type Mode =
  | { at: 'command' }
  /** The session has been asked about a message and has not answered. */
  | { at: 'asked'; announcement: Announcement; tag: string | undefined }
  | { at: 'message'; left: number }
  /** Between messages of an APPEND, or after the last one. */
  | { at: 'append-rest' }
  /** Reading past a literal that nobody wants, then past the rest of that command. */
  | { at: 'skip-literal'; left: number; over: SkipEnd }
  | { at: 'skip-line'; over: SkipEnd }

/** What to say when everything unwanted has gone past. */
type SkipEnd = { end: 'refused'; tag: string | undefined; why: FrameTrouble } | { end: 'append-refused' }

const EMPTY = new Uint8Array(0)
/** Room for the longest announcement: a skipped line keeps so much of its end. */
const ANNOUNCEMENT_OCTETS_MAX = 32

export class Framer {
  readonly #limits: FramerLimits
  #mode: Mode = { at: 'command' }
  #buffer: Uint8Array = EMPTY
  /** Where the command begins that is being read. */
  #start = 0
  /** Up to here the buffer has been searched for LF. */
  #seen = 0
  #end = 0
  /** Octets of literals inside the command so far. */
  #literalOctets = 0
  /** Set while a literal inside a command is awaited: it ends at this index. */
  #literalEnd = 0
  /** Where the line that is being read begins, after the last literal. */
  #lineStart = 0

  constructor(limits: FramerLimits) {
    this.#limits = limits
  }

  /** Octets held and not yet handed on. */
  get heldOctets(): number {
    return this.#end - this.#start
  }

  /** Takes over `chunk`, which the caller must not change afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    const held = this.#end - this.#start
    if (held === 0) {
      this.#buffer = chunk
      this.#rebase(this.#start)
      this.#end = chunk.length
      return
    }
    const needed = held + chunk.length
    if (this.#start === 0 && this.#buffer.length >= this.#end + chunk.length && this.#own) {
      this.#buffer.set(chunk, this.#end)
    } else {
      const roomy = new Uint8Array(Math.max(1024, needed * 2))
      roomy.set(this.#buffer.subarray(this.#start, this.#end))
      roomy.set(chunk, held)
      this.#buffer = roomy
      this.#rebase(this.#start)
      this.#own = true
    }
    this.#end = needed
  }
  /** The buffer was made here and may be written to behind `#end`. */
  #own = false

  #rebase(by: number): void {
    this.#start -= by
    this.#seen = Math.max(0, this.#seen - by)
    this.#literalEnd = Math.max(0, this.#literalEnd - by)
    this.#lineStart = Math.max(0, this.#lineStart - by)
    this.#own = false
  }

  /** Forgets what has been pushed: what a client pipelined behind STARTTLS must not count (RFC 9051 §6.2.1). */
  discard(): number {
    const held = this.heldOctets
    this.#buffer = EMPTY
    this.#end = 0
    this.#start = 0
    this.#begin(0)
    this.#mode = { at: 'command' }
    return held
  }

  #begin(at: number): void {
    this.#start = at
    this.#seen = at
    this.#lineStart = at
    this.#literalEnd = at
    this.#literalOctets = 0
  }

  /**
   * One line as it is, without its end, no literals looked for: what AUTHENTICATE and IDLE wait for.
   * 'too-long' once for a line over the limit, which is then read past.
   */
  nextLine(): Uint8Array | 'too-long' | undefined {
    const at = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#seen)
    if (at < 0) {
      this.#seen = this.#end
      if (this.#start === this.#end) this.#letGo()
      if (this.heldOctets <= this.#limits.commandOctetsMax) return undefined
      this.#begin(this.#end)
      this.#mode = { at: 'skip-line', over: { end: 'refused', tag: undefined, why: 'command-too-long' } }
      return 'too-long'
    }
    const line = this.#buffer.subarray(this.#start, at > this.#start && this.#buffer[at - 1] === CR ? at - 1 : at)
    this.#begin(at + 1)
    return line.length > this.#limits.commandOctetsMax ? 'too-long' : line
  }

  /** The next event, or undefined until more bytes are pushed. */
  next(): FrameEvent | undefined {
    const event = this.#next()
    if (event === undefined && this.#start === this.#end) this.#letGo()
    return event
  }

  /** Nothing is held: an idle session owns no buffer. */
  #letGo(): void {
    this.#buffer = EMPTY
    this.#end = 0
    this.#own = false
    const literalLeft = this.#literalEnd > this.#start ? this.#literalEnd - this.#start : 0
    this.#start = this.#seen = this.#lineStart = 0
    this.#literalEnd = literalLeft
  }

  #next(): FrameEvent | undefined {
    for (;;) {
      const mode = this.#mode
      switch (mode.at) {
        case 'asked':
          throw new Bug('the session has not said what becomes of the message')
        case 'message': {
          if (mode.left === 0) {
            this.#begin(this.#start)
            this.#mode = { at: 'append-rest' }
            return { event: 'message-end' }
          }
          const count = Math.min(mode.left, this.heldOctets)
          if (count === 0) return undefined
          const bytes = this.#buffer.subarray(this.#start, this.#start + count)
          mode.left -= count
          this.#begin(this.#start + count)
          this.#own = false
          return { event: 'chunk', bytes }
        }
        case 'skip-literal': {
          const count = Math.min(mode.left, this.heldOctets)
          mode.left -= count
          this.#begin(this.#start + count)
          if (mode.left > 0) return undefined
          this.#mode = { at: 'skip-line', over: mode.over }
          continue
        }
        case 'skip-line': {
          const event = this.#skipLine(mode.over)
          if (event === 'more') continue
          return event
        }
        case 'command':
        case 'append-rest': {
          const event = this.#readLine(mode.at === 'append-rest')
          if (event === 'more') continue
          return event
        }
      }
    }
  }

  /** After 'append': the message may come; the session sends "+" itself if the client waits. */
  acceptLiteral(): void {
    const mode = this.#mode
    if (mode.at !== 'asked') throw new Bug('no message was announced')
    this.#mode = { at: 'message', left: mode.announcement.sizeOctets }
  }

  /**
   * After 'append': the message is not wanted. If the client waits, its command is over with the tagged
   * answer; otherwise it is read past and 'append-end' follows.
   * @returns whether the command is over already.
   */
  refuseLiteral(): boolean {
    const mode = this.#mode
    if (mode.at !== 'asked') throw new Bug('no message was announced')
    if (mode.announcement.waits) {
      this.#mode = { at: 'command' }
      return true
    }
    this.#mode = { at: 'skip-literal', left: mode.announcement.sizeOctets, over: { end: 'append-refused' } }
    return false
  }

  #readLine(afterMessage: boolean): FrameEvent | 'more' | undefined {
    // Inside a literal nothing is searched.
    if (this.#literalEnd > this.#end) return undefined
    if (this.#seen < this.#literalEnd) this.#seen = this.#literalEnd
    const at = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#seen)
    if (at < 0) {
      this.#seen = this.#end
      if (this.heldOctets - this.#literalOctets <= this.#limits.commandOctetsMax) return undefined
      return this.#giveUp('command-too-long', this.#end)
    }
    this.#seen = at + 1
    const announcement = announcementAt(this.#buffer, this.#lineStart, at)
    if (at - this.#start - this.#literalOctets > this.#limits.commandOctetsMax) {
      return this.#giveUp('command-too-long', at + 1, announcement ?? 'line-over')
    }
    if (!announcement) {
      const bytes = this.#buffer.subarray(this.#start, at > this.#start && this.#buffer[at - 1] === CR ? at - 1 : at)
      this.#begin(at + 1)
      this.#mode = { at: 'command' }
      return afterMessage ? { event: 'append-end', rest: bytes, refused: false } : { event: 'command', bytes }
    }
    const head = this.#buffer.subarray(this.#start, announcement.from)
    if (afterMessage ? head.length > 0 : appendLiteralIsMessage(head)) {
      const tag = tagOf(this.#buffer.subarray(this.#start, at))
      this.#begin(at + 1)
      this.#mode = { at: 'asked', announcement, tag }
      return {
        event: 'append', head, first: !afterMessage,
        sizeOctets: announcement.sizeOctets, waits: announcement.waits, binary: announcement.binary,
      }
    }
    if (this.#literalOctets + announcement.sizeOctets > this.#limits.literalOctetsMax) {
      return this.#giveUp('literal-too-long', at + 1, announcement)
    }
    this.#literalOctets += announcement.sizeOctets
    this.#literalEnd = at + 1 + announcement.sizeOctets
    this.#lineStart = this.#literalEnd
    return announcement.waits ? { event: 'continue' } : 'more'
  }

  /** This command is not wanted: go past what is left of it, or end it here if the client waits for us. */
  #giveUp(why: FrameTrouble, at: number, then: Announcement | 'line-over' | 'in-line' = 'in-line'): FrameEvent | 'more' {
    const tag = tagOf(this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + 256)))
    const over: SkipEnd = { end: 'refused', tag, why }
    if (then === 'in-line') {
      this.#begin(Math.max(this.#start, at - ANNOUNCEMENT_OCTETS_MAX))
      this.#seen = at
      this.#mode = { at: 'skip-line', over }
      return 'more'
    }
    this.#begin(at)
    if (then === 'line-over' || then.waits) return this.#over(over)
    this.#mode = { at: 'skip-literal', left: then.sizeOctets, over }
    return 'more'
  }

  #over(over: SkipEnd): FrameEvent {
    this.#mode = { at: 'command' }
    if (over.end === 'append-refused') return { event: 'append-end', rest: EMPTY, refused: true }
    return { event: 'refused', tag: over.tag, why: over.why }
  }

  #skipLine(over: SkipEnd): FrameEvent | 'more' | undefined {
    const at = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#seen)
    if (at < 0) {
      // Only an announcement at the very end matters.
      const from = Math.max(this.#start, this.#end - ANNOUNCEMENT_OCTETS_MAX)
      this.#begin(from)
      this.#seen = this.#end
      return undefined
    }
    const announcement = announcementAt(this.#buffer, this.#start, at)
    this.#begin(at + 1)
    if (!announcement || announcement.waits) return this.#over(over)
    this.#mode = { at: 'skip-literal', left: announcement.sizeOctets, over }
    return 'more'
  }
}

/** The tag at the beginning of a command that will not be parsed; undefined if there is none to be seen. */
export function tagOf(bytes: Uint8Array): string | undefined {
  const space = bytes.indexOf(SPACE)
  const text = latin1Of(space < 0 ? bytes : bytes.subarray(0, space)).trim()
  return /^[!#$&',\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]{1,200}$/.test(text) ? text : undefined
}
