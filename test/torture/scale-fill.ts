// Fills a server with mail over its own doors, as fast as it takes it: many connections, each pipelining the next
// envelope behind the last dot. Counts what was answered with 250; what was put off (4xx) is sent again.
import { askServer } from '../../src/cli/control-client.ts'
import { RawConnection } from '../harness/raw-connection.ts'

/** Hashing a password costs a processor some 40 ms: two at a time. */
const MAKERS = 2
const PAUSE_MS = 200

export interface FillOptions {
  port: number
  count: number
  connections: number
  from: (index: number) => string
  to: (index: number) => string
  login?: { user: string; password: string }
  /** Ends early. */
  signal?: AbortSignal
  said?: (done: number) => void
}

export const accountName = (index: number): string => `u${index}@test.example`

export async function makeAccounts(socket: string, count: number, password: string): Promise<void> {
  let next = 0
  const make = async (address: string) => {
    const asked = await askServer(socket, 'account-add', { address, password, quota: null })
    if (asked.at !== 'answered' || !asked.answer.ok) throw new Error(`${address}: ${JSON.stringify(asked)}`)
  }
  const maker = async () => {
    while (next < count) await make(accountName(next++))
  }
  await make(accountName(next++)) // the domain comes with it
  await Promise.all(Array.from({ length: MAKERS }, maker))
}

/** Resolves with how many were answered with 250. A connection that breaks ends the whole unless `signal` has ended it. */
export async function fill(options: FillOptions): Promise<number> {
  const state = { next: 0, done: 0 }
  const all = await Promise.allSettled(Array.from({ length: options.connections }, () => oneConnection(options, state)))
  for (const end of all) if (end.status === 'rejected' && !options.signal?.aborted) throw end.reason
  return state.done
}

async function oneConnection(options: FillOptions, state: { next: number; done: number }): Promise<void> {
  const { login, signal } = options
  const connection = await RawConnection.open({ port: options.port })
  const code = () => replyCode(connection)
  await code()
  connection.write('EHLO fill.example\r\n')
  await code()
  if (login) {
    connection.write(`AUTH PLAIN ${Buffer.from(`\0${login.user}\0${login.password}`).toString('base64')}\r\n`)
    if ((await code()) !== 235) throw new Error(`no login as ${login.user}`)
  }
  const again: number[] = []
  const nextIndex = () => again.pop() ?? (state.next < options.count && !signal?.aborted ? state.next++ : undefined)
  const envelope = (index: number) => `MAIL FROM:<${options.from(index)}>\r\nRCPT TO:<${options.to(index)}>\r\nDATA\r\n`
  let index = nextIndex()
  if (index !== undefined) connection.write(envelope(index))
  while (index !== undefined) {
    const replies = [await code(), await code(), await code()]
    if (replies[2] !== 354) {
      if (replies.some((reply) => reply >= 500 && reply !== 503)) throw new Error(`refused for good: ${replies.join(' ')}`)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      again.push(index)
      index = nextIndex()
      connection.write('RSET\r\n')
      await code()
      if (index !== undefined) connection.write(envelope(index))
      continue
    }
    const present = index
    index = nextIndex()
    connection.write(`${bytesOf(options, present)}.\r\n${index === undefined ? '' : envelope(index)}`)
    const reply = await code()
    if (reply === 250) {
      state.done += 1
      if (state.done % 10_000 === 0) options.said?.(state.done)
    } else if (reply >= 400 && reply < 500) {
      again.push(present)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      if (index === undefined) {
        index = nextIndex()
        if (index !== undefined) connection.write(envelope(index))
      }
    } else throw new Error(`refused for good: ${reply}`)
  }
  connection.destroy()
}

async function replyCode(connection: RawConnection): Promise<number> {
  for (;;) {
    const line = (await connection.line()).toString('latin1')
    if (line[3] !== '-') return Number(line.slice(0, 3))
  }
}

const FILLER = `${'The quick brown fox jumps over the lazy dog, again and again.\r\n'.repeat(6)}`

function bytesOf(options: FillOptions, index: number): string {
  const id = `${process.pid}-${index}`
  return `From: <${options.from(index)}>\r\nTo: <${options.to(index)}>\r\nSubject: number ${index}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0900\r\nMessage-ID: <${id}@fill.example>\r\n\r\n${FILLER}`
}
