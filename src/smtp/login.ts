// AUTH (RFC 4954): carries the messages of a SASL exchange, asks the judge, and says how it ended. The
// reply to a failed login is the same whatever was wrong, and so is the time it takes (guard/login).
import type { Random } from '../base/random.ts'
import type { LoginAnswer, PeerLogins } from '../guard/guard.ts'
import type { AccountRow } from '../store/store.ts'
import { parseBase64Line, printBase64Line } from '../wire/sasl/base64-line.ts'
import { continueSasl, startSasl, type Mechanism, type SaslContext, type SaslState, type SaslStep } from '../wire/sasl/sasl.ts'
import type { Reply } from '../wire/smtp/reply.ts'
import type { PeerTls } from './peer.ts'
import { replies } from './replies.ts'

export type LoginStep =
  /** To be sent as "334 text"; the next line is the answer. */
  | { is: 'challenge'; text: string; state: SaslState }
  | { is: 'in'; account: AccountRow }
  /** `user`: whom it was tried for, for the log. */
  | { is: 'failed'; reply: Reply; user: string | undefined }

export function saslContext(logins: PeerLogins, random: Random, tls: PeerTls | undefined): SaslContext {
  const channelBindings = new Map<string, Uint8Array>()
  for (const name of tls?.bindings() ?? []) {
    const data = tls?.channelBinding(name)
    if (data) channelBindings.set(name, data)
  }
  return { scramKeys: (user) => logins.scram(user), nonce: () => Buffer.from(random.bytes(18)).toString('base64'), channelBindings }
}

export function startLogin(mechanism: Mechanism, initial: string | undefined, context: SaslContext, logins: PeerLogins): Promise<LoginStep> {
  if (initial === undefined) return judged(startSasl(mechanism, undefined, context), logins)
  const message = parseBase64Line(initial, { initial: true })
  return message.ok ? judged(startSasl(mechanism, message.value, context), logins) : Promise.resolve(malformed)
}

export function continueLogin(state: SaslState, line: Uint8Array, context: SaslContext, logins: PeerLogins): Promise<LoginStep> {
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('latin1')
  if (text === '*') return Promise.resolve({ is: 'failed', reply: replies.loginCancelled, user: undefined })
  const message = parseBase64Line(text)
  return message.ok ? judged(continueSasl(state, message.value, context), logins) : Promise.resolve(malformed)
}

const malformed: LoginStep = { is: 'failed', reply: replies.loginMalformed, user: undefined }

async function judged(step: SaslStep, logins: PeerLogins): Promise<LoginStep> {
  switch (step.is) {
    case 'challenge':
      return { is: 'challenge', text: printBase64Line(step.bytes), state: step.state }
    case 'password':
      return ended(await logins.plain(step.user, step.password), step.user)
    case 'proven':
      return ended(logins.account(step.user), step.user)
    case 'failed':
      if (step.because === 'malformed') return malformed
      if (step.wrongFor !== undefined) await logins.wrongProof(step.wrongFor)
      return { is: 'failed', reply: step.because === 'busy' ? replies.loginBusy : replies.loginFailed, user: step.wrongFor }
  }
}

function ended(answer: LoginAnswer, user: string): LoginStep {
  switch (answer.end) {
    case 'in':
      return { is: 'in', account: answer.account }
    case 'suspended':
      return { is: 'failed', reply: replies.loginSuspended, user }
    case 'busy':
      return { is: 'failed', reply: replies.loginBusy, user }
    case 'refused':
      return { is: 'failed', reply: replies.loginFailed, user }
  }
}
