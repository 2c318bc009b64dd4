// Puts one question to one name server and waits for its reply: over UDP from a fresh port, so that
// a forger has to guess port and id (RFC 5452 §9.2), and over TCP when the reply did not fit. Each
// question opens and closes its own socket: nothing is left behind, whatever happens.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { errorCode, errorSentence } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { printQuestion, readReply } from './dns-message.ts'
import type { DnsType, Reply } from './dns-message.ts'
import type { DnsServer } from './dns-servers.ts'

export type Heard<T extends DnsType> = Exclude<Reply<T>, { kind: 'not-ours' }> | { kind: 'failed'; code: 'timeout' | 'unreachable'; reason: string }

export interface Asking<T extends DnsType> {
  server: DnsServer
  name: string
  type: T
  withEdns: boolean
  timeoutMs: number
  clock: Clock
  random: Random
}

/** Forged or stray replies to one question before it is given up. */
const straysMax = 100

export function askOverUdp<T extends DnsType>(asking: Asking<T>): Promise<Heard<T>> {
  const { server, clock, random, timeoutMs } = asking
  const asked = { ...asking, id: random.int(65_536) }
  return new Promise((resolve) => {
    const socket = createSocket(server.family === 4 ? 'udp4' : 'udp6')
    let strays = 0
    let isDone = false
    const done = (heard: Heard<T>): void => {
      if (isDone) return
      isDone = true
      cancel()
      socket.close()
      resolve(heard)
    }
    const cancel = clock.after(timeoutMs, () => done({ kind: 'failed', code: 'timeout', reason: `no reply from ${server.address} within ${timeoutMs / 1000} s` }))
    socket.on('error', (error) => done(unreachable(server, error)))
    socket.on('message', (bytes) => {
      const reply = readReply(bytes, asked)
      if (reply.kind !== 'not-ours') done(reply)
      else if (++strays > straysMax) done({ kind: 'failed', code: 'timeout', reason: `only false replies from ${server.address}` })
    })
    // Connected: the system drops what comes from any other address, and a closed port is told at once.
    socket.connect(server.port, server.address)
    socket.once('connect', () => {
      if (isDone) return
      socket.send(printQuestion(asked), (error) => { if (error) done(unreachable(server, error)) })
    })
  })
}

/** RFC 7766: two octets of length, then the message. */
export function askOverTcp<T extends DnsType>(asking: Asking<T>): Promise<Heard<T>> {
  const { server, clock, random, timeoutMs } = asking
  const asked = { ...asking, id: random.int(65_536) }
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port })
    let held = Buffer.alloc(0)
    const done = (heard: Heard<T>): void => {
      cancel()
      socket.destroy()
      resolve(heard)
    }
    const cancel = clock.after(timeoutMs, () => done({ kind: 'failed', code: 'timeout', reason: `no reply over TCP from ${server.address} within ${timeoutMs / 1000} s` }))
    socket.on('error', (error) => done(unreachable(server, error)))
    socket.on('close', () => done({ kind: 'failed', code: 'unreachable', reason: `${server.address} hung up before it had replied` }))
    socket.on('connect', () => {
      const question = printQuestion(asked)
      socket.write(Buffer.concat([Uint8Array.of(question.length >> 8, question.length & 255), question]))
    })
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]) // at most 65,537 octets are awaited
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return
      const reply = readReply(held.subarray(2, 2 + held.readUInt16BE(0)), asked)
      done(reply.kind === 'not-ours' || reply.kind === 'truncated' ? { kind: 'failed', code: 'malformed', reason: `a reply over TCP from ${server.address} that does not fit the question` } : reply)
    })
  })
}

function unreachable(server: DnsServer, error: unknown): { kind: 'failed'; code: 'unreachable'; reason: string } {
  const words = errorCode(error) === 'ECONNREFUSED' ? 'nothing answers there' : errorSentence(error)
  return { kind: 'failed', code: 'unreachable', reason: `the name server ${server.address} cannot be reached: ${words}` }
}
