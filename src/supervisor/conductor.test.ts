// The loop that keeps a server alive, with servers that only pretend: what is started, told and killed, in which order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { ChildEnd } from './child.ts'
import { Conductor, type Conducted } from './conductor.ts'

class PretendServer implements Conducted {
  readonly #warm = Promise.withResolvers<void>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  readonly #hung = Promise.withResolvers<'hung'>()
  readonly #ended = Promise.withResolvers<ChildEnd>()
  readonly pid: number
  readonly told: string[] = []
  isGone = false
  isReady = false
  isLeaving = false
  constructor(pid: number) {
    this.pid = pid
  }
  readonly warm = this.#warm.promise
  readonly ready = this.#ready.promise
  readonly closed = this.#closed.promise
  readonly hung = this.#hung.promise
  readonly ended = this.#ended.promise
  lifeMs = () => 1000
  tell(message: { t: string }): void {
    this.told.push(message.t)
    if (message.t === 'stop') this.isLeaving = true
  }
  kill(): Promise<boolean> {
    this.told.push('kill')
    this.end('signal SIGKILL', undefined)
    return Promise.resolve(true)
  }
  async endsWithin(): Promise<boolean> {
    await this.ended
    return true
  }
  becomeWarm = () => this.#warm.resolve()
  becomeReady(): void {
    this.isReady = true
    this.#ready.resolve()
  }
  hang = () => this.#hung.resolve('hung')
  close = () => this.#closed.resolve()
  end(how = 'exit code 0', code: number | undefined = 0): void {
    this.isGone = true
    this.#closed.resolve()
    this.#ended.resolve({ how, code, signal: undefined })
  }
}

function stage() {
  const clock = new FakeClock()
  const servers: PretendServer[] = []
  const started: string[] = []
  let understudy: 'off' | 'taking' = 'off'
  const conductor = new Conductor({
    clock, log: silentLog,
    startServer({ role, check }) {
      const server = new PretendServer(100 + servers.length)
      servers.push(server)
      started.push(`${role} ${check}`)
      return server
    },
    understudy: {
      start: () => void (understudy = 'taking'),
      stop: () => Promise.resolve(void (understudy = 'off')),
      get state() {
        return understudy
      },
    },
    diedApplying: () => false,
    graceMs: () => 5000,
    happenings: { ready() {}, hung() {}, died() {}, cannotDie() {}, changed() {} },
  })
  const server = (n: number): PretendServer => servers[n] ?? assert.fail(`there is no server ${n}`)
  return { clock, conductor, servers, started, server, understudyIs: () => understudy }
}

/** What is waiting on promises alone goes on. */
const settled = async () => {
  for (let n = 0; n < 50; n += 1) await Promise.resolve()
}

async function serving() {
  const it = stage()
  const run = it.conductor.run()
  it.server(0).becomeReady()
  await settled()
  assert.equal(it.conductor.state, 'serving')
  return { ...it, run }
}

test('one that dies is started again at once, then checked, then left to the understudy for a while', async () => {
  const { clock, started, server, understudyIs, conductor } = await serving()
  server(0).end('exit code 70', 70)
  await settled()
  assert.deepEqual(started, ['first none', 'first none'])
  clock.advance(999)
  assert.equal(understudyIs(), 'off')
  clock.advance(1)
  assert.equal(understudyIs(), 'taking', 'nobody for a second')
  server(1).end('exit code 70', 70)
  await settled()
  server(2).end('exit code 70', 70)
  await settled()
  assert.deepEqual(started, ['first none', 'first none', 'first quick'])
  clock.advance(4999)
  await settled()
  assert.equal(started.length, 3)
  clock.advance(1)
  await settled()
  assert.equal(started.length, 4)
  server(3).becomeReady()
  await settled()
  assert.deepEqual([understudyIs(), conductor.state], ['off', 'serving'])
  assert.deepEqual(server(3).told, ['adopt'])
})

test('a planned restart: warm, leave, accept, own; nobody owns beside another', async () => {
  const { conductor, server } = await serving()
  const restart = conductor.restart()
  assert.deepEqual(server(0).told, ['adopt'], 'the old one goes on until the successor is warm')
  server(1).becomeWarm()
  await settled()
  assert.deepEqual([server(0).told, server(1).told], [['adopt', 'stop'], []])
  server(0).close()
  await settled()
  assert.deepEqual(server(1).told, ['accept'])
  server(0).end()
  await settled()
  assert.deepEqual(server(1).told, ['accept', 'accept', 'own'])
  server(1).becomeReady()
  assert.equal((await restart).ok, true)
  assert.equal(conductor.server?.pid, 101)
})

test('the old one dies while the successor is loading: another is started, the successor is given up, and a restart can be asked for again', async () => {
  const { conductor, server, started } = await serving()
  const restart = conductor.restart()
  server(0).end('signal SIGKILL', undefined)
  await settled()
  assert.deepEqual(started, ['first none', 'successor none', 'first none'])
  server(1).becomeWarm()
  const answer = await restart
  assert.equal(!answer.ok && answer.code, 'busy')
  assert.deepEqual(server(1).told, ['kill'])
  server(2).becomeReady()
  await settled()
  const again = conductor.restart()
  server(3).becomeWarm()
  await settled()
  server(2).end()
  await settled()
  server(3).becomeReady()
  assert.equal((await again).ok, true)
})

test('the successor dies after the old one was told to leave: another is started, and the death is not counted', async () => {
  const { conductor, server, started } = await serving()
  const restart = conductor.restart()
  server(1).becomeWarm()
  await settled()
  server(1).end('exit code 70', 70)
  server(0).end()
  const answer = await restart
  assert.equal(answer.ok, false)
  await settled()
  assert.deepEqual(started, ['first none', 'successor none', 'first none'])
  server(2).becomeReady()
  await settled()
  assert.equal(conductor.state, 'serving')
})

test('maintenance that begins in the middle of a restart: no successor serves in it', async () => {
  const { conductor, server, understudyIs, started } = await serving()
  const restart = conductor.restart()
  server(1).becomeWarm()
  await settled()
  const begun = conductor.beginMaintenance({ smtp: 'later', imap: 'later' })
  server(0).end()
  await begun
  assert.equal((await restart).ok, false)
  await settled()
  assert.deepEqual([conductor.state, understudyIs(), server(1).told.at(-1)], ['maintenance', 'taking', 'kill'])
  const ended = conductor.endMaintenance(60_000)
  await settled()
  assert.equal(started.length, 3)
  server(2).becomeReady()
  assert.equal(await ended, true)
  await settled()
  assert.equal(understudyIs(), 'off')
})

test('one that hangs is killed, and another comes', async () => {
  const { server, started, conductor } = await serving()
  server(0).hang()
  await settled()
  assert.deepEqual(server(0).told, ['adopt', 'kill'])
  assert.deepEqual(started, ['first none', 'first none'])
  server(1).becomeReady()
  await settled()
  assert.equal(conductor.state, 'serving')
})

test('a first start that says that the operator has to act ends with its exit code; stop ends with 0', async () => {
  const first = stage()
  const run = first.conductor.run()
  first.server(0).end('exit code 78', 78)
  assert.equal(await run, 78)
  const second = await serving()
  const stopped = second.conductor.stop()
  await settled()
  assert.deepEqual(second.server(0).told, ['adopt', 'stop'])
  second.server(0).end()
  await stopped
  assert.equal(await second.run, 0)
})
