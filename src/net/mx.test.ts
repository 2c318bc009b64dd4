import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { seededRandom } from '../base/random.ts'
import { RCODE, record, soa, testDnsServer } from './dns-server-for-tests.ts'
import type { Said } from './dns-server-for-tests.ts'
import { StubResolver } from './dns.ts'
import type { DnsAnswer, DnsRecords, DnsType, Resolver } from './dns.ts'
import { aLabels, resolveMailTarget } from './mx.ts'

type Zone = Record<string, { [T in DnsType]?: readonly DnsRecords[T][] | 'trouble' } | 'gone'>

function resolverOf(zone: Zone): Resolver & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    resolve: <T extends DnsType>(name: string, type: T): Promise<DnsAnswer<T>> => {
      asked.push(`${type} ${name}`)
      const entry = zone[name]
      if (entry === undefined || entry === 'gone') return Promise.resolve({ kind: 'no-such-name', name, ttlSeconds: 60, isAuthentic: true })
      const records = entry[type] as readonly DnsRecords[T][] | 'trouble' | undefined
      if (records === 'trouble') return Promise.resolve({ kind: 'trouble', code: 'servfail', reason: `${type} of ${name}: SERVFAIL` })
      if (records === undefined) return Promise.resolve({ kind: 'no-data', name, ttlSeconds: 60, isAuthentic: true })
      return Promise.resolve({ kind: 'answers', name, records, ttlSeconds: 300, isAuthentic: true })
    },
  }
}

const mx = (preference: number, exchange: string) => ({ preference, exchange })
const ownNames = ['mail.here.example']
const hosts: Zone = {
  'a.example': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
  'b.example': { A: ['192.0.2.2'] },
  'c.example': { AAAA: ['2001:db8::3'] },
  'sick.example': { A: 'trouble', AAAA: 'trouble' },
  'nothing.example': {},
  'mail.here.example': { A: ['203.0.113.1'] },
}

async function target(domain: string, zone: Zone, seed = 1) {
  const resolver = resolverOf({ ...hosts, ...zone })
  return resolveMailTarget(domain, { resolver, random: seededRandom(seed), ownNames })
}
async function brief(domain: string, zone: Zone, seed = 1): Promise<string> {
  const found = await target(domain, zone, seed)
  return found.kind === 'hosts' ? found.hosts.map((host) => `${host.name}=${host.addresses.join('+')}`).join(' ') + (found.isImplicit ? ' implicit' : '') : found.kind
}

test('by preference, with the addresses of both families', async () => {
  assert.equal(await brief('Dest.Example', { 'dest.example': { MX: [mx(20, 'b.example'), mx(10, 'a.example'), mx(30, 'c.example')] } }), 'a.example=2001:db8::1+192.0.2.1 b.example=192.0.2.2 c.example=2001:db8::3')
})

test('equal preferences change their order, every order comes up, others stay', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 100; seed++) seen.add(await brief('dest.example', { 'dest.example': { MX: [mx(10, 'a.example'), mx(10, 'b.example'), mx(5, 'c.example')] } }, seed))
  assert.equal(seen.size, 2)
  for (const order of seen) assert.match(order, /^c\.example=/)
})

test('no MX: the domain itself; no domain: for good; trouble: for later', async () => {
  assert.equal(await brief('a.example', {}), 'a.example=2001:db8::1+192.0.2.1 implicit')
  assert.equal(await brief('gone.example', {}), 'no-such-domain')
  assert.equal(await brief('nothing.example', {}), 'no-host')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: 'trouble', A: ['192.0.2.9'] } }), 'trouble', 'MX in trouble is no reason to use the address record')
  assert.equal(await brief('sick.example', {}), 'trouble')
})

test('null MX (RFC 7505)', async () => {
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(0, '')], A: ['192.0.2.9'] } }), 'null-mx')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(0, ''), mx(10, 'b.example')] } }), 'b.example=192.0.2.2', 'beside others it is a mistake and left out')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(0, ''), mx(10, '')] } }), 'no-host')
})

test('mail hosts without addresses are left out; in trouble they are only when none is left', async () => {
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(1, 'nothing.example'), mx(2, 'sick.example'), mx(3, 'b.example')] } }), 'b.example=192.0.2.2')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(1, 'gone.example'), mx(2, 'sick.example')] } }), 'trouble')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(1, 'gone.example'), mx(2, 'nothing.example')] } }), 'no-host')
})

test('ourselves among the mail hosts (RFC 5321 §5.1)', async () => {
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(10, 'a.example'), mx(20, 'mail.here.example'), mx(20, 'b.example'), mx(30, 'c.example')] } }), 'a.example=2001:db8::1+192.0.2.1')
  assert.equal(await brief('dest.example', { 'dest.example': { MX: [mx(10, 'mail.here.example'), mx(20, 'b.example')] } }), 'loop')
})

test('address literals (RFC 5321 §4.1.3)', async () => {
  assert.equal(await brief('[192.0.2.7]', {}), '192.0.2.7=192.0.2.7 implicit')
  assert.equal(await brief('[IPv6:2001:db8::7]', {}), '2001:db8::7=2001:db8::7 implicit')
  for (const bad of ['[192.0.2]', '[2001:db8::7]', '[IPv6:192.0.2.7]', '[IPv6:::1%lo]', '[192.0.2.7', '[]', '[x400:a]']) assert.equal(await brief(bad, {}), 'malformed', bad)
})

test('names in other scripts, and what is no name', async () => {
  assert.equal(aLabels('例え.テスト'), 'xn--r8jz45g.xn--zckzah')
  assert.equal(aLabels('BÜCHER.example'), 'xn--bcher-kva.example')
  assert.equal(aLabels('Example.ORG.'), 'example.org')
  for (const bad of ['', '192.0.2.1', '１９２.0.2.1', 'a..b', 'a b.example', '\u200d.example', 'x'.repeat(64)]) assert.equal(aLabels(bad), undefined, bad)
  assert.equal(aLabels('0x7f.1'), '0x7f.1', 'a name like any other, not an address')
  assert.equal(await brief('a b', {}), 'malformed')
})

test('very many hosts and addresses are cut to the best', async () => {
  const many: Zone = { 'dest.example': { MX: Array.from({ length: 100 }, (_, i) => mx(i, `h${i}.example`)) } }
  for (let i = 0; i < 100; i++) many[`h${i}.example`] = { A: Array.from({ length: 50 }, (_, j) => `192.0.2.${j}`) }
  const resolver = resolverOf(many)
  const found = await resolveMailTarget('dest.example', { resolver, random: seededRandom(1), ownNames })
  assert.ok(found.kind === 'hosts')
  assert.deepEqual([found.hosts.length, found.hosts[0]?.addresses.length, resolver.asked.length], [12, 8, 25])
  assert.equal(found.ttlSeconds, 60, 'as long as the shortest part of it')
  assert.ok(found.isAuthentic && found.hosts[0]?.isAuthentic)
})

test('over a real name server: an alias for the domain, one for a host, NXDOMAIN for MX', async (t) => {
  const { server } = await testDnsServer(t, ({ name, type }) => ({
    'MX alias.example': { answers: [record('alias.example', 'CNAME', 'real.example'), record('real.example', 'MX', { preference: 1, exchange: 'mx-alias.example' })] },
    'A mx-alias.example': { answers: [record('mx-alias.example', 'CNAME', 'host.example'), record('host.example', 'A', '192.0.2.8')] },
    'AAAA mx-alias.example': { answers: [record('mx-alias.example', 'CNAME', 'host.example')], authorities: [soa('example')] },
  } as Record<string, Said | undefined>)[`${type} ${name}`] ?? { rcode: RCODE.NXDOMAIN, authorities: [soa('example')] })
  const resolver = new StubResolver({ servers: [server], clock: new FakeClock(), random: seededRandom(1) })
  const found = await resolveMailTarget('alias.example', { resolver, random: seededRandom(1), ownNames })
  assert.deepEqual(found.kind === 'hosts' && found.hosts, [{ name: 'mx-alias.example', preference: 1, addresses: ['192.0.2.8'], isAuthentic: false }])
  assert.equal((await resolveMailTarget('none.example', { resolver, random: seededRandom(1), ownNames })).kind, 'no-such-domain')
})
