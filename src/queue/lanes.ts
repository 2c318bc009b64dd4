// What is under way and what waits for a free hand, by destination. All of it lives in memory and
// dies with the process; the store knows only due times. Pure state: no clock, no network.
//
// A *lane* is one destination. Work that is due is offered to its lane, where the recipients of one
// arrival gather into *batches* (one SMTP transaction each); sessions take batches from their lane.
// A lane grows from a few sessions to its limit as sessions succeed and shrinks to one when the
// destination cannot be reached, so that a dead host holds one hand and not all of them. Free hands
// go round the lanes in turn. Work in a lane is *leased*: it is not offered a second time.
import type { RecipientResult } from '../clients/delivery-result.ts'
import { printWorkId } from '../store/store.ts'
import type { Sequence, WorkRow } from '../store/store.ts'
import type { Route } from './route.ts'

export interface LaneRules {
  /** Sessions of one lane. */
  perDestinationMax: number
  /** Sessions of all lanes. */
  sessionsMax: number
  /** Recipients that wait in lanes, together. */
  readyMax: number
  /** Recipients that wait in one lane. */
  readyPerLaneMax: number
  /** Recipients of one transaction (RFC 5321 §4.5.3.1.8: every server takes 100). */
  batchRecipientsMax: number
  /** A destination that could not be reached is not dialled for so long. */
  coolingMs: number
}

export interface Batch {
  arrival: Sequence
  works: WorkRow[]
}

export interface Lane {
  readonly key: string
  readonly route: Route
  readonly ready: Batch[]
  readyWorks: number
  sessions: number
  /** Sessions it may have now. */
  width: number
  /** Until then (monotonic) what could not be reached is not dialled again; its work shares this result. */
  cooling: { untilMs: number; result: RecipientResult } | undefined
  /** Monotonic; when a conversation last took place. */
  succeededMs: number
}

const WIDTH_FIRST = 4
const FULL_DOMAINS_MAX = 64
/** Lanes kept only because they are cooling. */
const COOLING_LANES_MAX = 10_000

export class Lanes {
  readonly #rules: LaneRules
  readonly #lanes = new Map<string, Lane>()
  readonly #leases = new Set<string>()
  #readyWorks = 0
  #sessions = 0

  constructor(rules: LaneRules) {
    this.#rules = rules
  }

  get sessions(): number {
    return this.#sessions
  }
  get leased(): number {
    return this.#leases.size
  }
  get hasRoom(): boolean {
    return this.#readyWorks < this.#rules.readyMax
  }

  /** Hands a due row to its lane. `false`: it is here already, or there is no room for it now. */
  offer(row: WorkRow, route: Route): boolean {
    const id = printWorkId(row.id)
    if (this.#leases.has(id) || !this.hasRoom) return false
    let lane = this.#lanes.get(route.key)
    if (lane && lane.readyWorks >= this.#rules.readyPerLaneMax) return false
    if (!lane) {
      lane = { key: route.key, route, ready: [], readyWorks: 0, sessions: 0, width: Math.min(WIDTH_FIRST, this.#rules.perDestinationMax), cooling: undefined, succeededMs: -Infinity }
      this.#lanes.set(route.key, lane)
    }
    const last = lane.ready.at(-1) // work of one arrival is due together, so it comes one after the other
    if (last && last.arrival === row.id.arrival && last.works.length < this.#rules.batchRecipientsMax) last.works.push(row)
    else lane.ready.push({ arrival: row.id.arrival, works: [row] })
    lane.readyWorks++
    this.#readyWorks++
    this.#leases.add(id)
    return true
  }

  /** Domains whose lanes take no more for now, at most `FULL_DOMAINS_MAX`: the store need not name them. */
  fullDomains(): string[] {
    const domains = new Set<string>()
    for (const lane of this.#lanes.values()) {
      if (lane.readyWorks < this.#rules.readyPerLaneMax) continue
      for (const batch of lane.ready) for (const work of batch.works) if (domains.size < FULL_DOMAINS_MAX) domains.add(work.domain)
    }
    return [...domains]
  }

  /** The next lane, in turn, that has work and may have one more session; counted as begun. */
  beginSession(): Lane | undefined {
    if (this.#sessions >= this.#rules.sessionsMax) return undefined
    for (const lane of this.#lanes.values()) {
      if (lane.ready.length === 0 || lane.sessions >= lane.width) continue
      lane.sessions++
      this.#sessions++
      this.#lanes.delete(lane.key) // to the end of the round
      this.#lanes.set(lane.key, lane)
      return lane
    }
    return undefined
  }

  /** Whether a session that could go on should make room for a lane that has none. */
  shouldYield(lane: Lane): boolean {
    if (this.#sessions < this.#rules.sessionsMax) return lane.sessions > lane.width
    for (const other of this.#lanes.values()) if (other !== lane && other.sessions === 0 && other.ready.length > 0) return true
    return lane.sessions > lane.width
  }

  endSession(lane: Lane): void {
    lane.sessions--
    this.#sessions--
    this.#forgetIfIdle(lane)
  }

  takeBatch(lane: Lane): Batch | undefined {
    const batch = lane.ready.shift()
    if (!batch) return undefined
    lane.readyWorks -= batch.works.length
    this.#readyWorks -= batch.works.length
    return batch
  }

  release(works: readonly Pick<WorkRow, 'id'>[]): void {
    for (const work of works) this.#leases.delete(printWorkId(work.id))
  }

  /** A conversation took place: one more may be held at once. */
  succeeded(lane: Lane, nowMs: number): void {
    lane.cooling = undefined
    lane.succeededMs = nowMs
    lane.width = Math.min(lane.width + 1, this.#rules.perDestinationMax)
  }

  /**
   * Nobody could be reached: its other work is not made to wait for the same silence. A destination that
   * talks to our other sessions only wants fewer of them.
   */
  unreachable(lane: Lane, result: RecipientResult, nowMs: number): void {
    const talks = lane.sessions > 1 && lane.succeededMs > nowMs - this.#rules.coolingMs
    lane.width = talks ? Math.max(1, lane.sessions - 1) : 1
    if (!talks) lane.cooling = { untilMs: nowMs + this.#rules.coolingMs, result }
  }

  /** What is over is forgotten. */
  endCooling(nowMonotonicMs: number): void {
    for (const lane of this.#lanes.values()) {
      if (!lane.cooling || lane.cooling.untilMs > nowMonotonicMs) continue
      lane.cooling = undefined
      this.#forgetIfIdle(lane)
    }
  }

  #forgetIfIdle(lane: Lane): void {
    if (lane.sessions > 0 || lane.ready.length > 0) return
    if (!lane.cooling || this.#lanes.size > COOLING_LANES_MAX) this.#lanes.delete(lane.key)
  }
}
