// The understudy's words, each in one place. It has few permanent ones (5xx): what is wrong with a command, a
// message, or an address that certainly does not exist. Everything that is our own trouble is 4xx (INV-10), and
// the sender comes again (docs/REPLIES.md).
import type { CommandFault } from '../../wire/smtp/command.ts'
import type { DataFault } from '../../wire/smtp/data-reader.ts'
import { reply, type Reply } from '../../wire/smtp/reply.ts'

export const replies = {
  reset: reply(250, '2.0.0', 'forgotten'),
  noop: reply(250, '2.0.0', 'nothing done'),
  bye: reply(221, '2.0.0', 'goodbye'),
  senderOk: reply(250, '2.1.0', 'sender ok'),
  recipientOk: reply(250, '2.1.5', 'recipient ok'),
  startMail: reply(354, '', 'send the message, end it with a line that holds a single dot'),
  vrfy: reply(252, '2.5.0', 'nothing is said about addresses; send the message and see'), // RFC 5321 §7.3
  help: reply(214, '2.0.0', 'EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS', 'RFC 5321 says what they mean'),
  expn: reply(502, '5.5.1', 'lists are not expanded here'),

  greetFirst: reply(503, '5.5.1', 'say EHLO first'),
  mailFirst: reply(503, '5.5.1', 'say MAIL FROM first'),
  messageOpen: reply(503, '5.5.1', 'a message is already open'),
  noRecipients: reply(554, '5.5.1', 'no valid recipients'),
  needsUtf8: reply(553, '5.6.7', 'this address needs SMTPUTF8'),
  tooLarge: reply(552, '5.3.4', 'the message is larger than this server takes'),
  noLoginsHere: reply(503, '5.5.1', 'nobody logs in at this port; submit mail at the submission port'),
  tooManyRecipients: reply(452, '4.5.3', 'too many recipients; send the rest in another message'),
  tooManyMessages: reply(421, '4.7.0', 'too many messages in one session, please connect again'),
  noChunks: reply(421, '4.3.2', 'messages in chunks are not taken at this moment; send it with DATA, or try again later'),
  noBinary: reply(451, '4.3.2', 'binary messages are not taken at this moment, try again later'),

  unknownUser: reply(550, '5.1.1', 'there is no such user here'),
  notTakenNow: reply(450, '4.2.1', 'mail for this address is not taken at this moment, try again later'),
  perhapsNew: reply(451, '4.3.0', 'this address is not known at this moment; it may be new, try again later'),
  elsewhere: reply(451, '4.7.1', 'mail for that domain is not taken at this moment (nothing is relayed; the domain may be new here), try again later'),
  noList: reply(451, '4.3.0', 'the list of addresses cannot be read at this moment, try again later'),

  notReady: reply(451, '4.3.2', 'not ready to take mail yet, try again in a moment'),
  diskFull: reply(452, '4.3.1', 'not enough room at the moment, try again later'),
  localTrouble: reply(451, '4.3.0', 'trouble on this side, try again later'),
  tookTooLong: reply(451, '4.3.0', 'this took too long on this side, try again later'),

  startTls: reply(220, '2.0.0', 'begin TLS'),
  tlsAlready: reply(503, '5.5.1', 'TLS is already in use'),
  noTls: reply(502, '5.5.1', 'TLS is not offered'),
  injection: reply(501, '5.5.1', 'nothing may be sent behind STARTTLS before the handshake; it was thrown away'),
  injectionUnderTls: reply(554, '5.5.1', 'something was sent behind STARTTLS before the handshake; it was thrown away'),

  lineEnd: reply(500, '5.5.2', 'a command ends with CR LF'),
  lineTooLong: reply(500, '5.5.2', 'the line is too long'),
  notSmtp: reply(421, '4.7.0', 'this is a mail server'),
  tooManyCommands: reply(421, '4.7.0', 'too many commands without a message'),
  tooManyErrors: reply(421, '4.7.0', 'too many errors'),
  idle: reply(421, '4.4.2', 'nothing was heard for too long'),
  dataTooSlow: reply(421, '4.4.2', 'the message took too long'),
  goingAway: reply(421, '4.3.2', 'the server is about to take over, please connect again'),
  tooManyConnections: reply(421, '4.3.2', 'too many connections, try again later'),
  tooManyFromYou: reply(421, '4.7.0', 'too many connections from your address, try again later'),
  localError: reply(421, '4.3.0', 'trouble on this side, try again later'),
} as const

/** While there is maintenance and nothing is kept. */
export function deferReply(until: string | undefined): Reply {
  return reply(451, '4.3.2', until === undefined ? 'maintenance; please try again later' : `maintenance; back at ${plainText(until)}, please try again then`)
}

/** While an operator has asked that mail wait; the words are the server's. */
export function pausedReply(words: string): Reply {
  return reply(451, '4.3.2', words.replace(/[^\x20-\x7e]/g, '?').slice(0, 400))
}

/** What who would send or read is told at our users' doors. The first octets on a door that does not stay open. */
export const otherDoors = {
  submission: (until: string | undefined): string => until === undefined
    ? '421 4.3.2 the mail server is starting again; nothing was lost, please send in a moment\r\n'
    : `421 4.3.2 maintenance until ${plainText(until)}; please send after that\r\n`,
  imap: (until: string | undefined): string => until === undefined
    ? '* BYE [UNAVAILABLE] the mail server is starting again; nothing was lost, please come back in a moment\r\n'
    : `* OK [ALERT] maintenance until ${plainText(until)}; your mail is safe\r\n* BYE [UNAVAILABLE] maintenance until ${plainText(until)}\r\n`,
}

/** A reply is ASCII and one line. */
function plainText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)
}

/** Answers to lines that were not understood. */
export function faultReply(fault: CommandFault, because: string): Reply {
  const reason = because.replaceAll('§', 'section ')
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

export const dataFaultReplies: Record<DataFault, Reply> = {
  'bare-cr': reply(554, '5.6.0', 'the message holds a CR that no LF follows'),
  'bare-lf': reply(554, '5.6.0', 'the message holds a LF that follows no CR'),
  nul: reply(554, '5.6.0', 'the message holds a NUL'),
  'line-too-long': reply(554, '5.6.0', 'the message holds a line that is too long'),
  'message-too-long': reply(552, '5.3.4', 'the message is larger than this server takes'),
}
