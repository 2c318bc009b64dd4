// A naive model of the journal for tests: what was appended, what was acknowledged, and what must
// therefore be there after every start. It drives the real journal on a simulated disk.
import { hash } from 'node:crypto'
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { FakeClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { seededRandom, type Random } from '../../base/random.ts'
import { SimulatedDisk } from '../../base/simulated-disk.ts'
import { bytesOf, textOf } from '../../base/bytes.ts'
import { type Damage, type Journal, type JournalOptions, type LargeBody, openJournal, OutOfSpace, type RecordDraft, type RecoveryReport, type ScannedRecord } from './journal.ts'
import { openJournalReader } from './journal-reader.ts'
import type { MembersSeen } from './members.ts'

export interface ModelOptions {
  seed: number
  segmentSizeOctets?: number
  mirrors?: readonly string[]
  capacityOctets?: number
  /** The next segment is made behind the owner's back. */
  behind?: boolean
}

interface Written {
  readonly id: number
  readonly draft: RecordDraft
  /** Where it was found or acknowledged. */
  sequence: number | undefined
  /** Acknowledged, or found by a start: it must be there for good. */
  kept: boolean
  /** Certainly absent: refused for lack of space, or not found by a start. */
  gone: boolean
}

const POOL = seededRandom(7).bytes(256 * 1024)

export class JournalModel {
  readonly random: Random
  readonly disk: SimulatedDisk
  readonly clock = new FakeClock()
  readonly written: Written[] = []
  readonly damages: Damage[] = []
  readonly mirrors: readonly string[]
  readonly segmentSizeOctets: number
  /** What the journal itself has written of who takes part, as last read. */
  readonly mirrorRecords = new Map<number, string>()
  readonly #behind: boolean
  journal: Journal | undefined
  report: RecoveryReport | undefined
  #highestGiven = 0

  constructor(options: ModelOptions) {
    this.random = seededRandom(options.seed)
    this.disk = new SimulatedDisk({ random: this.random, ...(options.capacityOctets === undefined ? {} : { capacityOctets: options.capacityOctets }) })
    this.mirrors = options.mirrors ?? []
    this.#behind = options.behind ?? false
    this.segmentSizeOctets = options.segmentSizeOctets ?? 16 * 1024
  }

  get options() {
    return {
      dataDirectory: '/data', mirrors: this.mirrors, segmentSizeOctets: this.segmentSizeOctets, disk: this.disk, asyncDisk: this.disk.async,
      clock: this.clock, random: this.random, log: silentLog, onDamage: (damage: Damage) => void this.damages.push(damage),
    }
  }

  /** As the owner is opened. */
  get ownerOptions(): JournalOptions {
    const { asyncDisk, ...options } = this.options
    return this.#behind ? { ...options, asyncDisk } : options
  }

  draft(options: { octetsMax?: number; octets?: number; reserved?: boolean; body?: LargeBody } = {}): RecordDraft {
    const { random } = this
    const id = this.written.length
    const kind = options.octets === undefined ? random.int(4) : 3
    const databases = Array.from({ length: random.int(4) }, () => random.int(2) === 0 ? random.int(2) : 100 + random.int(20))
    const draft: RecordDraft = {
      type: kind === 0 ? 'change' : kind === 1 ? 'tick' : 'arrival', version: 1, timeMs: this.clock.nowMs(), databases,
      meta: bytesOf(JSON.stringify({ id, pad: 'm'.repeat(random.int(100)) })),
      ...(options.reserved ? { reserved: true } : {}),
      ...(options.body ? { body: options.body } : kind >= 2 ? { body: inlineBody(this.#bodyBytes(options.octets ?? random.int(options.octetsMax ?? 1500)), random) } : {}),
    }
    this.written.push({ id, draft, sequence: undefined, kept: false, gone: false })
    return draft
  }

  /** Cheap, and different from one message to the next. */
  #bodyBytes(octets: number): Uint8Array {
    const from = this.random.int(POOL.length - octets)
    return POOL.slice(from, from + octets)
  }

  get #seen(): MembersSeen {
    const states = (this.journal as Journal).members.map(({ state }) => state)
    return { membersChange: 1, isOut: (index) => states[index] !== 'in', isFilling: (index) => states[index] === 'filling' }
  }

  /** Opens; whatever it throws goes up. Everything that must hold after a start is checked. */
  async open(): Promise<void> {
    const { journal, report } = openJournal(this.ownerOptions)
    this.journal = journal
    this.report = report
    ok(report.nextSequence > this.#highestGiven, `sequence ${report.nextSequence} may have been given out before (${this.#highestGiven})`)
    await this.check()
    for (const written of this.written) if (!written.kept) written.gone = true
  }

  /** Appends; what it throws goes up, after the model has drawn its conclusions. */
  append(drafts: readonly RecordDraft[]): void {
    const journal = this.journal as Journal
    const ids = drafts.map((draft) => this.written.findIndex((written) => written.draft === draft))
    try {
      const sequences = journal.append(drafts)
      strictEqual(sequences.length, drafts.length)
      for (const [index, sequence] of sequences.entries()) {
        ok(sequence > this.#highestGiven, `sequence ${sequence} was given out twice`)
        this.#highestGiven = sequence
        const written = this.written[ids[index] as number] as Written
        written.sequence = sequence
        written.kept = true
      }
    } catch (error) {
      if (error instanceof OutOfSpace) for (const id of ids) (this.written[id] as Written).gone = true
      throw error
    }
  }

  /** Everything kept is there, once, in order, byte for byte; nothing that is gone; nothing else. */
  async check(): Promise<void> {
    const lastSequence = (this.journal as Journal).lastSequence
    const reader = openJournalReader({ ...this.options, members: this.#seen })
    const seen = new Map<number, { sequence: number; epoch: number }>()
    const heads: ScannedRecord[] = []
    const ends = new Map<number, number>()
    let before = 0
    reader.scan(1, (record) => {
      ok(record.sequence > before, 'records come in order')
      before = record.sequence
      ends.set(record.epoch, record.sequence)
      this.#highestGiven = Math.max(this.#highestGiven, record.sequence)
      if (record.type === 'mirror-drop' || record.type === 'mirror-return') {
        this.mirrorRecords.set(record.sequence, record.type)
        return
      }
      const { id } = JSON.parse(textOf(record.meta)) as { id: number }
      ok(!seen.has(id), `record ${id} is there twice`)
      seen.set(id, { sequence: record.sequence, epoch: record.epoch })
      heads.push({ ...record, meta: record.meta.slice() })
    }, lastSequence)
    for (const head of heads) {
      const { id } = JSON.parse(textOf(head.meta)) as { id: number }
      const written = this.written[id] as Written
      ok(written, `record ${id} was never written`)
      ok(!written.gone, `record ${id} does not exist and is there`)
      if (written.kept) strictEqual(head.sequence, written.sequence, `record ${id} has moved`)
      written.kept = true
      written.sequence = head.sequence
      deepStrictEqual(head.meta, written.draft.meta)
      deepStrictEqual(head.databases, written.draft.databases)
      strictEqual(head.type, written.draft.type)
      strictEqual(head.timeMs, written.draft.timeMs)
      if (written.draft.body?.place === 'inline') {
        const body = await reader.openBody(head.sequence)
        deepStrictEqual(Buffer.from(body.read(0, body.length)), Buffer.concat(written.draft.body.parts))
      } else if (written.draft.body) {
        // Checked against its hash before it is handed out.
        strictEqual((await reader.openBody(head.sequence)).length, written.draft.body.length)
      }
    }
    for (const written of this.written) if (written.kept) ok(seen.has(written.id), `record ${written.id} (${written.sequence}) was acknowledged and is lost`)
    this.#checkEpochs(ends, reader)
    reader.close()
  }

  #checkEpochs(lasts: ReadonlyMap<number, number>, reader: { lastSequenceOfEpoch(epoch: number): number | undefined }): void {
    const journal = this.journal as Journal
    for (let epoch = 1; epoch < journal.epoch; epoch++) {
      strictEqual(journal.lastSequenceOfEpoch(epoch), lasts.get(epoch) ?? 0, `end of epoch ${epoch}`)
      strictEqual(reader.lastSequenceOfEpoch(epoch), lasts.get(epoch) ?? 0, `end of epoch ${epoch} as the reader has it`)
    }
    strictEqual(reader.lastSequenceOfEpoch(journal.epoch), undefined)
  }
}

export function inlineBody(bytes: Uint8Array, random: Random) {
  const cut = random.int(bytes.length + 1)
  return { place: 'inline', parts: [bytes.subarray(0, cut), bytes.subarray(cut)], sha256: new Uint8Array(hash('sha256', bytes, 'buffer')) } as const
}
