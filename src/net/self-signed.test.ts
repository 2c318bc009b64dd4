import { strict as assert } from 'node:assert'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { FakeClock } from '../base/clock.ts'
import { systemRandom } from '../base/random.ts'
import { objectIdentifier, time } from './der.ts'
import { makeSelfSigned } from './self-signed.ts'

test('a self-signed certificate is what it says, to a reader that is not ours', () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 1, 12))
  const { certificatePem, keyPem } = makeSelfSigned(['mail.example', 'imap.mail.example', '192.0.2.7', '2001:db8::7'], { clock, random: systemRandom })
  const certificate = new X509Certificate(certificatePem)
  assert.equal(certificate.subject, 'CN=mail.example')
  assert.equal(certificate.issuer, certificate.subject)
  assert.equal(certificate.subjectAltName, 'DNS:mail.example, DNS:imap.mail.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7')
  assert.equal(certificate.ca, false)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)))
  assert.equal(certificate.checkHost('imap.mail.example'), 'imap.mail.example')
  assert.equal(certificate.checkIP('192.0.2.7'), '192.0.2.7')
  assert.equal(certificate.validFrom, 'May 31 12:00:00 2026 GMT')
  assert.equal(certificate.validTo, 'May 29 12:00:00 2036 GMT')
  assert.equal(certificate.serialNumber.length, 32)
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
})

test('odd names and far dates', () => {
  const clock = new FakeClock(Date.UTC(2045, 0, 1))
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`
  const certificate = new X509Certificate(makeSelfSigned([long], { clock, random: systemRandom }).certificatePem)
  assert.equal(certificate.validTo, 'Dec 30 00:00:00 2054 GMT', 'past 2050 the other form of time is used')
  assert.equal(certificate.subjectAltName, `DNS:${long}`)
  assert.deepEqual(objectIdentifier('1.2.840.113549'), Uint8Array.of(6, 6, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d))
  assert.equal(time(Date.UTC(2049, 11, 31))[0], 0x17)
})
