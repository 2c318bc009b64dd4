// One message on its way from the wire to intake, by DATA or by BDAT. From the first reason to refuse it
// nothing more is kept, while the rest is read to its true end; the earliest reason is the reply.
import type { Limits } from '../base/limits.ts'
import type { MessageIn } from '../intake/intake.ts'
import { BdatReader } from '../wire/smtp/bdat-reader.ts'
import { DataReader, type DataFault } from '../wire/smtp/data-reader.ts'
import type { Reply } from '../wire/smtp/reply.ts'
import { dataFaultReplies } from '../wire/smtp/protocol-replies.ts'

class Refusing {
  readonly message: MessageIn
  refusal: Reply | undefined
  constructor(message: MessageIn) {
    this.message = message
  }
  look(fault: DataFault | undefined): void {
    if (this.refusal) return
    this.refusal = fault ? dataFaultReplies[fault] : this.message.refusal
    if (this.refusal) this.message.abort()
  }
}

const nowhere = (): void => {}

export class DataTransfer {
  readonly #reader: DataReader
  readonly #refusing: Refusing
  readonly message: MessageIn
  /** Monotonic: the whole message has to be here by then. */
  readonly untilMs: number

  constructor(message: MessageIn, limits: Limits, nowMs: number) {
    this.#reader = new DataReader({ lineOctetsMax: limits.line_octets_max, messageOctetsMax: limits.message_octets_max })
    this.#refusing = new Refusing(message)
    this.message = message
    this.untilMs = nowMs + limits.smtp_data_ms
  }

  /** How many octets belonged to the message. */
  take(window: Uint8Array): number {
    const taken = this.#reader.push(window, this.#refusing.refusal ? nowhere : this.message.add)
    this.#refusing.look(this.#reader.fault)
    return taken
  }
  get done(): boolean {
    return this.#reader.done
  }
  get refusal(): Reply | undefined {
    return this.#refusing.refusal
  }
}

export class ChunkTransfer {
  readonly #reader: BdatReader
  readonly #refusing: Refusing
  readonly message: MessageIn
  readonly untilMs: number

  constructor(message: MessageIn, limits: Limits, options: { binary: boolean; nowMs: number }) {
    this.#reader = new BdatReader({ lineOctetsMax: limits.line_octets_max, messageOctetsMax: limits.message_octets_max, binary: options.binary })
    this.#refusing = new Refusing(message)
    this.message = message
    this.untilMs = options.nowMs + limits.smtp_data_ms
  }

  expect(octets: number): void {
    this.#reader.expect(octets)
  }
  take(window: Uint8Array): number {
    const taken = this.#reader.push(window, this.#refusing.refusal ? nowhere : this.message.add)
    this.#refusing.look(this.#reader.fault)
    return taken
  }
  /** The announced chunk is here. */
  get chunkDone(): boolean {
    return this.#reader.remainingOctets === 0
  }
  /** The last chunk is here. */
  finish(): void {
    this.#reader.finish()
    this.#refusing.look(this.#reader.fault)
  }
  get refusal(): Reply | undefined {
    return this.#refusing.refusal
  }
}
