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

  /** One that waits among the others moves to the front when somebody begins to wait for it: a start may have a thousand to open. */
  push(base: AppliedDatabase): void {
    if (base.queued === 'urgent' || (base.queued === 'other' && !base.urgent)) return
    base.queued = base.urgent ? 'urgent' : 'other'
    if (base.urgent) this.#urgent.push(base)
    else this.#others.push(base)
  }

  next(): AppliedDatabase | undefined {
    for (let base = this.#shift(); base; base = this.#shift()) {
      if (base.queued === 'no') continue // it had its turn when it was moved to the front
      base.queued = 'no'
      return base
    }
    return undefined
  }

  #shift(): AppliedDatabase | undefined {
    if (this.#urgent.length > 0 && (this.#inARow < URGENT_IN_A_ROW || this.#others.length === 0)) {
      this.#inARow += 1
      return this.#urgent.shift()
    }
    this.#inARow = 0
    return this.#others.shift()
  }
}
