// What the supervisor knows of how things are, written down as it happens and shown to people: incidents, the states
// of the services and their history, maintenance windows, traffic, the status page. The conductor acts; the chronicle
// tells. Whatever fails in here is a warning in the log: no book is worth a mail.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { nodeDisk } from '../base/disk.ts'
import { errorSentence, type Parsed } from '../base/errors.ts'
import { setMode } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { EXIT } from '../admin/office.ts'
import type { Config } from '../config/config.ts'
import { type HealthFacts, type HistoryKeeper, type IncidentBook, type IncidentKind, openHistory, openIncidentBook, serviceStates } from '../health/health.ts'
import { type Announcement, type MaintenanceKeeper, type Traffic, type WindowBook, imapWords, openTraffic, openWindowBook, smtpWords, startMaintenance } from '../maintenance/maintenance.ts'
import type { Bound } from '../net/bound-socket.ts'
import type { ListenAddress } from '../net/listen-address.ts'
import type { ServerFacts } from '../server/supervisor-messages.ts'
import type { ChildEnd } from './child.ts'
import type { Conductor } from './conductor.ts'
import type { Death, NextStep } from './crash-loop.ts'
import { incidentsOfFacts } from './fact-incidents.ts'
import type { StatusPage } from './status-page/status-page.ts'
import type { UnderstudyKeeper } from './understudy-keeper.ts'

/** A server that has lived so long after a row of deaths has left it behind. */
const ROW_IS_OVER_MS = 60_000
/** The end of maintenance waits so long for the server to serve; it is tried on afterwards. */
const END_WAITS_MS = 60_000

export interface ChronicleOptions {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  /** Takes a port for the status page. */
  readonly bind: (address: ListenAddress) => Parsed<Bound>
  /** Files a message with every account; false when no server is there to do it. */
  readonly announce: (announcement: Announcement) => Promise<boolean>
}

export interface Watched {
  readonly conductor: Conductor
  readonly understudy: UnderstudyKeeper
}

export class Chronicle {
  readonly #options: ChronicleOptions
  #config: Config
  readonly incidents: IncidentBook
  readonly windows: WindowBook
  readonly traffic: Traffic
  readonly #history: HistoryKeeper
  #maintenance: MaintenanceKeeper | undefined
  #page: StatusPage | undefined
  #watched: Watched | undefined
  #facts: ServerFacts | undefined
  #counted = { messages: 0, logins: 0 }
  #journalFailed = false
  #cancelRow: () => void = () => {}
  #closed = false

  private constructor(options: ChronicleOptions) {
    this.#options = options
    this.#config = options.config
    const { config: { data }, clock, log } = options
    const books = { disk: nodeDisk, clock, log }
    this.incidents = openIncidentBook({ directory: data, ...books, incidentsMax: options.config.limits.incidents_max, onChange: () => this.#page?.changed() })
    this.windows = openWindowBook({ directory: data, ...books })
    this.traffic = openTraffic({ directory: join(data, 'status'), ...books })
    this.#history = openHistory({ directory: join(data, 'status'), ...books })
    const { absence } = this.#history
    if (absence) this.incidents.record('nobody-there', {}, absence)
  }

  static open(options: ChronicleOptions): Chronicle {
    return new Chronicle(options)
  }

  /** From now on windows begin and end, and the page is served. */
  watch(watched: Watched): void {
    this.#watched = watched
    const { clock, log } = this.#options
    const { conductor } = watched
    this.#maintenance = startMaintenance({
      book: this.windows, clock, log,
      service: () => ({ hostname: this.#config.hostname, statusUrl: this.#config.status.publicUrl }),
      hooks: {
        begin: async (window) => {
          this.incidents.open('maintenance', { subject: window.id, what: window.what })
          const nowMs = clock.nowMs()
          await conductor.beginMaintenance({ smtp: smtpWords(window, nowMs), imap: imapWords(window, nowMs) })
        },
        end: async (window) => {
          const serves = await conductor.endMaintenance(END_WAITS_MS)
          this.incidents.close(`maintenance/${window.id}`)
          if (!serves) log.error('maintenance is over, and the server does not serve yet; it is tried on', { window: window.id })
        },
        announce: (announcement) => this.#options.announce(announcement),
        changed: () => this.changed(),
      },
    })
    void this.#openPage()
    this.changed()
  }

  get maintenance(): MaintenanceKeeper | undefined {
    return this.#maintenance
  }

  /** How the understudy is to behave when it starts now. */
  understudyMode(): { mode: 'take' | 'defer'; until?: string } {
    const window = this.windows.running()
    return window ? { mode: window.mode, until: new Date(window.toMs).toISOString() } : { mode: 'take' }
  }

  ready(): void {
    this.#journalFailed = false
    this.#counted = { messages: 0, logins: 0 }
    for (const kind of ['server-down', 'server-hung', 'start-failed', 'understudy-only', 'understudy-failed', 'cannot-end', 'journal-io-error'] satisfies IncidentKind[]) this.incidents.close(kind)
    this.#cancelRow()
    this.#cancelRow = this.#options.clock.after(ROW_IS_OVER_MS, () => this.incidents.close('crash-loop'))
  }
  hung(pid: number): void {
    this.incidents.open('server-hung', { pid })
  }
  died(end: ChildEnd, death: Death, next: NextStep): void {
    this.#cancelRow()
    this.#facts = undefined
    const facts = { reason: end.how }
    this.incidents.open('server-down', facts)
    if (end.code === EXIT.io) {
      this.#journalFailed = true
      this.incidents.open('journal-io-error', facts)
    }
    if (death.lifeMs === 0 && next.step === 'understudy-only') this.incidents.open('start-failed', facts)
    if (next.step === 'understudy-only') this.incidents.open('crash-loop', facts)
  }
  cannotDie(pid: number): void {
    this.incidents.open('cannot-end', { pid })
  }
  understudyDied(): void {
    this.incidents.open('understudy-failed')
  }

  serverFacts(facts: ServerFacts): void {
    const before = this.#facts
    this.#facts = facts
    const now = { messages: facts.messagesTaken, logins: facts.logins }
    const counts = { messages: Math.max(0, now.messages - this.#counted.messages), logins: Math.max(0, now.logins - this.#counted.logins) }
    this.#counted = now
    if (counts.messages + counts.logins > 0) this.traffic.record(this.#options.clock.nowMs(), counts)
    for (const change of incidentsOfFacts(before, facts, this.#config.data)) {
      if (change.act === 'open') this.incidents.open(change.kind, change.facts)
      else this.incidents.close(change.which)
    }
    if (JSON.stringify({ ...before, messagesTaken: 0, logins: 0 }) !== JSON.stringify({ ...facts, messagesTaken: 0, logins: 0 })) this.changed()
  }

  /** Something has changed: the states of the services are worked out again. */
  changed(): void {
    if (!this.#watched || this.#closed) return
    const { conductor, understudy } = this.#watched
    if (understudy.state === 'taking') {
      this.incidents.close('understudy-failed')
      if (conductor.state === 'down') this.incidents.open('understudy-only')
    }
    this.#history.stand(serviceStates(this.#health(this.#watched)))
    this.#page?.changed()
  }

  reconfigure(config: Config): void {
    this.#config = config
    this.#page?.reconfigure(config)
    this.changed()
  }

  close(): void {
    this.#closed = true
    this.#cancelRow()
    this.#maintenance?.close()
    this.#page?.close()
    this.traffic.close()
    this.#history.close()
    this.incidents.shut()
  }

  #health({ conductor, understudy }: Watched): HealthFacts {
    const facts = this.#facts
    const { state } = conductor
    const window = this.windows.running()
    const mode = this.understudyMode().mode
    return {
      server: state === 'serving' ? 'running' : state === 'maintenance' || state === 'stopping' ? 'down' : state,
      understudy: understudy.state === 'taking' && mode === 'defer' ? 'deferring' : understudy.state,
      frontsDown: [],
      paused: facts?.paused ?? [],
      refusing: refusingOf(facts?.refusing),
      mirrorsMissing: facts?.members.filter((member) => member.state !== 'in').length ?? 0,
      accountsInTrouble: facts?.accountsInTrouble ?? 0,
      journalFailed: this.#journalFailed,
      maintenance: window?.mode,
    }
  }

  async #openPage(): Promise<void> {
    if (this.#config.status.listen.length === 0 && this.#config.status.publish === undefined) return
    const { clock, log, bind } = this.#options
    try {
      // Loaded only where it is wanted: the supervisor stays small.
      const { gatherStatus, startStatusPage } = await import('./status-page/status-page.ts')
      const page = await startStatusPage({
        config: this.#config, clock, log, disk: nodeDisk, openToAll: setMode, bind,
        facts: () => gatherStatus({ history: this.#history, incidents: this.incidents, windows: this.windows }, clock.nowMs()),
      })
      if (this.#closed) return page.close()
      this.#page = page
      page.changed()
    } catch (error) {
      log.warn('the status page could not be started', { error: errorSentence(error) })
    }
  }
}

function refusingOf(word: string | null | undefined): HealthFacts['refusing'] {
  if (word === null || word === undefined || word === 'stopping') return null
  return word === 'disk-full' || word === 'lag' || word === 'overload' ? word : 'other'
}
