// Our SMTP client (RFC 5321): hands messages to one host over one connection, several one after the
// other, and says for each recipient exactly what became of it.
//
// Promises: every recipient gets one answer: *delivered* only after a 2xx to the whole message;
// *permanent* only where the server (or the message itself) says so; *temporary* for everything else.
// A connection lost after the final dot and before its reply is temporary: twice is better than
// never. *Unanswered* means that this host has surely not taken the message, and another may be asked.
// A body that cannot be read to its end is never ended with a dot. Nothing throws for what peers do.
// It never decides when to try again, and never looks up names.
import { errorSentence } from '../base/errors.ts'
import { replySentence } from '../wire/smtp/reply.ts'
import type { Reply } from '../wire/smtp/reply.ts'
import { createByteInspector, createDataWriter } from './data-writer.ts'
import { replyLine, statusOf } from './delivery-result.ts'
import type { RecipientResult, ResultFacts } from './delivery-result.ts'
import { needsUtf8, pathFor, printMail, printRcpt } from './smtp-commands.ts'
import type { OutgoingEnvelope, OutgoingRecipient } from './smtp-commands.ts'
import type { OpenSession, SmtpTimeouts } from './smtp-open.ts'

/** Message bytes as far as sending needs them; the store's `BodySource` is one. */
export interface OutgoingBody {
  readonly sizeOctets: number
  /** At most 1 MiB at a time; shorter only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

export interface OutgoingMessage extends Omit<OutgoingEnvelope, 'sizeOctets'> {
  recipients: readonly OutgoingRecipient[]
  /** Comes before the body. */
  prefix: Uint8Array
  body: OutgoingBody
}

export type SendResult = RecipientResult | ({ end: 'unanswered' } & ResultFacts)

/** Recipients in flight before their replies are read: more could block both sides (RFC 2920 §3.1). */
const FLIGHT_MAX = 50
/** "Log in first", "TLS first" and the like (RFC 4954 §6, RFC 3207 §4): our operator can mend that, the sender of the message cannot. */
const ABOUT_US: ReadonlySet<number> = new Set([530, 534, 535, 538])
const READ_OCTETS = 256 * 1024
/** Rounds for recipients that the server had no room for in one transaction (452 after others were accepted). */
const ROUNDS_MAX = 20

type Verdict = 'accepted' | 'later' | SendResult

/** Sends one message on an open session. One result for each recipient, in order. Afterwards the session may be used again while its link `isUsable`. */
export async function sendMessage(session: OpenSession, message: OutgoingMessage, timeouts: SmtpTimeouts): Promise<SendResult[]> {
  return await new Transaction(session, message, timeouts).run()
}

class Transaction {
  readonly #session: OpenSession
  readonly #message: OutgoingMessage
  readonly #timeouts: SmtpTimeouts
  readonly #results: (SendResult | undefined)[]
  #paths: string[] = []
  #bodyType: OutgoingEnvelope['bodyType']
  #utf8 = false

  constructor(session: OpenSession, message: OutgoingMessage, timeouts: SmtpTimeouts) {
    this.#session = session
    this.#message = message
    this.#timeouts = timeouts
    this.#results = message.recipients.map(() => undefined)
    this.#bodyType = message.bodyType
  }

  async run(): Promise<SendResult[]> {
    const sender = await this.#prepare()
    if (sender !== undefined) {
      for (let round = 0; round < ROUNDS_MAX && this.#open().length > 0; round++) {
        const left = this.#open().length
        await this.#round(sender)
        if (this.#open().length === left) break
      }
    }
    return this.#results.map((result) => result ?? this.#ours('temporary', 'the server took no more recipients', '4.5.3'))
  }

  /** Indices of recipients without a result. */
  #open(): number[] {
    const open: number[] = []
    this.#results.forEach((result, n) => {
      if (!result) open.push(n)
    })
    return open
  }

  #everybody(result: SendResult): undefined {
    for (const n of this.#open()) this.#results[n] = result
    return undefined
  }

  #ours<E extends 'temporary' | 'permanent' | 'unanswered'>(end: E, sentence: string, status: string): { end: E } & ResultFacts {
    return { end, reply: replyLine(sentence), status, remote: this.#session.remote }
  }

  #theirs(reply: Reply, end: 'temporary' | 'permanent' = reply.code >= 500 && !ABOUT_US.has(reply.code) ? 'permanent' : 'temporary'): SendResult {
    const status = statusOf(reply.status, end === 'permanent' ? '5' : '4')
    if (reply.code === 421) {
      // RFC 5321 §3.8: it closes the channel and has taken nothing; another host may.
      this.#session.link.drop('the server said that it is closing')
      return { end: 'unanswered', reply: replyLine(replySentence(reply)), status, remote: this.#session.remote }
    }
    return { end, reply: replyLine(replySentence(reply)), status, remote: this.#session.remote }
  }

  #delivered(reply: Reply): SendResult {
    return { end: 'delivered', reply: replyLine(replySentence(reply)), status: statusOf(reply.status, '2'), remote: this.#session.remote, reportsPassedOn: this.#session.capabilities.dsn }
  }

  // ---- what the server cannot carry

  /** Decides how the message is sent here; refuses what cannot be. Gives the sender's path. */
  async #prepare(): Promise<string | undefined> {
    const { capabilities: can } = this.#session
    const { sender, recipients, smtpUtf8, body, prefix } = this.#message
    const octets = prefix.length + body.sizeOctets
    if (can.sizeOctetsMax > 0 && octets > can.sizeOctetsMax) {
      return this.#everybody(this.#ours('permanent', `the message has ${octets} octets, the server takes ${can.sizeOctetsMax}`, '5.3.4'))
    }
    const senderPath = sender === '' ? { ok: true as const, value: '' } : pathFor(sender, can)
    if (!senderPath.ok) return this.#everybody(this.#ours('permanent', `sender: ${senderPath.reason}`, senderPath.code))
    this.#paths = recipients.map(({ address }, n) => {
      const path = pathFor(address, can)
      if (path.ok) return path.value
      this.#results[n] = this.#ours('permanent', path.reason, path.code)
      return ''
    })
    this.#utf8 = smtpUtf8 || needsUtf8(sender) || recipients.some(({ address }) => needsUtf8(address))
    const binaryWay = can.binaryMime && can.chunking
    const mustLook = (this.#bodyType === 'BINARYMIME' && !binaryWay) || (smtpUtf8 && !can.smtpUtf8)
    if (!mustLook) return senderPath.value

    const inspector = createByteInspector()
    try {
      inspector.look(prefix)
      for (let at = 0; at < body.sizeOctets; at += READ_OCTETS) inspector.look(await body.read(at, READ_OCTETS))
    } catch (error) {
      return this.#everybody(this.#ours('temporary', `the message cannot be read: ${errorSentence(error)}`, '4.3.0'))
    }
    const found = inspector.findings()
    // X.6.9: a header in UTF-8 that the next server cannot take (RFC 6531 §3.5).
    if (smtpUtf8 && !can.smtpUtf8 && found.headerUtf8) return this.#everybody(this.#ours('permanent', 'the header is not in ASCII and the next server does not offer SMTPUTF8', '5.6.9'))
    if (this.#bodyType === 'BINARYMIME' && !binaryWay) {
      // RFC 3030 §3: not to be sent as if it were text. What is text in truth may go as such.
      if (found.binary) return this.#everybody(this.#ours('permanent', 'the message is binary and the next server does not offer BINARYMIME', '5.6.3'))
      this.#bodyType = '8BITMIME'
    }
    return senderPath.value
  }

  // ---- one transaction

  async #round(sender: string): Promise<void> {
    const { link, capabilities: can } = this.#session
    const { message, timeouts } = { message: this.#message, timeouts: this.#timeouts }
    const envelope = { ...message, sizeOctets: message.prefix.length + message.body.sizeOctets }
    link.send(printMail(sender, envelope, can, { utf8: this.#utf8, bodyType: this.#bodyType }))

    const round = this.#open()
    const accepted: number[] = []
    const later: number[] = []
    let next = 0
    let mailRefused: SendResult | undefined
    const readMail = async (): Promise<boolean> => {
      const mail = await link.hear(timeouts.mailMs)
      if (!mail.ok) return this.#lost(mail.sentence)
      if (mail.reply.code >= 300) mailRefused = this.#theirs(mail.reply)
      return true
    }
    if (!can.pipelining && !(await readMail())) return
    let mailIsRead = !can.pipelining
    while (next < round.length && !mailRefused) {
      const flight = round.slice(next, next + (can.pipelining ? FLIGHT_MAX : 1))
      next += flight.length
      for (const n of flight) link.send(printRcpt(this.#paths[n]!, message.recipients[n]!, can))
      if (!mailIsRead && !(await readMail())) return
      mailIsRead = true
      for (const n of flight) {
        const heard = await link.hear(timeouts.rcptMs)
        if (!heard.ok) return void this.#lost(heard.sentence)
        if (heard.reply.code === 421) return this.#everybody(this.#theirs(heard.reply))
        if (mailRefused) continue // the answer is "no sender yet", whatever its words
        const verdict = this.#judgeRecipient(heard.reply, accepted.length)
        if (verdict === 'accepted') accepted.push(n)
        else if (verdict === 'later') later.push(n)
        else this.#results[n] = verdict
      }
    }
    if (mailRefused) {
      this.#everybody(mailRefused)
      return this.#reset()
    }
    if (accepted.length === 0) return this.#reset()
    const verdict = this.#bodyType === 'BINARYMIME' ? await this.#sendChunks() : await this.#sendData()
    for (const n of accepted) this.#results[n] = verdict
    // Those for whom there was no room wait for the next round, unless this one showed that there is no point.
    if (verdict.end !== 'delivered') for (const n of later) this.#results[n] = verdict.end === 'permanent' ? this.#ours('temporary', 'the server took no more recipients', '4.5.3') : verdict
  }

  #judgeRecipient(reply: Reply, acceptedBefore: number): Verdict {
    if (reply.code < 300) return 'accepted' // 250, and 251 "will forward" (RFC 5321 §3.4)
    // RFC 5321 §4.5.3.1.10: "too many recipients" is 452, of old 552, and both mean: some now, the rest later.
    if ((reply.code === 452 || reply.code === 552) && acceptedBefore > 0) return 'later'
    return reply.code === 552 ? this.#theirs(reply, 'temporary') : this.#theirs(reply)
  }

  /** The connection is gone before the message was handed over. */
  #lost(sentence: string): false {
    this.#everybody(this.#ours('unanswered', sentence, '4.4.2'))
    return false
  }

  async #reset(): Promise<void> {
    const { link } = this.#session
    if (!link.isUsable) return
    link.send('RSET')
    const heard = await link.hear(this.#timeouts.commandMs)
    if (heard.ok && heard.reply.code >= 300) link.quit()
  }

  // ---- the message itself

  async #sendData(): Promise<SendResult> {
    const { link } = this.#session
    link.send('DATA')
    const go = await link.hear(this.#timeouts.dataMs)
    if (!go.ok) return this.#ours('unanswered', go.sentence, '4.4.2')
    if (go.reply.code !== 354) {
      const refused = this.#theirs(go.reply)
      if (go.reply.code < 400) link.drop('the server answered DATA with nonsense')
      await this.#reset()
      return refused
    }
    const writer = createDataWriter()
    const interrupted = await this.#stream(async (chunk) => {
      for (const part of writer.write(chunk)) link.connection.write(part)
    })
    if (interrupted) return interrupted
    link.connection.write(writer.finish())
    return await this.#finalAnswer()
  }

  /** RFC 3030 §2: nothing is stuffed or converted. */
  async #sendChunks(): Promise<SendResult> {
    const { link } = this.#session
    let refused: SendResult | undefined
    const interrupted = await this.#stream(async (chunk) => {
      if (refused) return
      link.send(`BDAT ${chunk.length}`)
      link.connection.write(chunk)
      const heard = await link.hear(this.#timeouts.blockMs)
      if (!heard.ok) refused = this.#ours('unanswered', heard.sentence, '4.4.2')
      else if (heard.reply.code >= 300) refused = this.#theirs(heard.reply)
    })
    if (interrupted) return interrupted
    if (refused) {
      await this.#reset()
      return refused
    }
    link.send('BDAT 0 LAST')
    return await this.#finalAnswer()
  }

  /** Prefix and body to `take`, no faster than the peer reads. A result means that the end must not be sent. */
  async #stream(take: (chunk: Uint8Array) => Promise<void>): Promise<SendResult | undefined> {
    const { link } = this.#session
    const { prefix, body } = this.#message
    try {
      if (prefix.length > 0) await take(prefix)
      for (let at = 0; at < body.sizeOctets;) {
        const chunk = await body.read(at, READ_OCTETS)
        if (chunk.length === 0) throw new Error('the body ends too early')
        at += chunk.length
        await take(chunk)
        if (!(await link.drained(this.#timeouts.blockMs))) return await this.#hungUpEarly()
      }
      return undefined
    } catch (error) {
      link.drop('our own storage failed in the middle of the message') // without the final dot nothing is taken
      return this.#ours('temporary', `the message cannot be read: ${errorSentence(error)}`, '4.3.0')
    }
  }

  /** A server that has enough says why and hangs up before we are done: its word counts if it came. */
  async #hungUpEarly(): Promise<SendResult> {
    const heard = await this.#session.link.hear(0)
    if (heard.ok && heard.reply.code >= 400) return this.#theirs(heard.reply)
    return this.#ours('unanswered', heard.ok ? 'the server hung up in the middle of the message' : heard.sentence, '4.4.2')
  }

  async #finalAnswer(): Promise<SendResult> {
    const { link } = this.#session
    const heard = await link.hear(this.#timeouts.finalMs)
    if (!heard.ok) return this.#ours('temporary', `no answer after the end of the message: ${heard.sentence}`, '4.4.2')
    const { reply } = heard
    if (reply.code < 300) return this.#delivered(reply)
    return reply.code < 400 ? this.#ours('temporary', `unexpected answer: ${replySentence(reply)}`, '4.5.0') : this.#theirs(reply)
  }
}
