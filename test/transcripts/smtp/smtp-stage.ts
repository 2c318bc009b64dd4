// Where SMTP transcripts are played: a real store in a temporary folder, real intake and logins, a clock
// moved by hand, sessions without sockets, and a store that can be told to fail.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { latin1Of } from '../../../src/base/bytes.ts'
import { FakeClock, systemClock } from '../../../src/base/clock.ts'
import { Outage } from '../../../src/base/errors.ts'
import { defaultLimits, type Limits } from '../../../src/base/limits.ts'
import { silentLog, type Log } from '../../../src/base/log.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { createLoginJudge, createMemoryBudget } from '../../../src/guard/guard.ts'
import { createIntake } from '../../../src/intake/intake.ts'
import { Conversation, type SmtpServices } from '../../../src/smtp/conversation.ts'
import { replies } from '../../../src/smtp/replies.ts'
import type { PeerTls, SmtpPeer } from '../../../src/smtp/peer.ts'
import type { SmtpDoorKind } from '../../../src/smtp/standing.ts'
import { openInlineStore } from '../../../src/store/inline.ts'
import { ReplyUnknown, addressKey, makeCredential, type AccountId, type Store } from '../../../src/store/store.ts'

export const PASSWORD = 'correct horse'
const ACCOUNTS: [address: string, octetsMax: number | null][] = [
  ['user@example.org', null], ['other@example.org', null], ['full@example.org', 10], ['suspended@example.org', null], ['taro..yamada.@example.org', null], ['山田@例え.example', null],
]
const ALIASES: [address: string, targets: string[]][] = [
  ['list@example.org', ['user@example.org', 'other@example.org']], ['both@example.org', ['LIST@example.org', 'full@example.org']],
  ['away@example.org', ['far@elsewhere.example']], ['here-and-away@example.org', ['user@example.org', 'far@elsewhere.example']],
  ['loop-a@example.org', ['loop-b@example.org']], ['loop-b@example.org', ['loop-a@example.org']], ['sales@example.org', ['user@example.org']],
]

/** What the next `accept` does instead of its work. */
export type Fault = 'disk-full' | 'unknown' | 'hang' | 'dead'

export class SmtpStage {
  readonly store: Store
  readonly clock = new FakeClock()
  readonly complaints: unknown[] = []
  limits: Limits = defaultLimits
  plaintextLogin: 'never' | 'loopback' = 'never'
  fault: Fault | undefined
  admission: 'disk-full' | 'lag' | 'stopping' | undefined
  readonly #close: () => Promise<void>
  readonly #accounts = new Map<string, AccountId>()
  #accepted: Promise<unknown>[] = []

  private constructor(store: Store, close: () => Promise<void>) {
    this.store = store
    this.#close = close
  }

  static async open(): Promise<SmtpStage> {
    const folder = mkdtempSync(join(tmpdir(), 'daruma-smtp-'))
    const opened = await openInlineStore({ dataDirectory: folder, clock: systemClock, random: systemRandom, segmentSizeOctets: 4 * 1024 * 1024 })
    if (!opened.ok) throw new Error(opened.reason)
    const { store, close } = opened.value
    const stage = new SmtpStage(store, async () => {
      await close()
      rmSync(folder, { recursive: true, force: true })
    })
    await store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
    await store.submitDirectory({ kind: 'domain-add', name: '例え.example' })
    await store.submitDirectory({ kind: 'domain-add', name: 'catch.example', catchAll: 'other@example.org' })
    const credential = await makeCredential(PASSWORD, { random: systemRandom, scram: true })
    for (const [address, octetsMax] of ACCOUNTS) {
      const account = await store.nextAccountId()
      stage.#accounts.set(address, account)
      await store.submitDirectory({ kind: 'account-add', account, address, addressKey: addressKey(address), credential, octetsMax, mailboxes: [{ name: 'INBOX', role: 'inbox' }] })
      await store.ready(account)
    }
    await store.submitDirectory({ kind: 'account-suspend', account: stage.#accounts.get('suspended@example.org') as AccountId, suspended: true })
    for (const [address, targets] of ALIASES) await store.submitDirectory({ kind: 'alias-add', address, addressKey: addressKey(address), targets })
    return stage
  }

  async close(): Promise<void> {
    await this.#close()
  }

  /** As the server builds it, with what the transcript has set; the same for all sessions until that changes. */
  #services(): SmtpServices {
    const key = JSON.stringify([this.limits, this.plaintextLogin])
    if (this.#built?.key !== key) this.#built = { key, services: this.#build() }
    return this.#built.services
  }
  #built: { key: string; services: SmtpServices } | undefined

  #build(): SmtpServices {
    const { store, clock, limits, plaintextLogin } = this
    const log: Log = { ...silentLog, error: (msg, fields) => this.complaints.push({ msg, fields }), with: () => log }
    const intake = createIntake({
      store: {
        directory: store.directory,
        admission: (octets) => (this.admission ? { admit: false, because: this.admission } : store.admission(octets)),
        accept: (meta, body) => this.#accept(meta, body),
        largeWriter: () => store.largeWriter(),
      },
      clock, random: systemRandom, log, limits, memory: createMemoryBudget(limits.memory_message_octets_max), hostname: 'mx.example.org',
      delivery: { subaddressSeparator: '+', postmaster: undefined }, receivedShowsClient: false,
    })
    return { farewell: { reply: replies.goingAway }, intake, logins: { ...createLoginJudge({ directory: store.directory, clock, random: systemRandom, decoyKey: new Uint8Array(32) }), wrongProof: () => Promise.resolve() }, clock, random: systemRandom, log, limits, hostname: 'mx.example.org', plaintextLogin, scram: true }
  }

  #accept(...[meta, body]: Parameters<Store['accept']>): ReturnType<Store['accept']> {
    const fault = this.fault
    this.fault = undefined
    switch (fault) {
      case 'disk-full': return Promise.reject(new Outage('the journal disk is full', { operation: 'append', code: 'ENOSPC' }))
      case 'dead': return Promise.reject(new Outage('the journal has failed', { operation: 'append', code: 'EIO' }))
      case 'unknown': return Promise.reject(new ReplyUnknown('the journal thread is gone'))
      case 'hang': return new Promise(() => {})
      case undefined: {
        const accepted = this.store.accept(meta, body)
        this.#accepted.push(accepted)
        return accepted
      }
    }
  }

  /** Everything that was accepted is in the mailboxes. */
  async #applied(account: AccountId): Promise<void> {
    await Promise.all(this.#accepted)
    this.#accepted = []
    // A change of the account is answered when it is applied, and is applied in order.
    await this.store.submit(account, { kind: 'subscribe', name: 'INBOX', on: true })
  }

  /** All messages of an account's INBOX as clients see them. */
  async inbox(address: string): Promise<string[]> {
    const account = this.#accounts.get(address)
    if (account === undefined) throw new Error(`no account ${address}`)
    await this.#applied(account)
    const reader = this.store.account(account)
    const mailbox = await reader.mailboxByName('INBOX')
    if (!mailbox) throw new Error('no INBOX')
    const view = await reader.viewPage(mailbox.mailbox, 0, 2000)
    const messages: string[] = []
    for (const row of await reader.messages(mailbox.mailbox, view.map(({ uid }) => uid))) {
      const body = await this.store.openBody(row.message)
      let text = latin1Of(row.prefix)
      for (let at = 0; at < body.sizeOctets;) {
        const part = await body.read(at, 1024 * 1024)
        text += latin1Of(part)
        at += part.length
      }
      body.close()
      messages.push(text)
    }
    return messages
  }

  async outbound(): Promise<string[]> {
    await Promise.all(this.#accepted)
    const [account] = this.#accounts.values()
    await this.#applied(account as AccountId)
    await this.store.submitQueue({ kind: 'work-retry', works: [], dueMs: 0 })
    return (await this.store.queue.list(1000)).map((work) => `${work.sender}>${work.recipient} ${work.notify ?? '-'} ${work.orcpt ?? '-'} ${work.ret ?? '-'} ${work.envid ?? '-'} ${work.bodyType}`)
  }

  connect(kind: SmtpDoorKind, options: { address: string; tls: boolean }): FakeSmtpClient {
    return new FakeSmtpClient(this.#services(), kind, options)
  }
}

export const exporterData = createHash('sha256').update('this channel').digest()

const fakeTls: PeerTls = {
  protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bindings: () => ['tls-exporter'], channelBinding: (name) => (name === 'tls-exporter' ? exporterData : undefined),
}

/** The far end of a session. */
export class FakeSmtpClient {
  readonly conversation: Conversation
  ended = false
  /** The connection was cut without a word. */
  destroyed = false
  /** Octets that "arrive" between the reply to STARTTLS and the handshake. */
  injectedOctets = 0
  idleMs = 0
  /** How many writes there were: a batch of replies is one. */
  writes = 0
  #text = ''
  #tls: PeerTls | undefined
  #consumer: Parameters<SmtpPeer['receive']>[0] | undefined
  #waiting: (() => void) | undefined
  #turn = false

  constructor(services: SmtpServices, kind: SmtpDoorKind, options: { address: string; tls: boolean }) {
    if (options.tls) this.#tls = fakeTls
    const seen = {
      isOpen: { get: () => !this.ended && !this.destroyed },
      tls: { get: () => this.#tls },
      canStartTls: { get: () => this.#tls === undefined },
    }
    const said: Omit<SmtpPeer, keyof typeof seen> = {
      remoteAddress: options.address,
      receive: (consumer) => {
        this.#consumer = consumer
      },
      pause() {},
      resume() {},
      write: (text) => {
        if (this.ended || this.destroyed) return
        if (!this.#turn) {
          this.#turn = true
          this.writes += 1
          setImmediate(() => {
            this.#turn = false
          })
        }
        this.#text += Buffer.from(text).toString('latin1')
        this.#waiting?.()
      },
      setIdle: (ms) => {
        this.idleMs = ms
      },
      startTls: () => {
        this.#tls = fakeTls
        return Promise.resolve({ ok: true, discardedOctets: this.injectedOctets + (this.#consumer?.discard?.() ?? 0) })
      },
      end: () => {
        this.ended = true
        this.#gone()
      },
      destroy: () => {
        this.destroyed = true
        this.#gone()
      },
    }
    this.conversation = new Conversation(services, Object.defineProperties(said, seen) as SmtpPeer, kind)
    this.conversation.begin(false)
  }

  #gone(): void {
    queueMicrotask(() => {
      this.conversation.closed()
      this.#waiting?.()
    })
  }

  send(bytes: Uint8Array, bytewise: boolean): void {
    if (!bytewise) this.#consumer?.onBytes(Buffer.from(bytes))
    else for (const byte of bytes) this.#consumer?.onBytes(Buffer.from([byte]))
  }

  /** The peer ends its side. */
  finish(): void {
    this.#consumer?.onEnd?.()
  }

  /** The network ends both. */
  hangUp(): void {
    this.destroyed = true
    this.conversation.closed()
  }

  get leftOver(): string {
    return this.#text
  }

  /** Gone, one way or the other. */
  async gone(): Promise<void> {
    await this.#until(() => this.ended || this.destroyed, 'the session goes on')
  }

  async line(): Promise<string> {
    await this.#until(() => this.#text.includes('\r\n') || this.ended || this.destroyed, 'no line came')
    const end = this.#text.indexOf('\r\n')
    if (end < 0) throw new Error('the session has ended')
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 2)
    return line
  }

  unread(line: string): void {
    this.#text = `${line}\r\n${this.#text}`
  }

  async #until(holds: () => boolean, otherwise: string): Promise<void> {
    const deadline = systemClock.monotonicMs() + 10_000
    while (!holds()) {
      const left = deadline - systemClock.monotonicMs()
      if (left <= 0) throw new Error(otherwise)
      await new Promise<void>((resolve) => {
        const cancel = systemClock.after(left, resolve)
        this.#waiting = () => {
          cancel()
          resolve()
        }
      })
    }
  }
}
