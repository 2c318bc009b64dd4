// Where IMAP transcripts are played: a real store in a temporary folder, sessions without sockets.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOfLatin1, latin1Of } from '../../../src/base/bytes.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { defaultLimits } from '../../../src/base/limits.ts'
import type { Limits } from '../../../src/base/limits.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Log } from '../../../src/base/log.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { PartTrees } from '../../../src/imap/part-trees.ts'
import type { Peer } from '../../../src/imap/peer.ts'
import { createMemoryBudget, type PeerLogins } from '../../../src/guard/guard.ts'
import type { ImapServices } from '../../../src/imap/services.ts'
import { Session } from '../../../src/imap/session.ts'
import { ViewKeeper } from '../../../src/imap/view-keeper.ts'
import { openInlineStore } from '../../../src/store/inline.ts'
import { addressKey } from '../../../src/store/store.ts'
import type { AccountId, Store } from '../../../src/store/store.ts'

export const PASSWORD = 'correct horse'

/** Complaints that end up in the log: a transcript in which there are some has failed. */
export interface Complaint { msg: string; fields: unknown }

export class ImapStage {
  readonly store: Store
  readonly folder: string
  readonly complaints: Complaint[] = []
  readonly #services: ImapServices
  readonly #close: () => Promise<void>
  #accounts = 0

  private constructor(store: Store, folder: string, close: () => Promise<void>, options: { limits?: Partial<Limits>; mayComplain?: boolean }) {
    this.store = store
    this.folder = folder
    this.#close = close
    const log: Log = { ...silentLog, error: (msg, fields) => this.complaints.push({ msg, fields }), with: () => log }
    const logins: PeerLogins = {
      plain: async (user, password) => {
        const account = store.directory.accountByKey(addressKey(user))
        return account && password === PASSWORD ? { end: account.suspended ? 'suspended' : 'in', account } as never : { end: 'refused' }
      },
      scram: () => ({ iterations: 4096, salt: new Uint8Array(16), storedKey: new Uint8Array(32), serverKey: new Uint8Array(32) }),
      account: () => ({ end: 'refused' }),
      wrongProof: () => Promise.resolve(),
    }
    this.#services = {
      store, logins, clock: systemClock, random: systemRandom, log, limits: { ...defaultLimits, ...options.limits }, plaintextLogin: 'loopback', scram: false,
      version: 'test', views: new ViewKeeper(store), trees: new PartTrees(), memory: createMemoryBudget(64 * 1024 * 1024),
    }
  }

  static async open(options: { limits?: Partial<Limits> } = {}): Promise<ImapStage> {
    const folder = mkdtempSync(join(tmpdir(), 'daruma-imap-'))
    const opened = await openInlineStore({ dataDirectory: folder, clock: systemClock, random: systemRandom, segmentSizeOctets: 4 * 1024 * 1024 })
    if (!opened.ok) throw new Error(opened.reason)
    const { store, close } = opened.value
    await store.submitDirectory({ kind: 'domain-add', name: 'example.org' })
    return new ImapStage(store, folder, async () => {
      await close()
      rmSync(folder, { recursive: true, force: true })
    }, options)
  }

  async close(): Promise<void> {
    this.#services.views.close()
    await this.#close()
  }

  /** A new account; returns its address. */
  async account(): Promise<{ account: AccountId; address: string }> {
    const account = await this.store.nextAccountId()
    const address = `user${++this.#accounts}@example.org`
    const outcome = await this.store.submitDirectory({
      kind: 'account-add', account, address, addressKey: addressKey(address), credential: { argon2: '', scram: null }, octetsMax: null,
      mailboxes: [{ name: 'INBOX', role: 'inbox' }, { name: 'Drafts', role: 'drafts' }, { name: 'Sent', role: 'sent' }, { name: 'Junk', role: 'junk' }, { name: 'Trash', role: 'trash' }],
    })
    if (outcome.end !== 'done') throw new Error(outcome.reason)
    await this.store.ready(account)
    return { account, address }
  }

  /** `slow`: a client that takes nothing until it is let in. */
  connect(options: { slow?: boolean; startTls?: boolean } = {}): FakeClient {
    return new FakeClient(this.#services, options)
  }
}

/** The far end of a session. */
export class FakeClient {
  readonly session: Session
  #text = ''
  #waiting: (() => void) | undefined
  ended = false

  writtenOctets = 0
  paused = false
  #drains: ((open: boolean) => void)[] = []
  #credit: number

  constructor(services: ImapServices, options: { slow?: boolean; startTls?: boolean }) {
    this.#credit = options.slow ? 0 : Number.POSITIVE_INFINITY
    let secure = false
    const peer: Peer = {
      // With TLS to be had, the peer is somebody from outside, who may log in only after it.
      remoteAddress: options.startTls ? '192.0.2.1' : '127.0.0.1',
      get secure() {
        return secure
      },
      get canStartTls() {
        return options.startTls === true && !secure
      },
      isOpen: true,
      write: (bytes) => {
        this.#text += latin1Of(bytes)
        this.writtenOctets += bytes.length
        this.#waiting?.()
      },
      drained: () => {
        if (this.#credit > 0) {
          this.#credit -= 1
          return Promise.resolve(true)
        }
        return new Promise((resolve) => this.#drains.push(resolve))
      },
      pause: () => {
        this.paused = true
      },
      resume: () => {
        this.paused = false
      },
      setIdle: () => undefined,
      startTls: async () => {
        secure = true
        return true
      },
      channelBindings: () => new Map(),
      end: () => {
        this.ended = true
        this.#waiting?.()
      },
    }
    this.session = new Session(services, peer)
    this.session.greet()
  }

  /** Takes so many more writes. */
  letIn(count: number): void {
    this.#credit += count
    for (const resolve of this.#drains.splice(0)) resolve(true)
  }

  send(text: string, bytewise = false): void {
    const bytes = bytesOfLatin1(text)
    if (!bytewise) this.session.receive(bytes)
    else for (const byte of bytes) this.session.receive(Uint8Array.of(byte))
  }

  /** The next line without its end; rejects when none comes. */
  async line(): Promise<string> {
    const deadline = systemClock.monotonicMs() + 10_000
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return line
      }
      if (this.ended) throw new Error('the session has ended')
      const left = deadline - systemClock.monotonicMs()
      if (left <= 0) throw new Error(`no line came${this.#text ? `, only "${this.#text}"` : ''}`)
      await new Promise<void>((resolve) => {
        const cancel = systemClock.after(left, resolve)
        this.#waiting = () => {
          cancel()
          resolve()
        }
      })
    }
  }

  /** So many octets, whatever they are. */
  async octets(count: number): Promise<string> {
    while (this.#text.length < count) await new Promise((resolve) => setImmediate(resolve))
    const octets = this.#text.slice(0, count)
    this.#text = this.#text.slice(count)
    return octets
  }

  /** Puts a line back. */
  unread(line: string): void {
    this.#text = `${line}\r\n${this.#text}`
  }

  /** Looks at the next line if it is there already. */
  peek(): string | undefined {
    const end = this.#text.indexOf('\r\n')
    return end >= 0 ? this.#text.slice(0, end) : undefined
  }

  clear(): void {
    this.#text = ''
  }

  get leftOver(): string {
    return this.#text
  }

  /** Sends one command and gives its untagged lines and its answer. */
  async command(tag: string, text: string): Promise<{ untagged: string[]; answer: string }> {
    this.send(`${tag} ${text}\r\n`)
    const untagged: string[] = []
    for (;;) {
      const line = await this.line()
      if (line.startsWith(`${tag} `)) return { untagged, answer: line.slice(tag.length + 1) }
      untagged.push(line)
    }
  }
}
