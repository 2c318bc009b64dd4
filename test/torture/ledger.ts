// What the outside was promised, kept outside: which messages were answered with 250, which changes with a
// tagged OK, and what was in flight when the lights went out. `freeze` ends a round: an answer that comes
// afterwards does not count as a promise (PROMISES: only what was acknowledged before the cut began counts).
// `rest` ends the load as well, but the answers under way still count.
import { createHash } from 'node:crypto'
import type { Random } from '../../src/base/random.ts'

export interface SentMessage {
  id: string
  sha256: string
  recipients: string[]
  /** How often the final dot has left without a 250 that counts. */
  uncertain: number
  acknowledged: number
  bytes: Uint8Array
}

/** One message in a writer's mailbox. */
export interface Held {
  id: string
  flags: string
}
export type MailboxModel = Map<number, Held>

/** What a writer's change does to its mailboxes. `fresh` messages get UIDs that only the server knows before its OK. */
export interface Change {
  what: string
  /** Flags after the change, by mailbox and UID. */
  flags?: { mailbox: string; uid: number; flags: string }[]
  gone?: { mailbox: string; uid: number }[]
  fresh?: { mailbox: string; held: Held }[]
}

/** A mailbox as a client that has looked at it once remembers it. */
export interface KnownMailbox {
  uidValidity: number
  uidNext: number
  modseq: number
  messages: Map<number, KnownMessage>
}
export interface KnownMessage extends Held {
  modseq: number
  size: number
  sha256: string
}

export class Ledger {
  readonly sent = new Map<string, SentMessage>()
  /** What was handed in to go out, by id. */
  readonly submitted = new Map<string, SentMessage>()
  /** account → mailbox → UID → message. */
  readonly models = new Map<string, Map<string, MailboxModel>>()
  readonly pending = new Map<string, Change>()
  /** Everything a UID was ever seen to name: "account/mailbox/uidvalidity/uid" → message id. */
  readonly uidsSeen = new Map<string, string>()
  readonly known = new Map<string, KnownMailbox>()
  /** The highest MODSEQ that any client was told, by "account/mailbox". */
  readonly modseqTold = new Map<string, number>()
  changes = 0
  #state: 'running' | 'resting' | 'frozen' = 'running'

  /** Answers do not count any more. */
  get frozen(): boolean {
    return this.#state === 'frozen'
  }
  /** The load goes on. */
  get running(): boolean {
    return this.#state === 'running'
  }
  freeze(): void {
    this.#state = 'frozen'
  }
  rest(): void {
    if (this.#state === 'running') this.#state = 'resting'
  }
  thaw(): void {
    this.#state = 'running'
  }

  model(account: string, mailbox: string): MailboxModel {
    let mailboxes = this.models.get(account)
    if (!mailboxes) this.models.set(account, (mailboxes = new Map()))
    let model = mailboxes.get(mailbox)
    if (!model) mailboxes.set(mailbox, (model = new Map()))
    return model
  }

  noteModseq(name: string, modseq: number): void {
    if (this.frozen || !(modseq > (this.modseqTold.get(name) ?? 0))) return
    this.modseqTold.set(name, modseq)
  }

  acknowledged(): number {
    let count = 0
    for (const message of this.sent.values()) if (message.acknowledged > 0) count += 1
    return count
  }
}

let serial = 0

/** The line with which the part of a message begins that its sender wrote. */
export const fromLine = (from: string): string => `From: ${from}`

/** A message of its own, with odd sizes and lines now and then, ended by CRLF. */
export function makeMessage(random: Random, prefix: string, from = 'torture@sender.example'): { id: string; bytes: Uint8Array; sha256: string } {
  serial += 1
  const id = `${prefix}-${serial}`
  const size = random.int(20) === 0 ? 20_000 + random.int(200_000) : random.int(150) === 0 ? 1_200_000 + random.int(1_000_000) : 200 + random.int(6000)
  const lines = [
    fromLine(from), `To: someone@test.example`, `Subject: =?UTF-8?B?${Buffer.from(`達磨 ${id}`).toString('base64')}?=`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0900', `Message-ID: <${id}@torture.example>`, `X-Ledger: ${id}`, '',
  ]
  let octets = 0
  while (octets < size) {
    const line = random.int(30) === 0 ? '.' : Buffer.from(random.bytes(octets + 60_000 < size ? 700 : 3 + random.int(50))).toString('base64')
    lines.push(line)
    octets += line.length + 2
  }
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n`)
  return { id, bytes: new Uint8Array(bytes), sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Which message these bytes are, and the hash of what its sender wrote: a delivery prefix stands before that. */
export function recognise(body: Buffer): { id: string; sha256: string } {
  const at = Math.max(0, body.indexOf('From: '))
  const own = body.subarray(at)
  return { id: /^X-Ledger: (\S+)/m.exec(own.subarray(0, 1000).toString('latin1'))?.[1] ?? '?', sha256: createHash('sha256').update(own).digest('hex') }
}
