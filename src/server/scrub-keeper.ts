// Reads everything again every so often: begins a scrub when it is due, at a bounded rate, and says how it ended. When
// the last one was is kept in the data folder, so that restarts neither skip nor repeat it.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { RepairJobs } from '../admin/admin.ts'
import { isWell, nextScrubMs } from '../repair/repair.ts'

export const SCRUB_FILE = 'scrub.json'
const LOOK_MS = 60_000
const JOB_LOOK_MS = 1000
/** Sentences of one report that go into the log. */
const SAID_MAX = 20

export interface ScrubKeeperOptions {
  readonly dataDirectory: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly jobs: Pick<RepairJobs, 'running' | 'start' | 'look'>
  /** What a reload changes counts at once. */
  readonly plan: () => { everyMs: number; octetsPerSecond: number }
}

export class ScrubKeeper {
  readonly #options: ScrubKeeperOptions
  #lastMs: number
  #cancel: () => void = () => {}

  constructor(options: ScrubKeeperOptions) {
    this.#options = options
    const known = this.#read()
    this.#lastMs = known ?? options.clock.nowMs()
    // A store that has never been scrubbed begins to count now.
    if (known === undefined) this.#write()
    this.#lookLater(LOOK_MS)
  }

  close(): void {
    this.#cancel()
  }

  #lookLater(ms: number, look = () => this.#look()): void {
    this.#cancel = this.#options.clock.after(ms, look)
  }

  #look(): void {
    const { clock, jobs, log, plan } = this.#options
    const { everyMs, octetsPerSecond } = plan()
    const nowMs = clock.nowMs()
    const dueMs = nextScrubMs({ everyMs, atMinute: null }, { lastMs: this.#lastMs, nowMs })
    if (dueMs === undefined || dueMs > nowMs || jobs.running) return this.#lookLater(LOOK_MS)
    const begun = jobs.start({ kind: 'scrub', octetsPerSecond })
    if (!begun.ok) return this.#lookLater(LOOK_MS)
    log.info('the scrub begins: everything is read and compared', { octets_per_second: octetsPerSecond })
    this.#follow(begun.result.job)
  }

  #follow(job: string): void {
    const { jobs, log, clock } = this.#options
    const state = jobs.look(job)
    if (state?.state === 'running') return this.#lookLater(JOB_LOOK_MS, () => this.#follow(job))
    if (state?.report) {
      const { report } = state
      const sentences = [...report.done, ...report.failed, ...(report.check?.findings ?? []).map((finding) => finding.sentence)].map((sentence) => sentence.en)
      for (const sentence of sentences.slice(0, SAID_MAX)) log.warn('the scrub found something', { what: sentence })
      if (isWell(report)) log.info('the scrub has ended: all is well', { octets: report.check?.octets, ms: report.check?.tookMs })
      else log.error('the scrub has ended: something is damaged and could not be mended; see "daruma check --full"', { findings: report.check?.findings.length })
    } else log.error('the scrub was broken off; it is tried again when it is next due', { because: state?.because })
    this.#lastMs = clock.nowMs()
    this.#write()
    this.#lookLater(LOOK_MS)
  }

  #read(): number | undefined {
    const { disk, dataDirectory } = this.#options
    const path = join(dataDirectory, SCRUB_FILE)
    if (!disk.exists(path)) return undefined
    try {
      const value: unknown = JSON.parse(textOf(disk.readWhole(path)))
      return typeof value === 'object' && value !== null && 'lastMs' in value && typeof value.lastMs === 'number' ? value.lastMs : undefined
    } catch {
      return undefined
    }
  }

  #write(): void {
    const { disk, dataDirectory, log } = this.#options
    try {
      disk.writeWhole(join(dataDirectory, SCRUB_FILE), bytesOf(`${JSON.stringify({ lastMs: this.#lastMs })}\n`))
    } catch (error) {
      log.warn('when the last scrub was cannot be written down', { error: errorSentence(error) })
    }
  }
}
