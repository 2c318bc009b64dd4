// Carries batches to one destination by SMTP: finds its hosts, opens a session with the first that
// answers, and keeps that session for the batches that follow. A recipient who got no answer because
// the connection broke before the message was handed over is offered to the next host; whoever got
// an answer, of whatever kind, is not. When no host could be opened at all, it says `unreachable`.
import { bytesOfLatin1 } from '../base/bytes.ts'
import { errorSentence } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { RecipientResult } from '../clients/delivery-result.ts'
import { openSmtp, printRemote } from '../clients/smtp-open.ts'
import type { OpenFailure, OpenSession, SmtpTimeouts } from '../clients/smtp-open.ts'
import { sendMessage } from '../clients/smtp.ts'
import type { OutgoingMessage, SendResult } from '../clients/smtp.ts'
import type { Sweeper } from '../net/sweeper.ts'
import type { BodySource, Store, WorkRow } from '../store/store.ts'
import type { Courier, Delivery } from './attempt.ts'
import type { Hop, Hops } from './hops.ts'
import type { Route } from './route.ts'
import type { UnreachableHosts } from './unreachable-hosts.ts'

export interface CourierOptions {
  store: Pick<Store, 'openBody'>
  log: Log
  sweeper: Sweeper
  timeouts: SmtpTimeouts
  helloName: string
  /** PEM of roots to trust instead of the system's. */
  rootsPem?: string
  findHops: (route: Route) => Promise<Hops>
  unreachableHosts: UnreachableHosts
  signal: AbortSignal
}

/** Hosts that may break off in the middle before an attempt is called one. */
const SESSIONS_PER_ATTEMPT_MAX = 3
/** Servers tire of long sessions; many end them at 100 messages. */
const MESSAGES_PER_SESSION_MAX = 100

export function openSmtpCourier(route: Route, options: CourierOptions): Courier {
  let kept: { session: OpenSession; messages: number } | undefined

  /** Sends on a session to those of `works` that have no answer yet. */
  async function send(session: OpenSession, works: readonly WorkRow[], answers: (RecipientResult | undefined)[], body: BodySource): Promise<SendResult | undefined> {
    const left = works.flatMap((work, n) => (answers[n] ? [] : [{ work, n }]))
    const first = left[0]
    if (!first) return undefined
    let unanswered: SendResult | undefined
    const results = await sendMessage(session, messageFor(first.work, left.map(({ work }) => work), body), options.timeouts)
    results.forEach((result, at) => {
      if (result.end === 'unanswered') unanswered = result
      else answers[left[at]!.n] = result
    })
    return unanswered
  }

  async function deliver(works: readonly WorkRow[]): Promise<Delivery> {
    const first = works[0]
    if (!first) return { results: [], unreachable: false }
    let body: BodySource
    try {
      body = await options.store.openBody(first.id.arrival)
    } catch (error) {
      options.log.error('a message that is to go out cannot be read', { error: errorSentence(error), arrival: first.id.arrival })
      return { results: works.map(() => ({ end: 'temporary', reply: 'the message cannot be read here for now', status: '4.3.0', remote: '' })), unreachable: false }
    }
    try {
      return await deliverBody(works, body)
    } finally {
      body.close()
    }
  }

  async function deliverBody(works: readonly WorkRow[], body: BodySource): Promise<Delivery> {
    const answers: (RecipientResult | undefined)[] = works.map(() => undefined)
    let reached = false
    let last: RecipientResult | undefined
    if (kept?.session.link.isUsable) {
      reached = true
      kept.messages++
      const unanswered = await send(kept.session, works, answers, body)
      if (unanswered) last = { ...unanswered, end: 'temporary' }
    }
    letGoUnlessGood()
    if (answers.every((answer) => answer)) return delivered(answers)

    const found = await options.findHops(route)
    if (!found.ok) return { results: answers.map((answer) => answer ?? found.result), unreachable: !reached && found.result.end === 'temporary' }
    let sessions = 0
    let onlyRefusals = true
    for (const hop of found.hops) {
      if (sessions >= SESSIONS_PER_ATTEMPT_MAX || options.signal.aborted) break
      const opened = await open(hop)
      if ('failure' in opened) {
        onlyRefusals &&= opened.failure.permanent
        last = { end: 'temporary', reply: opened.failure.reply, status: opened.failure.status, remote: printRemote(hop) }
        continue
      }
      sessions++
      reached = true
      onlyRefusals = false
      kept = { session: opened.session, messages: 1 }
      const unanswered = await send(opened.session, works, answers, body)
      letGoUnlessGood()
      if (!unanswered) return delivered(answers)
      last = { ...unanswered, end: 'temporary' }
    }
    // Every host that there is has said 5xx before we could say anything: that is the destination's word.
    const rest: RecipientResult = last && onlyRefusals && found.hops.length > 0 && !reached ? { ...last, end: 'permanent' }
      : last ?? { end: 'temporary', reply: 'given up: the server is stopping', status: '4.3.2', remote: '' }
    return { results: answers.map((answer) => answer ?? rest), unreachable: !reached && !options.signal.aborted }
  }

  async function open(hop: Hop): Promise<{ session: OpenSession } | { failure: OpenFailure }> {
    const silent = options.unreachableHosts.recall(hop)
    if (silent !== undefined) return { failure: { at: 'connect', permanent: false, reply: silent, status: '4.4.1' } }
    const { sweeper, timeouts, helloName, rootsPem, signal } = options
    const opened = await openSmtp({
      ...hop, helloName, sweeper, timeouts, signal, tls: route.tls,
      ...(route.kind === 'host' ? { implicitTls: route.implicitTls, ...(route.login ? { login: route.login } : {}) } : {}),
      ...(rootsPem === undefined ? {} : { rootsPem }),
    })
    if (opened.ok) return { session: opened.session }
    if (opened.failure.at === 'connect' && !signal.aborted) options.unreachableHosts.note(hop, opened.failure.reply)
    options.log.debug('a mail host could not be used', { host: hop.host, address: hop.address, port: hop.port, at: opened.failure.at, reply: opened.failure.reply })
    return { failure: opened.failure }
  }

  function letGoUnlessGood(): void {
    if (!kept) return
    const { link } = kept.session
    if (link.isUsable && kept.messages < MESSAGES_PER_SESSION_MAX) return
    if (link.isUsable) link.quit()
    kept = undefined
  }

  // What the process no longer waits for is let go at once, wherever it stands.
  const onAbort = () => kept?.session.link.drop('given up: the server is stopping')
  options.signal.addEventListener('abort', onAbort, { once: true })

  return {
    deliver,
    async close() {
      options.signal.removeEventListener('abort', onAbort)
      if (kept?.session.link.isUsable) kept.session.link.quit()
      kept = undefined
    },
  }
}

function delivered(answers: readonly (RecipientResult | undefined)[]): Delivery {
  return { results: answers.map((answer) => answer!), unreachable: false }
}

function messageFor(first: WorkRow, works: readonly WorkRow[], body: BodySource): OutgoingMessage {
  return {
    sender: first.sender,
    recipients: works.map((work) => ({ address: work.recipient, ...(work.notify === null ? {} : { notify: work.notify }), ...(work.orcpt === null ? {} : { orcpt: work.orcpt }) })),
    smtpUtf8: first.smtputf8,
    bodyType: first.bodyType,
    ...(first.ret === null ? {} : { ret: first.ret }),
    ...(first.envid === null ? {} : { envid: first.envid }),
    prefix: bytesOfLatin1(first.relayPrefix),
    body,
  }
}
