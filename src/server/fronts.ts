// The front threads as the main thread sees them: started, watched, restarted alone when one dies, reloaded,
// stopped. A front that dies takes its sessions with it and nothing else: what was acknowledged is in the journal.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { Outage } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import { bindSocket } from '../net/bound-socket.ts'
import type { CertificatePair } from '../net/server-contexts.ts'
import type { FrontPorts } from '../store/threads/messages.ts'
import type { DoorSocket, FromFront, FrontKind, FrontThreadData, ToFront } from './thread-messages.ts'

const frontLimits = {
  /** A restarted front that dies again so soon waits before the next start. */
  restart_pause_ms: 1000,
  /** A beat is asked for so often, and a front that has not answered for so long does not turn any more. */
  beat_ms: 2000,
  stuck_ms: 30_000,
} as const

export interface FrontOptions {
  kind: FrontKind
  clock: Clock
  log: Log
  /** Everything of the thread's data but what changes with each start. */
  data: Omit<FrontThreadData, 'ports' | 'doors' | 'config' | 'certificates'>
  config: Config
  certificates: CertificatePair[]
  connect: () => FrontPorts
}

export class Front {
  readonly kind: FrontKind
  readonly #options: FrontOptions
  #worker: Worker | undefined
  #doors: DoorSocket[]
  #config: Config
  #certificates: CertificatePair[]
  #stopping = false
  #heardMs: number
  #cancelBeat: (() => void) | undefined

  constructor(options: FrontOptions, doors: DoorSocket[]) {
    this.kind = options.kind
    this.#options = options
    this.#doors = doors
    this.#config = options.config
    this.#certificates = options.certificates
    this.#heardMs = options.clock.monotonicMs()
  }

  /** Resolves when its doors listen. */
  async start(): Promise<void> {
    const ports = this.#options.connect()
    const worker = new Worker(new URL('./front-thread.ts', import.meta.url), {
      name: this.kind,
      workerData: { ...this.#options.data, ports, doors: this.#doors, config: this.#config, certificates: this.#certificates } satisfies FrontThreadData,
      transferList: [ports.journal, ports.accounts],
    })
    this.#worker = worker
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromFront) => {
        this.#heardMs = this.#options.clock.monotonicMs()
        if (message.t === 'ready') resolve()
        if (message.t === 'refused') reject(new Outage(message.because, { operation: 'start' }))
      })
      worker.once('error', reject)
      worker.once('exit', () => reject(new Outage(`the ${this.kind} thread ended before it was ready`, { operation: 'start' })))
    })
    worker.on('error', (error) => this.#options.log.error('a front thread has died; it is started again', { thread: this.kind, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    worker.once('exit', () => {
      if (!this.#stopping) void this.#startAgain()
    })
    this.#beat()
  }

  /** Does its loop still turn? */
  healthy(): boolean {
    return this.#options.clock.monotonicMs() - this.#heardMs < frontLimits.stuck_ms
  }

  reload(config: Config, certificates: CertificatePair[]): void {
    this.#config = config
    this.#certificates = certificates
    this.#tell({ t: 'reload', config, certificates })
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#cancelBeat?.()
    const worker = this.#worker
    if (!worker) return
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    this.#tell({ t: 'stop', graceMs })
    await gone
  }

  #tell(message: ToFront): void {
    this.#worker?.postMessage(message)
  }

  #beat(): void {
    this.#cancelBeat?.()
    this.#cancelBeat = this.#options.clock.after(frontLimits.beat_ms, () => {
      this.#tell({ t: 'beat' })
      this.#beat()
    })
  }

  async #startAgain(): Promise<void> {
    const { clock, log } = this.#options
    for (let pauseMs = 0; !this.#stopping; pauseMs = frontLimits.restart_pause_ms) {
      await clock.sleep(pauseMs)
      try {
        this.#doors = this.#doors.map((door) => {
          const bound = bindSocket(door.address)
          if (!bound.ok) throw new Outage(bound.reason, { operation: 'bind' })
          return { ...door, fd: bound.value.handOver() }
        })
        await this.start()
        log.warn('a front thread is back', { thread: this.kind })
        return
      } catch (error) {
        log.error('a front thread could not be started again; it is tried further', { thread: this.kind, error: String(error) })
      }
    }
  }
}
