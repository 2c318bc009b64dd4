// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS on the server's side (RFC 5802, RFC 7677, RFC 9266). Pure:
// nonce, keys and channel bindings are handed in. The exchange runs to its end also for a user who
// does not exist, with keys that nothing matches, so that nothing is told.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { equalBytes } from '../../base/bytes.ts'
import { parseClientFinal, parseClientFirst, type BindingFlag, type ClientFirst } from './scram-message.ts'
import type { SaslContext, SaslStep, ScramKeys } from './sasl.ts'

export type ScramState =
  | { mechanism: 'SCRAM'; at: 'first'; plus: boolean }
  | { mechanism: 'SCRAM'; at: 'final'; first: ClientFirst; serverFirst: string; nonce: string; keys: ScramKeys; binding: Uint8Array }
  /** The client has been sent our signature and has nothing more to say. */
  | { mechanism: 'SCRAM'; at: 'proven'; user: string }

const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text, 'utf8').digest()

export function stepScram(state: ScramState, response: Uint8Array, context: SaslContext): SaslStep {
  switch (state.at) {
    case 'first':
      return first(state.plus, response, context)
    case 'final':
      return final(state, response)
    case 'proven':
      if (response.length > 0) return { is: 'failed', because: 'malformed', reason: 'the exchange was over' }
      return { is: 'proven', user: state.user }
  }
}

function first(plus: boolean, response: Uint8Array, context: SaslContext): SaslStep {
  const parsed = parseClientFirst(response)
  if (!parsed.ok) return { is: 'failed', because: 'malformed', reason: parsed.reason }
  const message = parsed.value
  if (message.authorizeAs !== '' && message.authorizeAs !== message.user) return { is: 'failed', because: 'refused', reason: 'nobody may act as somebody else' }
  const binding = bindingData(message.binding, plus, context)
  if (!binding) return { is: 'failed', because: 'refused', reason: 'the channel binding does not fit (RFC 5802 §6)' }
  const keys = context.scramKeys(message.user)
  if (!keys) return { is: 'failed', because: 'busy', reason: 'not now' }
  const nonce = message.nonce + context.nonce()
  const serverFirst = `r=${nonce},s=${Buffer.from(keys.salt).toString('base64')},i=${keys.iterations}`
  return {
    is: 'challenge',
    bytes: Buffer.from(serverFirst),
    state: { mechanism: 'SCRAM', at: 'final', first: message, serverFirst, nonce, keys, binding },
  }
}

/** What the client must have bound to, or undefined when its flag does not fit the mechanism. */
function bindingData(binding: BindingFlag, plus: boolean, context: SaslContext): Uint8Array | undefined {
  switch (binding.flag) {
    case 'n':
      return plus ? undefined : NOTHING
    case 'y':
      // A client that can bind was told that we cannot, although we have said that we can: somebody is in between.
      return plus || context.channelBindings.size > 0 ? undefined : NOTHING
    case 'p':
      return plus ? context.channelBindings.get(binding.type) : undefined
  }
}
const NOTHING = new Uint8Array(0)

function final(state: ScramState & { at: 'final' }, response: Uint8Array): SaslStep {
  const parsed = parseClientFinal(response)
  if (!parsed.ok) return { is: 'failed', because: 'malformed', reason: parsed.reason }
  const { channelBinding, nonce, proof, withoutProof } = parsed.value
  const wrong: SaslStep = { is: 'failed', because: 'refused', reason: 'the proof is wrong', wrongFor: state.first.user }
  if (nonce !== state.nonce) return wrong
  if (!equalBytes(channelBinding, Buffer.concat([Buffer.from(state.first.gs2Header), state.binding]))) return wrong
  const { storedKey, serverKey } = state.keys
  const authMessage = `${state.first.bare},${state.serverFirst},${withoutProof}`
  const signature = hmac(storedKey, authMessage)
  if (proof.length !== signature.length) return wrong
  const clientKey = signature.map((octet, at) => octet ^ (proof[at] as number))
  if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)) return wrong
  return {
    is: 'challenge',
    bytes: Buffer.from(`v=${hmac(serverKey, authMessage).toString('base64')}`),
    state: { mechanism: 'SCRAM', at: 'proven', user: state.first.user },
  }
}
