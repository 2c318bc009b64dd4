// Goes through a store part by part: quick (databases, counters) or full (also every octet of the journal, message
// files, and a replay of everything). Bounded pace, turns of the loop between, stops when asked. Changes nothing but,
// where asked to heal, bytes of the journal that another copy has.
import type { Clock } from '../base/clock.ts'
import type { DatabaseId, Fault, Inspection } from '../store/store.ts'
import { findingOf, type Finding } from './finding.ts'

export interface CheckWish {
  readonly how: 'quick' | 'full'
  /** Write damaged bytes of the journal again from a copy that has them. */
  readonly heal: boolean
  /** Octets a second; 0: as fast as it goes. */
  readonly octetsPerSecond: number
}

export interface Progress {
  readonly doneOctets: number
  readonly totalOctets: number
  /** "journal", "messages", "databases", "replay". */
  readonly step: string
}

export interface CheckReport {
  readonly findings: readonly Finding[]
  /** More was found than is listed. */
  readonly more: number
  readonly octets: number
  readonly segments: number
  readonly databases: number
  readonly tookMs: number
}

export interface Surroundings {
  readonly inspection: Inspection
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

const FINDINGS_MAX = 10_000
/** Databases that are made again beside each other. */
const REPLAYED_AT_ONCE = 16
/** A pause at least so often, so that other work of this thread gets its turn. */
const TURN_MS = 20

export async function check(wish: CheckWish, { inspection, clock, signal, onProgress }: Surroundings): Promise<CheckReport> {
  const startedMs = clock.monotonicMs()
  const findings: Finding[] = []
  const known = new Set<string>()
  let more = 0
  let step = 'databases'
  let done = 0
  let turnMs = startedMs
  const segments = wish.how === 'full' ? inspection.segments() : []
  const databases = inspection.databases()
  const databaseOctets = databases.reduce((sum, database) => sum + inspection.octetsOf(database), 0)
  let total = segments.reduce((sum, { octets }) => sum + octets, 0) + databaseOctets
  const reporting = {
    onFault(fault: Fault) {
      const finding = findingOf(fault)
      // A healthy copy may be looked at twice; the same place is told once.
      const name = `${finding.code} ${finding.where} ${finding.sentence.en}`
      if (known.has(name)) return
      if (findings.length >= FINDINGS_MAX) {
        more += 1
        return
      }
      known.add(name)
      findings.push(finding)
    },
    async pace(octets: number) {
      done += octets
      signal.throwIfAborted()
      onProgress({ doneOctets: done, totalOctets: Math.max(total, done), step })
      const dueMs = wish.octetsPerSecond > 0 ? startedMs + (done / wish.octetsPerSecond) * 1000 : 0
      const waitMs = dueMs - clock.monotonicMs()
      if (waitMs > 1 || clock.monotonicMs() - turnMs > TURN_MS) {
        await clock.sleep(Math.max(0, waitMs), signal)
        turnMs = clock.monotonicMs()
      }
    },
  }
  step = 'journal'
  for (const { name } of segments) await inspection.checkSegment(name, wish.heal, reporting)
  if (wish.how === 'full') {
    step = 'messages'
    total += inspection.largeOctets
    await inspection.checkLarge(wish.heal, reporting)
  }
  step = 'databases'
  const damaged = new Set<DatabaseId>()
  for (const database of databases) {
    const before = findings.length
    await inspection.checkDatabase(database, wish.how, reporting)
    if (findings.slice(before).some(({ code }) => code === 'database-damaged' || code === 'database-away')) damaged.add(database)
  }
  if (wish.how === 'full') {
    step = 'replay'
    const whole = databases.filter((database) => !damaged.has(database) && inspection.fileOf(database) !== undefined)
    for (let at = 0; at < whole.length; at += REPLAYED_AT_ONCE) await inspection.compareWithReplay(whole.slice(at, at + REPLAYED_AT_ONCE), reporting)
  }
  return { findings, more, octets: done, segments: segments.length, databases: databases.length, tookMs: clock.monotonicMs() - startedMs }
}
