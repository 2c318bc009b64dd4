// Starts the understudy when nobody else is at the door, starts it again should it die, and sends it home when the
// server is back. What it has taken is adopted afterwards by the server, which is told so when it has gone.
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Child, type ChildOptions } from './child.ts'
import type { FromUnderstudy, ToUnderstudy, UnderstudyStart } from './understudy/messages.ts'

const BEAT_MS = 2000
/** Beats in a row without an answer: half a minute. */
const BEATS_MISSED_MAX = 15
/** After a death; more after each further one. */
const FIRST_PAUSE_MS = 500
const PAUSE_MAX_MS = 30_000
/** Beyond its grace, until it is ended by force. */
const LAST_MS = 5000
const REAP_MS = 10_000

export interface UnderstudyKeeperOptions {
  readonly clock: Clock
  readonly log: Log
  /** What a new one is started with, as of now. */
  launch(): { child: ChildOptions; start: UnderstudyStart }
  onChange(): void
  onDeath(): void
}

export class UnderstudyKeeper {
  readonly #options: UnderstudyKeeperOptions
  #wanted = false
  #child: Child<ToUnderstudy, FromUnderstudy> | undefined
  #state: 'off' | 'starting' | 'taking' = 'off'
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #sentHome: Child<ToUnderstudy, FromUnderstudy> | undefined
  #deaths = 0
  #missed = 0
  /** Messages that the present one has taken. */
  taken = 0

  constructor(options: UnderstudyKeeperOptions) {
    this.#options = options
  }

  get state(): 'off' | 'starting' | 'taking' {
    return this.#state
  }
  get pid(): number | undefined {
    return this.#child?.isGone === false ? this.#child.pid : undefined
  }

  start(): void {
    this.#wanted = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#wanted) this.start()
    })
  }

  /** Resolves when it has been reaped; at once when there is none. */
  async stop(graceMs: number): Promise<void> {
    this.#wanted = false
    this.#wake?.()
    const child = this.#child
    if (child && !child.isGone) {
      this.#sentHome = child
      child.tell({ t: 'stop', graceMs })
      if (!(await child.endsWithin(graceMs + LAST_MS))) {
        this.#options.log.warn('the understudy does not end; it is killed', { pid: child.pid })
        await child.kill(REAP_MS)
      }
    }
    // Called again meanwhile: there is another, and nobody waits for its end.
    if (!this.#wanted) await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    while (this.#wanted) {
      const { child: options, start } = this.#options.launch()
      const child = new Child<ToUnderstudy, FromUnderstudy>(options)
      this.#child = child
      this.#missed = 0
      this.taken = 0
      this.#become('starting')
      child.onMessage = (message) => this.#hear(message)
      child.tell(start)
      const beating = this.#beat(child)
      const end = await child.ended
      beating()
      if (this.#child === child) this.#child = undefined
      this.#become('off')
      if (!this.#wanted) return
      // Sent home, and called again before it had gone.
      if (this.#sentHome === child) continue
      this.#deaths += 1
      const pauseMs = Math.min(PAUSE_MAX_MS, FIRST_PAUSE_MS * 2 ** (this.#deaths - 1))
      log.error('the understudy has ended; another is started', { how: end.how, pause_ms: pauseMs })
      this.#options.onDeath()
      await new Promise<void>((resolve) => {
        const cancel = clock.after(pauseMs, resolve)
        this.#wake = () => {
          cancel()
          resolve()
        }
      })
      this.#wake = undefined
    }
  }

  #hear(message: FromUnderstudy): void {
    this.#missed = 0
    switch (message.t) {
      case 'ready':
        this.#deaths = 0
        this.#options.log.warn('the understudy is at the door', { pid: this.pid })
        this.#become('taking')
        return
      case 'refused':
        this.#options.log.error('the understudy cannot start', { reason: message.because })
        return
      case 'beat':
        this.taken = message.taken
    }
  }

  #become(state: 'off' | 'starting' | 'taking'): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onChange()
  }

  #beat(child: Child<ToUnderstudy, FromUnderstudy>): () => void {
    let cancel = () => {}
    const beat = () => {
      cancel = this.#options.clock.after(BEAT_MS, () => {
        this.#missed += 1
        child.tell({ t: 'beat' })
        if (this.#missed > BEATS_MISSED_MAX) child.signal('SIGKILL')
        beat()
      })
    }
    beat()
    return () => cancel()
  }
}
