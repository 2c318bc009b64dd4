// STARTTLS, LOGIN, and what follows from any login. What a failed login says tells nothing about whether the account is there.
import { textOf } from '../../base/bytes.ts'
import type { LoginAnswer } from '../../guard/guard.ts'
import type { Command } from '../../wire/imap/command.ts'
import { bad, no, ok } from '../answer.ts'
import type { Answer } from '../answer.ts'
import { capabilities } from '../capabilities.ts'
import type { Conversation } from '../conversation.ts'

export async function startTls(talk: Conversation): Promise<Answer | 'goes-on'> {
  if (talk.peer.secure) return bad('TLS is in use already')
  if (!talk.peer.canStartTls) return bad('TLS is not offered here')
  talk.upgradeToTls()
  return ok('begin TLS now')
}

export async function login(talk: Conversation, command: Extract<Command, { name: 'LOGIN' }>): Promise<Answer> {
  if (!talk.loginAllowed) return no('use TLS first', 'PRIVACYREQUIRED')
  const user = textOf(command.user)
  return admitted(talk, user, await talk.services.logins.plain(user, textOf(command.password)))
}

/** What follows from a login that was judged. */
export async function admitted(talk: Conversation, user: string, answer: LoginAnswer): Promise<Answer> {
  const { services, peer } = talk
  switch (answer.end) {
    case 'in': {
      const { account, address } = answer.account
      if (!(await services.store.ready(account))) return no('the mailbox is not ready yet, try again later', 'UNAVAILABLE')
      await services.views.meet(account)
      talk.authenticated({ account, address, reader: services.store.account(account) })
      services.log.info('logged in', { address, peer: peer.remoteAddress })
      return ok(`welcome`, `CAPABILITY ${capabilities(talk)}`)
    }
    case 'busy':
      talk.loginFailed()
      return no('too many logins at this moment, try again', 'UNAVAILABLE')
    case 'refused':
    case 'suspended':
      services.log.warn('login refused', { user: user.slice(0, 200), peer: peer.remoteAddress, because: answer.end })
      talk.loginFailed()
      // RFC 5530: an account that is suspended is told as any wrong password, unless the password was right.
      return answer.end === 'suspended' ? no('this account is suspended', 'CONTACTADMIN') : no('wrong name or password', 'AUTHENTICATIONFAILED')
  }
}
