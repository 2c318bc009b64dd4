// Serves the status page by plain HTTP, in the process that must never stand still: small, and bounded in everything.
// One request a connection; connections, of all and of one address, requests a minute, the size of a request and the
// time for it have limits. Written by hand because node:http alone takes more memory than the rest of the supervisor.
import { type Server, type Socket, createServer } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { errorSentence } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Bound } from '../../net/bound-socket.ts'
import { type Network, inAnyNetwork, isLoopback, neighbourhoodOf, parseIp, printIp, printNetwork } from '../../net/network.ts'
import { HEAD_OCTETS_MAX, answerRequest, endOfHead, parseRequestHead, printTrouble } from './http-exchange.ts'
import type { PageFiles } from './pages.ts'

/** For the whole request, and again for the whole answer. */
const EXCHANGE_MS = 10_000
/** What a client sends on after its request is thrown away for so long, so that the answer is not lost with it. */
const LINGER_MS = 2000
/** Of all connections, those that one address may have. */
const ADDRESS_SHARE = 4
/** Addresses whose rate is remembered. */
const ADDRESSES_MAX = 4096

export interface HttpDoorsOptions {
  readonly files: () => PageFiles
  readonly clock: Clock
  readonly log: Log
  readonly limits: () => { readonly status_connections_max: number; readonly status_requests_per_minute_max: number }
  /** Those behind whom many readers stand. */
  readonly proxies: () => readonly Network[]
}

export class HttpDoors {
  readonly #options: HttpDoorsOptions
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #perAddress = new Map<string, number>()
  readonly #rates = new Map<string, { tokens: number; atMs: number }>()

  constructor(options: HttpDoorsOptions) {
    this.#options = options
  }

  async listen(bound: Bound): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.admit(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ fd: bound.handOver() }, () => resolve())
    })
    server.on('error', (error) => this.#options.log.warn('the status page: a listener has trouble', { error: errorSentence(error) }))
    this.#servers.push(server)
  }

  close(): void {
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Somebody has called. */
  admit(socket: Socket): void {
    const { limits, clock } = this.#options
    const connectionsMax = limits().status_connections_max
    socket.on('error', () => socket.destroy())
    const who = this.#counted(socket.remoteAddress)
    const ofAddress = who === undefined ? 0 : this.#perAddress.get(who) ?? 0
    if (this.#sockets.size >= connectionsMax || ofAddress >= Math.max(1, Math.floor(connectionsMax / ADDRESS_SHARE))) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    if (who !== undefined) this.#perAddress.set(who, ofAddress + 1)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (who === undefined) return
      const left = (this.#perAddress.get(who) ?? 1) - 1
      if (left <= 0) this.#perAddress.delete(who)
      else this.#perAddress.set(who, left)
    })
    if (who !== undefined && !this.#mayAsk(who)) answer(socket, printTrouble(429, clock.nowMs()), clock)
    else this.#converse(socket)
  }

  #converse(socket: Socket): void {
    const { clock, files, log } = this.#options
    const parts: Uint8Array[] = []
    let octets = 0
    const cancel = clock.after(EXCHANGE_MS, () => end(printTrouble(408, clock.nowMs())))
    const end = (response: Uint8Array) => {
      cancel()
      socket.off('data', onData)
      socket.off('end', onEnd)
      answer(socket, response, clock)
    }
    const onData = (chunk: Buffer) => {
      parts.push(chunk)
      octets += chunk.length
      const all = parts.length === 1 ? chunk : Buffer.concat(parts)
      parts.splice(0, parts.length, all)
      const headEnd = endOfHead(all)
      if (headEnd === undefined && octets <= HEAD_OCTETS_MAX) return
      if (headEnd === undefined || headEnd > HEAD_OCTETS_MAX) return end(printTrouble(431, clock.nowMs()))
      try {
        end(answerRequest(parseRequestHead(all.subarray(0, headEnd)), files, clock.nowMs()))
      } catch (error) {
        // A page that cannot be made must not be the end of whoever watches over the mail.
        log.error('the status page could not be made', { error: errorSentence(error) })
        end(printTrouble(500, clock.nowMs()))
      }
    }
    const onEnd = () => socket.destroy()
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', cancel)
  }

  /** How an address is counted; undefined for those behind whom many stand. */
  #counted(address: string | undefined): string | undefined {
    const ip = parseIp(address ?? '')
    if (!ip.ok) return 'unknown'
    if (isLoopback(ip.value) || inAnyNetwork(ip.value, this.#options.proxies())) return undefined
    return ip.value.family === 4 ? printIp(ip.value) : printNetwork(neighbourhoodOf(ip.value))
  }

  #mayAsk(who: string): boolean {
    const perMinute = this.#options.limits().status_requests_per_minute_max
    const nowMs = this.#options.clock.monotonicMs()
    const known = this.#rates.get(who)
    const tokens = Math.min(perMinute, known ? known.tokens + ((nowMs - known.atMs) / 60_000) * perMinute : perMinute)
    this.#rates.delete(who)
    if (this.#rates.size >= ADDRESSES_MAX) {
      // The one that has not asked for longest.
      const oldest = this.#rates.keys().next()
      if (!oldest.done) this.#rates.delete(oldest.value)
    }
    this.#rates.set(who, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
    return tokens >= 1
  }
}

function answer(socket: Socket, response: Uint8Array, clock: Clock): void {
  let cancel = clock.after(EXCHANGE_MS, () => socket.destroy())
  socket.on('close', () => cancel())
  // Thrown away; a socket that is closed with octets unread takes the answer with it (RFC 9112 §9.6).
  let drained = 0
  socket.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > 16 * HEAD_OCTETS_MAX) socket.destroy()
  })
  socket.on('end', () => socket.destroySoon())
  socket.end(response, () => {
    cancel()
    cancel = clock.after(LINGER_MS, () => socket.destroy())
  })
}
