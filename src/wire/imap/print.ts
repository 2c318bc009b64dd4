// Responses as bytes. `ResponseBuffer` gathers many small pieces into few chunks and passes large ones
// (bodies) on without copying; a piece of it is what one write to the peer takes. Which form a string
// takes (atom, quoted, literal) is decided here and nowhere else.
import { bytesOf } from '../../base/bytes.ts'
import { printMailboxName } from './mailbox-name.ts'

const CHUNK_OCTETS = 16 * 1024
/** Most answers are short. */
const FIRST_CHUNK_OCTETS = 512
/** From here on a piece is handed on as it is; below, copying is cheaper. */
const PASS_ON_OCTETS = 4 * 1024

const NO_CHUNK = Buffer.alloc(0)

export class ResponseBuffer {
  #parts: Uint8Array[] = []
  #chunk: Buffer = NO_CHUNK
  #at = 0
  #octets = 0

  /** Octets gathered and not yet taken. */
  get octets(): number {
    return this.#octets + this.#at
  }

  /** Everything gathered so far; the buffer is empty afterwards. */
  takeParts(): Uint8Array[] {
    this.#seal()
    const parts = this.#parts
    this.#parts = []
    this.#octets = 0
    return parts
  }

  /** Lets go of the memory until the next piece. Everything must have been taken. */
  rest(): void {
    this.#seal()
    this.#chunk = NO_CHUNK
  }

  #seal(): void {
    if (this.#at === 0) return
    this.#parts.push(new Uint8Array(this.#chunk.buffer, this.#chunk.byteOffset, this.#at))
    this.#octets += this.#at
    // What is left of the chunk serves the next pieces; nobody writes behind what was handed out.
    this.#chunk = this.#chunk.subarray(this.#at)
    this.#at = 0
  }

  #room(octets: number): void {
    if (this.#at + octets <= this.#chunk.length) return
    this.#seal()
    if (octets > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(Math.max(this.#octets > 0 ? CHUNK_OCTETS : FIRST_CHUNK_OCTETS, octets))
  }

  /** Text of the protocol: ASCII (or ISO 8859-1), taken as it is. */
  text(ascii: string): this {
    const { length } = ascii
    this.#room(length)
    if (length < 24) {
      const chunk = this.#chunk
      let at = this.#at
      for (let i = 0; i < length; i += 1) chunk[at++] = ascii.charCodeAt(i)
    } else this.#chunk.write(ascii, this.#at, length, 'latin1')
    this.#at += length
    return this
  }

  /** Text that may hold anything: written as UTF-8. */
  utf8(text: string): this {
    return this.bytes(bytesOf(text))
  }

  number(value: number): this {
    if (value > 0x7fffffff) return this.text(String(value))
    this.#room(10)
    let digits = 1
    for (let bound = 10; value >= bound && digits < 10; bound *= 10) digits += 1
    const chunk = this.#chunk
    let rest = value
    for (let at = this.#at + digits - 1; at >= this.#at; at -= 1) {
      const tenth = (rest / 10) | 0
      chunk[at] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.#at += digits
    return this
  }

  /** Bytes as they are. Large ones are not copied and must not change afterwards. */
  bytes(bytes: Uint8Array): this {
    if (bytes.length >= PASS_ON_OCTETS) {
      this.#seal()
      this.#parts.push(bytes)
      this.#octets += bytes.length
      return this
    }
    this.#room(bytes.length)
    this.#chunk.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  /** `{n}` and the bytes. */
  literal(bytes: Uint8Array): this {
    return this.literalHead(bytes.length).bytes(bytes)
  }

  /** `{n}` alone, when the bytes follow in pieces. */
  literalHead(octets: number): this {
    return this.text('{').number(octets).text('}\r\n')
  }

  /** `string`: quoted if it can be, a literal otherwise. With `utf8`, quoted may hold UTF-8 (RFC 6855 §3). */
  string(text: string, utf8 = false): this {
    if (!quotable(text, utf8)) return this.literal(bytesOf(text))
    return this.utf8(`"${text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text}"`)
  }

  nstring(text: string | undefined, utf8 = false): this {
    return text === undefined ? this.text('NIL') : this.string(text, utf8)
  }

  /** `astring`: an atom if it can be. */
  astring(text: string, utf8 = false): this {
    return isAtom(text) ? this.text(text) : this.string(text, utf8)
  }

  /** A mailbox name: modified UTF-7, or UTF-8 if the client has enabled it. */
  mailbox(name: string, utf8: boolean): this {
    const wire = printMailboxName(name, utf8)
    return isAtom(wire) ? this.text(wire) : this.string(wire, utf8)
  }

  /** `(a b c)` of protocol words. */
  words(words: readonly string[]): this {
    return this.text(`(${words.join(' ')})`)
  }

  end(): this {
    return this.text('\r\n')
  }
}

const QUOTED_OCTETS_MAX = 1000

function quotable(text: string, utf8: boolean): boolean {
  if (text.length > QUOTED_OCTETS_MAX) return false
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code === 0 || code === 13 || code === 10 || (code > 126 && !utf8)) return false
  }
  return true
}

function isAtom(text: string): boolean {
  if (text.length === 0 || text.length > 200 || text.toUpperCase() === 'NIL') return false
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    // atom-specials of RFC 3501 §9, and "]" since some clients do not expect it in an atom
    if (code < 0x21 || code > 0x7e || code === 0x28 || code === 0x29 || code === 0x7b || code === 0x25 || code === 0x2a || code === 0x22 || code === 0x5c || code === 0x5d) return false
  }
  return true
}

/** A human sentence on a status line: ASCII, one line, never empty. */
export function sentence(text: string): string {
  const clean = text.replaceAll('§', 'section ').replace(/[^\x20-\x7e]+/g, '?').trim()
  return clean === '' ? '-' : clean.slice(0, 400)
}
