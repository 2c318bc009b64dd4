// Builds the rooms and hands each what it needs. `serve` starts a server, `openOwner` opens a stopped one's
// data for a command. This file wires; it decides nothing.
//
// Start, in this order: bind all ports (as root, if need be) → rights are dropped → lock → journal (recovery) →
// databases (to the gate) → front threads listen → ready. Stop, in this order: doors say goodbye → queue →
// databases flushed → journal sealed → lock released.
import type { Clock } from './base/clock.ts'
import { keepCompiled } from './base/compile-cache.ts'
import { nodeDisk } from './base/disk.ts'
import { Outage, refuse, understood, type Parsed } from './base/errors.ts'
import type { Limits } from './base/limits.ts'
import type { Log } from './base/log.ts'
import type { Random } from './base/random.ts'
import { becomeOwnerOf, becomeUser, isRoot } from './base/run-as.ts'
import { EXIT, type ExitCode, type ListenerFacts, type Office } from './admin/admin.ts'
import type { Owner, Server, ServeOptions } from './server/server-interface.ts'
import { doorNames, type Config, type DoorName } from './config/config.ts'
import { newTicketKeys, parseServerContexts, type CertificatePair } from './net/server-contexts.ts'
import { loadCertificates } from './server/certificates.ts'
import { loadDecoyKey } from './server/decoy-key.ts'
import { DoorSockets } from './server/door-sockets.ts'
import { Front } from './server/fronts.ts'
import type { FrontKind } from './server/thread-messages.ts'
import { LargeStore } from './store/journal/large-writer.ts'
import { openJournalReader } from './store/journal/journal-reader.ts'
import { openInlineStore } from './store/inline.ts'
import { takeOwnerLock } from './store/owner-lock.ts'
import { makeCredential } from './store/store.ts'
import { removeUnnamedLarge } from './store/threads/large-cleanup.ts'
import { startStoreThreads, type StoreThreads } from './store/threads/store-threads.ts'
import { StoreClient } from './store/threads/store-client.ts'

/** Sessions get so long to finish when the server stops. */
const GRACE_MS = 5000
/** Chores wait until the rush after a start is over. */
const TIDY_AFTER_MS = 60_000

const KIND_OF: Record<DoorName, FrontKind> = { smtp: 'taking', submission: 'taking', submissions: 'taking', imap: 'reading', imaps: 'reading' }
const TLS_FROM_FIRST_BYTE: ReadonlySet<DoorName> = new Set(['submissions', 'imaps'])

export async function serve(config: Config, options: ServeOptions): Promise<Parsed<Server>> {
  // What only root may do comes first: ports, and keys that are root's alone.
  const doors = bindDoors(config, options)
  const operators = config.tls ? loadCertificates(config, options) : undefined
  const releaseDoors = () => {
    if (doors.ok) for (const { sockets } of doors.value) sockets.release()
  }
  // Nothing in the data directory is touched as root: its next owner could not open what root has made.
  const dropped = dropRights(config)
  const lock = dropped.ok ? takeOwnerLock(config.data) : dropped
  if (!lock.ok) {
    releaseDoors()
    return lock
  }
  if (!doors.ok) {
    lock.value.release()
    return doors
  }
  const certificates = operators ?? loadCertificates(config, options)
  const usable = certificates.ok ? parseServerContexts(certificates.value, newTicketKeys(options.random)) : certificates
  if (!certificates.ok || !usable.ok) {
    releaseDoors()
    lock.value.release()
    return refuse('bad-certificate', certificates.ok ? (usable.ok ? '' : usable.reason) : certificates.reason)
  }
  try {
    return understood(await startServer(config, options, { doors: doors.value, certificates: certificates.value, release: () => lock.value.release() }))
  } catch (error) {
    releaseDoors()
    lock.value.release()
    if (error instanceof Outage) return refuse('start-failed', `${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    throw error
  }
}

/** Commands on a stopped server: the same store, in this thread. */
export async function openOwner(config: Config, options: { clock: Clock; random: Random; log: Log }): Promise<Parsed<Owner>> {
  becomeOwnerOf(config.data)
  const opened = await openInlineStore({
    dataDirectory: config.data, clock: options.clock, random: options.random, log: options.log, limits: config.limits,
    mirrors: config.journal.mirrors, segmentSizeOctets: config.journal.segmentSizeOctets,
  })
  if (!opened.ok) return opened
  return understood({ office: officeOf(opened.value.store, () => config, options), close: () => opened.value.close() })
}

/** Root becomes [run] user, or whoever the data belongs to. There is no way back. */
function dropRights(config: Config): Parsed<unknown> {
  if (!isRoot()) return understood(undefined)
  if (config.run.user !== undefined) return becomeUser(config.run.user)
  becomeOwnerOf(config.data)
  return understood(undefined)
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
    for (const { fd, place } of inherited) {
      const at = { host: place?.address ?? 'inherited', port: place?.port ?? 0 }
      add(DoorSockets.inherit(door, { ...at, family: at.host.includes(':') ? 6 : 4 }, fd), at)
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

async function startServer(config: Config, options: ServeOptions, owned: { doors: Door[]; certificates: CertificatePair[]; release: () => void }): Promise<Server> {
  const { clock, random, log } = options
  const startedMs = clock.nowMs()
  let fail: (end: { exit: ExitCode; reason: string }) => void = () => {}
  const failed = new Promise<{ exit: ExitCode; reason: string }>((resolve) => (fail = resolve))
  const store = await startStoreThreads({
    dataDirectory: config.data, mirrors: config.journal.mirrors, segmentSizeOctets: config.journal.segmentSizeOctets, acceptLoss: options.acceptLoss,
    limits: config.limits, log, logLevel: config.log.level, crashAt: process.env['DARUMA_CRASH_AT'],
    onDead: (because, exit) => fail({ exit: exit === 74 ? EXIT.io : EXIT.failed, reason: because }),
  })
  for (const sentence of store.report) log.warn(sentence)
  // What a reload changes for the operator's room.
  const running = { config, limits: { ...config.limits } }
  const client = await connectMain(config, options, store, running.limits)
  const fronts = makeFronts(config, options, store, { ...owned, onLost: (reason) => fail({ exit: EXIT.tryAgain, reason }) })
  await Promise.all(fronts.map((front) => front.start()))
  keepCompiled()
  const tidying = new AbortController()
  const cancelTidying = clock.after(TIDY_AFTER_MS, () => {
    removeUnnamedLarge({
      dataDirectory: config.data, mirrors: store.mirrors, disk: nodeDisk, clock, log, startedMs, signal: tidying.signal, through: store.gauges.get('durableSequence'),
    }).catch((error: unknown) => log.debug('tidying large/ was broken off', { error: String(error) }))
  })
  let stopped: Promise<void> | undefined
  return {
    office: officeOf(client, () => running.config, options),
    listeners: owned.doors.map((door) => door.facts),
    failed,
    healthy: () => fronts.every((front) => front.healthy()),
    async reload(next) {
      const certificates = loadCertificates(next, options)
      if (!certificates.ok) return certificates
      const usable = parseServerContexts(certificates.value, newTicketKeys(random))
      if (!usable.ok) return usable
      running.config = next
      Object.assign(running.limits, next.limits)
      store.setLogLevel(next.log.level)
      for (const front of fronts) front.reload(next, certificates.value)
      return understood(undefined)
    },
    stop() {
      stopped ??= (async () => {
        cancelTidying()
        tidying.abort(new Error('the server is stopping'))
        await Promise.all(fronts.map((front) => front.stop(GRACE_MS)))
        client.close()
        await store.stop()
        owned.release()
      })()
      return stopped
    },
  }
}

function connectMain(config: Config, options: ServeOptions, store: StoreThreads, limits: Limits): Promise<StoreClient> {
  const place = { dataDirectory: config.data, mirrors: store.mirrors }
  return StoreClient.connect({
    ports: store.connect(), gauges: store.gauges, limits, disk: nodeDisk, clock: options.clock, log: options.log,
    reader: openJournalReader({ ...place, disk: nodeDisk, log: options.log }), large: new LargeStore({ ...place, random: options.random }),
  })
}

function makeFronts(config: Config, options: ServeOptions, store: StoreThreads, owned: { doors: Door[]; certificates: CertificatePair[]; onLost: (reason: string) => void }): Front[] {
  const ticketKeys = newTicketKeys(options.random)
  const decoyKey = loadDecoyKey(config.data, options)
  const ownAddresses = owned.doors.filter(({ sockets }) => sockets.door === 'smtp').map(({ facts }) => ({ host: facts.address, port: facts.port }))
  const kinds: FrontKind[] = ['taking', 'reading', 'queue']
  return kinds.map((kind) => new Front({
    kind, clock: options.clock, log: options.log, config, certificates: owned.certificates, connect: () => store.connect(), onLost: owned.onLost,
    data: { kind, mirrors: store.mirrors, gauges: store.gauges.shared, ticketKeys, decoyKey, version: options.version, ownAddresses },
  }, owned.doors.map(({ sockets }) => sockets).filter(({ door }) => KIND_OF[door] === kind)))
}

function officeOf(store: StoreClient, configNow: () => Config, options: { clock: Clock; random: Random }): Omit<Office, 'server'> {
  return {
    store, clock: options.clock, random: options.random,
    makeCredential: (password) => makeCredential(password, { random: options.random, scram: configNow().security.scram }),
  }
}
