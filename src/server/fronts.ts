// The front threads as the main thread sees them: started, watched, restarted alone when one dies, reloaded,
// stopped. A front that dies takes its sessions with it and nothing else: what was acknowledged is in the journal.
import { Worker, type MessagePort } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { Outage, errorCode, errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { CertificatePair } from '../net/server-contexts.ts'
import { Gauges } from '../store/threads/gauges.ts'
import type { DoorSockets } from './door-sockets.ts'
import type { Goodbye } from './supervisor-messages.ts'
import type { DoorSocket, FromFront, FrontKind, FrontStore, FrontThreadData, ToFront } from './thread-messages.ts'

const frontLimits = {
  /** A front that has lived for less is in trouble that a start does not mend at once: the next one waits. */
  short_life_ms: 10_000,
  restart_pause_ms: 1000,
  /** A beat is asked for so often, and a front that has not answered for so long does not turn any more. */
  beat_ms: 2000,
  stuck_ms: 30_000,
  /** One that has not answered for so long is ended, so that another can begin. A service manager's watchdog acts later. */
  end_ms: 45_000,
} as const

export interface FrontOptions {
  kind: FrontKind
  clock: Clock
  log: Log
  /** Everything of the thread's data but what changes with each start. */
  data: Omit<FrontThreadData, 'doors' | 'config' | 'certificates'>
  config: Config
  certificates: CertificatePair[]
  /** A door cannot come back in this process: it has to end, so that whoever watches it starts another. */
  onLost: (reason: string) => void
}

export class Front {
  readonly kind: FrontKind
  readonly #options: FrontOptions
  #worker: Worker | undefined
  readonly #doors: readonly DoorSockets[]
  #config: Config
  #certificates: CertificatePair[]
  #stopping = false
  /** Beats asked for since it was last heard of: a process that was halted as a whole finds nobody stuck. */
  #unanswered = 0
  #startedMs: number
  #cancelBeat: (() => void) | undefined
  #connect: (() => FrontStore) | undefined
  /** It works: when it ends now, another takes its place. */
  #ready = false

  constructor(options: FrontOptions, doors: readonly DoorSockets[]) {
    this.kind = options.kind
    this.#options = options
    this.#doors = doors
    this.#config = options.config
    this.#certificates = options.certificates
    this.#startedMs = options.clock.monotonicMs()
  }

  /** Starts its thread. Resolves when everything is loaded; nothing listens yet. */
  async prepare(): Promise<void> {
    this.#startedMs = this.#options.clock.monotonicMs()
    const sockets = this.#takeSockets()
    const worker = new Worker(new URL('./front-thread.ts', import.meta.url), {
      name: this.kind,
      workerData: { ...this.#options.data, doors: sockets, config: this.#config, certificates: this.#certificates } satisfies FrontThreadData,
    })
    this.#worker = worker
    this.#unanswered = 0
    worker.on('message', (message: FromFront) => {
      this.#unanswered = 0
      if (message.t === 'refused') this.#giveBack(sockets, message.unused)
    })
    worker.on('error', (error) => this.#options.log.error('a front thread has died; it is started again', { thread: this.kind, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    worker.once('exit', () => {
      const wasReady = this.#ready
      this.#ready = false
      this.#giveBack(sockets, [])
      if (this.#worker === worker) this.#worker = undefined
      if (wasReady && !this.#stopping) void this.#startAgain()
    })
    await this.#reach('warm')
    this.#beat()
  }

  /** Its doors listen; whoever comes is greeted and waits. */
  accept(): Promise<void> {
    return this.#reach('accepting', { t: 'accept' })
  }

  /** The data is ours. Resolves when it works. */
  async go(connect: () => FrontStore): Promise<void> {
    this.#connect = connect
    const store = connect()
    const worker = this.#worker
    // Nobody waits for what a thread that has gone would have read.
    worker?.once('exit', () => new Gauges(store.gauges).setDirectoryRead(store.ports.front, undefined))
    await this.#reach('ready', { t: 'go', ...store }, [store.ports.journal, store.ports.accounts])
    this.#ready = true
  }

  #reach(wanted: FromFront['t'], message?: ToFront, transfer: MessagePort[] = []): Promise<void> {
    const worker = this.#worker
    return new Promise<void>((resolve, reject) => {
      const ended = () => reject(new Outage(`the ${this.kind} thread ended before it was ready`, { operation: 'start' }))
      if (!worker) return ended()
      const onMessage = (answer: FromFront) => {
        if (answer.t === 'refused') reject(new Outage(answer.because, { operation: 'start' }))
        if (answer.t !== wanted) return
        worker.off('message', onMessage)
        worker.off('error', reject)
        worker.off('exit', ended)
        resolve()
      }
      worker.on('message', onMessage)
      worker.once('error', reject)
      worker.once('exit', ended)
      if (message) worker.postMessage(message, transfer)
    })
  }

  #takeSockets(): DoorSocket[] {
    const taken: DoorSocket[] = []
    for (const door of this.#doors) {
      const socket = door.take()
      if (!socket.ok) {
        this.#giveBack(taken, taken.map(({ fd }) => fd))
        throw new Outage(socket.reason, { operation: 'bind', code: socket.code })
      }
      taken.push(socket.value)
    }
    return taken
  }

  #giveBack(sockets: readonly DoorSocket[], unused: readonly number[]): void {
    this.#doors.forEach((door, at) => {
      const fd = sockets[at]?.fd
      if (fd === undefined) return
      if (unused.includes(fd)) door.takeBack(fd)
      else door.forget(fd)
    })
  }

  /** Does its loop still turn? */
  healthy(): boolean {
    return this.#unanswered * frontLimits.beat_ms < frontLimits.stuck_ms
  }

  reload(config: Config, certificates: CertificatePair[]): void {
    this.#config = config
    this.#certificates = certificates
    this.#tell({ t: 'reload', config, certificates })
  }

  /** What the understudy took is looked for now. */
  adopt(): void {
    this.#tell({ t: 'adopt' })
  }

  /** `onClosed`: its doors accept no more. */
  async stop(graceMs: number, onClosed: () => void = () => {}, goodbye?: Goodbye): Promise<void> {
    this.#stopping = true
    this.#cancelBeat?.()
    const worker = this.#worker
    if (!worker) return onClosed()
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    void this.#reach('closed', { t: 'stop', graceMs, ...(goodbye ? { goodbye } : {}) }).catch(() => {}).then(onClosed)
    await gone
  }

  #tell(message: ToFront): void {
    this.#worker?.postMessage(message)
  }

  #beat(): void {
    this.#cancelBeat?.()
    this.#cancelBeat = this.#options.clock.after(frontLimits.beat_ms, () => {
      this.#tell({ t: 'beat' })
      this.#unanswered += 1
      this.#beat()
      if (!this.#worker || this.#unanswered !== Math.ceil(frontLimits.end_ms / frontLimits.beat_ms)) return
      this.#options.log.error('a front thread does not turn any more; it is ended', { thread: this.kind })
      void this.#worker.terminate()
    })
  }

  async #startAgain(): Promise<void> {
    const { clock, log } = this.#options
    let pauseMs = clock.monotonicMs() - this.#startedMs < frontLimits.short_life_ms ? frontLimits.restart_pause_ms : 0
    for (; !this.#stopping; pauseMs = frontLimits.restart_pause_ms) {
      await clock.sleep(pauseMs)
      if (this.#stopping) return
      try {
        await this.prepare()
        await this.accept()
        if (this.#connect) await this.go(this.#connect)
        log.warn('a front thread is back', { thread: this.kind })
        return
      } catch (error) {
        log.error('a front thread could not be started again', { thread: this.kind, error: errorSentence(error) })
        if (errorCode(error) === 'socket-gone') return this.#options.onLost(`the ${this.kind} thread cannot come back: ${errorSentence(error)}`)
      }
    }
  }
}
