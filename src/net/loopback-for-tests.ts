// For tests only: two ends of a real connection over the loopback, closed at the end of the test.
// A socket or deadline that is left over fails the test that made it.
import { strict as assert } from 'node:assert'
import type { TestContext } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { bindSocket } from './bound-socket.ts'
import type { CloseReason, Connection } from './connection.ts'
import { dial } from './dial.ts'
import { listenOn } from './listener.ts'
import type { ListenOptions, Listener } from './listener.ts'
import { makeSelfSigned } from './self-signed.ts'
import { newTicketKeys, parseServerContexts } from './server-contexts.ts'
import type { ServerContexts } from './server-contexts.ts'
import { Sweeper } from './sweeper.ts'

export async function loopbackDoor(t: TestContext, options: Partial<ListenOptions> = {}): Promise<{ listener: Listener; sweeper: Sweeper; arrivals: Connection[]; next: () => Promise<Connection> }> {
  const sweeper = options.sweeper ?? new Sweeper({ clock: systemClock, tickMs: 20 })
  const address = { host: '127.0.0.1', family: 4, port: 0 } as const
  const bound = bindSocket(address)
  assert.ok(bound.ok)
  const arrivals: Connection[] = []
  let waiting: ((connection: Connection) => void) | undefined
  const listening = await listenOn({
    fd: bound.value.handOver(), sweeper, log: silentLog,
    admit: () => 'go',
    onConnection: (connection) => {
      if (waiting) waiting(connection)
      else arrivals.push(connection)
      waiting = undefined
    },
    ...options,
  }, address)
  assert.ok(listening.ok)
  const listener = listening.value
  t.after(async () => {
    listener.destroy()
    await until(() => listener.connectionCount === 0 && sweeper.watched === 0)
  })
  return {
    listener, sweeper, arrivals,
    next: () => {
      const first = arrivals.shift()
      return first ? Promise.resolve(first) : new Promise((resolve) => { waiting = resolve })
    },
  }
}

export async function loopbackPair(t: TestContext, options: Partial<ListenOptions> = {}): Promise<{ client: Connection; server: Connection; sweeper: Sweeper; listener: Listener }> {
  const { listener, sweeper, next } = await loopbackDoor(t, options)
  const client = await dialed(listener, sweeper)
  t.after(() => client.destroy())
  return { client, server: await next(), sweeper, listener }
}

export async function dialed(listener: Listener, sweeper: Sweeper): Promise<Connection> {
  const answer = await dial({ host: listener.address.host, port: listener.address.port, sweeper })
  assert.ok(answer.ok)
  return answer.value
}

/** Everything the peer says until it ends. */
export function heard(connection: Connection): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    connection.receive({ onBytes: (chunk) => { text += Buffer.from(chunk).toString('latin1') }, onEnd: () => { connection.end(); resolve(text) } })
  })
}

export function closing(connection: Connection): Promise<CloseReason> {
  return new Promise((resolve) => { connection.onClose = resolve })
}

/** Lets the event loop turn until it holds; a test's time limit ends one that never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

export function testContexts(names: readonly string[] = ['mail.example']): { contexts: ServerContexts; certificatePem: string; keyPem: string } {
  const pair = makeSelfSigned(names, { clock: systemClock, random: systemRandom })
  const contexts = parseServerContexts([{ ...pair, origin: 'test' }], newTicketKeys(systemRandom))
  assert.ok(contexts.ok)
  return { contexts: contexts.value, ...pair }
}
