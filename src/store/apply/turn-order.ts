// Whose turn is next: databases for which somebody waits before the others, but every fourth turn goes to the
// others, so that busy clients never keep arrivals from being filed.
import type { AppliedDatabase } from './applied-database.ts'

const URGENT_IN_A_ROW = 3

/** First in, first out, without moving what is behind. */
class Line {
  #items: (AppliedDatabase | undefined)[] = []
  #head = 0
  get length(): number {
    return this.#items.length - this.#head
  }
  push(base: AppliedDatabase): void {
    this.#items.push(base)
  }
  shift(): AppliedDatabase | undefined {
    const base = this.#items[this.#head]
    if (base === undefined) return undefined
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return base
  }
}

export class TurnOrder {
  readonly #urgent = new Line()
  readonly #others = new Line()
  #inARow = 0

  get length(): number {
    return this.#urgent.length + this.#others.length
  }

  push(base: AppliedDatabase): void {
    if (base.urgent) this.#urgent.push(base)
    else this.#others.push(base)
  }

  next(): AppliedDatabase | undefined {
    if (this.#urgent.length > 0 && (this.#inARow < URGENT_IN_A_ROW || this.#others.length === 0)) {
      this.#inARow += 1
      return this.#urgent.shift()
    }
    this.#inARow = 0
    return this.#others.shift()
  }
}
