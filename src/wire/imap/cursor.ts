// A place in one complete command and the small things that can be taken from it: atoms, strings,
// numbers, lists. Every `take…` either consumes what it names or throws a `GrammarError`, which never
// leaves this room: `parseCommand` and its relatives catch it and give a refusal.
//
// The command is contiguous: literals stand in it as they came, header and all (`{5}\r\nhello`).
// Nothing here decides what bytes mean; that is for the file that knows the command.
import { CR, LF, SPACE, latin1Of } from '../../base/bytes.ts'

/** Thrown inside the grammar only. */
export class GrammarError extends Error {
  override name = 'GrammarError'
  readonly code: string
  constructor(code: string, reason: string) {
    super(reason)
    this.code = code
  }
}

const ATOM = 1
const ASTRING = 2
const TAG = 4
const LIST = 8
const DIGIT = 16
/** Which classes of RFC 3501 §9 each byte belongs to. */
const classes = new Uint8Array(256)
for (let byte = 0x21; byte < 0x7f; byte += 1) {
  const letter = String.fromCharCode(byte)
  const atom = !'(){%*"\\]'.includes(letter)
  if (atom) classes[byte] = ATOM | ASTRING | LIST | (letter === '+' ? 0 : TAG)
  else if (letter === ']') classes[byte] = ASTRING | LIST | TAG
  else if (letter === '%' || letter === '*') classes[byte] = LIST
  if (letter >= '0' && letter <= '9') classes[byte]! |= DIGIT
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x28
const CLOSE = 0x29
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const TILDE = 0x7e
const PLUS = 0x2b
const MINUS = 0x2d

/** mod-sequence-valzer goes to 2^63−1; ours stay within what a double holds exactly, and larger ones count as this. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER

export class Cursor {
  readonly bytes: Uint8Array
  at = 0
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  fail(reason: string, code = 'syntax'): never {
    throw new GrammarError(code, reason)
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }

  takeEnd(): void {
    // Some old clients leave a space at the end of the line; it can mean nothing else.
    while (this.bytes[this.at] === SPACE) this.at += 1
    if (!this.atEnd) this.fail('more than the command takes')
  }

  /** The byte here, as a number; −1 at the end. */
  peek(ahead = 0): number {
    return this.bytes[this.at + ahead] ?? -1
  }

  peekIs(letter: string): boolean {
    return this.bytes[this.at] === letter.charCodeAt(0)
  }

  takeSpace(): void {
    if (this.bytes[this.at] !== SPACE) this.fail('expected a space')
    this.at += 1
    // RFC 3501 has one space; more than one is common in hand-made clients and harmless.
    while (this.bytes[this.at] === SPACE) this.at += 1
  }

  /** A space that may be missing: true if there was one and something follows it. */
  maybeSpace(): boolean {
    if (this.bytes[this.at] !== SPACE) return false
    while (this.bytes[this.at] === SPACE) this.at += 1
    return !this.atEnd
  }

  /** Takes this one character if it is here. */
  maybe(letter: string): boolean {
    if (this.bytes[this.at] !== letter.charCodeAt(0)) return false
    this.at += 1
    return true
  }

  take(letter: string): void {
    if (!this.maybe(letter)) this.fail(`expected "${letter}"`)
  }

  /** Takes this word, in any case, if it is here and no atom character follows it. */
  maybeWord(upper: string): boolean {
    const end = this.at + upper.length
    if (end > this.bytes.length) return false
    for (let i = 0; i < upper.length; i += 1) {
      let byte = this.bytes[this.at + i]!
      if (byte >= 0x61 && byte <= 0x7a) byte -= 0x20
      if (byte !== upper.charCodeAt(i)) return false
    }
    if (classes[this.bytes[end] ?? 0]! & ATOM) return false
    this.at = end
    return true
  }

  #run(mask: number, what: string): string {
    const from = this.at
    const { bytes } = this
    let at = from
    while (at < bytes.length && classes[bytes[at]!]! & mask) at += 1
    if (at === from) this.fail(`expected ${what}`)
    this.at = at
    return latin1Of(bytes.subarray(from, at))
  }

  takeTag(): string {
    return this.#run(TAG, 'a tag')
  }

  takeAtom(): string {
    return this.#run(ATOM, 'an atom')
  }

  /** An atom in capitals: command names, item names, keywords of the protocol. */
  takeWord(): string {
    return this.#run(ATOM, 'a word').toUpperCase()
  }

  /** Letters only: `BODY` of `BODY[…]`, where "[" would be an atom character. */
  takeLetters(): string {
    const from = this.at
    for (;;) {
      const byte = this.bytes[this.at] ?? 0
      const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
      if (!letter && !(classes[byte]! & DIGIT) && byte !== 0x2e && byte !== MINUS) break // "." and "-" stand in item names
      this.at += 1
    }
    if (this.at === from) this.fail('expected a name')
    return latin1Of(this.bytes.subarray(from, this.at)).toUpperCase()
  }

  takeNumber(max = 0xffffffff): number {
    const from = this.at
    let value = 0
    for (;;) {
      const byte = this.bytes[this.at]
      if (byte === undefined || byte < 0x30 || byte > 0x39) break
      value = value * 10 + (byte - 0x30)
      if (value > max) this.fail('number too large')
      this.at += 1
    }
    if (this.at === from) this.fail('expected a number')
    return value
  }

  takeNonZero(): number {
    const value = this.takeNumber()
    if (value === 0) this.fail('expected a number above zero')
    return value
  }

  /** 63-bit numbers: mod-sequences, sizes. */
  takeNumber64(): number {
    return Math.min(this.takeNumber(2 ** 63), NUMBER_MAX)
  }

  /** quoted or literal. The bytes are a view of the command, or a copy if a quote had escapes. */
  takeString(): Uint8Array {
    const byte = this.bytes[this.at]
    if (byte === QUOTE) return this.#takeQuoted()
    if (byte === BRACE_OPEN || byte === TILDE) return this.#takeLiteral()
    return this.fail('expected a string')
  }

  takeAstring(): Uint8Array {
    if (classes[this.bytes[this.at] ?? 0]! & ASTRING && this.peek() !== TILDE) return this.#runBytes(ASTRING)
    if (this.peek() === TILDE && this.peek(1) !== BRACE_OPEN) return this.#runBytes(ASTRING)
    return this.takeString()
  }

  /** list-mailbox: an astring in which % and * are wildcards. */
  takeListMailbox(): Uint8Array {
    if (classes[this.bytes[this.at] ?? 0]! & LIST && !(this.peek() === TILDE && this.peek(1) === BRACE_OPEN)) return this.#runBytes(LIST)
    return this.takeString()
  }

  /** NIL is undefined. */
  takeNstring(): Uint8Array | undefined {
    return this.maybeWord('NIL') ? undefined : this.takeString()
  }

  #runBytes(mask: number): Uint8Array {
    const from = this.at
    let at = from
    while (at < this.bytes.length && classes[this.bytes[at]!]! & mask) at += 1
    this.at = at
    return this.bytes.subarray(from, at)
  }

  #takeQuoted(): Uint8Array {
    const { bytes } = this
    const from = this.at + 1
    let at = from
    let escapes = 0
    for (;;) {
      const byte = bytes[at]
      if (byte === undefined || byte === CR || byte === LF || byte === 0) this.fail('a quoted string does not end')
      if (byte === QUOTE) break
      if (byte === BACKSLASH) {
        const next = bytes[at + 1]
        if (next !== QUOTE && next !== BACKSLASH) this.fail('only " and \\ are escaped in a quoted string')
        escapes += 1
        at += 1
      }
      at += 1
    }
    this.at = at + 1
    if (escapes === 0) return bytes.subarray(from, at)
    const plain = new Uint8Array(at - from - escapes)
    for (let i = from, to = 0; i < at; i += 1, to += 1) {
      if (bytes[i] === BACKSLASH) i += 1
      plain[to] = bytes[i]!
    }
    return plain
  }

  #takeLiteral(): Uint8Array {
    if (this.peek() === TILDE) this.at += 1 // literal8, RFC 3516 §4.2
    this.take('{')
    const length = this.takeNumber64()
    if (this.peek() === PLUS || this.peek() === MINUS) this.at += 1
    if (this.peek() !== BRACE_CLOSE) this.fail('a literal is announced as {n}')
    this.at += 1
    if (this.peek() === CR) this.at += 1
    if (this.peek() !== LF) this.fail('a literal begins on the next line')
    const from = this.at + 1
    if (from + length > this.bytes.length) this.fail('a literal is shorter than announced')
    this.at = from + length
    return this.bytes.subarray(from, this.at)
  }

  /** "(" item *(SP item) ")"; may be empty. */
  takeList<T>(takeItem: () => T): T[] {
    const items: T[] = []
    this.take('(')
    while (this.peek() === SPACE) this.at += 1
    if (this.maybe(')')) return items
    for (;;) {
      items.push(takeItem())
      const space = this.maybeSpace()
      if (this.maybe(')')) return items
      if (!space) this.fail('expected a space or ")"')
    }
  }

  get atList(): boolean {
    return this.peek() === OPEN
  }

  get atClose(): boolean {
    return this.peek() === CLOSE
  }
}
