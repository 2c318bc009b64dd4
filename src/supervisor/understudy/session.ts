// One session with the understudy as a pure machine: state and command in; state, reply and what is to be done
// out. Much less than the server's own: no logins, no chunks, no plan. It shares nothing with it but the parsers,
// so that what brings the server down does not bring down who stands in for it.
//
//   fresh ──EHLO/HELO──► ready ──MAIL──► envelope ──RCPT…──DATA──► (message) ──► ready
import { Bug } from '../../base/errors.ts'
import type { MailParameters, RcptParameters, SmtpCommand } from '../../wire/smtp/command.ts'
import { addressOf, type Mailbox } from '../../wire/smtp/path.ts'
import { reply, type Reply } from '../../wire/smtp/reply.ts'
import { replies } from './replies.ts'

export interface Client {
  name: string
  /** EHLO, not HELO. */
  isExtended: boolean
}

export interface Envelope {
  sender: string
  parameters: MailParameters
  recipients: readonly { address: string; parameters: RcptParameters }[]
}

export type SessionState =
  | { at: 'fresh' }
  | { at: 'ready'; client: Client }
  | { at: 'envelope'; client: Client; envelope: Envelope }
  | { at: 'closed' }

export type Effect =
  | { do: 'data'; client: Client; envelope: Envelope }
  | { do: 'start-tls' }
  | { do: 'close' }

export interface Step {
  state: SessionState
  reply: Reply
  effect?: Effect
}

export interface SessionRules {
  hostname: string
  messageOctetsMax: number
  recipientsMax: number
  messagesLeft: number
  secure: boolean
  canStartTls: boolean
  /** Why no message is taken at this moment; undefined when one is. */
  refusal(declaredOctets: number): Reply | undefined
  /** Why this recipient is not taken; undefined when it is. */
  judge(address: string): Reply | undefined
}

export function step(state: SessionState, command: SmtpCommand, rules: SessionRules): Step {
  if (state.at === 'closed') throw new Bug('a command after the end of the session')
  switch (command.verb) {
    case 'EHLO':
    case 'HELO': {
      // Like RSET, it ends what was under way (RFC 5321 §4.1.4).
      const client = { name: command.domain, isExtended: command.verb === 'EHLO' }
      return { state: { at: 'ready', client }, reply: client.isExtended ? ehloReply(rules) : reply(250, '', rules.hostname) }
    }
    case 'MAIL':
      return onMail(state, command.sender, command.parameters, rules)
    case 'RCPT':
      return onRcpt(state, command.recipient, command.parameters, rules)
    case 'DATA':
      if (state.at !== 'envelope') return { state, reply: replies.mailFirst }
      if (state.envelope.recipients.length === 0) return { state, reply: replies.noRecipients } // RFC 5321 §3.3
      return { state: { at: 'ready', client: state.client }, reply: replies.startMail, effect: { do: 'data', client: state.client, envelope: state.envelope } }
    case 'BDAT':
      return closing(replies.noChunks) // its octets follow; they must not be taken for commands
    case 'RSET':
      return { state: 'client' in state ? { at: 'ready', client: state.client } : state, reply: replies.reset }
    case 'STARTTLS':
      if (rules.secure) return { state, reply: replies.tlsAlready }
      if (!rules.canStartTls) return { state, reply: replies.noTls }
      if (state.at !== 'ready') return { state, reply: state.at === 'fresh' ? replies.greetFirst : replies.messageOpen }
      return { state: { at: 'fresh' }, reply: replies.startTls, effect: { do: 'start-tls' } } // RFC 3207 §4.2: what was said before is forgotten
    case 'AUTH':
      return { state, reply: replies.noLoginsHere }
    case 'NOOP':
      return { state, reply: replies.noop }
    case 'VRFY':
      return { state, reply: replies.vrfy }
    case 'EXPN':
      return { state, reply: replies.expn }
    case 'HELP':
      return { state, reply: replies.help }
    case 'QUIT':
      return closing(replies.bye)
  }
}

function closing(answer: Reply): Step {
  return { state: { at: 'closed' }, reply: answer, effect: { do: 'close' } }
}

function onMail(state: Exclude<SessionState, { at: 'closed' }>, sender: Mailbox | undefined, parameters: MailParameters, rules: SessionRules): Step {
  if (state.at === 'fresh') return { state, reply: replies.greetFirst }
  if (state.at === 'envelope') return { state, reply: replies.messageOpen }
  if (rules.messagesLeft <= 0) return closing(replies.tooManyMessages)
  if (sender && !sender.ascii && !parameters.smtputf8) return { state, reply: replies.needsUtf8 }
  if ((parameters.size ?? 0) > rules.messageOctetsMax) return { state, reply: replies.tooLarge }
  if (parameters.body === 'BINARYMIME') return { state, reply: replies.noBinary }
  const refusal = rules.refusal(parameters.size ?? 0)
  if (refusal) return { state, reply: refusal }
  const envelope = { sender: sender ? addressOf(sender) : '', parameters, recipients: [] }
  return { state: { at: 'envelope', client: state.client, envelope }, reply: replies.senderOk }
}

function onRcpt(state: Exclude<SessionState, { at: 'closed' }>, recipient: Mailbox, parameters: RcptParameters, rules: SessionRules): Step {
  if (state.at !== 'envelope') return { state, reply: replies.mailFirst }
  const { envelope } = state
  if (envelope.recipients.length >= rules.recipientsMax) return { state, reply: replies.tooManyRecipients }
  if (!recipient.ascii && !envelope.parameters.smtputf8) return { state, reply: replies.needsUtf8 }
  const address = addressOf(recipient)
  const refusal = rules.judge(address)
  if (refusal) return { state, reply: refusal }
  return { state: { ...state, envelope: { ...envelope, recipients: [...envelope.recipients, { address, parameters }] } }, reply: replies.recipientOk }
}

function ehloReply(rules: SessionRules): Reply {
  const lines: [string, ...string[]] = [rules.hostname, 'PIPELINING', `SIZE ${rules.messageOctetsMax}`, '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN']
  if (rules.canStartTls && !rules.secure) lines.push('STARTTLS')
  return reply(250, '', ...lines)
}
