// The understudy as the supervisor starts it: sockets bound here and never closed, copies of their descriptors and
// a channel handed to the process; and what it has kept, read as whoever adopts it would.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { nodeDisk } from '../../src/base/disk.ts'
import { defaultLimits, type Limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { DoorName } from '../../src/config/config.ts'
import { printDoorList, type DoorDomain } from '../../src/intake/door-list.ts'
import { parseTakenMeta, type TakenMeta } from '../../src/intake/taken.ts'
import { bindSocket, type Bound } from '../../src/net/bound-socket.ts'
import { makeSelfSigned } from '../../src/net/self-signed.ts'
import { openJournalReader } from '../../src/store/journal/journal-reader.ts'
import { openJournal } from '../../src/store/journal/journal.ts'
import { takeOwnerLock } from '../../src/store/owner-lock.ts'
import type { FromUnderstudy, ToUnderstudy, UnderstudyStart } from '../../src/supervisor/understudy/messages.ts'
import { until } from './until.ts'

export const UNDERSTUDY = resolve(import.meta.dirname, '../../src/supervisor/understudy/understudy-process.ts')
const FIRST_FD = 4
/** As bin/daruma does: a start takes a third of the time. */
const COMPILED = resolve(import.meta.dirname, '../../node_modules/.cache/daruma')
const made = makeSelfSigned(['mx.example.org', 'localhost'], { clock: systemClock, random: systemRandom })

export interface TakenMessage {
  sequence: number
  timeMs: number
  meta: TakenMeta
  bytes: Buffer
}

export interface UnderstudyOptions {
  doors?: readonly DoorName[]
  limits?: Partial<Limits>
  env?: Record<string, string>
  /** Where it keeps mail; a folder of its own otherwise. */
  intake?: string
}

/** One supervisor's worth: the ports stay, processes come and go. */
export class UnderstudyHost {
  readonly intake: string
  readonly ports: Partial<Record<DoorName, number>> = {}
  readonly heard: FromUnderstudy[] = []
  readonly #options: UnderstudyOptions
  readonly #bound: { door: DoorName; bound: Bound; fd: number }[]
  readonly #folder: string
  child: ChildProcess | undefined
  /** Resolves when the present one has ended. */
  gone: Promise<undefined> = Promise.resolve(undefined)
  /** What it wrote to the log. */
  log = ''

  constructor(t: Pick<TestContext, 'after'>, options: UnderstudyOptions = {}) {
    this.#options = options
    this.#folder = mkdtempSync(join(tmpdir(), 'daruma-understudy-'))
    this.intake = options.intake ?? join(this.#folder, 'intake')
    mkdirSync(this.intake, { recursive: true })
    this.#bound = (options.doors ?? ['smtp']).map((door) => {
      const bound = bindSocket({ host: '127.0.0.1', port: 0, family: 4 })
      if (!bound.ok) throw new Error(bound.reason)
      this.ports[door] = bound.value.address.port
      return { door, bound: bound.value, fd: bound.value.handOver() }
    })
    t.after(async () => {
      if (this.child) await this.kill()
      for (const { bound } of this.#bound) {
        bound.takeBack()
        bound.release()
      }
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  get port(): number {
    return this.ports.smtp ?? 0
  }

  writeList(domains: Record<string, Partial<Omit<DoorDomain, 'known'>> & { known?: string[] }> = { 'example.org': { known: ['ada', 'bo'] } }): void {
    const list = new Map(Object.entries(domains).map(([name, { known = [], ...rest }]) => [name, { rest: 'refuse' as const, deferred: new Set<string>(), ...rest, known: new Set(known) }]))
    writeFileSync(join(this.intake, 'door.json'), printDoorList({ hostname: 'mx.example.org', writtenMs: Date.now(), subaddressSeparator: '+', postmaster: true, domains: list }))
  }

  /** Resolves when the process has said `ready`, or with `awaitReady: false` at once. */
  async start(more: Partial<UnderstudyStart> & { awaitReady?: boolean; env?: Record<string, string> } = {}): Promise<void> {
    const { awaitReady = true, env, ...start } = more
    const child = spawn(process.execPath, ['--max-semi-space-size=2', UNDERSTUDY], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc', ...this.#bound.map(({ fd }) => fd)], serialization: 'advanced',
      env: { ...process.env, UV_USE_IO_URING: '0', NODE_COMPILE_CACHE: COMPILED, ...this.#options.env, ...env },
    })
    this.child = child
    this.gone = new Promise((resolve) => child.once('exit', () => resolve(undefined)))
    this.heard.length = 0
    child.stderr?.on('data', (chunk: Buffer) => (this.log += chunk.toString('utf8')))
    child.on('message', (message) => this.heard.push(message as FromUnderstudy))
    this.tell(this.startMessage(start))
    if (awaitReady) await this.hears('ready')
  }

  startMessage(more: Partial<UnderstudyStart> = {}): UnderstudyStart {
    return {
      t: 'start', intake: this.intake, segmentSizeOctets: 1024 * 1024,
      doors: this.#bound.map(({ door, bound }, at) => ({ door, address: bound.address, fd: FIRST_FD + at })),
      certificates: [{ ...made, origin: 'self-signed' }], hostname: 'mx.example.org', version: 'test', logLevel: 'info',
      limits: { ...defaultLimits, disk_reserve_octets: 0, ...this.#options.limits }, proxies: [], mode: 'take', ...more,
    }
  }

  /** The descriptor of a door, in this process. */
  fd(door: DoorName): number {
    const found = this.#bound.find((one) => one.door === door)
    if (!found) throw new Error(`there is no ${door}`)
    return found.fd
  }

  /** As a server that adopts has it. Returns how to let go. */
  holdLock(): () => void {
    const lock = takeOwnerLock(this.intake)
    if (!lock.ok) throw new Error(lock.reason)
    return () => lock.value.release()
  }

  /** To one that has gone: nothing happens. */
  tell(message: ToUnderstudy): void {
    if (this.child?.connected) this.child.send(message, () => {})
  }

  async hears<T extends FromUnderstudy['t']>(what: T): Promise<FromUnderstudy & { t: T }> {
    return until(`the understudy to say "${what}" (it wrote: ${this.log.slice(-400)})`, () => this.heard.find((message): message is FromUnderstudy & { t: T } => message.t === what), 15_000)
  }

  /** Exit code, or the signal's name. */
  async ended(): Promise<number | string> {
    const { child } = this
    if (!child) throw new Error('nothing runs')
    const how = await until('the understudy to end', () => child.exitCode ?? child.signalCode ?? undefined, 20_000)
    this.child = undefined
    return how
  }

  async kill(): Promise<void> {
    this.child?.kill('SIGKILL')
    await this.ended()
  }

  async stop(graceMs = 5000): Promise<void> {
    this.tell({ t: 'stop', graceMs })
    const how = await this.ended()
    if (how !== 0) throw new Error(`the understudy ended with ${how}: ${this.log}`)
  }

  /** As the server adopts: takes the lock, recovers, reads everything. Nothing may run. */
  async read(): Promise<TakenMessage[]> {
    const lock = takeOwnerLock(this.intake)
    if (!lock.ok) throw new Error(lock.reason)
    try {
      const { journal } = openJournal({ dataDirectory: this.intake, segmentSizeOctets: 1024 * 1024, disk: nodeDisk, clock: systemClock, random: systemRandom, log: silentLog })
      const through = journal.lastSequence
      journal.close()
      const reader = openJournalReader({ dataDirectory: this.intake, disk: nodeDisk, log: silentLog })
      const found: Omit<TakenMessage, 'bytes'>[] = []
      reader.scan(1, (record) => {
        const meta = parseTakenMeta(record.meta)
        if (!meta.ok || record.type !== 'arrival') throw new Error(`record ${record.sequence} is no taken message`)
        found.push({ sequence: record.sequence, timeMs: record.timeMs, meta: meta.value })
      }, through)
      const messages: TakenMessage[] = []
      for (const one of found) {
        const body = await reader.openBody(one.sequence)
        const parts: Buffer[] = []
        for (let at = 0; at < body.length;) {
          const part = Buffer.from(body.read(at, 1024 * 1024))
          parts.push(part)
          at += part.length
        }
        messages.push({ ...one, bytes: Buffer.concat(parts) })
      }
      reader.close()
      return messages
    } finally {
      lock.value.release()
    }
  }
}
