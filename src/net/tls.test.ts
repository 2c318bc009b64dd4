import { strict as assert } from 'node:assert'
import { X509Certificate, createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { systemClock } from '../base/clock.ts'
import { systemRandom } from '../base/random.ts'
import { opportunisticTls, verifiedTls } from './client-tls.ts'
import { LineReader } from './line-reader.ts'
import { closing, dialed, heard, loopbackDoor, loopbackPair, testContexts } from './loopback-for-tests.ts'
import { makeSelfSigned } from './self-signed.ts'

test('STARTTLS on both sides: same bindings, names, and bytes under TLS', async (t) => {
  const { contexts, certificatePem } = testContexts(['mail.example', '127.0.0.1'])
  const { client, server } = await loopbackPair(t)
  const atServer = new LineReader({ lineOctetsMax: 100 }, server)
  const atClient = new LineReader({ lineOctetsMax: 100 }, client)
  client.write('STARTTLS\r\n')
  assert.ok(await atServer.line())
  server.write('220 ready\r\n')
  const serverSide = server.startTls({ as: 'server', contexts })
  assert.ok(await atClient.line())
  const clientSide = await client.startTls({ as: 'client', tls: verifiedTls({ peerName: 'mail.example', rootsPem: certificatePem }) })
  const started = await serverSide
  assert.ok(started.ok && clientSide.ok)
  assert.equal(started.value.discardedOctets, 0)
  assert.equal(started.value.facts.serverName, 'mail.example')
  assert.equal(started.value.facts.protocol, 'TLSv1.3')
  assert.match(started.value.facts.cipher, /^TLS_/)
  assert.ok(clientSide.value.facts.verified)
  assert.deepEqual(started.value.facts.bindings(), ['tls-exporter', 'tls-server-end-point'])
  for (const name of started.value.facts.bindings()) {
    assert.deepEqual(started.value.facts.channelBinding(name), clientSide.value.facts.channelBinding(name))
  }
  const raw = new X509Certificate(certificatePem).raw
  assert.deepEqual(Buffer.from(started.value.facts.channelBinding('tls-server-end-point') ?? []), createHash('sha256').update(raw).digest())
  assert.ok(client.tls?.peerCertificate()?.checkHost('mail.example'))
  client.write('EHLO client.example\r\n')
  assert.equal((await atServer.line())?.bytes.length, 19)
  server.write('250 hello\r\n')
  assert.equal((await atClient.line())?.bytes.length, 9)
  const gone = closing(server)
  client.end()
  assert.equal(await atServer.line(), undefined)
  server.end()
  assert.equal((await gone).by, 'peer')
})

test('what was pipelined behind STARTTLS is discarded and counted (RFC 3207 §4.2)', async (t) => {
  const { contexts } = testContexts()
  const { listener, next } = await loopbackDoor(t)
  const peer = connectPlain(listener.address.port, '127.0.0.1')
  peer.write('STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n')
  const server = await next()
  const reader = new LineReader({ lineOctetsMax: 100 }, server)
  assert.ok(await reader.line())
  server.write('220 ready\r\n')
  const started = server.startTls({ as: 'server', contexts })
  await once(peer, 'data')
  const secured = connect({ socket: peer, rejectUnauthorized: false })
  await once(secured, 'secureConnect')
  const outcome = await started
  assert.ok(outcome.ok)
  assert.equal(outcome.value.discardedOctets, 30)
  secured.write('NOOP\r\n')
  assert.equal(Buffer.from((await reader.line())?.bytes ?? []).toString(), 'NOOP')
  secured.destroy()
})

test('a door with TLS from the first byte, and resumption by ticket', async (t) => {
  const { contexts } = testContexts()
  const { listener, next } = await loopbackDoor(t, { tls: contexts })
  const first = connect({ port: listener.address.port, host: '127.0.0.1', servername: 'mail.example', rejectUnauthorized: false })
  const server = await next()
  server.receive({ onBytes: () => {} })
  server.write('* OK\r\n')
  const [session] = await once(first, 'session') as [Buffer]
  assert.equal(server.tls?.resumed, false)
  first.end()
  const second = connect({ port: listener.address.port, host: '127.0.0.1', servername: 'mail.example', rejectUnauthorized: false, session })
  const again = await next()
  assert.equal(again.tls?.resumed, true)
  again.end('bye')
  second.resume()
  await once(second, 'close')
})

test('a peer that speaks no TLS, hangs up, or is not trusted: one refusal with a sentence, one close', async (t) => {
  const { contexts } = testContexts()
  for (const what of ['plain', 'hang up', 'untrusted', 'wrong name'] as const) {
    await t.test(what, async (t) => {
      const { client, server } = await loopbackPair(t)
      const gone = closing(server)
      server.receive({ onBytes: () => {} })
      client.receive({ onBytes: () => {} })
      const started = server.startTls({ as: 'server', contexts })
      if (what === 'plain') client.write('EHLO plain.example, and some more, enough to look like a record\r\n')
      if (what === 'hang up') client.end()
      if (what === 'untrusted' || what === 'wrong name') {
        const { certificatePem } = testContexts(['other.example'])
        const mine = await client.startTls({ as: 'client', tls: verifiedTls({ peerName: what === 'untrusted' ? 'mail.example' : 'other.example', rootsPem: certificatePem }) })
        assert.ok(!mine.ok)
        assert.equal(mine.code, 'certificate-not-trusted')
        assert.match(mine.reason, /cannot be trusted: /)
        await gone
        return
      }
      const outcome = await started
      assert.ok(!outcome.ok)
      assert.match(outcome.reason, what === 'plain' ? /does not speak TLS/ : /hung up/)
      assert.ok(['tls', 'peer'].includes((await gone).by))
    })
  }
})

test('opportunistic: any certificate will do, and the facts say that it proves nothing', async (t) => {
  const { contexts } = testContexts()
  const { listener, sweeper, next } = await loopbackDoor(t, { tls: contexts })
  const client = await dialed(listener, sweeper)
  const started = await client.startTls({ as: 'client', tls: opportunisticTls({ peerName: '127.0.0.1' }) })
  assert.ok(started.ok)
  assert.equal(started.value.facts.verified, false)
  const server = await next()
  const said = heard(server)
  client.end('over TLS')
  assert.equal(await said, 'over TLS')
})

test('certificates are swapped for new handshakes; sessions go on; a faulty set changes nothing', async (t) => {
  const { contexts } = testContexts(['old.example'])
  const { listener, sweeper, next } = await loopbackDoor(t, { tls: contexts })
  const nameSeen = async (asked: string) => {
    const client = await dialed(listener, sweeper)
    const started = await client.startTls({ as: 'client', tls: opportunisticTls({ peerName: asked }) })
    assert.ok(started.ok)
    return { client, server: await next(), name: client.tls?.peerCertificate()?.subjectAltName }
  }
  const before = await nameSeen('old.example')
  assert.equal(before.name, 'DNS:old.example')
  const made = (names: string[]) => ({ ...makeSelfSigned(names, { clock: systemClock, random: systemRandom }), origin: names.join() })
  const [fresh, wild] = [made(['new.example']), made(['*.many.example'])]
  const bad = contexts.replace([{ ...fresh, keyPem: wild.keyPem }])
  assert.ok(!bad.ok && bad.code === 'certificate-key-mismatch')
  assert.equal(contexts.facts[0]?.names[0], 'old.example')
  assert.ok(contexts.replace([fresh, wild]).ok)
  assert.equal((await nameSeen('unknown.example')).name, 'DNS:new.example')
  assert.equal((await nameSeen('a.many.example')).name, 'DNS:*.many.example')
  const said = heard(before.server)
  before.client.end('still here')
  assert.equal(await said, 'still here')
})

test('what is no certificate is refused in words', () => {
  const { contexts, certificatePem, keyPem } = testContexts()
  for (const [pair, code] of [
    [{ certificatePem: 'nonsense', keyPem, origin: 'a.pem' }, 'certificate-syntax'],
    [{ certificatePem, keyPem: 'nonsense', origin: 'a.pem' }, 'certificate-unusable'],
  ] as const) {
    const answer = contexts.replace([pair])
    assert.ok(!answer.ok)
    assert.equal(answer.code, code)
    assert.match(answer.reason, /a\.pem/)
  }
})
