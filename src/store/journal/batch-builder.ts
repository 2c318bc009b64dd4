// Puts one batch together: header, heads and metas in one arena that is used again and again, bodies as
// the pieces they came in. What comes out goes to the disk as it is, in one positional write.
import { hash } from 'node:crypto'
import { assert } from '../../base/errors.ts'
import { type BatchHeader, batchHeaderOctets, putBatchHeader } from './batch-header.ts'
import { alignedTo8, Arena } from './layout.ts'
import { headOctetsOf, inlineOctetsOf, putRecord, restampHead } from './record-codec.ts'
import type { RecordDraft, Watermark } from './record.ts'

export interface BatchSize {
  /** Octets of header, heads, metas and padding. */
  readonly headOctets: number
  /** Octets of the whole batch. */
  readonly octets: number
}

/** What a batch of these drafts will take. Gives each one's inline length too, so that it is counted once. */
export function measureDrafts(drafts: readonly RecordDraft[], watermark: Watermark, bodyLengths: number[]): BatchSize {
  let octets = batchHeaderOctets(watermark)
  let bodies = 0
  for (let i = 0; i < drafts.length; i++) {
    const draft = drafts[i] as RecordDraft
    const inline = inlineOctetsOf(draft)
    bodyLengths[i] = draft.body?.place === 'large' ? draft.body.length : inline
    bodies += inline
    octets += alignedTo8(headOctetsOf(draft) + draft.meta.length + inline)
  }
  return { headOctets: octets - bodies, octets }
}

export class BatchBuilder {
  readonly #arena = new Arena()
  #parts: Uint8Array[] = []
  #pieceStart = 0
  #offset = 0
  #segmentId: Uint8Array = new Uint8Array(16)
  /** Octets of each record in the batch, padding included. */
  readonly lengths: number[] = []

  /** `headOctets` is everything but the bodies. */
  begin(header: BatchHeader, segmentId: Uint8Array, headOctets: number): void {
    this.#arena.reset()
    this.#arena.reserve(headOctets)
    this.#parts = []
    this.#pieceStart = 0
    this.#offset = header.offset + batchHeaderOctets(header.watermark)
    this.#segmentId = segmentId
    this.lengths.length = 0
    putBatchHeader(this.#arena, header, segmentId)
  }

  addDraft(draft: RecordDraft, stamp: { sequence: number; epoch: number; bodyLength: number }): void {
    const start = this.#arena.length
    putRecord(this.#arena, draft, stamp.bodyLength, { sequence: stamp.sequence, epoch: stamp.epoch, segmentId: this.#segmentId, offset: this.#offset })
    let octets = this.#arena.length - start
    if (draft.body?.place === 'inline') {
      this.#endPiece()
      for (const part of draft.body.parts) {
        if (part.length > 0) this.#parts.push(part)
        octets += part.length
      }
    }
    this.#pad(octets)
  }

  /** A record from another segment: head and meta as they stood there, given this segment's marks. */
  addCopy(raw: Uint8Array, headLength: number, body: Uint8Array | undefined): void {
    const at = this.#arena.take(raw.length)
    this.#arena.bytes.set(raw, at)
    restampHead(this.#arena.bytes, this.#arena.view, at, headLength, { segmentId: this.#segmentId, offset: this.#offset })
    if (body && body.length > 0) {
      this.#endPiece()
      this.#parts.push(body)
    }
    this.#pad(raw.length + (body?.length ?? 0))
  }

  /** Where the next record will begin in the segment. */
  get offset(): number {
    return this.#offset
  }

  /** The pieces to write, and the hash that the next batch header carries. They stay valid until the next `begin`. */
  finish(expectedEnd: number): { parts: readonly Uint8Array[]; hash: Uint8Array } {
    assert(this.#offset === expectedEnd, `a batch that ends at ${this.#offset} instead of ${expectedEnd}`)
    this.#endPiece()
    return { parts: this.#parts, hash: hash('sha256', this.#arena.bytes.subarray(0, this.#arena.length), 'buffer') }
  }

  #endPiece(): void {
    if (this.#arena.length > this.#pieceStart) this.#parts.push(this.#arena.bytes.subarray(this.#pieceStart, this.#arena.length))
    this.#pieceStart = this.#arena.length
  }

  /** Zeros up to a multiple of 8. */
  #pad(octets: number): void {
    const padding = alignedTo8(octets) - octets
    if (padding > 0) {
      const at = this.#arena.take(padding)
      this.#arena.bytes.fill(0, at, at + padding)
    }
    this.#offset += octets + padding
    this.lengths.push(octets + padding)
  }
}
