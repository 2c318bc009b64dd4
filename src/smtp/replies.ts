// The door's own replies, each said in one place; those that any SMTP server says are wire/smtp/protocol-replies.ts,
// those about addresses and messages are intake's.
// Every permanent one (5xx) names a mistake of the peer's: what goes wrong on our side is 4xx (INV-10).
import { protocolReplies } from '../wire/smtp/protocol-replies.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import type { SessionRules } from './session.ts'

export const replies = {
  ...protocolReplies,
  bdatForBinary: reply(503, '5.5.1', 'BINARYMIME is sent with BDAT (RFC 3030)'),
  chunkRefused: reply(503, '5.5.1', 'an earlier chunk was refused; say RSET'),

  startTlsFirst: reply(530, '5.7.0', 'say STARTTLS first'),

  logInFirst: reply(530, '5.7.0', 'authentication required'),
  loggedInAlready: reply(503, '5.5.1', 'already logged in'),
  loginNeedsTls: reply(538, '5.7.11', 'say STARTTLS first; passwords are not taken in the clear'),
  unknownMechanism: reply(504, '5.5.4', 'this mechanism is not offered'),
  loggedIn: reply(235, '2.7.0', 'welcome'),
  loginFailed: reply(535, '5.7.8', 'wrong name or password'),
  loginMalformed: reply(501, '5.5.2', 'the authentication exchange cannot be read'),
  loginCancelled: reply(501, '5.7.0', 'authentication cancelled'),
  loginSuspended: reply(525, '5.7.13', 'this account is suspended'), // RFC 5248; said only to who knows the password
  loginBusy: reply(454, '4.7.0', 'too many logins at this moment, try again'),
  tooManyLogins: reply(421, '4.7.0', 'too many failed logins'),

  goingAway: reply(421, '4.3.2', 'the server goes away for a moment, please connect again'),
  tooOften: reply(421, '4.7.0', 'too many connections from your address in a short time, try again later'),
  hardPressed: reply(421, '4.3.2', 'too much to do at the moment, try again later'),
  crowded: reply(421, '4.3.2', 'others are waiting for this place; come again when you have a message'),
  tooManyFromYou: reply(421, '4.7.0', 'too many connections from your address'),
} as const

export const helpReply = reply(214, '2.0.0', 'EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH', 'RFC 5321 says what they mean')

export function ehloReply(rules: SessionRules): Reply {
  const lines: [string, ...string[]] = [
    rules.hostname, 'PIPELINING', `SIZE ${rules.limits.message_octets_max}`, '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'BINARYMIME', 'ENHANCEDSTATUSCODES', 'DSN',
  ]
  if (rules.canStartTls) lines.push('STARTTLS')
  if (rules.mechanisms.length > 0 && !rules.loggedIn) lines.push(`AUTH ${rules.mechanisms.join(' ')}`)
  return reply(250, '', ...lines)
}
