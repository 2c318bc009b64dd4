// What is offered, by where the session stands. Only what works is named.
import { offeredMechanisms } from '../wire/sasl/sasl.ts'
import type { Mechanism } from '../wire/sasl/sasl.ts'
import type { Conversation } from './conversation.ts'

const ALWAYS = ['IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE', 'IDLE']
const AFTER_LOGIN = [
  'NAMESPACE', 'CHILDREN', 'UIDPLUS', 'MOVE', 'UNSELECT', 'SPECIAL-USE', 'CREATE-SPECIAL-USE', 'LIST-EXTENDED', 'LIST-STATUS', 'STATUS=SIZE',
  'CONDSTORE', 'QRESYNC', 'ESEARCH', 'SEARCHRES', 'WITHIN', 'BINARY', 'UTF8=ACCEPT',
]

export function saslMechanisms(talk: Conversation): Mechanism[] {
  if (!talk.loginAllowed) return []
  const { scram } = talk.services
  return offeredMechanisms({ plaintext: true, scram, channelBinding: scram && talk.peer.channelBindings().size > 0 })
}

export function capabilities(talk: Conversation): string {
  const words = [...ALWAYS]
  if (talk.state.at === 'not-authenticated') {
    if (talk.peer.canStartTls) words.push('STARTTLS')
    if (talk.loginAllowed) words.push(...saslMechanisms(talk).map((mechanism) => `AUTH=${mechanism}`))
    else words.push('LOGINDISABLED')
  } else words.push(...AFTER_LOGIN, `APPENDLIMIT=${talk.services.limits.message_octets_max}`)
  return words.join(' ')
}
