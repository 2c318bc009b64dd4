// One SMTP session as a pure machine (RFC 5321 §3, §4.1.4): state and command in; state, reply and what
// is to be done out. It touches no network and no clock, and decides nothing about addresses: the
// `rules` it is handed do (intake), from memory. What it promises is order: nothing is done in a state
// that does not carry what it needs.
//
//   fresh ──EHLO/HELO──► ready ──MAIL──► envelope ──RCPT…──DATA──► (message) ──► ready
//                          ▲                 └──BDAT──► chunks ──BDAT LAST──► ready
//                          └── RSET, EHLO, and a message that was refused, from anywhere
//   broken: a BDAT was refused and more of them are perhaps on their way; RSET ends it (RFC 3030 §2)
import { Bug } from '../base/errors.ts'
import type { Limits } from '../base/limits.ts'
import type { Envelope, EnvelopeRecipient, EnvelopeSender, Judged } from '../intake/intake.ts'
import type { Mechanism } from '../wire/sasl/sasl.ts'
import type { MailParameters, RcptParameters, SmtpCommand } from '../wire/smtp/command.ts'
import type { Mailbox } from '../wire/smtp/path.ts'
import { reply, type Reply } from '../wire/smtp/reply.ts'
import { ehloReply, helpReply, replies } from './replies.ts'

/** Who says it is there. */
export interface Client {
  name: string
  /** EHLO, not HELO. */
  isExtended: boolean
}

export type SmtpState =
  | { at: 'fresh' }
  | { at: 'ready'; client: Client }
  | { at: 'envelope'; client: Client; envelope: Envelope }
  | { at: 'chunks'; client: Client; envelope: Envelope }
  | { at: 'broken'; client: Client }
  | { at: 'closed' }

export type Effect =
  /** Read the message that follows, then answer. */
  | { do: 'data'; envelope: Envelope }
  /** Read so many octets of the message; `first`: nothing of it has come before. */
  | { do: 'chunk'; envelope: Envelope; octets: number; first: boolean; last: boolean }
  /** Read so many octets and throw them away; only then give the reply. */
  | { do: 'swallow'; octets: number; then: Reply }
  /** Of a message in chunks nothing will come. */
  | { do: 'drop-message' }
  | { do: 'start-tls' }
  | { do: 'authenticate'; mechanism: Mechanism; initial: string | undefined }
  | { do: 'close' }

export interface Step {
  state: SmtpState
  reply?: Reply
  effect?: Effect
}

export interface SessionRules {
  hostname: string
  limits: Limits
  /** Mail is taken only from those who have logged in. */
  mustLogIn: boolean
  loggedIn: boolean
  secure: boolean
  canStartTls: boolean
  /** What may be used now; empty when nobody may log in here, or not without TLS. */
  mechanisms: readonly Mechanism[]
  /** Whether this door knows logins at all. */
  knowsLogins: boolean
  /** Messages that this session may still bring. */
  messagesLeft: number
  judgeSender(client: Client, sender: Mailbox | undefined, parameters: MailParameters): Judged<EnvelopeSender>
  /** Before the octets of a message come: why they should not, now. */
  judgeMoment(client: Client, sender: EnvelopeSender): Reply | undefined
  judgeRecipient(client: Client, sender: EnvelopeSender, recipient: Mailbox, parameters: RcptParameters): Judged<EnvelopeRecipient>
}

export function step(state: SmtpState, command: SmtpCommand, rules: SessionRules): Step {
  if (state.at === 'closed') throw new Bug('a command after the end of the session')
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
      return onGreeting(state, command, rules)
    case 'MAIL':
      return onMail(state, command.sender, command.parameters, rules)
    case 'RCPT':
      return onRcpt(state, command.recipient, command.parameters, rules)
    case 'DATA':
      return onData(state, rules)
    case 'BDAT':
      return onBdat(state, command.octets, command.last, rules)
    case 'RSET':
      return ended(state, { state: reset(state), reply: replies.reset })
    case 'STARTTLS':
      return onStartTls(state, rules)
    case 'AUTH':
      return onAuth(state, command.mechanism, command.initial, rules)
    case 'NOOP':
      return { state, reply: replies.noop }
    case 'VRFY':
      return { state, reply: replies.vrfy }
    case 'EXPN':
      return { state, reply: replies.expn }
    case 'HELP':
      return { state, reply: helpReply }
    case 'QUIT':
      return { state: { at: 'closed' }, reply: replies.bye, effect: { do: 'close' } }
  }
}

function reset(state: SmtpState): SmtpState {
  return 'client' in state ? { at: 'ready', client: state.client } : { at: 'fresh' }
}

/** A step that ends a message of which chunks may have come. */
function ended(before: SmtpState, next: Step): Step {
  return before.at === 'chunks' ? { ...next, effect: { do: 'drop-message' } } : next
}

function onGreeting(state: SmtpState, command: { verb: 'EHLO' | 'HELO'; domain: string }, rules: SessionRules): Step {
  const client = { name: command.domain, isExtended: command.verb === 'EHLO' }
  // Like RSET, it ends what was under way (RFC 5321 §4.1.4).
  return ended(state, { state: { at: 'ready', client }, reply: client.isExtended ? ehloReply(rules) : reply(250, '', rules.hostname) })
}

function onMail(state: SmtpState, sender: Mailbox | undefined, parameters: MailParameters, rules: SessionRules): Step {
  switch (state.at) {
    case 'ready': {
      if (rules.mustLogIn && !rules.loggedIn) return { state, reply: rules.mechanisms.length === 0 && rules.canStartTls ? replies.startTlsFirst : replies.logInFirst }
      if (rules.messagesLeft <= 0) return { state: { at: 'closed' }, reply: replies.tooManyMessages, effect: { do: 'close' } }
      const judged = rules.judgeSender(state.client, sender, parameters)
      if (!judged.take) return { state, reply: judged.reply }
      return { state: { at: 'envelope', client: state.client, envelope: { sender: judged.value, recipients: [] } }, reply: replies.senderOk }
    }
    case 'fresh':
      return { state, reply: replies.greetFirst }
    default:
      return { state, reply: replies.messageOpen }
  }
}

function onRcpt(state: SmtpState, recipient: Mailbox, parameters: RcptParameters, rules: SessionRules): Step {
  switch (state.at) {
    case 'envelope': {
      const { sender, recipients } = state.envelope
      if (recipients.length >= rules.limits.recipients_max) return { state, reply: replies.tooManyRecipients }
      const judged = rules.judgeRecipient(state.client, sender, recipient, parameters)
      if (!judged.take) return { state, reply: judged.reply }
      return { state: { ...state, envelope: { sender, recipients: [...recipients, judged.value] } }, reply: replies.recipientOk }
    }
    case 'chunks':
    case 'broken':
      return { state, reply: replies.messageOpen }
    default:
      return { state, reply: replies.mailFirst }
  }
}

function onData(state: SmtpState, rules: SessionRules): Step {
  switch (state.at) {
    case 'envelope': {
      if (state.envelope.sender.parameters.body === 'BINARYMIME') return { state, reply: replies.bdatForBinary } // RFC 3030 §3
      if (state.envelope.recipients.length === 0) return { state, reply: replies.noRecipients } // RFC 5321 §3.3
      const putOff = rules.judgeMoment(state.client, state.envelope.sender)
      if (putOff) return { state: { at: 'ready', client: state.client }, reply: putOff }
      return { state: { at: 'ready', client: state.client }, reply: replies.startMail, effect: { do: 'data', envelope: state.envelope } }
    }
    case 'chunks':
    case 'broken':
      return { state, reply: replies.messageOpen } // RFC 3030 §2: DATA and BDAT are not mixed
    default:
      return { state, reply: replies.mailFirst }
  }
}

function onBdat(state: SmtpState, octets: number, last: boolean, rules: SessionRules): Step {
  switch (state.at) {
    case 'envelope': {
      // As with RCPT after RCPT, the state stays the same until the peer gives up: what follows is more chunks.
      if (state.envelope.recipients.length === 0) return { state, effect: { do: 'swallow', octets, then: replies.noRecipients } }
      const putOff = rules.judgeMoment(state.client, state.envelope.sender)
      if (putOff) return { state: last ? { at: 'ready', client: state.client } : { at: 'broken', client: state.client }, effect: { do: 'swallow', octets, then: putOff } }
      return chunk(state.client, state.envelope, octets, last, true)
    }
    case 'chunks':
      return chunk(state.client, state.envelope, octets, last, false)
    case 'broken':
      return { state: last ? { at: 'ready', client: state.client } : state, effect: { do: 'swallow', octets, then: replies.chunkRefused } }
    default:
      return { state, effect: { do: 'swallow', octets, then: replies.mailFirst } }
  }
}

function chunk(client: Client, envelope: Envelope, octets: number, last: boolean, first: boolean): Step {
  return { state: last ? { at: 'ready', client } : { at: 'chunks', client, envelope }, effect: { do: 'chunk', envelope, octets, first, last } }
}

function onStartTls(state: SmtpState, rules: SessionRules): Step {
  if (rules.secure) return { state, reply: replies.tlsAlready }
  if (!rules.canStartTls) return { state, reply: replies.noTls }
  if (state.at === 'fresh') return { state, reply: replies.greetFirst }
  if (state.at !== 'ready') return { state, reply: replies.messageOpen }
  return { state: { at: 'fresh' }, reply: replies.startTls, effect: { do: 'start-tls' } } // RFC 3207 §4.2: what was said before is forgotten
}

function onAuth(state: SmtpState, mechanism: string, initial: string | undefined, rules: SessionRules): Step {
  if (!rules.knowsLogins) return { state, reply: replies.noLoginsHere }
  if (state.at === 'fresh') return { state, reply: replies.greetFirst }
  if (rules.loggedIn) return { state, reply: replies.loggedInAlready } // RFC 4954 §4: once a session
  if (state.at !== 'ready') return { state, reply: replies.messageOpen }
  if (rules.mechanisms.length === 0) return { state, reply: replies.loginNeedsTls }
  const offered = rules.mechanisms.find((one) => one === mechanism)
  if (!offered) return { state, reply: replies.unknownMechanism }
  return { state, effect: { do: 'authenticate', mechanism: offered, initial } }
}
