// The understudy's words, each in one place. It has few permanent ones (5xx): what is wrong with a command, a
// message, or an address that certainly does not exist. Everything that is our own trouble is 4xx (INV-10), and
// the sender comes again (docs/REPLIES.md).
import { protocolReplies } from '../../wire/smtp/protocol-replies.ts'
import { reply, type Reply } from '../../wire/smtp/reply.ts'

export const replies = {
  ...protocolReplies,
  help: reply(214, '2.0.0', 'EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS', 'RFC 5321 says what they mean'),

  needsUtf8: reply(553, '5.6.7', 'this address needs SMTPUTF8'),
  tooLarge: reply(552, '5.3.4', 'the message is larger than this server takes'),
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

  goingAway: reply(421, '4.3.2', 'the server is about to take over, please connect again'),
  tooManyFromYou: reply(421, '4.7.0', 'too many connections from your address, try again later'),
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
