// The certificates of our doors, chosen by the name a client asks for (SNI). `replace` swaps all of
// them at once: sessions under way keep what they began with, new handshakes see the new ones, and
// a set with a fault in it changes nothing. Several threads given the same `ticketKeys` resume each
// other's sessions.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { Disk } from '../base/disk.ts'
import { errorSentence, refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { safeCiphers } from './ciphers.ts'

/** Certificates of one context; more would make a slow door. */
const pairsMax = 1000
const ticketKeyOctets = 48

export interface CertificatePair {
  /** The certificate, then those that lead to its root. */
  certificatePem: string
  keyPem: string
  /** Where it came from, for sentences: a file name. */
  origin: string
}

export interface CertificateFacts {
  origin: string
  names: readonly string[]
  notBeforeMs: number
  notAfterMs: number
  fingerprintSha256: string
}

interface Chosen {
  first: SecureContext
  byName: ReadonlyMap<string, SecureContext>
  facts: readonly CertificateFacts[]
}

/** Reads PEM files. */
export function readCertificates(disk: Disk, files: readonly { certificate: string; key: string }[]): Parsed<CertificatePair[]> {
  const pairs: CertificatePair[] = []
  for (const file of files) {
    try {
      const [certificatePem, keyPem] = [file.certificate, file.key].map((path) => Buffer.from(disk.readWhole(path)).toString('latin1'))
      pairs.push({ certificatePem: certificatePem ?? '', keyPem: keyPem ?? '', origin: file.certificate })
    } catch (error) {
      return refuse('certificate-unreadable', `cannot read the certificate: ${errorSentence(error)}`)
    }
  }
  return understood(pairs)
}

/** "DNS:a.example, DNS:*.b.example, IP Address:192.0.2.1" as Node prints it, or the CN of the subject. */
function namesOf(certificate: X509Certificate): string[] {
  const names: string[] = []
  for (const item of (certificate.subjectAltName ?? '').split(', ')) {
    if (item.startsWith('DNS:')) names.push(item.slice(4).toLowerCase())
    else if (item.startsWith('IP Address:')) names.push(item.slice(11).toLowerCase())
  }
  const commonName = /(?:^|\n)CN=([^\n]+)/.exec(certificate.subject ?? '')?.[1]
  return names.length === 0 && commonName ? [commonName.toLowerCase()] : names
}

function choose(pairs: readonly CertificatePair[], ticketKeys: Uint8Array): Parsed<Chosen> {
  if (pairs.length === 0) return refuse('certificate-none', 'no certificate is configured')
  if (pairs.length > pairsMax) return refuse('certificate-too-many', `more than ${pairsMax} certificates`)
  let first: SecureContext | undefined
  const byName = new Map<string, SecureContext>()
  const facts: CertificateFacts[] = []
  for (const pair of pairs) {
    let certificate: X509Certificate
    try {
      certificate = new X509Certificate(pair.certificatePem)
    } catch (error) {
      return refuse('certificate-syntax', `${pair.origin} is not a PEM certificate: ${errorSentence(error)}`)
    }
    try {
      if (!certificate.checkPrivateKey(createPrivateKey(pair.keyPem))) {
        return refuse('certificate-key-mismatch', `the private key does not belong to the first certificate in ${pair.origin} (the server's own certificate comes first in the file)`)
      }
      const context = createSecureContext({
        cert: pair.certificatePem,
        key: pair.keyPem,
        minVersion: 'TLSv1.2',
        ciphers: safeCiphers,
        honorCipherOrder: true,
        dhparam: 'auto',
        ticketKeys: Buffer.from(ticketKeys),
      })
      first ??= context
      const names = namesOf(certificate)
      for (const name of names) if (!byName.has(name)) byName.set(name, context)
      facts.push({
        origin: pair.origin, names,
        notBeforeMs: Date.parse(certificate.validFrom), notAfterMs: Date.parse(certificate.validTo),
        fingerprintSha256: certificate.fingerprint256,
      })
    } catch (error) {
      return refuse('certificate-unusable', `the certificate ${pair.origin} or its key cannot be used: ${errorSentence(error)}`)
    }
  }
  return understood({ first: first as SecureContext, byName, facts })
}

export class ServerContexts {
  #chosen: Chosen
  readonly #ticketKeys: Uint8Array
  /** Use `parseServerContexts`. */
  constructor(chosen: Chosen, ticketKeys: Uint8Array) {
    this.#chosen = chosen
    this.#ticketKeys = ticketKeys
  }

  /** By exact name, then by wildcard of one label (RFC 9525 §6.3), else the first one. */
  contextFor(serverName: string | undefined): SecureContext {
    const { first, byName } = this.#chosen
    if (!serverName) return first
    const name = serverName.toLowerCase()
    return byName.get(name) ?? byName.get(`*${name.slice(name.indexOf('.'))}`) ?? first
  }

  get facts(): readonly CertificateFacts[] {
    return this.#chosen.facts
  }

  /** All or nothing. */
  replace(pairs: readonly CertificatePair[]): Parsed<readonly CertificateFacts[]> {
    const next = choose(pairs, this.#ticketKeys)
    if (!next.ok) return next
    this.#chosen = next.value
    return understood(next.value.facts)
  }
}

export function newTicketKeys(random: Random): Uint8Array {
  return random.bytes(ticketKeyOctets)
}

/** The first pair serves whoever names no server, or one we have no certificate for. */
export function parseServerContexts(pairs: readonly CertificatePair[], ticketKeys: Uint8Array): Parsed<ServerContexts> {
  const chosen = choose(pairs, ticketKeys)
  return chosen.ok ? understood(new ServerContexts(chosen.value, ticketKeys)) : chosen
}
