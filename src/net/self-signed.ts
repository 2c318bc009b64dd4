// A certificate that vouches for itself, for the first start and for closed networks: ECDSA P-256,
// ten years, made here without any outside program. Mail clients ask about it once; strangers'
// servers take it, as they verify nothing (RFC 7435).
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { bitString, boolean, explicit, implicit, integer, objectIdentifier, octetString, pem, sequence, set, time, utf8String } from './der.ts'
import { parseIp } from './network.ts'

const DAY_MS = 24 * 3600_000
const validDays = 3650

/** `names`: host names and IP addresses, the first of which becomes the subject. Both results are PEM. */
export function makeSelfSigned(names: readonly string[], { clock, random }: { clock: Clock; random: Random }): { certificatePem: string; keyPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const publicDer = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const keyIdentifier = new Uint8Array(createHash('sha1').update(publicDer.subarray(-65)).digest()) // RFC 5280 §4.2.1.2 (1)
  const serial = random.bytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // positive, and of full length (RFC 5280 §4.1.2.2)
  const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  // 64 characters at most in a common name (RFC 5280 appendix A.1, ub-common-name)
  const name = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String((names[0] ?? 'localhost').slice(0, 64)))))
  const nowMs = clock.nowMs()
  const extension = (oid: string, critical: boolean, value: Uint8Array) =>
    sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value))
  const alternativeNames = names.map((each) => {
    const ip = parseIp(each)
    return ip.ok ? implicit(7, ip.value.octets) : implicit(2, new TextEncoder().encode(each))
  })
  const toBeSigned = sequence(
    explicit(0, integer(Uint8Array.of(2))), // version 3
    integer(serial),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - DAY_MS), time(nowMs + validDays * DAY_MS)), // a client's clock may be behind ours
    name,
    publicDer,
    explicit(3, sequence(
      extension('2.5.29.19', true, sequence()), // not a CA: whoever trusts it trusts this server only
      extension('2.5.29.15', true, bitString(Uint8Array.of(0x80), 7)), // digitalSignature
      extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'), objectIdentifier('1.3.6.1.5.5.7.3.2'))),
      extension('2.5.29.17', false, sequence(...alternativeNames)),
      extension('2.5.29.14', false, octetString(keyIdentifier)),
    )),
  )
  const signature = new Uint8Array(sign('sha256', toBeSigned, privateKey))
  return {
    certificatePem: pem('CERTIFICATE', sequence(toBeSigned, ecdsaWithSha256, bitString(signature))),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
