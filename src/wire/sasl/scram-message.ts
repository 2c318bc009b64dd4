// The messages of SCRAM (RFC 5802 §7), read on the server's side. Only grammar; the reckoning is in scram.ts.
import { refuse, understood, type Parsed } from '../../base/errors.ts'

/** What the client says about channel binding (RFC 5802 §6). */
export type BindingFlag =
  /** It cannot. */
  | { flag: 'n' }
  /** It can, but thinks that we cannot: a lie told to it when we have offered a -PLUS mechanism. */
  | { flag: 'y' }
  | { flag: 'p'; type: string }

export interface ClientFirst {
  binding: BindingFlag
  /** Whom to act as; "" for the user itself. */
  authorizeAs: string
  user: string
  nonce: string
  /** The part before the bare message, which the client repeats in its last one. */
  gs2Header: string
  bare: string
}

const MESSAGE_OCTETS_MAX = 4096
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > MESSAGE_OCTETS_MAX) return undefined
  try {
    const text = utf8.decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** saslname (RFC 5802 §5.1): "=2C" is a comma, "=3D" an equals sign, no other "=" may stand. */
function nameOf(written: string): string | undefined {
  if (/=(?!2C|3D)/.test(written) || written === '') return undefined
  return written.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

export function parseClientFirst(bytes: Uint8Array): Parsed<ClientFirst> {
  const text = textOf(bytes)
  const match = text === undefined ? null : /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*)$/.exec(text)
  // "m=" before the name announces a mandatory extension; it does not match, and none is known (RFC 5802 §5.1).
  if (!match) return refuse('scram-syntax', 'no SCRAM client-first-message (RFC 5802 §7)')
  const [, gs2Header = '', flag = '', type, authorize, bare = '', name = '', nonce = ''] = match
  const user = nameOf(name)
  const authorizeAs = authorize === undefined ? '' : nameOf(authorize)
  if (user === undefined || authorizeAs === undefined) return refuse('scram-syntax', 'no name (RFC 5802 §5.1)')
  const binding: BindingFlag = type !== undefined ? { flag: 'p', type } : { flag: flag === 'y' ? 'y' : 'n' }
  return understood({ binding, authorizeAs, user, nonce, gs2Header, bare })
}

export interface ClientFinal {
  channelBinding: Uint8Array
  nonce: string
  proof: Uint8Array
  withoutProof: string
}

export function parseClientFinal(bytes: Uint8Array): Parsed<ClientFinal> {
  const text = textOf(bytes)
  const match = text === undefined ? null : /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (!match) return refuse('scram-syntax', 'no SCRAM client-final-message (RFC 5802 §7)')
  const [, withoutProof = '', binding = '', nonce = '', proof = ''] = match
  return understood({ channelBinding: Buffer.from(binding, 'base64'), nonce, proof: Buffer.from(proof, 'base64'), withoutProof })
}
