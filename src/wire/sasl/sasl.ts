// SASL on the server's side (RFC 4422) as one pure step machine for all doors: PLAIN (RFC 4616),
// LOGIN (never a standard, needed by Outlook and scanners), SCRAM-SHA-256 and -PLUS (RFC 7677).
// Knows nothing of base64, of lines or of who exists: the door carries the messages, asks its judge
// about a password, and chooses its reply.
//
//   startSasl ─► challenge ─► (door sends it, reads an answer) ─► continueSasl ─► …
//             ─► password   the judge decides
//             ─► proven     the user has shown that it knows the password
//             ─► failed
import { stepScram, type ScramState } from './scram.ts'

/** What a judge keeps of a password for SCRAM (RFC 5802 §3). */
export interface ScramKeys {
  iterations: number
  salt: Uint8Array
  storedKey: Uint8Array
  serverKey: Uint8Array
}

export type Mechanism = 'PLAIN' | 'LOGIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS'

export interface SaslContext {
  /** Must answer for unknown users too, always alike for the same name. Undefined: not now, for whoever is asked for. */
  scramKeys(user: string): ScramKeys | undefined
  /** Fresh printable letters without a comma, at least 18 octets of chance. Called once an exchange. */
  nonce(): string
  /** By name: "tls-exporter" (RFC 9266), "tls-server-end-point" (RFC 5929). Empty without TLS: then -PLUS must not be offered. */
  channelBindings: ReadonlyMap<string, Uint8Array>
}

export type SaslState = { mechanism: 'PLAIN' } | { mechanism: 'LOGIN'; at: 'user' } | { mechanism: 'LOGIN'; at: 'password'; user: string } | ScramState

export type SaslStep =
  | { is: 'challenge'; bytes: Uint8Array; state: SaslState }
  | { is: 'password'; user: string; password: string }
  | { is: 'proven'; user: string }
  /**
   * malformed: the peer's program is wrong. refused: the answer is that of a wrong password. busy: not now.
   * `wrongFor`: a proof for this user was tried, and was wrong.
   */
  | { is: 'failed'; because: 'malformed' | 'refused' | 'busy'; reason: string; wrongFor?: string }

/** Longest message of an exchange, decoded. */
export const saslMessageOctetsMax = 8192

const EMPTY = new Uint8Array(0)
const USERNAME = new TextEncoder().encode('Username:')
const PASSWORD = new TextEncoder().encode('Password:')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function startSasl(mechanism: Mechanism, initial: Uint8Array | undefined, context: SaslContext): SaslStep {
  const state = firstState(mechanism)
  if (initial !== undefined) return continueSasl(state, initial, context)
  // LOGIN speaks first; in the others an empty challenge asks for what could have come at once.
  return { is: 'challenge', bytes: mechanism === 'LOGIN' ? USERNAME : EMPTY, state }
}

function firstState(mechanism: Mechanism): SaslState {
  switch (mechanism) {
    case 'PLAIN': return { mechanism: 'PLAIN' }
    case 'LOGIN': return { mechanism: 'LOGIN', at: 'user' }
    case 'SCRAM-SHA-256': return { mechanism: 'SCRAM', at: 'first', plus: false }
    case 'SCRAM-SHA-256-PLUS': return { mechanism: 'SCRAM', at: 'first', plus: true }
  }
}

export function continueSasl(state: SaslState, response: Uint8Array, context: SaslContext): SaslStep {
  if (response.length > saslMessageOctetsMax) return { is: 'failed', because: 'malformed', reason: 'too long' }
  switch (state.mechanism) {
    case 'PLAIN': return plain(response)
    case 'LOGIN': return login(state, response)
    case 'SCRAM': return stepScram(state, response, context)
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** RFC 4616 §2: [authzid] NUL authcid NUL passwd. */
function plain(response: Uint8Array): SaslStep {
  const parts = textOf(response)?.split('\0') ?? []
  const [authorizeAs = '', user = '', password = ''] = parts
  if (parts.length !== 3 || user === '' || password === '') return { is: 'failed', because: 'malformed', reason: 'no PLAIN message (RFC 4616 §2)' }
  if (authorizeAs !== '' && authorizeAs !== user) return { is: 'failed', because: 'refused', reason: 'nobody may act as somebody else' }
  return { is: 'password', user, password }
}

function login(state: SaslState & { mechanism: 'LOGIN' }, response: Uint8Array): SaslStep {
  const text = textOf(response)
  if (text === undefined || text === '' || text.includes('\0')) return { is: 'failed', because: 'malformed', reason: 'expected a name or a password' }
  if (state.at === 'user') return { is: 'challenge', bytes: PASSWORD, state: { mechanism: 'LOGIN', at: 'password', user: text } }
  return { is: 'password', user: state.user, password: text }
}

/** The mechanisms to offer, the best first. Passwords in the clear only where `plaintext` allows it. */
export function offeredMechanisms(options: { plaintext: boolean; scram: boolean; channelBinding: boolean }): Mechanism[] {
  const offered: Mechanism[] = []
  if (options.scram && options.channelBinding) offered.push('SCRAM-SHA-256-PLUS')
  if (options.scram) offered.push('SCRAM-SHA-256')
  if (options.plaintext) offered.push('PLAIN', 'LOGIN')
  return offered
}
