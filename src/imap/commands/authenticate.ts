// AUTHENTICATE (RFC 3501 §6.2.2) with an initial response (RFC 4959). The exchanges are wire/sasl's; here are
// base64, the client's lines, and the judge.
import { latin1Of } from '../../base/bytes.ts'
import type { Command } from '../../wire/imap/command.ts'
import { parseBase64Line, printBase64Line } from '../../wire/sasl/base64-line.ts'
import { continueSasl, startSasl } from '../../wire/sasl/sasl.ts'
import type { SaslContext, SaslStep } from '../../wire/sasl/sasl.ts'
import { bad, no } from '../answer.ts'
import type { Answer } from '../answer.ts'
import { saslMechanisms } from '../capabilities.ts'
import type { Conversation } from '../conversation.ts'
import { admitted } from './login.ts'

const NONCE_OCTETS = 24

export async function authenticate(talk: Conversation, command: Extract<Command, { name: 'AUTHENTICATE' }>): Promise<Answer | 'goes-on'> {
  if (!talk.loginAllowed) return no('use TLS first', 'PRIVACYREQUIRED')
  const mechanism = saslMechanisms(talk).find((offered) => offered === command.mechanism)
  if (!mechanism) return no('this mechanism is not offered')
  const { logins, random } = talk.services
  const context: SaslContext = {
    scramKeys: (user) => logins.scram(user),
    nonce: () => printBase64Line(random.bytes(NONCE_OCTETS)),
    channelBindings: talk.peer.channelBindings(),
  }
  let initial: Uint8Array | undefined
  if (command.initial !== undefined) {
    const parsed = parseBase64Line(command.initial, { initial: true })
    if (!parsed.ok) return bad('the response is not base64')
    initial = parsed.value
  }
  let step = startSasl(mechanism, initial, context)
  const answer = await proceed(talk, step)
  if (answer) return answer
  talk.converse({
    what: 'authenticate',
    take: async (line) => {
      if (line === undefined) return bad('the response is too long')
      const text = latin1Of(line)
      if (text === '*') return bad('given up') // RFC 3501 §6.2.2
      const response = parseBase64Line(text)
      if (!response.ok) return bad('the response is not base64')
      if (step.is !== 'challenge') return bad('nothing more was asked')
      step = continueSasl(step.state, response.value, context)
      return proceed(talk, step)
    },
    close: () => undefined,
  })
  return 'goes-on'
}

/** undefined: the client is asked for more. */
async function proceed(talk: Conversation, step: SaslStep): Promise<Answer | undefined> {
  const { logins } = talk.services
  switch (step.is) {
    case 'challenge':
      talk.out.text(`+ ${printBase64Line(step.bytes)}\r\n`)
      return undefined
    case 'password': return admitted(talk, step.user, await logins.plain(step.user, step.password))
    case 'proven': return admitted(talk, step.user, logins.account(step.user))
    case 'failed':
      if (step.because === 'malformed') return bad(step.reason)
      if (step.wrongFor !== undefined) await logins.wrongProof(step.wrongFor)
      return admitted(talk, step.wrongFor ?? '', { end: step.because })
  }
}
