// The MIME trees of messages that clients look into part by part, kept a little while. A client that fetches
// ten attachments of one message has it scanned once. Bounded by the number of parts it holds.
import type { Part } from '../message/part.ts'
import type { Sequence } from '../store/store.ts'

const PARTS_MAX = 20_000

export class PartTrees {
  readonly #trees = new Map<Sequence, { tree: Part; parts: number }>()
  #parts = 0

  get(message: Sequence): Part | undefined {
    const known = this.#trees.get(message)
    if (!known) return undefined
    this.#trees.delete(message)
    this.#trees.set(message, known)
    return known.tree
  }

  set(message: Sequence, tree: Part): void {
    if (this.#trees.has(message)) return
    const parts = countParts(tree)
    if (parts > PARTS_MAX) return
    this.#trees.set(message, { tree, parts })
    this.#parts += parts
    for (const [oldest, entry] of this.#trees) {
      if (this.#parts <= PARTS_MAX) break
      this.#trees.delete(oldest)
      this.#parts -= entry.parts
    }
  }
}

function countParts(root: Part): number {
  let count = 0
  const waiting = [root]
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    count += 1
    waiting.push(...part.children)
  }
  return count
}
