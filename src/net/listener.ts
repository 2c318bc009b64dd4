// A listening door, in the thread that serves it. For every arrival the admission function is asked
// before anything is set up; who is let in comes out as a `Connection`, after the PROXY header where
// a listed proxy stands in front and after the handshake on doors that speak TLS from the first
// byte. It counts whom it let in, stops accepting, and closes with a goodbye and a grace. Trouble
// with one arrival ends that arrival, never the door.
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { errorSentence, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { bindRefusal } from './bound-socket.ts'
import { Connection } from './connection.ts'
import type { ListenAddress } from './listen-address.ts'
import { inAnyNetwork, parseIp, plainAddress } from './network.ts'
import type { Network } from './network.ts'
import { readProxyHeader } from './proxied-socket.ts'
import type { ServerContexts } from './server-contexts.ts'
import type { Sweeper } from './sweeper.ts'

/** Connections that the system keeps for us until we accept them; it may cut this (net.core.somaxconn). */
const backlog = 4096
/** Refused peers at one moment that are told why; the others are just hung up on. */
const refusedMax = 500
/** One that was told and does not go is hung up on. */
const refusedMs = 5000
/** Peers at one moment that have not yet said all of their PROXY header. */
const unfinishedMax = 2000

export interface ListenOptions {
  fd: number
  sweeper: Sweeper
  log: Log
  /** Asked first, with the peer's real address. `refuse` is sent as it is (with its CR LF) and the peer hung up on. */
  admit(remoteAddress: string): 'go' | { refuse: string }
  /** Counts who was admitted, from before any handshake; called back when that connection has gone. */
  enter?(remoteAddress: string): () => void
  onConnection(connection: Connection): void
  /** TLS from the first byte. */
  tls?: ServerContexts
  /** Who may put a PROXY header in front; they must. */
  proxies?: readonly Network[]
}

export class Listener {
  readonly address: ListenAddress
  readonly #options: ListenOptions
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #refused = 0
  #unfinished = 0
  #allGone: (() => void) | undefined

  /** Use `listenOn`. */
  constructor(server: Server, options: ListenOptions) {
    this.#server = server
    this.#options = options
    const { address, port, family } = server.address() as AddressInfo
    this.address = { host: address, port, family: family === 'IPv6' ? 6 : 4 }
    server.on('connection', (socket) => this.#arrive(socket))
    server.on('error', (error) => options.log.error('accepting failed', { error: errorSentence(error) }))
  }

  /** Those let in and not yet gone, peers in the midst of their first handshake included. */
  get connectionCount(): number {
    return this.#connections.size
  }

  /** Lets go of the port. Connections go on. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close()
  }

  /** Stops accepting, asks every session to go, and ends those that have not gone after `graceMs`. Resolves when all are gone. */
  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.stopAccepting()
    if (this.#connections.size === 0) return
    const allGone = new Promise<void>((resolve) => {
      this.#allGone = resolve
    })
    const deadline = this.#options.sweeper.watch(() => {
      for (const connection of this.#connections) connection.destroy({ by: 'us', sentence: 'the door closed' })
    })
    deadline.set(graceMs)
    for (const connection of this.#connections) connection.shutdown()
    await allGone
    deadline.drop()
  }

  /** Once the port is another's: every connection is cut at once. */
  destroy(): void {
    this.stopAccepting()
    for (const connection of this.#connections) connection.destroy({ by: 'us', sentence: 'the door closed' })
  }

  #arrive(socket: Socket): void {
    const { proxies, sweeper } = this.#options
    socket.on('error', ignore)
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy() // gone before we looked
    const ip = proxies && proxies.length > 0 ? parseIp(address) : undefined
    if (!proxies || !ip?.ok || !inAnyNetwork(ip.value, proxies)) return this.#meet(socket, { address: plainAddress(address), port: socket.remotePort ?? 0 })
    if (this.#unfinished >= unfinishedMax) return void socket.destroy()
    this.#unfinished++
    readProxyHeader(socket, sweeper, (source) => {
      this.#unfinished--
      if (!source.ok) {
        this.#options.log.warn('bad PROXY header', { proxy: address, reason: source.reason })
        socket.destroy()
      } else this.#meet(socket, source.value ?? { address: plainAddress(address), port: socket.remotePort ?? 0 })
    })
  }

  #meet(socket: Socket, remote: { address: string; port: number }): void {
    const { admit, onConnection, sweeper, tls, log } = this.#options
    const answer = admit(remote.address)
    if (answer !== 'go') {
      if (tls || this.#refused >= refusedMax) return void socket.destroy()
      // In a flood most are refused: nothing is set up for them.
      this.#refused++
      socket.on('close', () => this.#refused--)
      socket.setTimeout(refusedMs, () => socket.destroy())
      socket.end(answer.refuse)
      socket.resume()
      return
    }
    const leave = this.#options.enter?.(remote.address)
    const connection = new Connection({
      socket, sweeper, remote,
      onGone: leave === undefined ? this.#leave : (gone) => {
        leave()
        this.#leave(gone)
      },
    })
    this.#connections.add(connection)
    if (!tls) return onConnection(connection)
    connection.startTls({ as: 'server', contexts: tls }, { fromFirstByte: true }).then(
      (started) => {
        if (started.ok) onConnection(connection)
        else log.debug('no TLS with a peer', { peer: remote.address, reason: started.reason })
      },
    ).catch((error: unknown) => {
      log.error('a connection could not be set up', { peer: remote.address, error: errorSentence(error) })
      connection.destroy({ by: 'bug', sentence: errorSentence(error), cause: error })
    })
  }

  readonly #leave = (connection: Connection): void => {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#allGone?.()
  }
}

function ignore(): void {}

/** Listens on a descriptor that was bound or inherited. `asked` is for the sentence when that fails. */
export function listenOn(options: ListenOptions, asked: ListenAddress): Promise<Parsed<Listener>> {
  // Half-open: an SMTP client may send everything, end its side, and still read the replies.
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true, highWaterMark: 16 * 1024 })
  return new Promise((resolve) => {
    const onError = (error: Error) => resolve(bindRefusal(asked, error))
    server.once('error', onError)
    server.listen({ fd: options.fd }, backlog, () => {
      server.off('error', onError)
      resolve(understood(new Listener(server, options)))
    })
  })
}
