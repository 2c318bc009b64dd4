// Puts TLS on a plain socket, as server or as client, and says how it went. Shared by STARTTLS and
// by doors that speak TLS from the first byte. Verification failures are told in a sentence; nothing
// is sent to a peer that was to be verified and could not be.
import type { Socket } from 'node:net'
import { TLSSocket, connect } from 'node:tls'
import { errorCode, errorSentence, refuse, understood } from '../base/errors.ts'
import type { Parsed } from '../base/errors.ts'
import type { ServerContexts } from './server-contexts.ts'
import type { ClientTls } from './client-tls.ts'

export type TlsSide =
  | { as: 'server'; contexts: ServerContexts }
  | { as: 'client'; tls: ClientTls }

export function secure(plain: Socket, side: TlsSide): { socket: TLSSocket; done: Promise<Parsed<true>> } {
  const socket = side.as === 'server'
    ? new TLSSocket(plain, {
        isServer: true,
        secureContext: side.contexts.contextFor(undefined),
        SNICallback: (serverName, answer) => answer(null, side.contexts.contextFor(serverName)),
      })
    : connect({ ...side.tls.options, socket: plain })
  if (side.as === 'server') socket.disableRenegotiation() // TLS 1.2: only ever used to burn a server's CPU
  const done = new Promise<Parsed<true>>((resolve) => {
    socket.once(side.as === 'server' ? 'secure' : 'secureConnect', () => {
      if (side.as === 'client' && side.tls.mustVerify && !socket.authorized) {
        const cause: unknown = socket.authorizationError // a code in text, or an error
        resolve(refuse('certificate-not-trusted', `the certificate of ${side.tls.peerName} cannot be trusted: ${cause instanceof Error ? errorSentence(cause) : String(cause)}`))
      } else resolve(understood(true))
    })
    socket.once('error', (error: Error) => resolve(refuse('tls-handshake', handshakeSentence(error))))
    socket.once('close', () => resolve(refuse('tls-handshake', 'the connection closed during the TLS handshake')))
  })
  return { socket, done }
}

/** OpenSSL's line is for programmers; this one is for the log. */
export function handshakeSentence(error: unknown): string {
  const code = errorCode(error)
  const known: Record<string, string> = {
    ECONNRESET: 'the peer hung up during the TLS handshake',
    EPIPE: 'the peer hung up during the TLS handshake',
    ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS here',
    ERR_SSL_HTTP_REQUEST: 'the peer speaks HTTP, not TLS',
    ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the peer does not speak TLS here',
    ERR_SSL_UNSUPPORTED_PROTOCOL: 'the peer offers only TLS versions older than 1.2',
    ERR_SSL_NO_SHARED_CIPHER: 'the peer offers no cipher that is safe',
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the peer does not trust our certificate',
    ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the peer does not accept our certificate',
    'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'the peer does not accept our certificate',
  }
  return (code && known[code]) || `the TLS handshake failed: ${errorSentence(error)}`
}
