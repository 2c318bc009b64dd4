// A child process with a channel: started with descriptors, told things, ended for certain. The supervisor's promise
// to the journal stands here: a process counts as gone only when it has been reaped, never because it was killed.
import { spawn, type ChildProcess } from 'node:child_process'
import type { Clock } from '../base/clock.ts'
import { errorSentence } from '../base/errors.ts'

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Listening sockets: descriptors of this process, which become 4, 5, … there. */
  readonly fds: readonly number[]
  readonly clock: Clock
}

export interface ChildEnd {
  readonly code: number | undefined
  readonly signal: string | undefined
  /** In words, for the log. */
  readonly how: string
}

export class Child<To extends object, From> {
  readonly #process: ChildProcess
  readonly #clock: Clock
  readonly ended: Promise<ChildEnd>
  #gone = false
  onMessage: (message: From) => void = () => {}

  constructor(options: ChildOptions) {
    this.#clock = options.clock
    this.#process = spawn(options.command, [...options.args], {
      env: { ...options.env },
      // Standard input stays with the supervisor: nobody types to a server.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...options.fds],
      serialization: 'advanced',
    })
    const { promise, resolve } = Promise.withResolvers<ChildEnd>()
    this.ended = promise
    const end = (how: ChildEnd) => {
      this.#gone = true
      resolve(how)
    }
    this.#process.once('exit', (code, signal) => end({ code: code ?? undefined, signal: signal ?? undefined, how: signal ? `signal ${signal}` : `exit code ${code}` }))
    this.#process.once('error', (error) => {
      // It never ran. (An error of a running one is about a message or a signal, and changes nothing.)
      if (this.#process.pid === undefined) end({ code: undefined, signal: undefined, how: `it could not be started: ${errorSentence(error)}` })
    })
    this.#process.on('error', () => {})
    this.#process.on('message', (message) => this.onMessage(message as From))
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }
  get isGone(): boolean {
    return this.#gone
  }

  /** To one that has gone: nothing happens. */
  tell(message: To): void {
    if (this.#process.connected) this.#process.send(message as never, () => {})
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) this.#process.kill(signal)
  }

  /** SIGKILL, and waits until it has been reaped; false when that has not happened within `ms` (a process in the kernel's hands). */
  async kill(ms: number): Promise<boolean> {
    if (this.#gone) return true
    this.#process.kill('SIGKILL')
    return this.endsWithin(ms)
  }

  async endsWithin(ms: number): Promise<boolean> {
    const waiting = new AbortController()
    await Promise.race([this.ended, this.#clock.sleep(ms, waiting.signal).catch(() => {})])
    waiting.abort()
    return this.#gone
  }
}
