// The front door of repair: check a store, mend what is safe, make databases again. Knows what may be done in which
// order; the store does it. Promises: nothing is deleted; without a wish to mend nothing is changed; a report says
// in plain words what was found, what was done, and what could not be.
import type { Text } from '../base/language.ts'
import { text } from '../base/language.ts'
import type { DatabaseId } from '../store/store.ts'
import { check, type CheckReport, type Progress, type Surroundings } from './check.ts'
import { databaseName } from './finding.ts'
import { carryOut, planMends, sentenceOf, type Mended } from './mend.ts'

export { check, type CheckReport, type CheckWish, type Progress, type Surroundings } from './check.ts'
export type { Finding, Mend, Severity } from './finding.ts'
export { planMends, sentenceOf, type Mended } from './mend.ts'
export { nextScrubMs } from './scrub-schedule.ts'

export type RepairWish =
  | { readonly kind: 'check'; readonly how: 'quick' | 'full' }
  | { readonly kind: 'repair'; readonly dryRun: boolean }
  | { readonly kind: 'rebuild'; readonly databases: readonly DatabaseId[] | 'all'; readonly fromJournal: boolean }
  | { readonly kind: 'scrub'; readonly octetsPerSecond: number }

export interface RepairReport {
  readonly kind: RepairWish['kind']
  readonly check: CheckReport | null
  /** What would be done, where nothing was. */
  readonly planned: readonly Text[]
  readonly done: readonly Text[]
  readonly failed: readonly Text[]
  /** What could not be known. */
  readonly unknown: readonly Text[]
}

/** Everything that was found, and all of it mended or of no harm? */
export function isWell(report: RepairReport): boolean {
  return report.failed.length === 0 && (report.check?.findings ?? []).every(({ severity, mend }) => severity !== 'damage' || (mend !== undefined && report.planned.length === 0 && report.kind !== 'check'))
}

export async function carryOutRepair(wish: RepairWish, around: Surroundings): Promise<RepairReport> {
  switch (wish.kind) {
    case 'check': return reportOf(wish, await check({ how: wish.how, heal: false, octetsPerSecond: 0 }, around), [])
    case 'repair': {
      const found = await check({ how: 'full', heal: !wish.dryRun, octetsPerSecond: 0 }, around)
      const planned = planMends(found.findings)
      if (wish.dryRun) return { ...reportOf(wish, found, []), planned: planned.map(sentenceOf) }
      return reportOf(wish, found, await mendAll(planned, around))
    }
    case 'scrub': {
      const found = await check({ how: 'full', heal: true, octetsPerSecond: wish.octetsPerSecond }, around)
      // Files that nobody names cost room and nothing else: an operator's business.
      const planned = planMends(found.findings.filter(({ code }) => code !== 'large-unnamed'))
      return reportOf(wish, found, await mendAll(planned, around))
    }
    case 'rebuild': return rebuild(wish, around)
  }
}

async function rebuild(wish: RepairWish & { kind: 'rebuild' }, around: Surroundings): Promise<RepairReport> {
  const { inspection } = around
  const databases = wish.databases === 'all' ? inspection.databases() : wish.databases
  if (wish.fromJournal) for (const database of databases) inspection.setSnapshotsAside(database)
  const mended = await mendAll(databases.map((database) => ({ how: 'rebuild' as const, database, because: 'the operator wants it made again' })), around)
  const unknown: Text[] = inspection.lost.map((sentence) => text(sentence, sentence))
  // What could not be repeated shows as new numbers: the facts in the journal say so, and UIDVALIDITY is raised.
  const reporting = { onFault: (fault: { code: string; because?: string; database?: DatabaseId }) => {
    if (fault.code === 'not-comparable' && fault.database !== undefined) unknown.push(text(`${databaseName(fault.database).en}: ${fault.because ?? ''}`, `${databaseName(fault.database).ja}：${fault.because ?? ''}`))
  }, pace: async () => {} }
  await inspection.compareWithReplay(databases, reporting)
  return { ...reportOf(wish, null, mended), unknown: [...unknown, ...inspection.lost.slice(unknown.length).map((sentence) => text(sentence, sentence))] }
}

async function mendAll(mends: Parameters<typeof carryOut>[0], { inspection, signal, onProgress }: Surroundings): Promise<Mended[]> {
  let count = 0
  return carryOut(mends, inspection, async () => {
    signal.throwIfAborted()
    count += 1
    onProgress({ doneOctets: count, totalOctets: mends.length, step: 'mending' } satisfies Progress)
  })
}

function reportOf(wish: RepairWish, found: CheckReport | null, mended: readonly Mended[]): RepairReport {
  return {
    kind: wish.kind, check: found, planned: [], unknown: [],
    done: mended.filter(({ done }) => done).map(({ sentence }) => sentence), failed: mended.filter(({ done }) => !done).map(({ sentence }) => sentence),
  }
}
