import { test } from 'node:test'
import assert from 'node:assert/strict'
import { chooseRoute } from './route.ts'
import type { OutboundConfig } from './route.ts'

const plain: OutboundConfig = { port: 25, routes: [] }

test('the domain itself, in A-labels: one destination for every spelling', () => {
  assert.deepEqual(chooseRoute('Example.ORG.', plain), { kind: 'mx', key: 'mx example.org', domain: 'example.org', port: 25, tls: 'opportunistic' })
  assert.equal(chooseRoute('例え.jp', plain).key, chooseRoute('xn--r8jz45g.jp', plain).key)
  assert.equal(chooseRoute('[IPv6:2001:DB8::1]', { ...plain, port: 2525 }).key, 'mx [ipv6:2001:db8::1]')
})

test('a route goes before the smart host, and the first that fits counts', () => {
  const smarthost = { host: 'Smart.example', port: 587, login: { user: 'u', password: 'p' } }
  const routes = [{ domain: 'Partner.example', host: '192.0.2.25', port: 2525 }, { domain: '*', host: 'all.example', port: 26 }]
  const key = (domain: string, config: OutboundConfig) => chooseRoute(domain, config).key
  assert.equal(key('partner.example', { ...plain, routes }), 'host 192.0.2.25:2525')
  assert.equal(key('other.example', { ...plain, smarthost, routes }), 'host all.example:26')
  assert.equal(key('partner.example', { ...plain, routes: routes.toReversed() }), 'host all.example:26')
  assert.equal(key('[192.0.2.1]', { ...plain, smarthost }), 'host smart.example:587')
  assert.deepEqual(chooseRoute('x.example', { ...plain, smarthost }),
    { kind: 'host', key: 'host smart.example:587', host: 'smart.example', port: 587, tls: 'verified', implicitTls: false, login: { user: 'u', password: 'p' } })
  const implicit = chooseRoute('x.example', { ...plain, smarthost: { host: 's', port: 465 } })
  assert.ok(implicit.kind === 'host' && implicit.implicitTls && implicit.tls === 'opportunistic')
})
