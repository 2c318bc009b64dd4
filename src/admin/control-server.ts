// The control socket of a running server (`control.sock` in the data directory) or supervisor
// (`supervisor.sock`), for its owner alone (mode 0600). Hands each request to the operations and writes the
// answer; promises to answer what it has begun before it closes. Knows nothing of what the operations do.
import { type Server as NetServer, type Socket, createServer } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { Outage, errorCode, errorSentence } from '../base/errors.ts'
import { madePrivate, removeIfThere, setMode, withSocketName } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { sameText } from '../base/language.ts'
import { LineGatherer, REQUEST_OCTETS_MAX, parseRequest, printLine } from './control-protocol.ts'
import { type Answer, EXIT, refused } from './office.ts'

export const CONTROL_SOCKET = 'control.sock'
export const SUPERVISOR_SOCKET = 'supervisor.sock'

const CONNECTIONS_MAX = 64
/** Requests that one connection may have waiting. */
const REQUESTS_WAITING_MAX = 100
const IDLE_MS = 5 * 60_000

export interface ControlServerOptions {
  /** Absolute. The folder belongs to this process alone: a socket left behind by another is removed. */
  readonly path: string
  /** Carries out one operation; never throws. */
  readonly perform: (command: string, args: unknown) => Promise<Answer<unknown>>
  /** Commands that change nothing are not worth a line in the log. */
  readonly reads: ReadonlySet<string>
  readonly clock: Clock
  readonly log: Log
}

export interface ControlServer {
  readonly path: string
  /** Takes no more requests, answers those begun, closes. */
  close(): Promise<void>
  /** Closes at once; whoever waits is cut off and told so. For a server that can promise nothing more. */
  abandon(): void
}

/** Call on the main thread. */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { path } = options
  const sessions = new Set<ControlSession>()
  const server = createServer((socket) => {
    if (sessions.size >= CONNECTIONS_MAX) {
      socket.destroy()
      return
    }
    const session = new ControlSession(socket, options)
    sessions.add(session)
    socket.on('close', () => sessions.delete(session))
  })
  removeIfThere(path)
  await listenOn(server, path)
  setMode(path, 0o600)
  return {
    path,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...sessions].map((session) => session.finish()))
      await closed
      removeIfThere(path)
    },
    abandon() {
      server.close()
      for (const session of sessions) session.abandon()
    },
  }
}

function listenOn(server: NetServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Outage(`control socket ${path}: ${errorSentence(error)}`, { operation: 'listen', path, cause: error, ...(errorCode(error) ? { code: errorCode(error) as string } : {}) })))
    // Both the short name and the umask count at the moment of binding, which is inside `listen`.
    madePrivate(() => withSocketName(path, (name) => server.listen({ path: name }, () => resolve())))
  })
}

class ControlSession {
  readonly #socket: Socket
  readonly #options: ControlServerOptions
  readonly #gatherer = new LineGatherer(REQUEST_OCTETS_MAX)
  readonly #waiting: Uint8Array[] = []
  #working: Promise<void> | undefined
  #cancelIdle: () => void
  constructor(socket: Socket, options: ControlServerOptions) {
    this.#socket = socket
    this.#options = options
    this.#cancelIdle = this.#startIdle()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#cancelIdle())
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  #startIdle(): () => void {
    return this.#options.clock.after(IDLE_MS, () => this.#socket.destroy())
  }

  #take(chunk: Buffer): void {
    const lines = this.#gatherer.take(chunk)
    if (!lines || this.#waiting.length + lines.length > REQUESTS_WAITING_MAX) {
      this.#socket.destroy()
      return
    }
    this.#waiting.push(...lines)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  async #work(): Promise<void> {
    this.#cancelIdle()
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const answer = await this.#answer(line)
      if (!this.#socket.writable) return
      await new Promise<void>((resolve) => this.#socket.write(printLine(answer), () => resolve()))
    }
    this.#cancelIdle = this.#startIdle()
  }

  async #answer(line: Uint8Array): Promise<Answer<unknown>> {
    const request = parseRequest(line)
    if (!request.ok) return refused(request.code, sameText(request.reason), EXIT.usage)
    const { command, args } = request.value
    const answer = await this.#options.perform(command, args)
    // Arguments are not logged: a password may be among them.
    if (!answer.ok) this.#options.log.info('control command refused', { command, code: answer.code, reason: answer.reason.en })
    else if (this.#options.reads.has(command)) this.#options.log.debug('control command done', { command })
    else this.#options.log.info('control command done', { command })
    return answer
  }

  abandon(): void {
    this.#socket.destroy()
  }

  /** Lets what was begun be answered, then closes. */
  async finish(): Promise<void> {
    this.#waiting.length = 0
    await this.#working
    if (this.#socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.#socket.on('close', () => resolve())
      this.#socket.end(() => this.#socket.destroy())
    })
  }
}
