import test from 'node:test'
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { parseBase64Line, printBase64Line } from './base64-line.ts'
import { continueSasl, offeredMechanisms, startSasl, type Mechanism, type SaslContext, type SaslStep, type ScramKeys } from './sasl.ts'

function keysOf(password: string, salt: Uint8Array, iterations: number): ScramKeys {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const mac = (text: string) => createHmac('sha256', salted).update(text).digest()
  return { iterations, salt, storedKey: createHash('sha256').update(mac('Client Key')).digest(), serverKey: mac('Server Key') }
}

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const context: SaslContext = {
  scramKeys: (user) => (user === 'user' ? keysOf('pencil', salt, 4096) : keysOf('nothing that anybody says', salt, 4096)),
  nonce: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  channelBindings: new Map(),
}
const bytes = (text: string) => Buffer.from(text)
const said = (step: SaslStep) => (step.is === 'challenge' ? Buffer.from(step.bytes).toString() : step.is === 'failed' ? `${step.is} ${step.because}` : step.is)

/** The client's side of RFC 5802 §3, written apart from the server's. */
function clientFinal(options: { bare: string; serverFirst: string; password: string; cbind: Uint8Array; salt?: Uint8Array }): string {
  const nonce = /r=([^,]*)/.exec(options.serverFirst)?.[1] ?? ''
  const found = /s=([^,]*)/.exec(options.serverFirst)?.[1] ?? ''
  const salted = pbkdf2Sync(options.password, Buffer.from(found, 'base64'), 4096, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const without = `c=${Buffer.from(options.cbind).toString('base64')},r=${nonce}`
  const signature = createHmac('sha256', createHash('sha256').update(clientKey).digest()).update(`${options.bare},${options.serverFirst},${without}`).digest()
  return `${without},p=${Buffer.from(clientKey.map((octet, at) => octet ^ (signature[at] ?? 0))).toString('base64')}`
}

test('SCRAM-SHA-256: the example of RFC 7677 §3', () => {
  const first = startSasl('SCRAM-SHA-256', bytes('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'), context)
  assert.equal(said(first), 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  assert.ok(first.is === 'challenge')
  const final = continueSasl(first.state, bytes('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='), context)
  assert.equal(said(final), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  assert.ok(final.is === 'challenge')
  assert.deepEqual(continueSasl(final.state, bytes(''), context), { is: 'proven', user: 'user' })
  assert.equal(said(continueSasl(final.state, bytes('x'), context)), 'failed malformed')
})

test('SCRAM: a wrong proof, nonce, binding or user ends alike', () => {
  const first = startSasl('SCRAM-SHA-256', bytes('n,,n=user,r=abc'), context)
  assert.ok(first.is === 'challenge')
  const serverFirst = said(first)
  const right = clientFinal({ bare: 'n=user,r=abc', serverFirst, password: 'pencil', cbind: bytes('n,,') })
  assert.match(said(continueSasl(first.state, bytes(right), context)), /^v=/)
  const wrongs = [
    clientFinal({ bare: 'n=user,r=abc', serverFirst, password: 'pencils', cbind: bytes('n,,') }),
    clientFinal({ bare: 'n=user,r=abc', serverFirst, password: 'pencil', cbind: bytes('y,,') }),
    right.replace('r=abc', 'r=abd'),
    right.replace(/p=.*/, 'p=AAAA'),
  ]
  for (const wrong of wrongs) assert.equal(said(continueSasl(first.state, bytes(wrong), context)), 'failed refused', wrong)
  const nobody = startSasl('SCRAM-SHA-256', bytes('n,,n=nobody,r=abc'), context)
  assert.ok(nobody.is === 'challenge')
  assert.equal(said(continueSasl(nobody.state, bytes(clientFinal({ bare: 'n=nobody,r=abc', serverFirst: said(nobody), password: 'pencil', cbind: bytes('n,,') })), context)), 'failed refused')
})

test('SCRAM: what is no message is malformed', () => {
  for (const wrong of ['', 'n', 'n,,', 'n,,n=,r=a', 'n,,n=user', 'x,,n=user,r=a', 'n,,m=ext,n=user,r=a', 'n,,n=us=er,r=a', 'n,,n=user,r=', 'n,,n=user,r=a,b', 'p=,,n=user,r=a', 'n,a=,n=user,r=a']) {
    assert.equal(said(startSasl('SCRAM-SHA-256', bytes(wrong), context)), 'failed malformed', wrong)
  }
  assert.equal(said(startSasl('SCRAM-SHA-256', Buffer.from([0x6e, 0xff]), context)), 'failed malformed')
  assert.equal(said(startSasl('SCRAM-SHA-256', bytes('n,a=other,n=user,r=a'), context)), 'failed refused')
  const first = startSasl('SCRAM-SHA-256', bytes('n,a=a=2Cb,n=a=2Cb,r=a'), context)
  assert.ok(first.is === 'challenge' && first.state.mechanism === 'SCRAM' && first.state.at === 'final')
  assert.equal(first.state.first.user, 'a,b')
  for (const wrong of ['', 'c=biws', 'c=biws,r=a,p=', 'r=a,c=biws,p=AA==']) assert.equal(said(continueSasl(first.state, bytes(wrong), context)), 'failed malformed', wrong)
})

test('SCRAM-SHA-256-PLUS binds to the channel (RFC 5802 §6, RFC 9266)', () => {
  const exporter = createHash('sha256').update('exported').digest()
  const bound: SaslContext = { ...context, channelBindings: new Map([['tls-exporter', exporter], ['tls-server-end-point', bytes('certificate')]]) }
  const run = (mechanism: Mechanism, gs2: string, data: Uint8Array, ctx = bound) => {
    const bare = 'n=user,r=abc'
    const first = startSasl(mechanism, bytes(`${gs2}${bare}`), ctx)
    if (first.is !== 'challenge') return said(first)
    return said(continueSasl(first.state, bytes(clientFinal({ bare, serverFirst: said(first), password: 'pencil', cbind: Buffer.concat([bytes(gs2), data]) })), ctx)).slice(0, 14)
  }
  assert.match(run('SCRAM-SHA-256-PLUS', 'p=tls-exporter,,', exporter), /^v=/)
  assert.match(run('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,', bytes('certificate')), /^v=/)
  assert.equal(run('SCRAM-SHA-256-PLUS', 'p=tls-exporter,,', bytes('another channel')), 'failed refused')
  assert.equal(run('SCRAM-SHA-256-PLUS', 'p=tls-unique,,', exporter), 'failed refused')
  assert.equal(run('SCRAM-SHA-256-PLUS', 'n,,', new Uint8Array(0)), 'failed refused')
  assert.equal(run('SCRAM-SHA-256', 'p=tls-exporter,,', exporter), 'failed refused')
  assert.match(run('SCRAM-SHA-256', 'n,,', new Uint8Array(0)), /^v=/)
  // "y" says that somebody hid our -PLUS from the client: a downgrade.
  assert.equal(run('SCRAM-SHA-256', 'y,,', new Uint8Array(0)), 'failed refused')
  assert.match(run('SCRAM-SHA-256', 'y,,', new Uint8Array(0), context), /^v=/)
})

test('PLAIN (RFC 4616)', () => {
  assert.deepEqual(startSasl('PLAIN', bytes('\0tim\0tanstaaftanstaaf'), context), { is: 'password', user: 'tim', password: 'tanstaaftanstaaf' })
  assert.deepEqual(startSasl('PLAIN', bytes('tim\0tim\0ひみつ'), context), { is: 'password', user: 'tim', password: 'ひみつ' })
  assert.equal(said(startSasl('PLAIN', bytes('Ursel\0Kurt\0xipj3plmq'), context)), 'failed refused')
  for (const wrong of ['', 'tim', '\0tim', '\0\0pw', '\0tim\0', '\0tim\0p\0w']) assert.equal(said(startSasl('PLAIN', bytes(wrong), context)), 'failed malformed', wrong)
  const asked = startSasl('PLAIN', undefined, context)
  assert.ok(asked.is === 'challenge' && asked.bytes.length === 0)
  assert.equal(continueSasl(asked.state, bytes('\0a\0b'), context).is, 'password')
})

test('LOGIN', () => {
  const user = startSasl('LOGIN', undefined, context)
  assert.equal(said(user), 'Username:')
  assert.ok(user.is === 'challenge')
  const password = continueSasl(user.state, bytes('user@example.org'), context)
  assert.equal(said(password), 'Password:')
  assert.ok(password.is === 'challenge')
  assert.deepEqual(continueSasl(password.state, bytes('pw'), context), { is: 'password', user: 'user@example.org', password: 'pw' })
  assert.equal(said(startSasl('LOGIN', bytes('user'), context)), 'Password:')
  assert.equal(said(continueSasl(user.state, bytes(''), context)), 'failed malformed')
})

test('what is offered, and the lines that carry it', () => {
  assert.deepEqual(offeredMechanisms({ plaintext: true, scram: true, channelBinding: true }), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN'])
  assert.deepEqual(offeredMechanisms({ plaintext: false, scram: true, channelBinding: false }), ['SCRAM-SHA-256'])
  assert.deepEqual(parseBase64Line('AGEAYg=='), { ok: true, value: new Uint8Array([0, 97, 0, 98]) })
  assert.deepEqual(parseBase64Line('=', { initial: true }), { ok: true, value: new Uint8Array(0) })
  for (const wrong of ['=', 'A', 'AG', 'AGE', 'AG=A', 'AGEA Yg=', 'AGEAY===', 'é===']) assert.equal(parseBase64Line(wrong).ok, false, wrong)
  assert.equal(printBase64Line(bytes('Username:')), 'VXNlcm5hbWU6')
})
