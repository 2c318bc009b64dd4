// One message as clients see it: the delivery prefix, then the bytes as they were received. Small bodies are in
// memory as a whole; of large ones only the range that is asked for is ever read. MIME trees are scanned in
// slices, with a turn of the loop between, so that one huge message holds up nobody.
//
// Offsets in a part tree count from the body, without the prefix: parts never lie in the prefix.
import { concatBytes } from '../base/bytes.ts'
import { Outage } from '../base/errors.ts'
import type { Limits } from '../base/limits.ts'
import { headerEndOf } from '../message/headers.ts'
import type { Part } from '../message/part.ts'
import { StructureScanner, scanStructure } from '../message/structure.ts'
import type { BodySource, Sequence, Store } from '../store/store.ts'
import type { PartTrees } from './part-trees.ts'
import { turnOfTheLoop } from './turn.ts'

const SLICE_OCTETS = 256 * 1024

/** A piece of what is sent: bytes at hand, or a range of the body. */
export type Piece =
  | { readonly from: 'memory'; readonly bytes: Uint8Array }
  | { readonly from: 'body'; readonly start: number; readonly end: number }

export function pieceOctets(piece: Piece): number {
  return piece.from === 'memory' ? piece.bytes.length : piece.end - piece.start
}

/** A window of `count` octets from `offset` on over pieces in a row. */
export function windowOf(pieces: readonly Piece[], offset: number, count: number): Piece[] {
  const window: Piece[] = []
  let skip = offset
  let left = count
  for (const piece of pieces) {
    const octets = pieceOctets(piece)
    if (skip >= octets) {
      skip -= octets
      continue
    }
    const take = Math.min(left, octets - skip)
    if (take <= 0) break
    window.push(piece.from === 'memory' ? { from: 'memory', bytes: piece.bytes.subarray(skip, skip + take) } : { from: 'body', start: piece.start + skip, end: piece.start + skip + take })
    skip = 0
    left -= take
  }
  return window
}

export class MessageBytes {
  readonly prefix: Uint8Array
  readonly #message: Sequence
  readonly #source: BodySource
  readonly #whole: Uint8Array | undefined
  #header: Uint8Array | undefined
  readonly #headerMax: number
  readonly #limits: Limits
  readonly #trees: PartTrees

  private constructor(options: { message: Sequence; prefix: Uint8Array; source: BodySource; limits: Limits; trees: PartTrees }) {
    this.prefix = options.prefix
    this.#message = options.message
    this.#source = options.source
    this.#whole = options.source.whole()
    this.#headerMax = options.limits.header_octets_max
    this.#limits = options.limits
    this.#trees = options.trees
  }

  static async open(services: { store: Pick<Store, 'openBody'>; limits: Limits; trees: PartTrees }, message: Sequence, prefix: Uint8Array): Promise<MessageBytes> {
    const source = await services.store.openBody(message)
    return new MessageBytes({ message, prefix, source, limits: services.limits, trees: services.trees })
  }

  get sizeOctets(): number {
    return this.prefix.length + this.#source.sizeOctets
  }
  /** Octets received, without the prefix. */
  get bodyOctets(): number {
    return this.#source.sizeOctets
  }
  /** The bytes received, if they are in memory. */
  get whole(): Uint8Array | undefined {
    return this.#whole
  }

  close(): void {
    this.#source.close()
  }

  /** Everything, prefix first. */
  everything(): Piece[] {
    return [this.#memory(this.prefix), this.#range(0, this.bodyOctets)].filter((piece) => pieceOctets(piece) > 0)
  }

  #memory(bytes: Uint8Array): Piece {
    return { from: 'memory', bytes }
  }
  #range(start: number, end: number): Piece {
    return this.#whole ? this.#memory(this.#whole.subarray(start, end)) : { from: 'body', start, end }
  }
  range(start: number, end: number): Piece {
    return this.#range(start, end)
  }

  /** The message's header as received, empty line included; without the prefix. */
  async header(): Promise<Uint8Array> {
    if (this.#header) return this.#header
    if (this.#whole) return this.#header = this.#whole.subarray(0, headerEndOf(this.#whole))
    // Read on until the empty line is there.
    let head: Uint8Array = new Uint8Array(0)
    for (let want = 16 * 1024; ; want *= 4) {
      const octets = Math.min(want, this.#headerMax, this.bodyOctets)
      if (octets > head.length) head = concatBytes([head, await this.bytes(head.length, octets)])
      const end = headerEndOf(head)
      if (end < head.length || octets === this.bodyOctets || octets === this.#headerMax) return this.#header = head.subarray(0, end)
    }
  }

  /** A range of the body, in memory. For things that are bounded; pieces stream. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    if (this.#whole) return this.#whole.subarray(start, end)
    const parts: Uint8Array[] = []
    for (let at = start; at < end;) {
      const part = await this.#source.read(at, Math.min(SLICE_OCTETS, end - at))
      if (part.length === 0) throw new Outage('the message ends before its size', { operation: 'read' })
      parts.push(part)
      at += part.length
    }
    return parts.length === 1 ? parts[0]! : concatBytes(parts)
  }

  /** The same in slices, as they come. */
  async *slices(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    for (let at = start; at < end;) {
      const part = await this.bytes(at, Math.min(end, at + SLICE_OCTETS))
      yield part
      at += part.length
    }
  }

  async tree(): Promise<Part> {
    const known = this.#trees.get(this.#message)
    if (known) return known
    let tree: Part
    if (this.#whole) tree = scanStructure(this.#whole, { limits: this.#limits })
    else {
      const scanner = new StructureScanner({ limits: this.#limits })
      for await (const slice of this.slices(0, this.bodyOctets)) {
        scanner.push(slice)
        await turnOfTheLoop()
      }
      tree = scanner.end()
    }
    this.#trees.set(this.#message, tree)
    return tree
  }
}
