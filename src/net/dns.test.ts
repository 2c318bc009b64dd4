import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import packet from 'dns-packet'
import { FakeClock, systemClock } from '../base/clock.ts'
import { seededRandom } from '../base/random.ts'
import { RCODE, record, soa, testDnsServer } from './dns-server-for-tests.ts'
import { parseDnsServer, parseResolvConf } from './dns-servers.ts'
import type { DnsServer } from './dns-servers.ts'
import { DnsCache } from './dns-cache.ts'
import { StubResolver } from './dns.ts'
import { until } from './loopback-for-tests.ts'

function resolverOf(servers: readonly DnsServer[], clock: FakeClock | typeof systemClock = new FakeClock()): StubResolver {
  return new StubResolver({ servers, clock, random: seededRandom(1) })
}

test('every type comes back as its value, with TTL and AD', async (t) => {
  const { server, asked } = await testDnsServer(t, ({ name, type }) => ({
    flags: packet.AUTHENTIC_DATA,
    answers: ({
      A: [record(name, 'A', '192.0.2.1', 60), record(name.toUpperCase(), 'A', '192.0.2.2', 30), record('other.example', 'A', '203.0.113.1')],
      AAAA: [record(name, 'AAAA', '2001:db8::1')],
      MX: [record(name, 'MX', { preference: 10, exchange: 'MAIL.example' }), record(name, 'MX', { preference: 0, exchange: '.' })],
      TXT: [record(name, 'TXT', [Buffer.from('v=spf1 '), Buffer.from([0xff, 0])])],
      PTR: [record(name, 'PTR', 'Host.Example')],
      TLSA: [record(name, 'TLSA', { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('abcd') })],
      CNAME: [record(name, 'CNAME', 'target.example')],
    } as Record<string, ReturnType<typeof record>[]>)[type] ?? [],
  }))
  const resolver = resolverOf([server])
  assert.deepEqual(await resolver.resolve('Host.Example.', 'A'), { kind: 'answers', name: 'host.example', records: ['192.0.2.1', '192.0.2.2'], ttlSeconds: 30, isAuthentic: true })
  const records = async (type: 'AAAA' | 'MX' | 'TXT' | 'PTR' | 'TLSA' | 'CNAME') => {
    const answer = await resolver.resolve('host.example', type)
    return answer.kind === 'answers' && answer.records
  }
  assert.deepEqual(await records('AAAA'), ['2001:db8::1'])
  assert.deepEqual(await records('MX'), [{ preference: 10, exchange: 'mail.example' }, { preference: 0, exchange: '' }])
  assert.deepEqual(await records('TXT'), [new Uint8Array(Buffer.from('v=spf1 \xff\0', 'latin1'))])
  assert.deepEqual(await records('PTR'), ['host.example'])
  assert.deepEqual(await records('TLSA'), [{ usage: 3, selector: 1, matchingType: 1, association: new Uint8Array(Buffer.from('abcd')) }])
  assert.deepEqual(await records('CNAME'), ['target.example'])
  assert.equal(asked.length, 7)
})

test('AD counts only from a resolver on this machine', async (t) => {
  const { server } = await testDnsServer(t, ({ name }) => ({ flags: packet.AUTHENTIC_DATA, answers: [record(name, 'A', '192.0.2.1')] }))
  const answer = await resolverOf([{ ...server, isOnThisMachine: false }]).resolve('host.example', 'A')
  assert.ok(answer.kind === 'answers' && !answer.isAuthentic)
})

test('not there is told apart from not found out (RFC 2308 §2)', async (t) => {
  const { server } = await testDnsServer(t, ({ name }) => ({
    'nodata.example': { authorities: [soa('example')] },
    'nosoa.example': {},
    'gone.example': { rcode: RCODE.NXDOMAIN, authorities: [soa('example', 60)] },
    'alias-to-gone.example': { rcode: RCODE.NXDOMAIN, answers: [record(name, 'CNAME', 'gone.example')], authorities: [soa('example')] },
    'alias-to-nodata.example': { answers: [record(name, 'CNAME', 'nodata.example')], authorities: [soa('example')] },
    'servfail.example': { rcode: RCODE.SERVFAIL },
    'refused.example': { rcode: RCODE.REFUSED },
    'lame.example': { authorities: [record('example', 'NS', 'ns.elsewhere.example')] },
    'garbage.example': new Uint8Array(40),
  })[name])
  const clock = new FakeClock()
  const resolver = resolverOf([server], clock)
  const kind = async (name: string) => {
    const answer = await resolver.resolve(name, 'A')
    return answer.kind === 'trouble' ? answer.code : answer.kind
  }
  assert.equal(await kind('nodata.example'), 'no-data')
  assert.equal(await kind('nosoa.example'), 'no-data')
  assert.equal(await kind('gone.example'), 'no-such-name')
  assert.equal(await kind('alias-to-gone.example'), 'no-such-name')
  assert.equal(await kind('alias-to-nodata.example'), 'no-data')
  assert.equal(await kind('servfail.example'), 'servfail')
  assert.equal(await kind('refused.example'), 'refused')
  assert.equal(await kind('lame.example'), 'lame')
  for (const name of ['', '.', 'a..example', `${'x'.repeat(64)}.example`, 'spa ce.example', 'ö.example', `${'x.'.repeat(127)}example`]) assert.equal(await kind(name), 'no-such-name', name)
})

test('silence: asked again, longer, then trouble; nothing is left open', async (t) => {
  const { server, asked } = await testDnsServer(t, () => undefined)
  const clock = new FakeClock()
  const answer = resolverOf([server], clock).resolve('host.example', 'A')
  await until(() => asked.length === 1)
  clock.advance(2999)
  assert.equal(asked.length, 1)
  clock.advance(1)
  await until(() => asked.length === 2)
  clock.advance(6000)
  const found = await answer
  assert.ok(found.kind === 'trouble' && found.code === 'timeout', JSON.stringify(found))
})

test('a silent or failing server is made up for by the next one, and is asked last from then on', async (t) => {
  const silent = await testDnsServer(t, () => undefined)
  const failing = await testDnsServer(t, () => ({ rcode: RCODE.SERVFAIL }))
  const good = await testDnsServer(t, ({ name }) => ({ answers: [record(name, 'A', '192.0.2.1')] }))
  const clock = new FakeClock()
  const resolver = resolverOf([silent.server, failing.server, good.server], clock)
  const first = resolver.resolve('one.example', 'A')
  await until(() => silent.asked.length === 1)
  clock.advance(3000)
  assert.equal((await first).kind, 'answers')
  assert.equal((await resolver.resolve('two.example', 'A')).kind, 'answers')
  assert.deepEqual([silent.asked.length, failing.asked.length, good.asked.length], [1, 2, 2])
})

test('a closed port is told at once', async (t) => {
  const { server, close } = await testDnsServer(t, () => undefined)
  close()
  const found = await resolverOf([server], systemClock).resolve('host.example', 'A')
  assert.ok(found.kind === 'trouble' && found.code === 'unreachable', JSON.stringify(found))
})

test('truncated over UDP: the whole answer comes over TCP', async (t) => {
  const many = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`)
  const { server, asked } = await testDnsServer(t, ({ name, over }) =>
    over === 'udp' ? { flags: packet.TRUNCATED_RESPONSE, answers: [record(name, 'A', '203.0.113.1')] } : { answers: many.map((address) => record(name, 'A', address)) })
  const found = await resolverOf([server]).resolve('big.example', 'A')
  assert.ok(found.kind === 'answers')
  assert.deepEqual(found.records, many)
  assert.deepEqual(asked, ['udp A big.example', 'tcp A big.example'])
})

test('truncated in the midst of a record', async (t) => {
  const { server } = await testDnsServer(t, ({ name, over, query }) => {
    const reply = { id: query.id, type: 'response' as const, questions: query.questions, answers: [record(name, 'A', '192.0.2.1')] }
    if (over === 'tcp') return reply
    return packet.encode({ ...reply, flags: packet.TRUNCATED_RESPONSE }).subarray(0, -3)
  })
  assert.equal((await resolverOf([server]).resolve('cut.example', 'A')).kind, 'answers')
})

test('lies are not believed: wrong id, other question, a query instead of a reply; the true answer still counts', async (t) => {
  const { server } = await testDnsServer(t, ({ name, query }) => {
    const lie = { answers: [record(name, 'A', '203.0.113.66')] }
    return [
      { ...lie, id: ((query.id ?? 0) + 1) & 0xffff },
      { ...lie, questions: [{ name: 'other.example', type: 'A', class: 'IN' }] },
      { ...lie, questions: [{ name, type: 'AAAA', class: 'IN' }] },
      { ...lie, questions: [] },
      packet.encode({ id: query.id, type: 'query', questions: query.questions, ...lie }),
      Uint8Array.of(1, 2, 3),
      { answers: [record(name, 'A', '192.0.2.1')] },
    ]
  })
  const found = await resolverOf([server]).resolve('host.example', 'A')
  assert.deepEqual(found.kind === 'answers' && found.records, ['192.0.2.1'])
})

test('only lies: trouble, never an answer', async (t) => {
  const { server, asked } = await testDnsServer(t, ({ name, query }) => Array.from({ length: 5 }, () => ({ id: ((query.id ?? 0) + 1) & 0xffff, rcode: RCODE.NXDOMAIN, answers: [record(name, 'A', '203.0.113.66')] })))
  const clock = new FakeClock()
  const answer = resolverOf([server], clock).resolve('host.example', 'A')
  await until(() => asked.length === 1)
  clock.advance(3000)
  await until(() => asked.length === 2)
  clock.advance(6000)
  assert.equal((await answer).kind, 'trouble')
})

test('ids and ports differ from question to question', async (t) => {
  const ids = new Set<number>()
  const { server } = await testDnsServer(t, ({ name, query }) => {
    ids.add(query.id)
    return { answers: [record(name, 'A', '192.0.2.1')] }
  })
  const resolver = resolverOf([server])
  for (let i = 0; i < 20; i++) await resolver.resolve(`host${i}.example`, 'A')
  assert.ok(ids.size >= 19)
})

test('aliases: within one reply, over several questions, and in a ring', async (t) => {
  const { server, asked } = await testDnsServer(t, ({ name }) => ({
    'a.example': { answers: [record('a.example', 'CNAME', 'B.example', 50), record('b.example', 'CNAME', 'c.example', 40), record('c.example', 'A', '192.0.2.3')] },
    'x.example': { answers: [record('x.example', 'CNAME', 'y.example', 20)] },
    'y.example': { answers: [record('y.example', 'A', '192.0.2.4')] },
    'ring.example': { answers: [record('ring.example', 'CNAME', 'gnir.example')] },
    'gnir.example': { answers: [record('gnir.example', 'CNAME', 'ring.example')] },
    'self.example': { answers: [record('self.example', 'CNAME', 'self.example')] },
  })[name])
  const resolver = resolverOf([server])
  assert.deepEqual(await resolver.resolve('a.example', 'A'), { kind: 'answers', name: 'c.example', records: ['192.0.2.3'], ttlSeconds: 40, isAuthentic: false })
  const split = await resolver.resolve('x.example', 'A')
  assert.ok(split.kind === 'answers' && split.name === 'y.example' && split.ttlSeconds === 20)
  const ring = await resolver.resolve('ring.example', 'A')
  assert.ok(ring.kind === 'trouble' && ring.code === 'alias-loop')
  assert.equal((await resolver.resolve('self.example', 'A')).kind, 'trouble')
  assert.ok(asked.length < 30)
})

test('a server that does not know EDNS is asked without', async (t) => {
  const { server, asked } = await testDnsServer(t, ({ name, query }) => (query.additionals.length > 0 ? { rcode: RCODE.FORMERR } : { answers: [record(name, 'A', '192.0.2.1')] }))
  const resolver = resolverOf([server])
  assert.equal((await resolver.resolve('one.example', 'A')).kind, 'answers')
  assert.equal((await resolver.resolve('two.example', 'A')).kind, 'answers')
  assert.equal(asked.length, 3, 'once is enough to know')
})

test('remembered by TTL, counted down, asked again afterwards; "no" by the SOA; trouble for a moment only', async (t) => {
  let rcode = RCODE.SERVFAIL
  const { server, asked } = await testDnsServer(t, ({ name }) =>
    name === 'host.example' ? { answers: [record(name, 'A', '192.0.2.1', 100)] }
    : name === 'gone.example' ? { rcode: RCODE.NXDOMAIN, authorities: [soa('example', 30)] }
    : { rcode, answers: [record(name, 'A', '192.0.2.9')] })
  const clock = new FakeClock()
  const resolver = resolverOf([server], clock)
  const count = async (name: string) => {
    const before = asked.length
    const answer = await resolver.resolve(name, 'A')
    return { asked: asked.length - before, kind: answer.kind, ttl: answer.kind === 'trouble' ? 0 : answer.ttlSeconds }
  }
  assert.deepEqual(await count('host.example'), { asked: 1, kind: 'answers', ttl: 100 })
  clock.advance(40_000)
  assert.deepEqual(await count('host.example'), { asked: 0, kind: 'answers', ttl: 60 })
  clock.advance(60_000)
  assert.deepEqual(await count('host.example'), { asked: 1, kind: 'answers', ttl: 100 })
  await count('gone.example')
  clock.advance(29_000)
  assert.deepEqual(await count('gone.example'), { asked: 0, kind: 'no-such-name', ttl: 1 })
  clock.advance(1000)
  assert.equal((await count('gone.example')).asked, 1)
  assert.deepEqual(await count('sick.example'), { asked: 2, kind: 'trouble', ttl: 0 })
  assert.equal((await count('sick.example')).asked, 0)
  rcode = 0
  clock.advance(5000)
  assert.deepEqual(await count('sick.example'), { asked: 1, kind: 'answers', ttl: 600 })
})

test('the same question at the same moment is asked once; one who gives up does not stop the others', async (t) => {
  const { server, asked } = await testDnsServer(t, ({ name }) => ({ answers: [record(name, 'A', '192.0.2.1')] }))
  const resolver = resolverOf([server])
  const controller = new AbortController()
  const given = resolver.resolve('host.example', 'A', controller.signal)
  const others = Array.from({ length: 50 }, () => resolver.resolve('HOST.example', 'A'))
  controller.abort()
  const gone = await given
  assert.ok(gone.kind === 'trouble' && gone.code === 'aborted')
  for (const answer of await Promise.all(others)) assert.equal(answer.kind, 'answers')
  assert.equal(asked.length, 1)
})

test('very many questions at once take turns', async (t) => {
  const { server } = await testDnsServer(t, ({ name }) => ({ answers: [record(name, 'A', '192.0.2.1')] }))
  const resolver = resolverOf([server], systemClock)
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => resolver.resolve(`h${i}.example`, 'A')))
  assert.ok(answers.every((answer) => answer.kind === 'answers'))
})

test('the cache is bounded: the oldest goes', () => {
  const cache = new DnsCache(new FakeClock(), 3)
  for (const key of ['a', 'b', 'c', 'd']) cache.put(key, { kind: 'no-data', name: key, ttlSeconds: 100, isAuthentic: false })
  assert.equal(cache.size, 3)
  assert.equal(cache.get('a'), undefined)
  assert.ok(cache.get('d'))
})

test('name servers, from config and from resolv.conf(5)', () => {
  const server = (text: string) => {
    const parsed = parseDnsServer(text)
    return parsed.ok ? `${parsed.value.address} ${parsed.value.port} ${parsed.value.isOnThisMachine}` : parsed.code
  }
  assert.equal(server('192.0.2.53'), '192.0.2.53 53 false')
  assert.equal(server('127.0.0.1:5353'), '127.0.0.1 5353 true')
  assert.equal(server('2001:db8::53'), '2001:db8::53 53 false')
  assert.equal(server('[::1]'), '::1 53 true')
  assert.equal(server('[::1]:5353'), '::1 5353 true')
  for (const bad of ['dns.example', '192.0.2.53:', '192.0.2.53:0', '192.0.2.53:99999', '']) assert.equal(server(bad), 'dns-server-syntax', bad)
  const text = '# a comment\nsearch example\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 \nnameserver fe80::1%eth0\noptions edns0\nnameserver nonsense\n'
  assert.deepEqual(parseResolvConf(text).map((each) => each.address), ['192.0.2.53', '2001:db8::53', 'fe80::1'])
  assert.deepEqual(parseResolvConf('').map((each) => each.address), ['127.0.0.1'])
})
