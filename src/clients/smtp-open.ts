// Opens an SMTP session with one host: connection, greeting, EHLO (or HELO), TLS by policy, login.
//
// TLS `opportunistic` is used when it works: a failed handshake is followed by a new connection in
// clear (between strangers encryption without proof beats plain text, and plain text beats no mail,
// RFC 7435). `required` and `verified` never fall back. A password is said under TLS only, or to a
// server on this very machine. Failing to open is an answer with a word for where it happened;
// a refused login is temporary, since only the operator can mend it.
import { isIP } from 'node:net'
import type { Connection } from '../net/connection.ts'
import { opportunisticTls, verifiedTls } from '../net/client-tls.ts'
import { dial } from '../net/dial.ts'
import type { Sweeper } from '../net/sweeper.ts'
import { replySentence } from '../wire/smtp/reply.ts'
import type { Reply } from '../wire/smtp/reply.ts'
import { replyLine, statusOf } from './delivery-result.ts'
import { noCapabilities, parseCapabilities } from './smtp-capabilities.ts'
import type { SmtpCapabilities } from './smtp-capabilities.ts'
import { SmtpLink } from './smtp-link.ts'

/** `opportunistic`: TLS when it works, else in clear. `required`: TLS, any certificate. `verified`: TLS with a certificate for the host's name. */
export type TlsPolicy = 'opportunistic' | 'required' | 'verified' | 'never'

export interface SmtpLogin {
  user: string
  password: string
}

export interface OpenOptions {
  /** The host as named in MX or config: for TLS and for people. */
  host: string
  /** Its IP address. */
  address: string
  port: number
  /** How we introduce ourselves. */
  helloName: string
  tls: TlsPolicy
  /** TLS from the first byte (RFC 8314). */
  implicitTls?: boolean
  /** PEM of roots to trust instead of the system's. */
  rootsPem?: string
  login?: SmtpLogin
  sweeper: Sweeper
  timeouts: SmtpTimeouts
  signal: AbortSignal
}

/** RFC 5321 §4.5.3.2, in milliseconds. */
export interface SmtpTimeouts {
  connectMs: number
  greetingMs: number
  commandMs: number
  mailMs: number
  rcptMs: number
  dataMs: number
  blockMs: number
  finalMs: number
}

export const standardTimeouts: SmtpTimeouts = {
  connectMs: 30_000,
  greetingMs: 5 * 60_000,
  commandMs: 5 * 60_000,
  mailMs: 5 * 60_000,
  rcptMs: 5 * 60_000,
  dataMs: 2 * 60_000,
  blockMs: 3 * 60_000,
  finalMs: 10 * 60_000,
}

export interface OpenFailure {
  at: 'connect' | 'greeting' | 'hello' | 'tls' | 'login'
  /** The server itself said 5xx. Whether that is the last word is for the caller: another host may take the mail. */
  permanent: boolean
  reply: string
  status: string
}

export interface OpenSession {
  link: SmtpLink
  capabilities: SmtpCapabilities
  /** "mx.example.org [192.0.2.1]:25" */
  remote: string
}

export type Opened = { ok: true; session: OpenSession } | { ok: false; failure: OpenFailure }

export function printRemote({ host, address, port }: Pick<OpenOptions, 'host' | 'address' | 'port'>): string {
  return isIP(host) === 0 ? `${host} [${address}]:${port}` : `[${address}]:${port}`
}

export async function openSmtp(options: OpenOptions): Promise<Opened> {
  const { address, port, sweeper, timeouts, signal } = options
  const dialled = await dial({ host: address, port, sweeper, timeoutMs: timeouts.connectMs, signal })
  if (!dialled.ok) return failed('connect', dialled.reason)
  const link = new SmtpLink(dialled.value, sweeper)
  const onAbort = () => link.drop('given up: the server is stopping')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const opened = await introduce(link, options)
    if (!opened.ok) {
      if (link.isUsable) link.quit()
      if (opened.failure.at === 'tls' && options.tls === 'opportunistic' && !options.implicitTls && !signal.aborted) return await openSmtp({ ...options, tls: 'never' })
    }
    return opened
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function introduce(link: SmtpLink, options: OpenOptions): Promise<Opened> {
  const { timeouts, tls } = options
  if (options.implicitTls) {
    const problem = await secure(link.connection, options)
    if (problem) return failed('tls', problem)
  }
  const greeting = await link.hear(timeouts.greetingMs)
  if (!greeting.ok) return failed('greeting', greeting.sentence)
  if (greeting.reply.code !== 220) return refused('greeting', greeting.reply)

  let hello = await sayHello(link, options)
  if (!hello.ok) return hello
  if (tls !== 'never' && !options.implicitTls) {
    const started = hello.capabilities.startTls ? await startTls(link, options) : 'not offered'
    if (typeof started !== 'string') return started
    if (started !== 'started' && tls !== 'opportunistic') return failed('tls', `TLS is required here, but the server does not offer it`, '4.7.4')
    if (started === 'started') {
      hello = await sayHello(link, options) // RFC 3207 §4.2: what was said before counts no more
      // Gone right after the handshake: a server whose TLS is broken, to an opportunist.
      if (!hello.ok) return hello.failure.permanent ? hello : { ok: false, failure: { ...hello.failure, at: 'tls' } }
    }
  }
  if (options.login) {
    const problem = await logIn(link, hello.capabilities, options.login, timeouts)
    if (problem) return problem
  }
  return { ok: true, session: { link, capabilities: hello.capabilities, remote: printRemote(options) } }
}

type Hello = { ok: true; capabilities: SmtpCapabilities } | { ok: false; failure: OpenFailure }

async function sayHello(link: SmtpLink, { helloName, timeouts }: OpenOptions): Promise<Hello> {
  link.send(`EHLO ${helloName}`)
  const ehlo = await link.hear(timeouts.commandMs)
  if (!ehlo.ok) return failed('hello', ehlo.sentence)
  if (ehlo.reply.code < 300) return { ok: true, capabilities: parseCapabilities(ehlo.reply.lines) }
  if (ehlo.reply.code < 500) return refused('hello', ehlo.reply)
  link.send(`HELO ${helloName}`) // RFC 5321 §3.2: a server that knows no EHLO
  const helo = await link.hear(timeouts.commandMs)
  if (!helo.ok) return failed('hello', helo.sentence)
  return helo.reply.code < 300 ? { ok: true, capabilities: noCapabilities } : refused('hello', helo.reply)
}

async function startTls(link: SmtpLink, options: OpenOptions): Promise<'started' | 'not offered' | Opened & { ok: false }> {
  link.send('STARTTLS')
  const reply = await link.hear(options.timeouts.commandMs)
  if (!reply.ok) return failed('tls', reply.sentence)
  if (reply.reply.code !== 220) return 'not offered' // RFC 3207 §4: 454, TLS not available for a moment
  const problem = await secure(link.connection, options)
  return problem ? failed('tls', problem, '4.7.5') : 'started'
}

async function secure(connection: Connection, { host, tls, rootsPem }: OpenOptions): Promise<string | undefined> {
  const wishes = { peerName: host, ...(rootsPem === undefined ? {} : { rootsPem }) }
  const started = await connection.startTls({ as: 'client', tls: tls === 'verified' ? verifiedTls(wishes) : opportunisticTls(wishes) })
  return started.ok ? undefined : started.reason
}

async function logIn(link: SmtpLink, { auth }: SmtpCapabilities, { user, password }: SmtpLogin, { commandMs }: SmtpTimeouts): Promise<Opened & { ok: false } | undefined> {
  const { tls, remoteAddress } = link.connection
  if (!tls && remoteAddress !== '::1' && !remoteAddress.startsWith('127.')) return failed('login', 'the password is not sent without TLS', '4.7.11')
  const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64')
  const steps = auth.includes('PLAIN') ? [`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`] // RFC 4616
    : auth.includes('LOGIN') ? ['AUTH LOGIN', base64(user), base64(password)]
    : undefined
  if (!steps) return failed('login', `the server offers no login that we know (it has: ${auth.join(' ') || 'none'})`, '4.7.0')
  for (const [n, step] of steps.entries()) {
    link.send(step)
    const reply = await link.hear(commandMs)
    if (!reply.ok) return failed('login', reply.sentence)
    const { code } = reply.reply
    if (code === 235) return undefined
    if (code !== 334 || n === steps.length - 1) {
      return failed('login', `login refused: ${replySentence(reply.reply)}`, '4.7.8')
    }
  }
  return failed('login', 'the login came to no end')
}

function failed(at: OpenFailure['at'], sentence: string, status = '4.4.2'): Opened & { ok: false } {
  return { ok: false, failure: { at, permanent: false, reply: replyLine(sentence), status: at === 'connect' ? '4.4.1' : status } }
}

function refused(at: OpenFailure['at'], reply: Reply): Opened & { ok: false } {
  return { ok: false, failure: { at, permanent: reply.code >= 500, reply: replyLine(replySentence(reply)), status: statusOf(reply.status, reply.code >= 500 ? '5' : '4') } }
}
