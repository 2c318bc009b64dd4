// What the outside was promised, kept outside: which messages were answered with 250, which changes with a
// tagged OK, and what was in flight when the lights went out. `freeze` ends a round: an answer that comes
// afterwards does not count as a promise (PROMISES: only what was acknowledged before the cut began counts).
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

export class Ledger {
  readonly sent = new Map<string, SentMessage>()
  /** account → mailbox → UID → message. */
  readonly models = new Map<string, Map<string, MailboxModel>>()
  readonly pending = new Map<string, Change>()
  /** Everything a UID was ever seen to name: "account/mailbox/uidvalidity/uid" → message id. */
  readonly uidsSeen = new Map<string, string>()
  readonly highest = new Map<string, { uidValidity: number; uidNext: number; modseq: number }>()
  #frozen = false

  get frozen(): boolean {
    return this.#frozen
  }
  freeze(): void {
    this.#frozen = true
  }
  thaw(): void {
    this.#frozen = false
  }

  model(account: string, mailbox: string): MailboxModel {
    let mailboxes = this.models.get(account)
    if (!mailboxes) this.models.set(account, (mailboxes = new Map()))
    let model = mailboxes.get(mailbox)
    if (!model) mailboxes.set(mailbox, (model = new Map()))
    return model
  }
}

let serial = 0

/** A message of its own, with odd sizes and lines now and then, ended by CRLF. */
export function makeMessage(random: Random, prefix: string): { id: string; bytes: Uint8Array; sha256: string } {
  serial += 1
  const id = `${prefix}-${serial}`
  const size = random.int(20) === 0 ? 20_000 + random.int(200_000) : random.int(100) === 0 ? 1_200_000 + random.int(1_000_000) : 200 + random.int(6000)
  const lines = [`From: torture@sender.example`, `To: someone@test.example`, `Subject: =?UTF-8?B?${Buffer.from(`達磨 ${id}`).toString('base64')}?=`, `Message-ID: <${id}@torture.example>`, `X-Ledger: ${id}`, '']
  let octets = 0
  while (octets < size) {
    const line = random.int(30) === 0 ? '.' : Buffer.from(random.bytes(3 + random.int(50))).toString('base64')
    lines.push(line)
    octets += line.length + 2
  }
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n`)
  return { id, bytes: new Uint8Array(bytes), sha256: createHash('sha256').update(bytes).digest('hex') }
}
