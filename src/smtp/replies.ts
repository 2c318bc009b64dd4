// The door's own replies, each said in one place. Those about addresses and messages are intake's.
// Every permanent one (5xx) names a mistake of the peer's: what goes wrong on our side is 4xx (INV-10).
import type { CommandFault } from '../wire/smtp/command.ts'
import type { DataFault } from '../wire/smtp/data-reader.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import type { SessionRules } from './session.ts'

export const replies = {
  reset: reply(250, '2.0.0', 'forgotten'),
  noop: reply(250, '2.0.0', 'nothing done'),
  bye: reply(221, '2.0.0', 'goodbye'),
  senderOk: reply(250, '2.1.0', 'sender ok'),
  recipientOk: reply(250, '2.1.5', 'recipient ok'),
  startMail: reply(354, '', 'send the message, end it with a line that holds a single dot'),
  vrfy: reply(252, '2.5.0', 'nothing is said about addresses; send the message and see'), // RFC 5321 §7.3
  expn: reply(502, '5.5.1', 'lists are not expanded here'),

  greetFirst: reply(503, '5.5.1', 'say EHLO first'),
  mailFirst: reply(503, '5.5.1', 'say MAIL FROM first'),
  messageOpen: reply(503, '5.5.1', 'a message is already open'),
  noRecipients: reply(554, '5.5.1', 'no valid recipients'),
  bdatForBinary: reply(503, '5.5.1', 'BINARYMIME is sent with BDAT (RFC 3030)'),
  chunkRefused: reply(503, '5.5.1', 'an earlier chunk was refused; say RSET'),
  tooManyRecipients: reply(452, '4.5.3', 'too many recipients; send the rest in another message'),
  tooManyMessages: reply(421, '4.7.0', 'too many messages in one session, please connect again'),

  startTls: reply(220, '2.0.0', 'begin TLS'),
  tlsAlready: reply(503, '5.5.1', 'TLS is already in use'),
  noTls: reply(502, '5.5.1', 'TLS is not offered'),
  startTlsFirst: reply(530, '5.7.0', 'say STARTTLS first'),
  injection: reply(501, '5.5.1', 'nothing may be sent behind STARTTLS before the handshake; it was thrown away'),
  injectionUnderTls: reply(554, '5.5.1', 'something was sent behind STARTTLS before the handshake; it was thrown away'),

  logInFirst: reply(530, '5.7.0', 'authentication required'),
  noLoginsHere: reply(503, '5.5.1', 'nobody logs in at this port; submit mail at the submission port'),
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

  lineEnd: reply(500, '5.5.2', 'a command ends with CR LF'),
  lineTooLong: reply(500, '5.5.2', 'the line is too long'),
  notSmtp: reply(421, '4.7.0', 'this is a mail server'),
  tooManyCommands: reply(421, '4.7.0', 'too many commands without a message'),
  tooManyErrors: reply(421, '4.7.0', 'too many errors'),
  idle: reply(421, '4.4.2', 'nothing was heard for too long'),
  dataTooSlow: reply(421, '4.4.2', 'the message took too long'),
  goingAway: reply(421, '4.3.2', 'the server goes away for a moment, please connect again'),
  tooManyConnections: reply(421, '4.3.2', 'too many connections, try again later'),
  tooOften: reply(421, '4.7.0', 'too many connections from your address in a short time, try again later'),
  hardPressed: reply(421, '4.3.2', 'too much to do at the moment, try again later'),
  crowded: reply(421, '4.3.2', 'others are waiting for this place; come again when you have a message'),
  tooManyFromYou: reply(421, '4.7.0', 'too many connections from your address'),
  localError: reply(421, '4.3.0', 'trouble on this side, try again later'),
  tookTooLong: reply(451, '4.3.0', 'this took too long on this side, try again later'),
} as const

export const helpReply = reply(214, '2.0.0', 'EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH', 'RFC 5321 says what they mean')

/** Answers to lines that were not understood. */
export function faultReply(fault: CommandFault, because: string): Reply {
  const reason = because.replaceAll('§', 'section ') // a reply is ASCII (RFC 5321 §4.2)
  switch (fault) {
    case 'command-unknown':
      return reply(500, '5.5.1', reason)
    case 'argument-missing':
    case 'argument-syntax':
    case 'parameter-syntax':
      return reply(501, '5.5.4', reason)
    case 'parameter-unknown':
      return reply(555, '5.5.4', reason)
    case 'sender-syntax':
      return reply(501, '5.1.7', reason)
    case 'recipient-syntax':
      return reply(501, '5.1.3', reason)
    case 'path-too-long':
      return reply(501, '5.1.0', reason)
  }
}

/** Answers to messages whose bytes cannot be taken. */
export const dataFaultReplies: Record<DataFault, Reply> = {
  'bare-cr': reply(554, '5.6.0', 'the message holds a CR that no LF follows'),
  'bare-lf': reply(554, '5.6.0', 'the message holds a LF that follows no CR'),
  nul: reply(554, '5.6.0', 'the message holds a NUL'),
  'line-too-long': reply(554, '5.6.0', 'the message holds a line that is too long'),
  'message-too-long': reply(552, '5.3.4', 'the message is larger than this server takes'),
}

export function ehloReply(rules: SessionRules): Reply {
  const lines: [string, ...string[]] = [
    rules.hostname, 'PIPELINING', `SIZE ${rules.limits.message_octets_max}`, '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'BINARYMIME', 'ENHANCEDSTATUSCODES', 'DSN',
  ]
  if (rules.canStartTls) lines.push('STARTTLS')
  if (rules.mechanisms.length > 0 && !rules.loggedIn) lines.push(`AUTH ${rules.mechanisms.join(' ')}`)
  return reply(250, '', ...lines)
}
