import { test } from 'node:test'
import type { TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { latin1Of } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import { defaultLimits } from '../base/limits.ts'
import { silentLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { scriptedServer } from '../clients/scripted-server-for-tests.ts'
import type { DnsAnswer, DnsRecords, DnsType, Resolver } from '../net/dns.ts'
import { until } from '../net/loopback-for-tests.ts'
import { Sweeper } from '../net/sweeper.ts'
import { FakeStore } from './fake-store-for-tests.ts'
import { ownAddresses } from './own-addresses.ts'
import { createQueue } from './queue.ts'
import type { OutgoingReport, Queue, QueueConfig } from './queue.ts'

type Zone = Record<string, { [type in DnsType]?: DnsRecords[type][] } | 'trouble' | 'nothing'>

/** DNS from a table: a name that is not in it does not exist. */
function tableResolver(zone: Zone): Resolver {
  return {
    resolve: async <T extends DnsType>(name: string, type: T): Promise<DnsAnswer<T>> => {
      const entry = zone[name]
      if (entry === undefined) return { kind: 'no-such-name', name, ttlSeconds: 60, isAuthentic: false }
      if (entry === 'trouble') return { kind: 'trouble', code: 'timeout', reason: `${name}: no name server answers` }
      const records = entry === 'nothing' ? undefined : entry[type]
      return records ? { kind: 'answers', records: records as DnsRecords[T][], name, ttlSeconds: 60, isAuthentic: false } : { kind: 'no-data', name, ttlSeconds: 60, isAuthentic: false }
    },
  }
}

function stage(t: TestContext, options: { zone?: Zone; config?: Partial<QueueConfig> }): { store: FakeStore; queue: Queue; reports: OutgoingReport[] } {
  const store = new FakeStore(systemClock)
  const reports: OutgoingReport[] = []
  const queue = createQueue({
    store, clock: systemClock, random: seededRandom(9), log: silentLog, resolver: tableResolver(options.zone ?? {}), sweeper: new Sweeper({ clock: systemClock, tickMs: 20 }),
    config: { hostname: 'us.example', outbound: { port: 25, routes: [] }, limits: defaultLimits, ownDoors: [], ...options.config },
    deliverReport: async (report) => {
      reports.push(report)
      return { kept: true }
    },
  })
  t.after(() => queue.close(0))
  return { store, queue, reports }
}

const HELLO = 'S: 220 hi\nC: EHLO us.example\nS: 250 hi'
const TAKE = 'C: MAIL FROM:<sender@us.example>\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nS: 250 2.0.0 taken'
const routed = (port: number): Partial<QueueConfig> => ({ outbound: { port: 25, routes: [{ domain: 'far.example', host: '127.0.0.1', port }] } })

test('two arrivals for one destination leave on one connection, prefix first', async (t) => {
  const server = await scriptedServer(t, [`${HELLO}\n${TAKE}\n${TAKE}\nC: QUIT\nS: 221 bye`])
  const { store } = stage(t, { config: { ...routed(server.port), limits: { ...defaultLimits, queue_per_destination_max: 1 } } })
  const first = store.arrive({ work: [{ recipient: 'b@far.example' }], relayPrefix: 'Received: by us\r\n' })
  const second = store.arrive({ work: [{ recipient: 'c@far.example' }] })
  await server.done
  await until(() => store.row(second).state === 'done')
  assert.equal(store.row(first).lastReply, '250 2.0.0 taken')
  assert.equal(store.row(first).lastRemote, `[127.0.0.1]:${server.port}`)
  assert.deepEqual(server.data, ['Received: by us\r\nSubject: x\r\n\r\nhello\r\n', 'Subject: x\r\n\r\nhello\r\n'])
})

test('MX in order: a host that refuses the connection is passed over, and so is one that breaks off (RFC 5321 §5.1)', async (t) => {
  const server = await scriptedServer(t, [`${HELLO}\nC: MAIL\nRESET`, `${HELLO}\n${TAKE}`])
  const { store } = stage(t, {
    zone: {
      'far.example': { MX: [{ preference: 10, exchange: 'dead.far.example' }, { preference: 20, exchange: 'weak.far.example' }, { preference: 30, exchange: 'good.far.example' }] },
      'dead.far.example': { A: ['127.0.0.2'] }, 'weak.far.example': { A: ['127.0.0.1'] }, 'good.far.example': { A: ['127.0.0.1'] },
    },
    config: { outbound: { port: server.port, routes: [] } },
  })
  const arrival = store.arrive({ work: [{ recipient: 'b@far.example' }] })
  await until(() => store.row(arrival).state === 'done')
  assert.equal(store.row(arrival).lastRemote, `good.far.example [127.0.0.1]:${server.port}`)
})

test('a connection lost after the final dot: due again, and no other host is given it now', async (t) => {
  const server = await scriptedServer(t, [`${HELLO}\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD\nRESET`])
  const { store } = stage(t, {
    zone: { 'far.example': { MX: [{ preference: 10, exchange: 'a.far.example' }, { preference: 20, exchange: 'b.far.example' }] }, 'a.far.example': { A: ['127.0.0.1'] }, 'b.far.example': { A: ['127.0.0.1'] } },
    config: { outbound: { port: server.port, routes: [] } },
  })
  const arrival = store.arrive({ work: [{ recipient: 'b@far.example' }] })
  await until(() => store.settled('settled') === 1)
  assert.equal(store.row(arrival).state, 'waiting')
  assert.match(store.row(arrival).lastReply ?? '', /no answer after the end of the message/)
  assert.ok(store.row(arrival).dueMs > systemClock.nowMs() + 60_000)
})

test('what DNS positively says is permanent, everything else temporary', async (t) => {
  const { store, reports } = stage(t, {
    zone: {
      'null.example': { MX: [{ preference: 0, exchange: '' }] },
      'empty.example': 'nothing',
      'trouble.example': 'trouble',
      'half.example': { MX: [{ preference: 10, exchange: 'trouble.example' }] },
    },
  })
  const arrival = store.arrive({ work: ['gone', 'null', 'empty', 'trouble', 'half'].map((name) => ({ recipient: `b@${name}.example` })) })
  await until(() => store.settled('settled') === 5)
  assert.deepEqual([0, 1, 2, 3, 4].map((n) => store.row(arrival, n).state), ['failed', 'failed', 'failed', 'waiting', 'waiting'])
  assert.match(store.row(arrival, 3).lastReply ?? '', /^DNS: /)
  await until(() => reports.length === 3)
  const statuses = reports.map((report) => /Status: (\S+)/.exec(latin1Of(report.bytes))?.[1]).sort((one = '', other = '') => (one < other ? -1 : 1))
  assert.deepEqual(statuses, ['5.1.10', '5.1.2', '5.4.4'])
  assert.ok(reports.every(({ to }) => to === 'sender@us.example'))
})

test('mail that would come back to us: 5.4.6, by name and by address', async (t) => {
  const { store } = stage(t, {
    zone: {
      'byname.example': { MX: [{ preference: 10, exchange: 'us.example' }] },
      'byaddress.example': { A: ['127.0.0.1'] },
    },
    config: { ownDoors: [{ host: '0.0.0.0', port: 25 }] },
  })
  const arrival = store.arrive({ work: [{ recipient: 'b@byname.example' }, { recipient: 'b@byaddress.example' }, { recipient: 'b@[127.0.0.1]', domain: '[127.0.0.1]' }] })
  await until(() => store.settled('settled') === 3)
  for (const n of [0, 1, 2]) assert.match(store.row(arrival, n).lastReply ?? '', /this server/)
  assert.ok(store.changes.every((change) => change.kind !== 'settled' || change.settlements.every(({ outcome }) => outcome.end === 'failed' && outcome.status === '5.4.6')))
})

test('every host says 5xx at once: the destination has spoken; one that is only busy has not', async (t) => {
  const rude = await scriptedServer(t, ['S: 554 5.7.1 go away'])
  const busy = await scriptedServer(t, ['S: 421 4.3.2 busy'])
  const config: Partial<QueueConfig> = { outbound: { port: 25, routes: [{ domain: 'rude.example', host: '127.0.0.1', port: rude.port }, { domain: 'busy.example', host: '127.0.0.1', port: busy.port }] } }
  const { store } = stage(t, { config })
  const arrival = store.arrive({ work: [{ recipient: 'b@rude.example' }, { recipient: 'b@busy.example' }] })
  await until(() => store.settled('settled') === 2)
  assert.equal(store.row(arrival, 0).state, 'failed')
  assert.equal(store.row(arrival, 0).lastReply, '554 5.7.1 go away')
  assert.equal(store.row(arrival, 1).state, 'waiting')
  assert.equal(store.row(arrival, 1).lastReply, '421 4.3.2 busy')
})

test('a message that cannot be read is no reason to bounce it', async (t) => {
  const server = await scriptedServer(t, [])
  const { store } = stage(t, { config: routed(server.port) })
  store.beforeChange = () => store.bodies.clear()
  const arrival = store.arrive({ work: [{ recipient: 'b@far.example' }] })
  await until(() => store.settled('settled') === 1)
  assert.equal(store.row(arrival).state, 'waiting')
})

test('closing breaks off what does not end, and leaves it due', async (t) => {
  const server = await scriptedServer(t, ['HOLD'])
  const { store, queue } = stage(t, { config: routed(server.port) })
  const arrival = store.arrive({ work: [{ recipient: 'b@far.example' }] })
  await until(() => store.settled('attempt-begun') === 1)
  await queue.close(20)
  assert.equal(queue.sessions, 0)
  assert.equal(store.row(arrival).state, 'waiting')
})

test('own doors: an address, all addresses, the port', () => {
  const isOurs = (host: string) => ownAddresses({ doors: () => [{ host, port: 25 }], clock: systemClock, machineAddresses: () => ['192.0.2.1', '2001:db8::1'] })
  const table: [door: string, address: string, port: number, ours: boolean][] = [
    ['192.0.2.1', '192.0.2.1', 25, true], ['192.0.2.1', '192.0.2.1', 26, false], ['192.0.2.1', '192.0.2.2', 25, false],
    ['0.0.0.0', '192.0.2.1', 25, true], ['0.0.0.0', '2001:db8::1', 25, false], ['::', '2001:db8::1', 25, true], ['::', '192.0.2.1', 25, true],
    ['::', '127.0.0.5', 25, true], ['::', '198.51.100.1', 25, false],
  ]
  for (const [door, address, port, ours] of table) assert.equal(isOurs(door)(address, port), ours, `${door} ${address} ${port}`)
})
