// The understudy: who stands at the door while there is no server. It takes mail for the addresses that it knows
// into a journal of its own, or puts everybody off, and sends our own users away in kind words. It answers at
// every door from the first moment, also while its journal cannot be opened (no room, somebody else has it): then
// with "try again", and it tries to open it every second.
//
// States of the journal: opening ──► open ──► (dead: the process ends with 74)
//                        opening ◄── not yet: 451 (452 for want of room), tried again
import type { Clock } from '../../base/clock.ts'
import type { Disk } from '../../base/disk.ts'
import { errorCode, errorSentence, refuse, type Parsed } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { createAdmission, type Admission } from '../../guard/admission.ts'
import { createMemoryBudget, type MemoryBudget } from '../../guard/memory-budget.ts'
import type { Connection } from '../../net/connection.ts'
import { listenOn, type Listener } from '../../net/listener.ts'
import { parseNetwork } from '../../net/network.ts'
import { newTicketKeys, parseServerContexts, type ServerContexts } from '../../net/server-contexts.ts'
import { Sweeper } from '../../net/sweeper.ts'
import type { CrashPoint } from '../../store/journal/crash-point.ts'
import { openJournal } from '../../store/journal/journal.ts'
import { LargeStore } from '../../store/journal/large-writer.ts'
import { takeOwnerLock } from '../../store/owner-lock.ts'
import { printReply, type Reply } from '../../wire/smtp/reply.ts'
import { Body } from './body.ts'
import { Conversation, type ConversationServices } from './conversation.ts'
import { DoorWatch } from './door-watch.ts'
import { IntakeJournal } from './intake-journal.ts'
import type { FromUnderstudy, UnderstudyStart } from './messages.ts'
import { deferReply, otherDoors, replies } from './replies.ts'

/** Made anew with each understudy, before it greets: larger ones would keep the first sender waiting. */
const SEGMENT_OCTETS_MAX = 4 * 1024 * 1024
const OPEN_AGAIN_MS = 1000
/** Handshakes at one moment on the doors that are under TLS from the first byte. */
const HANDSHAKES_MAX = 200

export interface UnderstudyTools {
  start: UnderstudyStart
  clock: Clock
  random: Random
  disk: Disk
  log: Log
  crashPoint: CrashPoint
  tell(message: FromUnderstudy): void
  /** Is whoever started this process still there? */
  mayAcknowledge(): boolean
  /** What the disk holds is not known any more: the process has to end. */
  onDead(): void
}

export class Understudy {
  readonly #tools: UnderstudyTools
  readonly #sweeper: Sweeper
  readonly #admission: Admission
  readonly #budget: MemoryBudget
  readonly #doors: DoorWatch
  readonly #contexts: ServerContexts | undefined
  readonly #large: LargeStore
  #listeners: Listener[] = []
  readonly #connections = new Set<Connection>()
  #journal: IntakeJournal | undefined
  #release: (() => void) | undefined
  #notOpen: Reply = replies.notReady
  #saidNotOpen = ''
  #openAgain: (() => void) | undefined
  #handshakes = 0

  constructor(tools: UnderstudyTools) {
    const { clock, random, disk, log, start, crashPoint } = tools
    const { limits, intake } = start
    this.#tools = tools
    this.#sweeper = new Sweeper({ clock, onBug: (error) => log.error('a deadline failed', { error: errorSentence(error) }) })
    // As at the server's own port 25: for whoever comes it is the same door.
    this.#admission = createAdmission({
      connectionsMax: limits.smtp_connections_max,
      connectionsPerAddressMax: limits.connections_per_address_max, connectionsPerNetworkMax: limits.connections_per_network_max,
      arrivalsPerMinuteMax: limits.arrivals_per_minute_max, networkArrivalsPerMinuteMax: limits.network_arrivals_per_minute_max,
    }, clock)
    this.#budget = createMemoryBudget(limits.understudy_memory_octets_max)
    this.#doors = new DoorWatch({ directory: intake, disk, clock, log })
    this.#large = new LargeStore({ dataDirectory: intake, random, crashPoint })
    const contexts = start.certificates.length === 0 ? refuse('no-certificate', 'there is no certificate') : parseServerContexts(start.certificates, newTicketKeys(random))
    if (!contexts.ok) log.warn('the understudy offers no TLS', { reason: contexts.reason })
    this.#contexts = contexts.ok ? contexts.value : undefined
  }

  get taken(): number {
    return this.#journal?.taken ?? 0
  }
  get sessions(): number {
    return this.#admission.inside
  }

  /** False: not one door could be opened. What went wrong has been told. */
  async begin(): Promise<boolean> {
    const { start, tell, log } = this.#tools
    if (start.mode === 'take') {
      this.#doors.look()
      this.#open()
    }
    const services = this.#services()
    const reasons: string[] = []
    for (const door of start.doors) {
      const listening = await this.#listen(door, services)
      if (listening.ok) this.#listeners.push(listening.value)
      else {
        reasons.push(listening.reason)
        log.error('the understudy cannot open a door', { door: door.door, reason: listening.reason })
      }
    }
    if (this.#listeners.length === 0 && start.doors.length > 0) {
      tell({ t: 'refused', because: reasons.join('; ') })
      return false
    }
    if (this.#journal || start.mode === 'defer') tell({ t: 'ready' })
    return true
  }

  // ------------------------------------------------------------------ the journal

  #open(): void {
    const { start, disk, clock, random, log, crashPoint, mayAcknowledge, onDead, tell } = this.#tools
    const { intake, limits } = start
    const lock = this.#takeLock()
    if (!lock.ok) return this.#notYet(replies.notReady, lock.reason)
    try {
      const { journal, report } = openJournal({ dataDirectory: intake, segmentSizeOctets: Math.min(start.segmentSizeOctets, SEGMENT_OCTETS_MAX), disk, clock, random, log, crashPoint })
      for (const sentence of report.sentences) log.info('intake journal', { found: sentence })
      this.#journal = new IntakeJournal({ journal, directory: intake, disk, clock, log, diskReserveOctets: limits.disk_reserve_octets, mayAcknowledge, onDead })
      this.#release = () => lock.value.release()
    } catch (error) {
      lock.value.release()
      const code = errorCode(error)
      return this.#notYet(code === 'ENOSPC' || code === 'EDQUOT' ? replies.diskFull : replies.notReady, errorSentence(error))
    }
    if (this.#saidNotOpen !== '') tell({ t: 'ready' })
  }

  #takeLock(): ReturnType<typeof takeOwnerLock> {
    try {
      return takeOwnerLock(this.#tools.start.intake)
    } catch (error) {
      return refuse('lock-failed', errorSentence(error))
    }
  }

  #notYet(answer: Reply, because: string): void {
    const { clock, log, tell } = this.#tools
    this.#notOpen = answer
    if (because !== this.#saidNotOpen) {
      this.#saidNotOpen = because
      log.error('the understudy cannot keep mail yet: everybody is put off', { reason: because })
      tell({ t: 'refused', because })
    }
    this.#openAgain = clock.after(OPEN_AGAIN_MS, () => this.#open())
  }

  // ------------------------------------------------------------------ the doors

  #services(): ConversationServices {
    const { start, clock, random, log } = this.#tools
    const { limits, mode, until, hostname } = start
    const deferred = mode === 'defer' ? deferReply(until) : undefined
    const largeOctets = Math.min(limits.large_message_octets, limits.understudy_memory_octets_max)
    return {
      hostname, limits, clock, random, log, contexts: this.#contexts,
      refusal: (octets) => {
        const putOff = deferred ?? this.#doors.paused()
        if (putOff) return putOff
        if (!this.#journal) return this.#notOpen
        return this.#journal.hasRoom(octets) ? undefined : replies.diskFull
      },
      judge: (address) => this.#doors.judge(address),
      newBody: () => new Body({ budget: this.#budget, largeOctets, largeWriter: () => this.#large.writer(), hasRoom: () => this.#journal?.hasRoom(0) ?? false }),
      journal: () => this.#journal,
    }
  }

  #listen({ door, address, fd }: UnderstudyStart['doors'][number], services: ConversationServices): Promise<Parsed<Listener>> {
    const { start, log } = this.#tools
    const proxies = start.proxies.flatMap((text) => {
      const network = parseNetwork(text)
      return network.ok ? [network.value] : []
    })
    const common = { fd, sweeper: this.#sweeper, log, proxies }
    if (door === 'smtp') {
      const { limits } = start
      const refusals = { 'too-many': printReply(replies.tooManyConnections), 'too-many-from-you': printReply(replies.tooManyFromYou), 'too-often': printReply(replies.tooManyFromYou) }
      return listenOn({
        ...common,
        admit: (remote) => {
          const answer = this.#admission.judge(remote, { perAddressMax: limits.stranger_connections_per_address_max, perNetworkMax: limits.stranger_connections_per_network_max })
          return answer === 'go' ? 'go' : { refuse: refusals[answer === 'hard-pressed' ? 'too-many' : answer] }
        },
        enter: (remote) => this.#admission.enter(remote),
        onConnection: (connection) => this.#converse(connection, services),
      }, address)
    }
    const words = door === 'submission' || door === 'submissions' ? otherDoors.submission(start.until) : otherDoors.imap(start.until)
    if (door === 'submission' || door === 'imap') return listenOn({ ...common, admit: () => ({ refuse: words }), onConnection: (connection) => connection.end(words) }, address)
    // Under TLS from the first byte; without a certificate nothing can be said there.
    if (!this.#contexts) return listenOn({ ...common, admit: () => ({ refuse: '' }), onConnection: (connection) => connection.destroy() }, address)
    return listenOn({
      ...common, tls: this.#contexts,
      admit: () => (this.#handshakes < HANDSHAKES_MAX ? 'go' : { refuse: '' }),
      enter: () => {
        this.#handshakes += 1
        return () => {
          this.#handshakes -= 1
        }
      },
      onConnection: (connection) => connection.end(words),
    }, address)
  }

  #converse(connection: Connection, services: ConversationServices): void {
    const conversation = new Conversation(services, connection)
    this.#connections.add(connection)
    connection.onClose = (reason) => {
      this.#connections.delete(connection)
      conversation.closed()
      if (reason.by === 'bug') this.#tools.log.error('a connection ended by a bug', { peer: connection.remoteAddress, error: reason.sentence })
    }
    connection.onIdle = () => conversation.onIdle()
    connection.onShutdown = () => conversation.shutdown()
    conversation.begin()
  }

  // ------------------------------------------------------------------ ends

  /** Stops accepting, lets what is under way finish, seals the journal and lets go of it. */
  async stop(graceMs: number): Promise<void> {
    this.#openAgain?.()
    await Promise.all(this.#listeners.map((listener) => listener.close({ graceMs })))
    this.#journal?.stop()
    this.#release?.()
  }

  /** Nothing more is acknowledged; everybody is told to come again. What was flushed stays. */
  abandon(): void {
    this.#openAgain?.()
    this.#journal?.abandon()
    for (const listener of this.#listeners) listener.stopAccepting()
    for (const connection of this.#connections) connection.end(printReply(replies.goingAway))
  }
}
