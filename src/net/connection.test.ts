import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Connection } from './connection.ts'
import { dial } from './dial.ts'
import { LineReader } from './line-reader.ts'
import { closing, heard, loopbackDoor, loopbackPair, until } from './loopback-for-tests.ts'

test('bytes go both ways and both ends hear the close once', async (t) => {
  const { client, server } = await loopbackPair(t)
  const reasons: string[] = []
  server.onClose = (reason) => reasons.push(`server ${reason.by}`)
  const gone = closing(client)
  const atServer = heard(server)
  client.write('hello ')
  client.write(Uint8Array.of(0xe5, 0xff))
  client.write('ö')
  client.end()
  assert.equal(await atServer, 'hello \xe5\xff\xc3\xb6')
  assert.equal((await gone).by, 'us')
  await until(() => reasons.length > 0)
  server.destroy()
  server.end()
  server.write('into the void')
  assert.deepEqual(reasons, ['server peer'])
  assert.equal(server.remoteAddress, '127.0.0.1')
})

test('many small writes of one turn, promises included, arrive as one chunk', async (t) => {
  const { client, server } = await loopbackPair(t)
  const chunks: number[] = []
  server.receive({ onBytes: (chunk) => chunks.push(chunk.length) })
  client.receive({ onBytes: () => {} })
  for (let i = 0; i < 50; i++) client.write('250 2.1.0 ok\r\n')
  await Promise.resolve()
  client.write(Uint8Array.of(13, 10))
  await until(() => chunks.length > 0)
  assert.deepEqual(chunks, [50 * 14 + 2])
})

test('a peer that does not read makes drained wait, and is not read from meanwhile', async (t) => {
  const { client, server } = await loopbackPair(t)
  let asked = 0
  server.receive({ onBytes: (chunk) => { asked += chunk.length } })
  const page = new Uint8Array(64 * 1024).fill(97)
  let sent = 0
  let isWaiting = false
  const done = (async () => {
    for (; sent < 64 * 1024 * 1024; sent += page.length) {
      server.write(page)
      isWaiting = true
      assert.ok(await server.drained())
      isWaiting = false
    }
    server.end()
  })()
  await until(() => server.unsentOctets > 256 * 1024)
  assert.ok(isWaiting)
  assert.ok(server.unsentOctets <= 256 * 1024 + 2 * page.length, 'no more is buffered than the limit and a page')
  client.write('are you there?')
  const before = sent
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(asked, 0)
  assert.equal(sent, before)
  let got = 0
  client.receive({ onBytes: (chunk) => { got += chunk.length } })
  await done
  await until(() => got === 64 * 1024 * 1024)
  assert.equal(asked, 14)
})

test('drained tells when the peer is gone for good', async (t) => {
  const { client, server } = await loopbackPair(t)
  server.receive({ onBytes: () => {} })
  for (;;) {
    server.write(new Uint8Array(64 * 1024))
    if (server.unsentOctets > 256 * 1024) break
  }
  const waiting = server.drained()
  client.destroy()
  assert.equal(await waiting, false)
  assert.equal(await server.drained(), false)
})

test('a reset is a reason, never an exception', async (t) => {
  const { listener, next } = await loopbackDoor(t)
  const peer = connect(listener.address.port, '127.0.0.1')
  peer.on('error', () => {})
  await once(peer, 'connect')
  const server = await next()
  const gone = closing(server)
  server.receive({ onBytes: () => {} })
  peer.resetAndDestroy()
  const reason = await gone
  assert.equal(reason.by, 'peer')
  assert.equal(reason.code, 'ECONNRESET')
})

test('a consumer that throws ends its own connection only', async (t) => {
  const { client, server } = await loopbackPair(t)
  const gone = closing(server)
  server.receive({ onBytes: () => { throw new Error('our mistake') } })
  client.receive({ onBytes: () => {} })
  client.write('x')
  const reason = await gone
  assert.equal(reason.by, 'bug')
  assert.equal((reason.cause as Error).message, 'our mistake')
})

test('half-close: the peer has ended its side and still gets its replies', async (t) => {
  const { listener, next } = await loopbackDoor(t)
  const peer = connect({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true })
  peer.end('QUIT\r\n')
  const server = await next()
  const reader = new LineReader({ lineOctetsMax: 100 }, server)
  assert.equal((await reader.line())?.bytes.length, 4)
  assert.equal(await reader.line(), undefined)
  assert.ok(reader.hasEnded)
  assert.ok(server.isOpen)
  server.end('221 bye\r\n')
  const [reply] = await once(peer, 'data') as [Buffer]
  assert.equal(reply.toString(), '221 bye\r\n')
})

test('goodbye reaches a peer whose unread bytes would otherwise reset the connection', async (t) => {
  const { listener, next } = await loopbackDoor(t)
  const peer = connect({ port: listener.address.port, host: '127.0.0.1' })
  peer.write(Buffer.alloc(200_000, 120))
  const server = await next()
  server.receive({ onBytes: () => server.end('421 too much\r\n') })
  const [reply] = await once(peer, 'data') as [Buffer]
  assert.equal(reply.toString(), '421 too much\r\n')
  await once(peer, 'close')
})

test('the idle deadline: asks the session, or ends the connection; bytes put it off', async (t) => {
  const { client, server } = await loopbackPair(t)
  client.receive({ onBytes: () => {} })
  server.receive({ onBytes: () => {} })
  const said = closing(server)
  server.onIdle = () => {
    server.onIdle = undefined
    server.setIdle(10)
  }
  server.setIdle(10)
  assert.equal((await said).by, 'deadline')
})

test('a peer that does not hang up after the goodbye is cut off, and the reader hears of the end', async (t) => {
  const { client, server, sweeper } = await loopbackPair(t)
  const reader = new LineReader({ lineOctetsMax: 100 }, server)
  const line = reader.line()
  client.receive({ onBytes: () => {}, onEnd: () => {} }) // keeps its own side open
  server.end('bye')
  assert.ok(sweeper.watched > 0, 'the lingering has a deadline')
  server.destroy()
  assert.equal(await line, undefined)
})

test('dialling: refused, given up, and reached', async (t) => {
  const { listener, sweeper } = await loopbackDoor(t)
  const reached = await dial({ host: '127.0.0.1', port: listener.address.port, sweeper })
  assert.ok(reached.ok && reached.value instanceof Connection)
  reached.value.destroy()
  listener.stopAccepting()
  const refused = await dial({ host: '127.0.0.1', port: listener.address.port, sweeper })
  assert.ok(!refused.ok)
  assert.equal(refused.code, 'connection-refused')
  const aborted = await dial({ host: '127.0.0.1', port: 9, sweeper, signal: AbortSignal.abort() })
  assert.ok(!aborted.ok && aborted.code === 'aborted')
})
