import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addrSpecText, mailboxesOf, parseAddressList, printAddrSpec } from './address-list.ts'

const read = (text: string) => parseAddressList(text).map((item) => {
  if (item.kind === 'group-end') return ';'
  if (item.kind === 'group-start') return `${item.name}:`
  return [item.name ?? null, ...(item.route ? [item.route] : []), item.local, item.domain]
})

test('RFC 5322 appendix A', () => {
  assert.deepEqual(read('John Doe <jdoe@machine.example>'), [['John Doe', 'jdoe', 'machine.example']])
  assert.deepEqual(read('"Joe Q. Public" <john.q.public@example.com>'), [['Joe Q. Public', 'john.q.public', 'example.com']])
  assert.deepEqual(read('Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>'), [['Mary Smith', 'mary', 'x.test'], [null, 'jdoe', 'example.org'], ['Who?', 'one', 'y.test']])
  assert.deepEqual(read('<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>'), [[null, 'boss', 'nil.test'], ['Giant; "Big" Box', 'sysservices', 'example.net']])
  assert.deepEqual(read('A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;'), ['A Group:', ['Ed Jones', 'c', 'a.test'], [null, 'joe', 'where.test'], ['John', 'jdoe', 'one.test'], ';'])
  assert.deepEqual(read('Undisclosed recipients:;'), ['Undisclosed recipients:', ';'])
  // A.5 white space and comments
  assert.deepEqual(read('Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>'), [['Pete', 'pete', 'silly.test']])
  assert.deepEqual(read('A Group(Some people)  :Chris Jones <c@(Chris\'s host.)public.example>, joe@example.org, John <jdoe@one.test> (my dear friend); (the end of the group)'),
    ['A Group:', ['Chris Jones', 'c', 'public.example'], [null, 'joe', 'example.org'], ['John', 'jdoe', 'one.test'], ';'])
  assert.deepEqual(read('(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;'), ['Hidden recipients:', ';'])
  // A.6 obsolete forms
  assert.deepEqual(read('Joe Q. Public <john.q.public@example.com>'), [['Joe Q. Public', 'john.q.public', 'example.com']])
  assert.deepEqual(read('Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example'), [['Mary Smith', '@node.test', 'mary', 'example.net'], [null, 'jdoe', 'test.example']])
  assert.deepEqual(read('<@a.test,@b.test:u@c.test>'), [[null, '@a.test,@b.test', 'u', 'c.test']])
})

test('what people really send', () => {
  assert.deepEqual(read('user@domain (Real Name)'), [['Real Name', 'user', 'domain']])
  assert.deepEqual(read('a@b.example <a@b.example>'), [['a@b.example', 'a', 'b.example']])
  assert.deepEqual(read('double..dot.@docomo.example'), [[null, 'double..dot.', 'docomo.example']])
  assert.deepEqual(read('<"john doe"@x.test>'), [[null, 'john doe', 'x.test']])
  assert.deepEqual(read('root'), [[null, 'root', '']])
  assert.deepEqual(read('Joe Bloggs'), [['Joe Bloggs', '', '']])
  assert.deepEqual(read('Joe <root>'), [['Joe', 'root', '']])
  assert.deepEqual(read('<>'), [[null, '', '']])
  assert.deepEqual(read('u@[192.0.2.1], v@[IPv6:2001:db8::1]'), [[null, 'u', '[192.0.2.1]'], [null, 'v', '[IPv6:2001:db8::1]']])
  assert.deepEqual(read('"unclosed <a@b.test>'), [[null, 'unclosed <a@b.test>', '']])
  assert.deepEqual(read('<a@b.test, c@d.test'), [[null, 'a', 'b.test'], [null, 'c', 'd.test']])
  assert.deepEqual(read('=?UTF-8?B?44GC?= <a@b.test>'), [['=?UTF-8?B?44GC?=', 'a', 'b.test']])
  assert.deepEqual(read('\xa4\xa2 <a@b.test>'), [['\xa4\xa2', 'a', 'b.test']])
  assert.deepEqual(read('Joe a@b.test'), [['Joe', 'a', 'b.test']])
  assert.deepEqual(read(''), [])
  assert.deepEqual(read(' , ,'), [])
})

test('addresses print with the quotes they need', () => {
  assert.equal(printAddrSpec({ local: 'john doe', domain: 'x.test' }), '"john doe"@x.test')
  assert.equal(printAddrSpec({ local: 'a..b.', domain: 'x.test' }), 'a..b.@x.test')
  assert.equal(printAddrSpec({ local: 'q"', domain: 'x.test' }), '"q\\""@x.test')
  assert.equal(addrSpecText({ local: 'j\xc3\xb6rg', domain: 'x.test' }), 'jörg@x.test')
})

test('any address that is printed is read again', () => {
  const local = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => /^[\x20-\x7e]+$/.test(text))
  const domain = fc.stringMatching(/^[a-z0-9]{1,8}(?:\.[a-z0-9]{1,8}){1,3}$/)
  fc.assert(fc.property(fc.array(fc.record({ local, domain }), { maxLength: 5 }), (mailboxes) => {
    const text = mailboxes.map((mailbox) => `<${printAddrSpec(mailbox)}>`).join(', ')
    assert.deepEqual(mailboxesOf(parseAddressList(text)).map((one) => [one.local, one.domain]), mailboxes.map((one) => [one.local, one.domain]))
  }))
})

test('random octets never throw, and groups always close', () => {
  const letters = fc.array(fc.constantFrom('a', '.', '@', '<', '>', '(', ')', '"', '\\', ',', ';', ':', '[', ']', ' ', '\xe9'), { maxLength: 40 })
  fc.assert(fc.property(letters, (list) => {
    const kinds = parseAddressList(list.join('')).map((item) => item.kind).filter((kind) => kind !== 'mailbox')
    kinds.forEach((kind, index) => assert.equal(kind, index % 2 === 0 ? 'group-start' : 'group-end'))
    assert.equal(kinds.length % 2, 0)
  }), { numRuns: 1000 })
})
