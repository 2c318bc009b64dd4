// AUTHENTICATE (RFC 3501 §6.2.2) with an initial response (RFC 4959): PLAIN (RFC 4616) and LOGIN.
import { latin1Of, textOf } from '../../base/bytes.ts'
import type { Command } from '../../wire/imap/command.ts'
import { bad, no } from '../answer.ts'
import type { Answer } from '../answer.ts'
import { saslMechanisms } from '../capabilities.ts'
import type { Conversation } from '../conversation.ts'
import { admitted } from './login.ts'

/** What comes after the client's response: another question, or the name and password. */
type Step = { readonly ask: string } | { readonly user: string; readonly password: string } | 'malformed'
type Exchange = (response: Uint8Array | undefined) => Step

export async function authenticate(talk: Conversation, command: Extract<Command, { name: 'AUTHENTICATE' }>): Promise<Answer | 'goes-on'> {
  if (!talk.loginAllowed) return no('use TLS first', 'PRIVACYREQUIRED')
  if (!saslMechanisms(talk).includes(command.mechanism)) return no('this mechanism is not offered')
  const exchange = command.mechanism === 'PLAIN' ? plain : loginExchange()
  const proceed = async (response: Uint8Array | undefined): Promise<Answer | undefined> => {
    const step = exchange(response)
    if (step === 'malformed') return bad('the response is malformed')
    if ('ask' in step) {
      talk.out.text(`+ ${Buffer.from(step.ask).toString('base64')}\r\n`)
      return undefined
    }
    return admitted(talk, step.user, await talk.services.logins.plain(step.user, step.password))
  }
  const initial = command.initial === undefined ? undefined : decoded(command.initial === '=' ? '' : command.initial)
  if (initial === 'malformed') return bad('the response is not base64')
  const answer = await proceed(initial)
  if (answer) return answer
  talk.converse({
    what: 'authenticate',
    take: async (line) => {
      if (line === undefined) return bad('the response is too long')
      const text = latin1Of(line)
      if (text === '*') return bad('given up') // RFC 3501 §6.2.2
      const response = decoded(text)
      return response === 'malformed' ? bad('the response is not base64') : proceed(response)
    },
    close: () => undefined,
  })
  return 'goes-on'
}

function decoded(base64: string): Uint8Array | 'malformed' {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64) ? new Uint8Array(Buffer.from(base64, 'base64')) : 'malformed'
}

const plain: Exchange = (response) => {
  if (response === undefined) return { ask: '' }
  const first = response.indexOf(0)
  const second = response.indexOf(0, first + 1)
  if (first < 0 || second < 0 || response.indexOf(0, second + 1) >= 0) return 'malformed'
  const authorize = textOf(response.subarray(0, first))
  const user = textOf(response.subarray(first + 1, second))
  // Nobody acts for somebody else here: another identity is a wrong login.
  if (authorize !== '' && authorize !== user) return { user: '', password: '' }
  return { user, password: textOf(response.subarray(second + 1)) }
}

/** The old mechanism that Outlook still uses: two questions. */
function loginExchange(): Exchange {
  let user: string | undefined
  return (response) => {
    if (response === undefined) return { ask: 'Username:' }
    if (user === undefined) {
      user = textOf(response)
      return { ask: 'Password:' }
    }
    return { user, password: textOf(response) }
  }
}

