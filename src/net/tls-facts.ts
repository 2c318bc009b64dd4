// What is known about the TLS of a connection, and the bytes that bind a login to it (SCRAM-PLUS).
// Certificates are looked at only when somebody asks.
import { X509Certificate, createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** Names as SASL uses them (RFC 5929 §4, RFC 9266 §3). */
export type ChannelBindingName = 'tls-exporter' | 'tls-server-end-point'

export interface TlsFacts {
  /** "TLSv1.3" */
  readonly protocol: string
  /** The IANA name, "TLS_AES_256_GCM_SHA384". */
  readonly cipher: string
  /** The name the client asked for. */
  readonly serverName: string | undefined
  readonly resumed: boolean
  /** Client side: whether the peer's certificate was verified for its name. */
  readonly verified: boolean
  /** Bindings that this connection can offer, best first. */
  bindings(): readonly ChannelBindingName[]
  /** The bytes for `c=` of SCRAM; `undefined` when this connection has none by that name. */
  channelBinding(name: ChannelBindingName): Uint8Array | undefined
  /** What the peer showed. Servers here ask for none. */
  peerCertificate(): X509Certificate | undefined
}

export function tlsFactsOf(socket: TLSSocket): TlsFacts {
  const cipher = socket.getCipher()
  const isClient = typeof socket.getPeerX509Certificate()?.raw === 'object'
  const protocol = socket.getProtocol() ?? 'unknown'
  const serverName: unknown = socket.servername // `false` when the client named none
  const channelBinding = (name: ChannelBindingName): Uint8Array | undefined => {
    if (socket.destroyed) return undefined
    if (name === 'tls-exporter') {
      // RFC 9266 §4.2: below TLS 1.3 it would need the extended master secret, of which Node says nothing.
      return protocol === 'TLSv1.3' ? new Uint8Array(socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))) : undefined
    }
    const certificate = isClient ? socket.getPeerX509Certificate() : socket.getX509Certificate()
    return certificate && endPointBinding(certificate)
  }
  return {
    protocol,
    cipher: cipher.standardName,
    serverName: typeof serverName === 'string' && serverName !== '' ? serverName : undefined,
    resumed: socket.isSessionReused(),
    verified: socket.authorized,
    bindings: () => (['tls-exporter', 'tls-server-end-point'] as const).filter((name) => channelBinding(name) !== undefined),
    channelBinding,
    peerCertificate: () => socket.getPeerX509Certificate(),
  }
}

/** RFC 5929 §4.1: the certificate under the hash of its own signature, MD5 and SHA-1 raised to SHA-256. */
export function endPointBinding(certificate: X509Certificate): Uint8Array | undefined {
  const signature = certificate.signatureAlgorithm?.toLowerCase() ?? ''
  const hash = signature.includes('sha512') ? 'sha512' : signature.includes('sha384') ? 'sha384' : signature.includes('sha224') ? 'sha224'
    : /sha-?256|sha-?1\b|sha1|md5/.test(signature) ? 'sha256' : undefined // Ed25519 and RSA-PSS name no hash of their own: no binding
  return hash && new Uint8Array(createHash(hash).update(certificate.raw).digest())
}
