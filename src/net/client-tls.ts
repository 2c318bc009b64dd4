// How we, as a client, ask for TLS. Opportunistic: any certificate will do, for between strangers'
// mail servers encryption without proof still beats plain text (RFC 7435). Verified: the chain must
// lead to a trusted root and the certificate must be for the name.
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { safeCiphers } from './ciphers.ts'

export interface ClientTls {
  readonly options: ConnectionOptions
  readonly mustVerify: boolean
  /** For sentences. */
  readonly peerName: string
}

export interface ClientTlsWishes {
  /** The host as named in MX or config: sent as SNI and, when verified, what the certificate must be for. */
  peerName: string
  /** PEM of roots to trust instead of the system's. */
  rootsPem?: string | readonly string[]
}

function clientTls(mustVerify: boolean, { peerName, rootsPem }: ClientTlsWishes): ClientTls {
  return {
    mustVerify,
    peerName,
    options: {
      minVersion: 'TLSv1.2',
      ciphers: safeCiphers,
      rejectUnauthorized: false, // judged in tls-upgrade.ts, which has a sentence for it
      ...(isIP(peerName) === 0 ? { servername: peerName } : { host: peerName }), // RFC 6066 §3: SNI holds no addresses
      ...(rootsPem === undefined ? {} : { ca: typeof rootsPem === 'string' ? rootsPem : [...rootsPem] }),
    },
  }
}

export function opportunisticTls(wishes: ClientTlsWishes): ClientTls {
  return clientTls(false, wishes)
}

export function verifiedTls(wishes: ClientTlsWishes): ClientTls {
  return clientTls(true, wishes)
}
