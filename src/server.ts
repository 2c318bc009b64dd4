// Builds the rooms and hands each what it needs. `serve` starts a server, `openOwner` opens a stopped one's
// data for a command. This file wires; it decides nothing.
//
// Start, in this order: bind all ports (as root, if need be) → rights are dropped → lock → journal (recovery) →
// databases (to the gate) → front threads listen → ready. In a planned restart the front threads are warm and listen
// before the lock is free: whoever comes is greeted and waits (server/lobby.ts). Stop, in this order: doors say goodbye → queue →
// databases flushed → journal sealed → lock released.
import type { Clock } from './base/clock.ts'
import { keepCompiled } from './base/compile-cache.ts'
import { nodeDisk } from './base/disk.ts'
import { Outage, errorSentence, refuse, understood, type Parsed, type Refused } from './base/errors.ts'
import type { Limits } from './base/limits.ts'
import type { Log } from './base/log.ts'
import type { Random } from './base/random.ts'
import { becomeOwnerOf } from './base/run-as.ts'
import { deskBesideServer, deskOfOwner } from './server/repair-desk.ts'
import { EXIT, RepairJobs, type ExitCode, type ListenerFacts, type Office } from './admin/admin.ts'
import type { Owner, Server, ServeOptions } from './server/server-interface.ts'
import { doorNames, type Config, type DoorName } from './config/config.ts'
import { newTicketKeys, parseServerContexts, type CertificatePair } from './net/server-contexts.ts'
import { loadCertificates } from './server/certificates.ts'
import { loadDecoyKey } from './server/decoy-key.ts'
import { KnownLoginsFile } from './server/known-logins-file.ts'
import { DoorSockets } from './server/door-sockets.ts'
import { newDoorWriter } from './server/door-writer.ts'
import { dropRights } from './server/drop-rights.ts'
import { Front } from './server/fronts.ts'
import { ScrubKeeper } from './server/scrub-keeper.ts'
import type { FrontKind, FrontStore } from './server/thread-messages.ts'
import { LargeStore } from './store/journal/large-writer.ts'
import { knownLoginsIn, newKnownLoginsMemory, pausable, pauseOf, type KnownLogins } from './guard/guard.ts'
import { openJournalReader } from './store/journal/journal-reader.ts'
import { openInlineStore } from './store/inline.ts'
import { takeOwnerLock, type OwnerLock } from './store/owner-lock.ts'
import { makeCredential, quickPass } from './store/store.ts'
import { removeUnnamedLarge } from './store/threads/large-cleanup.ts'
import { startStoreThreads, type StoreThreads } from './store/threads/store-threads.ts'
import { StoreClient } from './store/threads/store-client.ts'

const LOCK_WAIT_MS = 10_000
const LOCK_STEP_MS = 20
/** No further database is looked at after so long. */
const QUICK_LOOK_MS = 10_000
/** Chores wait until the rush after a start is over. */
const TIDY_AFTER_MS = 60_000

const KIND_OF: Record<DoorName, FrontKind> = { smtp: 'taking', submission: 'taking', submissions: 'taking', imap: 'reading', imaps: 'reading' }
const TLS_FROM_FIRST_BYTE: ReadonlySet<DoorName> = new Set(['submissions', 'imaps'])

export async function serve(config: Config, options: ServeOptions): Promise<Parsed<Server>> {
  // What only root may do comes first: ports, and keys that are root's alone.
  const doors = bindDoors(config, options)
  const operators = config.tls ? loadOperatorsCertificates(config, options) : undefined
  let lock: OwnerLock | undefined
  const release = () => {
    if (doors.ok) for (const { sockets } of doors.value) sockets.release()
    lock?.release()
  }
  const giveUp = (why: Refused): Refused => {
    release()
    return why
  }
  // Nothing in the data directory is touched as root: its next owner could not open what root has made.
  const dropped = dropRights(config)
  if (!dropped.ok) return giveUp(dropped)
  if (!options.succession) {
    const taken = takeOwnerLock(config.data)
    if (!taken.ok) return giveUp(taken)
    lock = taken.value
    if (options.check === 'quick') await lookQuickly(config, options)
  }
  if (!doors.ok) return giveUp(doors)
  const certificates = operators ?? loadCertificates(config, options)
  const usable = certificates.ok ? parseServerContexts(certificates.value, newTicketKeys(options.random)) : certificates
  if (!certificates.ok || !usable.ok) return giveUp(refuse('bad-certificate', certificates.ok ? (usable.ok ? '' : usable.reason) : certificates.reason))
  const life = new Ending()
  const { fronts, known } = makeFronts(config, options, { doors: doors.value, certificates: certificates.value, onLost: (reason) => life.fail({ exit: EXIT.tryAgain, reason }) })
  try {
    if (options.succession) {
      await Promise.all(fronts.map((front) => front.prepare()))
      options.succession.warm()
      await options.succession.mayAccept
      await Promise.all(fronts.map((front) => front.accept()))
      await options.succession.mayOwn
      const taken = await takeLockFromPredecessor(config.data, options.clock)
      if (!taken.ok) throw new Outage(taken.reason, { operation: 'start' })
      lock = taken.value
      return understood(await openServer(config, options, { doors: doors.value, fronts, known, life, release }))
    }
    // Both need most of their time for loading, and none of the other.
    const prepared = Promise.all(fronts.map((front) => front.prepare()))
    prepared.catch(() => {})
    return understood(await openServer(config, options, { doors: doors.value, fronts, known, life, release, prepared }))
  } catch (error) {
    for (const front of fronts) void front.stop(0)
    release()
    if (error instanceof Outage) return refuse('start-failed', `${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    throw error
  }
}

/** After two deaths in a row: what is damaged is set aside, and made again by the opening. A look that fails keeps nobody out. */
async function lookQuickly(config: Config, { clock, log }: ServeOptions): Promise<void> {
  try {
    // The supervisor must not take this for a hang: what is begun last may take some seconds of its own.
    const looked = await quickPass(config.data, { clock, log, budgetMs: Math.min(QUICK_LOOK_MS, config.limits.server_stuck_ms / 3), owned: true })
    if (looked.ok) log.warn('the databases were looked at before this start', { looked: looked.value.looked, left: looked.value.left, set_aside: looked.value.setAside.length })
  } catch (error) {
    log.error('the databases could not be looked at before this start', { error: errorSentence(error) })
  }
}

/** The old process has ended; what the kernel still holds of its lock is gone in a moment. */
async function takeLockFromPredecessor(data: string, clock: Clock): Promise<Parsed<OwnerLock>> {
  const untilMs = clock.monotonicMs() + LOCK_WAIT_MS
  for (;;) {
    const taken = takeOwnerLock(data)
    if (taken.ok || taken.code !== 'already-owned' || clock.monotonicMs() >= untilMs) return taken
    await clock.sleep(LOCK_STEP_MS)
  }
}

/** Renewed files count; where they cannot be read any more (root's alone), what root has read before goes on. */
function loadOperatorsCertificates(config: Config, options: ServeOptions): Parsed<CertificatePair[]> {
  const read = loadCertificates(config, options)
  if (read.ok || !options.certificates) return read
  options.log.warn('the certificates cannot be read; those from the start go on', { reason: read.reason })
  return understood(options.certificates)
}

/** How the server comes to its end by itself. */
class Ending {
  fail: (end: { exit: ExitCode; reason: string }) => void = () => {}
  readonly failed = new Promise<{ exit: ExitCode; reason: string }>((resolve) => (this.fail = resolve))
}

/** Commands on a stopped server: the same store, in this thread. */
export async function openOwner(config: Config, options: { clock: Clock; random: Random; log: Log }): Promise<Parsed<Owner>> {
  becomeOwnerOf(config.data)
  const doorWriter = newDoorWriter(() => config, options)
  const opened = await openInlineStore({
    dataDirectory: config.data, clock: options.clock, random: options.random, log: options.log, limits: config.limits,
    mirrors: config.journal.mirrors, segmentSizeOctets: config.journal.segmentSizeOctets,
    onDirectoryChanged() {
      doorWriter.onDirectoryRead()
      if (opened.ok) doorWriter.open(opened.value.store.directory)
    },
  })
  if (!opened.ok) return opened
  const { store, close } = opened.value
  return understood({
    office: { ...officeOf(store, () => config, options), repairs: new RepairJobs(deskOfOwner(store, { dataDirectory: config.data, mirrors: config.journal.mirrors }, options.clock)) },
    close() {
      doorWriter.close()
      return close()
    },
  })
}

interface Door {
  sockets: DoorSockets
  facts: ListenerFacts
}

function bindDoors(config: Config, options: ServeOptions): Parsed<Door[]> {
  const doors: Door[] = []
  const add = (sockets: DoorSockets, { host, port }: { host: string; port: number }) => {
    doors.push({ sockets, facts: { door: sockets.door, address: host, port, tls: TLS_FROM_FIRST_BYTE.has(sockets.door) } })
  }
  for (const door of doorNames) {
    const inherited = options.inherited.filter((socket) => socket.door === door)
    for (const { fds, place } of inherited) {
      const at = { host: place?.address ?? 'inherited', port: place?.port ?? 0 }
      add(DoorSockets.inherit(door, { ...at, family: at.host.includes(':') ? 6 : 4 }, fds), at)
    }
    if (inherited.length > 0) continue
    for (const { host, port } of config.listen[door]) {
      const sockets = DoorSockets.bind(door, { host, port, family: host.includes(':') ? 6 : 4 })
      if (!sockets.ok) {
        for (const bound of doors) bound.sockets.release()
        return sockets.code === 'port-taken' ? refuse('port-taken', `${door} ${host.includes(':') ? `[${host}]` : host}:${port}`) : sockets
      }
      add(sockets.value, { host, port: sockets.value.address.port })
    }
  }
  return understood(doors)
}

interface Opening {
  doors: Door[]
  fronts: Front[]
  known: KnownLogins
  life: Ending
  release: () => void
  /** The fronts are being loaded; absent when they listen already. */
  prepared?: Promise<unknown>
}

async function openServer(config: Config, options: ServeOptions, { doors, fronts, known, life, release, prepared }: Opening): Promise<Server> {
  const { clock, random, log } = options
  const startedMs = clock.nowMs()
  const store = await startStoreThreads({
    dataDirectory: config.data, mirrors: config.journal.mirrors, segmentSizeOctets: config.journal.segmentSizeOctets, acceptLoss: options.acceptLoss, dropFullMirrors: config.journal.dropFullMirror,
    limits: config.limits, clock, log, logLevel: config.log.level, crashAt: process.env['DARUMA_CRASH_AT'],
    onDead: (because, exit) => life.fail({ exit: exit === 74 ? EXIT.io : EXIT.failed, reason: because }),
  })
  for (const sentence of store.report) log.warn(sentence)
  // What a reload changes for the operator's room.
  const running = { config, limits: { ...config.limits } }
  const client = await connectMain(config, options, store, running.limits)
  const connect = (): FrontStore => ({ ports: store.connect(), gauges: store.gauges.shared, mirrors: config.journal.mirrors })
  if (prepared) {
    await prepared
    await Promise.all(fronts.map((front) => front.accept()))
  }
  const knownLogins = new KnownLoginsFile({ data: config.data, known, disk: nodeDisk, clock, log })
  knownLogins.open()
  await Promise.all(fronts.map((front) => front.go(connect)))
  keepCompiled()
  const tidying = new AbortController()
  const cancelTidying = clock.after(TIDY_AFTER_MS, () => {
    removeUnnamedLarge({
      dataDirectory: config.data, mirrors: config.journal.mirrors, members: store.gauges, disk: nodeDisk, clock, log, startedMs, signal: tidying.signal, through: store.gauges.get('durableSequence'),
    }).catch((error: unknown) => log.debug('tidying large/ was broken off', { error: String(error) }))
  })
  const repairs = new RepairJobs(deskBesideServer(() => ({
    dataDirectory: config.data, mirrors: config.journal.mirrors, gauges: store.gauges.shared, ports: store.connect(), limits: { ...running.limits }, startedMs, logLevel: running.config.log.level,
  })))
  const scrub = new ScrubKeeper({
    dataDirectory: config.data, disk: nodeDisk, clock, log, jobs: repairs,
    plan: () => running.config.scrub,
  })
  let stopped: Promise<void> | undefined
  return {
    office: { ...officeOf(client, () => running.config, options), repairs },
    listeners: doors.map((door) => door.facts),
    failed: life.failed,
    healthy: () => fronts.every((front) => front.healthy()) && store.healthy(),
    adopt: () => fronts.find((front) => front.kind === 'taking')?.adopt(),
    facts() {
      const admission = client.admission(0)
      return { refusing: admission.admit ? null : admission.because, paused: pausable.filter((what) => pauseOf(client.directory, what, clock.nowMs())).map((what) => (what === 'smtp-in' ? 'smtp' as const : what)), messagesTaken: store.gauges.get('arrivals'), logins: 0, members: store.members().map((member) => ({ ...member, because: member.because || null })), accountsInTrouble: store.gauges.get('accountsInTrouble') }
    },
    async reload(next) {
      const certificates = next.tls ? loadOperatorsCertificates(next, options) : loadCertificates(next, options)
      if (!certificates.ok) return certificates
      const usable = parseServerContexts(certificates.value, newTicketKeys(random))
      if (!usable.ok) return usable
      running.config = next
      Object.assign(running.limits, next.limits)
      store.setLogLevel(next.log.level)
      for (const front of fronts) front.reload(next, certificates.value)
      return understood(undefined)
    },
    stop(onClosed = () => {}, goodbye) {
      stopped ??= (async () => {
        cancelTidying()
        scrub.close()
        repairs.close()
        tidying.abort(new Error('the server is stopping'))
        const stopping = fronts.map((front) => {
          const closed = Promise.withResolvers<void>()
          return { closed: closed.promise, gone: front.stop(running.limits.leave_grace_ms, closed.resolve, goodbye) }
        })
        void Promise.all(stopping.map((front) => front.closed)).then(onClosed)
        await Promise.all(stopping.map((front) => front.gone))
        knownLogins.close()
        client.close()
        await store.stop()
        release()
      })()
      return stopped
    },
  }
}

function connectMain(config: Config, options: ServeOptions, store: StoreThreads, limits: Limits): Promise<StoreClient> {
  const place = { dataDirectory: config.data, mirrors: config.journal.mirrors, members: store.gauges, dropFullMirrors: config.journal.dropFullMirror }
  const doorMarker = newDoorWriter(() => config, options)
  return StoreClient.connect({
    ports: store.connect(), gauges: store.gauges, limits, disk: nodeDisk, clock: options.clock, log: options.log,
    reader: openJournalReader({ ...place, disk: nodeDisk, log: options.log }), large: new LargeStore({ ...place, random: options.random }),
    onDirectoryChanged() {
      if (store.gauges.get('doorPosition') < store.gauges.get('directoryPosition')) doorMarker.onDirectoryRead()
    },
  })
}

function makeFronts(config: Config, options: ServeOptions, owned: { doors: Door[]; certificates: CertificatePair[]; onLost: (reason: string) => void }): { fronts: Front[]; known: KnownLogins } {
  const ticketKeys = newTicketKeys(options.random)
  const decoyKey = loadDecoyKey(config.data, options)
  const knownLogins = newKnownLoginsMemory()
  const ownAddresses = owned.doors.filter(({ sockets }) => sockets.door === 'smtp').map(({ facts }) => ({ host: facts.address, port: facts.port }))
  const kinds: FrontKind[] = ['taking', 'reading', 'queue']
  const fronts = kinds.map((kind) => new Front({
    kind, clock: options.clock, log: options.log, config, certificates: owned.certificates, onLost: owned.onLost,
    data: { kind, ticketKeys, decoyKey, knownLogins, version: options.version, ownAddresses },
  }, owned.doors.map(({ sockets }) => sockets).filter(({ door }) => KIND_OF[door] === kind)))
  return { fronts, known: knownLoginsIn(knownLogins, decoyKey) }
}

function officeOf(store: StoreClient, configNow: () => Config, options: { clock: Clock; random: Random }): Omit<Office, 'server'> {
  return {
    store, clock: options.clock, random: options.random,
    makeCredential: (password) => makeCredential(password, { random: options.random, scram: configNow().security.scram }),
  }
}
