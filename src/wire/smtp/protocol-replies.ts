// What any SMTP server says, whoever it is: the replies to commands that were understood or not, and to bytes that
// cannot be taken. The door of the server and the understudy say the same. Every permanent one (5xx) names a mistake of
// the peer's (INV-10).
import type { CommandFault } from './command.ts'
import type { DataFault } from './data-reader.ts'
import { reply, type Reply } from './reply.ts'

export const protocolReplies = {
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
  tooManyRecipients: reply(452, '4.5.3', 'too many recipients; send the rest in another message'),
  tooManyMessages: reply(421, '4.7.0', 'too many messages in one session, please connect again'),
  startTls: reply(220, '2.0.0', 'begin TLS'),
  tlsAlready: reply(503, '5.5.1', 'TLS is already in use'),
  noTls: reply(502, '5.5.1', 'TLS is not offered'),
  injection: reply(501, '5.5.1', 'nothing may be sent behind STARTTLS before the handshake; it was thrown away'),
  injectionUnderTls: reply(554, '5.5.1', 'something was sent behind STARTTLS before the handshake; it was thrown away'),
  noLoginsHere: reply(503, '5.5.1', 'nobody logs in at this port; submit mail at the submission port'),
  lineEnd: reply(500, '5.5.2', 'a command ends with CR LF'),
  lineTooLong: reply(500, '5.5.2', 'the line is too long'),
  notSmtp: reply(421, '4.7.0', 'this is a mail server'),
  tooManyCommands: reply(421, '4.7.0', 'too many commands without a message'),
  tooManyErrors: reply(421, '4.7.0', 'too many errors'),
  idle: reply(421, '4.4.2', 'nothing was heard for too long'),
  dataTooSlow: reply(421, '4.4.2', 'the message took too long'),
  tooManyConnections: reply(421, '4.3.2', 'too many connections, try again later'),
  localError: reply(421, '4.3.0', 'trouble on this side, try again later'),
  tookTooLong: reply(451, '4.3.0', 'this took too long on this side, try again later'),
} as const

/** RFC 5321 §4.2: the first words. */
export function greeting(hostname: string): string {
  return `220 ${hostname} ESMTP Daruma\r\n`
}

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

/** A browser, or somebody who uses one to talk to us: there is no sense in answering line by line. */
export function looksLikeHttp(line: Uint8Array): boolean {
  return /^(?:GET|POST|PUT|HEAD|CONNECT|OPTIONS) /.test(Buffer.from(line.buffer, line.byteOffset, Math.min(line.byteLength, 16)).toString('latin1'))
}

/** Counts a session's protocol errors. */
export class ErrorCount {
  readonly #max: number
  #errors = 0
  /** The last reply was a refusal. */
  #refusedBefore = false
  constructor(max: number) {
    this.#max = max
  }
  /** True when this reply is the one too many. */
  note(answer: Reply): boolean {
    // What was pipelined behind a refused MAIL or RCPT is answered 503 for that reason alone: it is no fault of its own.
    const follows = this.#refusedBefore && (answer === protocolReplies.mailFirst || answer === protocolReplies.noRecipients)
    this.#refusedBefore = answer.code >= 400
    if (answer.code < 500 || follows) return false
    this.#errors += 1
    return this.#errors >= this.#max
  }
}
