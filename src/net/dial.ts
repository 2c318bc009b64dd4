// Opens a connection to a peer, by address (names are resolved elsewhere). Failing to reach somebody
// is an ordinary answer here, with a word for why, and always temporary for whoever asked.
import { connect } from 'node:net'
import { errorCode, errorSentence, refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import { Connection } from './connection.ts'
import type { Sweeper } from './sweeper.ts'

export interface DialOptions {
  /** An IP address. */
  host: string
  port: number
  sweeper: Sweeper
  /** RFC 5321 §4.5.3.2 has no number for connecting; 30 s is what most use. */
  timeoutMs?: number
  /** The address of ours that the peer shall see. */
  localAddress?: string
  signal?: AbortSignal
}

const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  ECONNREFUSED: ['connection-refused', 'refused the connection: nothing listens there'],
  ETIMEDOUT: ['connect-timeout', 'did not answer in time'],
  EHOSTUNREACH: ['unreachable', 'cannot be reached: no route to the host'],
  ENETUNREACH: ['unreachable', 'cannot be reached: no route to the network'],
  EADDRNOTAVAIL: ['local-address', 'cannot be reached from this local address'],
  ECONNRESET: ['connection-reset', 'hung up while we connected'],
}

/** The caller attaches itself in the same turn in which this resolves. */
export function dial(options: DialOptions): Promise<Parsed<Connection>> {
  const { host, port, sweeper, timeoutMs = 30_000, localAddress, signal } = options
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  if (signal?.aborted) return Promise.resolve(refuse('aborted', `${where}: not dialled`))
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) })
    const deadline = sweeper.watch(() => fail('connect-timeout', `${where} did not answer in time`))
    const settle = (answer: Parsed<Connection>): void => {
      deadline.drop()
      signal?.removeEventListener('abort', onAbort)
      resolve(answer)
    }
    const fail = (code: string, reason: string): void => {
      settle(refuse(code, reason))
      socket.destroy()
    }
    const onAbort = (): void => fail('aborted', `${where}: given up`)
    const onError = (error: Error): void => {
      const [code, words] = WORDS[errorCode(error) ?? ''] ?? ['connect-failed', errorSentence(error)]
      fail(code, `${where} ${words}`)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    deadline.set(timeoutMs)
    socket.on('error', onError) // stays, harmless: a second failure has nowhere else to go
    socket.once('connect', () => settle(understood(new Connection({ socket, sweeper }))))
  })
}
