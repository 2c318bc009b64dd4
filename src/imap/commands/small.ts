// Commands that need little: CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE.
import type { Command } from '../../wire/imap/command.ts'
import { ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import { capabilities } from '../capabilities.ts'
import type { Conversation } from '../conversation.ts'
import type { User } from '../session-state.ts'

export function capability(talk: Conversation): Answer {
  talk.out.text(`* CAPABILITY ${capabilities(talk)}\r\n`)
  return ok('done')
}

/** NOOP and CHECK do nothing; what is new is told before any answer. */
export function noop(): Promise<Answer> {
  return Promise.resolve(ok('done'))
}

export function logout(talk: Conversation): Answer {
  talk.out.text('* BYE see you\r\n')
  talk.leave()
  return ok('done')
}

/** RFC 2971. What a client says of itself goes to the log, nothing depends on it. */
export function id(talk: Conversation, command: Extract<Command, { name: 'ID' }>): Answer {
  if (command.fields.size > 0) {
    talk.services.log.debug('a client names itself', { client: [...command.fields].map(([name, value]) => `${name}=${value}`).join(' ').slice(0, 500) })
  }
  talk.out.text('* ID ("name" "Daruma" "version" ').string(talk.services.version).text(')\r\n')
  return ok('done')
}

/** RFC 5161. */
export async function enable(talk: Conversation, _user: User, command: Extract<Command, { name: 'ENABLE' }>): Promise<Answer> {
  const now: string[] = []
  for (const capability of command.capabilities) {
    if (capability === 'CONDSTORE' && !talk.enabled.condstore) {
      talk.enableCondstore()
      now.push(capability)
    }
    // RFC 7162 §3.2.3: what QRESYNC needs of CONDSTORE comes with it.
    if (capability === 'QRESYNC' && !talk.enabled.qresync) {
      talk.enableCondstore()
      talk.enabled.qresync = true
      now.push(capability)
    }
    if (capability === 'UTF8=ACCEPT' && !talk.enabled.utf8) {
      talk.enabled.utf8 = true
      now.push(capability)
    }
  }
  talk.out.text(`* ENABLED${now.map((word) => ` ${word}`).join('')}\r\n`)
  return ok('done')
}

/** RFC 2342: one personal namespace, nothing of others, nothing shared. */
export async function namespace(talk: Conversation): Promise<Answer> {
  talk.out.text('* NAMESPACE (("" "/")) NIL NIL\r\n')
  return ok('done')
}
