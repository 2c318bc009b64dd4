import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { Worker } from 'node:worker_threads'
import { bindRefusal, bindSocket, parseInheritedSockets } from './bound-socket.ts'
import type { Connection } from './connection.ts'
import { closing, dialed, heard, loopbackDoor, testContexts, until } from './loopback-for-tests.ts'
import { parseNetwork } from './network.ts'

const loopback = parseNetwork('127.0.0.0/8')
assert.ok(loopback.ok)
const fromLoopback = [loopback.value]

async function allOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => { text += String(chunk) })
  socket.on('error', () => {})
  await once(socket, 'close')
  return text
}

test('a port that is taken is a sentence that says what to do', () => {
  const first = bindSocket({ host: '127.0.0.1', family: 4, port: 0 })
  assert.ok(first.ok)
  assert.ok(first.value.address.port > 0)
  first.value.release()
  const away = bindSocket({ host: '203.0.113.77', family: 4, port: 0 })
  assert.ok(!away.ok && away.code === 'address-not-here')
  for (const [code, words] of [
    ['EADDRINUSE', /^port 25 on 192\.0\.2\.1 is already taken: .*ss -ltnp/],
    ['EACCES', /^not allowed to listen on 192\.0\.2\.1:25: ports below 1024/],
    ['EAFNOSUPPORT', /has no IPv4/],
    ['EMFILE', /LimitNOFILE/],
    ['EODD', /cannot listen on 192\.0\.2\.1:25: odd/],
  ] as const) assert.match(bindRefusal({ host: '192.0.2.1', family: 4, port: 25 }, Object.assign(new Error('odd'), { code })).reason, words)
})

test('a second door on the same port is refused', async (t) => {
  const { listener } = await loopbackDoor(t)
  const again = bindSocket(listener.address)
  assert.ok(!again.ok)
  assert.equal(again.code, 'port-taken')
})

test('the main thread binds, a worker thread listens', async (t) => {
  const bound = bindSocket({ host: '127.0.0.1', family: 4, port: 0 })
  assert.ok(bound.ok)
  const worker = new Worker(new URL('./listener-worker-for-tests.ts', import.meta.url), { workerData: { fd: bound.value.handOver(), address: bound.value.address } })
  t.after(() => worker.terminate())
  await once(worker, 'message')
  const peer = connect(bound.value.address.port, '127.0.0.1')
  assert.equal(await allOf(peer), '220 from the worker\r\n')
})

test('admission is asked first; a refusal reaches the peer; refused ones do not count', async (t) => {
  const asked: string[] = []
  const { listener, sweeper, arrivals } = await loopbackDoor(t, { admit: (address) => {
    asked.push(address)
    return asked.length > 1 ? { refuse: '421 4.7.0 too many\r\n' } : 'go'
  } })
  const first = await dialed(listener, sweeper)
  await until(() => listener.connectionCount === 1)
  assert.equal(await allOf(connect(listener.address.port, '127.0.0.1')), '421 4.7.0 too many\r\n')
  assert.deepEqual(asked, ['127.0.0.1', '127.0.0.1'])
  assert.equal(listener.connectionCount, 1)
  assert.equal(arrivals.length, 1)
  first.destroy()
})

test('closing: no new ones, sessions say goodbye, those who stay are cut off after the grace', async (t) => {
  const { listener, sweeper, next } = await loopbackDoor(t)
  const [polite, stubborn] = [await dialed(listener, sweeper), await dialed(listener, sweeper)]
  t.after(() => stubborn.destroy())
  const said = heard(polite)
  const sessions: Connection[] = [await next(), await next()]
  const cut: Promise<unknown>[] = []
  for (const session of sessions) {
    session.receive({ onBytes: () => {} })
    session.onShutdown = () => {
      if (session.remotePort === polite.localPort) session.end('421 4.3.2 closing\r\n')
      else cut.push(closing(session))
    }
  }
  stubborn.receive({ onBytes: () => {}, onEnd: () => {} })
  await listener.close({ graceMs: 30 })
  assert.equal(await said, '421 4.3.2 closing\r\n')
  assert.deepEqual(await cut[0], { by: 'us', sentence: 'the door closed' })
  const late = connect(listener.address.port, '127.0.0.1')
  const [error] = await once(late, 'error') as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})

test('PROXY from a listed proxy: the real address is admitted, and what follows is not lost', async (t) => {
  const asked: string[] = []
  const { listener, next } = await loopbackDoor(t, { proxies: fromLoopback, admit: (address) => { asked.push(address); return 'go' } })
  const peer = connect(listener.address.port, '127.0.0.1')
  peer.write('PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\nEHLO cl')
  const server = await next()
  assert.equal(server.remoteAddress, '192.0.2.7')
  assert.equal(server.remotePort, 56324)
  const said = heard(server)
  peer.end('ient\r\n')
  assert.equal(await said, 'EHLO client\r\n')
  assert.deepEqual(asked, ['192.0.2.7'])
})

test('PROXY header and TLS handshake in one packet', async (t) => {
  const { contexts } = testContexts()
  const { listener, next } = await loopbackDoor(t, { proxies: fromLoopback, tls: contexts })
  const peer = connect(listener.address.port, '127.0.0.1')
  let header = 'PROXY TCP6 2001:db8::7 2001:db8::1 56324 993\r\n'
  const proxied = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      peer.write(Buffer.concat([Buffer.from(header), chunk]), done)
      header = ''
    },
    final: (done) => { peer.end(done) },
  })
  peer.on('data', (chunk) => proxied.push(chunk))
  const secured = connectTls({ socket: proxied, rejectUnauthorized: false })
  await once(secured, 'secureConnect')
  const server = await next()
  assert.equal(server.remoteAddress, '2001:db8::7')
  const said = heard(server)
  secured.end('a NOOP\r\n')
  assert.equal(await said, 'a NOOP\r\n')
})

test('PROXY: a listed proxy must send it, anybody else is not believed', async (t) => {
  const door = await loopbackDoor(t, { proxies: fromLoopback })
  const peer = connect(door.listener.address.port, '127.0.0.1')
  peer.write('EHLO client.example\r\n')
  assert.equal(await allOf(peer), '')
  assert.equal(door.arrivals.length, 0)
  const elsewhere = parseNetwork('192.0.2.0/24')
  assert.ok(elsewhere.ok)
  const { listener, next } = await loopbackDoor(t, { proxies: [elsewhere.value] })
  const liar = connect(listener.address.port, '127.0.0.1')
  liar.end('PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\n')
  const server = await next()
  assert.equal(server.remoteAddress, '127.0.0.1')
  assert.match(await heard(server), /^PROXY TCP4/)
})

test('sockets that systemd opened (sd_listen_fds(3))', () => {
  const sockets = (environment: Record<string, string>) => {
    const parsed = parseInheritedSockets(environment, 42)
    return parsed.ok ? parsed.value : parsed.code
  }
  assert.deepEqual(sockets({}), [])
  assert.deepEqual(sockets({ LISTEN_PID: '41', LISTEN_FDS: '2' }), [])
  assert.deepEqual(sockets({ LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'smtp:imap' }), [{ name: 'smtp', fd: 3 }, { name: 'imap', fd: 4 }])
  assert.deepEqual(sockets({ LISTEN_PID: '42', LISTEN_FDS: '1' }), [{ name: 'unknown', fd: 3 }])
  assert.equal(sockets({ LISTEN_PID: '42', LISTEN_FDS: 'x' }), 'listen-fds')
  assert.equal(sockets({ LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'smtp' }), 'listen-fdnames')
})
