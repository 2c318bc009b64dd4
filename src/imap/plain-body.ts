// BODY from BODYSTRUCTURE: the same text without extension data (RFC 3501 §7.4.2), so that only one of the
// two is stored. Pure; undefined when the text is not what we ourselves write.
import { latin1Of, bytesOfLatin1 } from '../base/bytes.ts'

export function plainBodyOf(structure: Uint8Array): Uint8Array | undefined {
  const text = latin1Of(structure)
  try {
    const reader = new Reader(text)
    const body = reader.body(0)
    return reader.at === text.length ? bytesOfLatin1(body) : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const DEPTH_MAX = 500

class Reader {
  readonly #text: string
  at = 0
  constructor(text: string) {
    this.#text = text
  }

  #fail(): never {
    throw new RangeError('not a body structure')
  }

  #take(letter: string): void {
    if (this.#text[this.at] !== letter) this.#fail()
    this.at += 1
  }

  /** One value of any kind, as text. */
  #value(): string {
    const from = this.at
    const text = this.#text
    let depth = 0
    do {
      const letter = text[this.at]
      if (letter === undefined) this.#fail()
      if (letter === '(') depth += 1
      else if (letter === ')') depth -= 1
      else if (letter === '"') {
        for (this.at += 1; text[this.at] !== '"'; this.at += 1) {
          if (this.at >= text.length) this.#fail()
          if (text[this.at] === '\\') this.at += 1
        }
      } else if (letter === '{') {
        const close = text.indexOf('}\r\n', this.at)
        if (close < 0) this.#fail()
        this.at = close + 2 + Number(text.slice(this.at + 1, close))
      } else if (letter !== ' ') {
        while (this.at + 1 < text.length && !' ()'.includes(text[this.at + 1]!)) this.at += 1
      }
      this.at += 1
    } while (depth > 0)
    return text.slice(from, this.at)
  }

  #next(): string {
    this.#take(' ')
    return this.#value()
  }

  /** Skips extension data up to the end of this body. */
  #end(): string {
    while (this.#text[this.at] === ' ') this.#next()
    this.#take(')')
    return ')'
  }

  body(depth: number): string {
    if (depth > DEPTH_MAX) this.#fail()
    this.#take('(')
    if (this.#text[this.at] === '(') {
      let parts = '('
      while (this.#text[this.at] === '(') parts += this.body(depth + 1)
      return `${parts} ${this.#next()}${this.#end()}`
    }
    const type = this.#value()
    const subtype = this.#next()
    let out = `(${type} ${subtype}`
    for (let field = 0; field < 5; field += 1) out += ` ${this.#next()}` // parameters, id, description, encoding, size
    const kind = type.toUpperCase()
    if (kind === '"TEXT"') out += ` ${this.#next()}`
    else if (kind === '"MESSAGE"' && subtype.toUpperCase() === '"RFC822"' && this.#text[this.at + 1] === '(') {
      out += ` ${this.#next()}` // envelope
      this.#take(' ')
      out += ` ${this.body(depth + 1)}`
      out += ` ${this.#next()}`
    }
    return out + this.#end()
  }
}
