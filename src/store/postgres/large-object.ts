// `LargeWriter` into the object store: hashed on the way, there under its name only once it is whole.
import { createHash } from 'node:crypto'
import { Bug } from '../../base/errors.ts'
import type { BodyDraft, LargeWriter } from '../store.ts'
import type { ObjectStore, ObjectWriter } from './object-store.ts'

export class LargeObject implements LargeWriter {
  readonly #key: string
  readonly #writer: ObjectWriter
  readonly #sum = createHash('sha256')
  #size = 0
  #open = true
  constructor(objects: ObjectStore, key: string) {
    this.#key = key
    this.#writer = objects.begin(key)
  }
  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#open) throw new Bug('a large message was written to after its end')
    this.#sum.update(chunk)
    this.#size += chunk.length
    await this.#writer.write(chunk)
  }
  async finish(): Promise<BodyDraft & { at: 'large' }> {
    if (!this.#open) throw new Bug('a large message was finished twice')
    this.#open = false
    await this.#writer.finish()
    return { at: 'large', name: this.#key, sizeOctets: this.#size, sha256: new Uint8Array(this.#sum.digest()) }
  }
  async abort(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#writer.abort()
  }
}
