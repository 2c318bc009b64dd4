// After each restart: is everything there that was promised, whole, once, under its own UID?
import { createHash } from 'node:crypto'
import { RawImap, fetchItems } from '../harness/raw-imap.ts'
import type { Change, Held, Ledger, MailboxModel } from './ledger.ts'

interface Found extends Held {
  sha256: string
  size: number
}

interface MailboxState {
  uidValidity: number
  uidNext: number
  modseq: number
  messages: Map<number, Found>
}

export interface VerifyOptions {
  ledger: Ledger
  imapPort: number
  password: string
  /** Accounts that senders send to. */
  recipients: readonly string[]
  /** Accounts that writers write to. */
  writers: readonly string[]
}

/** Findings; none is what we want. Afterwards the ledger holds what is really there. */
export async function verify(options: VerifyOptions): Promise<string[]> {
  const findings: string[] = []
  const say = (sentence: string): undefined => void findings.push(sentence)
  const copies = new Map<string, number>()
  for (const account of options.recipients) {
    const state = await readMailbox(options, account, 'INBOX').catch((error: unknown) => say(`${account}/INBOX: ${String(error)}`))
    if (!state) continue
    for (const [uid, found] of state.messages) {
      const key = `${account} ${found.id}`
      copies.set(key, (copies.get(key) ?? 0) + 1)
      const sent = options.ledger.sent.get(found.id)
      if (!sent) say(`${account} UID ${uid}: message ${found.id} was never sent`)
      else if (sent.sha256 !== found.sha256) say(`${account} UID ${uid}: ${found.id} is not whole`)
    }
    checkIdentity(options.ledger, account, 'INBOX', state, say)
  }
  for (const message of options.ledger.sent.values()) {
    for (const recipient of message.recipients) {
      const count = copies.get(`${recipient} ${message.id}`) ?? 0
      if (message.acknowledged > 0 && count === 0) say(`LOST: ${message.id} was answered 250 and is not in ${recipient}`)
      if (count > message.acknowledged + message.uncertain) say(`TOO MANY: ${message.id} is ${count} times in ${recipient} (${message.acknowledged} acknowledged, ${message.uncertain} in flight)`)
    }
  }
  for (const account of options.writers) {
    const states = new Map<string, MailboxState>()
    for (const mailbox of ['Work', 'Other']) {
      const state = await readMailbox(options, account, mailbox).catch((error: unknown) => {
        if (options.ledger.model(account, mailbox).size > 0) say(`${account}/${mailbox}: ${String(error)}`)
        return undefined
      })
      if (!state) continue
      states.set(mailbox, state)
      checkIdentity(options.ledger, account, mailbox, state, say)
    }
    checkModel(options.ledger, account, states, say)
  }
  return findings
}

/** An account that is being made again says so for a moment. */
const MENDING_MS = 20_000

async function readMailbox(options: VerifyOptions, account: string, mailbox: string): Promise<MailboxState> {
  const untilMs = Date.now() + MENDING_MS
  for (;;) {
    try {
      return await readMailboxOnce(options, account, mailbox)
    } catch (error) {
      if (!String(error).includes('UNAVAILABLE') || Date.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function readMailboxOnce(options: VerifyOptions, account: string, mailbox: string): Promise<MailboxState> {
  const client = await RawImap.open({ port: options.imapPort })
  try {
    const login = await client.login(account, options.password)
    if (login.status !== 'OK') throw new Error(`login of ${account}: ${login.text}`)
    const examine = await client.command(`EXAMINE ${mailbox} (CONDSTORE)`)
    if (examine.status !== 'OK') throw new Error(`EXAMINE ${mailbox}: ${examine.text}`)
    const text = examine.untagged.map((values) => values.map(String).join(' ')).join('\n')
    const number = (name: string) => Number(new RegExp(`\\[${name} (\\d+)\\]`).exec(text)?.[1] ?? 0)
    const messages = new Map<number, Found>()
    const fetched = await client.command('UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])')
    if (fetched.status !== 'OK') throw new Error(`FETCH in ${account}/${mailbox}: ${fetched.text}`)
    for (const values of fetched.untagged) {
      const fetch = fetchItems(values)
      if (!fetch) continue
      const body = fetch.items.get('BODY[]')
      if (!Buffer.isBuffer(body)) throw new Error(`${account}/${mailbox}: a message without BODY[]`)
      if (Number(fetch.items.get('RFC822.SIZE')) !== body.length) throw new Error(`${account}/${mailbox}: RFC822.SIZE is not the size of BODY[]`)
      // A delivery prefix stands before what was sent: the message begins where its first own header does.
      const at = body.indexOf('From: torture@')
      const own = body.subarray(Math.max(0, at))
      const flags = fetch.items.get('FLAGS') as string[]
      messages.set(Number(fetch.items.get('UID')), {
        id: /^X-Ledger: (\S+)/m.exec(own.subarray(0, 1000).toString('latin1'))?.[1] ?? '?',
        flags: flags.filter((flag) => flag !== '\\Recent').sort().join(' '),
        sha256: createHash('sha256').update(own).digest('hex'),
        size: body.length,
      })
    }
    return { uidValidity: number('UIDVALIDITY'), uidNext: number('UIDNEXT'), modseq: number('HIGHESTMODSEQ'), messages }
  } finally {
    client.connection.destroy()
  }
}

function checkIdentity(ledger: Ledger, account: string, mailbox: string, state: MailboxState, say: (sentence: string) => void): void {
  const name = `${account}/${mailbox}`
  const before = ledger.highest.get(name)
  if (before) {
    if (before.uidValidity !== state.uidValidity) say(`${name}: UIDVALIDITY went from ${before.uidValidity} to ${state.uidValidity}`)
    if (state.uidNext < before.uidNext) say(`${name}: UIDNEXT went back from ${before.uidNext} to ${state.uidNext}`)
    if (state.modseq < before.modseq) say(`${name}: HIGHESTMODSEQ went back from ${before.modseq} to ${state.modseq}`)
  }
  ledger.highest.set(name, { uidValidity: state.uidValidity, uidNext: state.uidNext, modseq: state.modseq })
  for (const [uid, found] of state.messages) {
    if (uid >= state.uidNext) say(`${name}: UID ${uid} is not below UIDNEXT ${state.uidNext}`)
    const key = `${name}/${state.uidValidity}/${uid}`
    const seen = ledger.uidsSeen.get(key)
    if (seen !== undefined && seen !== found.id) say(`${name}: UID ${uid} was ${seen} and is ${found.id}`)
    ledger.uidsSeen.set(key, found.id)
  }
}

/** The mailboxes are what the model says, with or without the one change that was in flight. */
function checkModel(ledger: Ledger, account: string, states: ReadonlyMap<string, MailboxState>, say: (sentence: string) => void): void {
  const change = ledger.pending.get(account)
  const without = differences(ledger, account, states, undefined)
  if (without.length > 0) {
    const withIt = change ? differences(ledger, account, states, change) : without
    if (withIt.length > 0) for (const difference of without.slice(0, 5)) say(`${account}${change ? ` (in flight: ${change.what})` : ''}: ${difference}`)
  }
  ledger.pending.delete(account)
  for (const [mailbox, state] of states) {
    const model = ledger.model(account, mailbox)
    model.clear()
    for (const [uid, { id, flags }] of state.messages) model.set(uid, { id, flags })
  }
}

function differences(ledger: Ledger, account: string, states: ReadonlyMap<string, MailboxState>, change: Change | undefined): string[] {
  const found: string[] = []
  for (const mailbox of ['Work', 'Other']) {
    const expected: MailboxModel = new Map([...ledger.model(account, mailbox)].map(([uid, held]) => [uid, { ...held }]))
    const fresh = (change?.fresh ?? []).filter((item) => item.mailbox === mailbox).map((item) => item.held)
    for (const { uid, flags } of (change?.flags ?? []).filter((item) => item.mailbox === mailbox)) expected.set(uid, { ...(expected.get(uid) as Held), flags })
    for (const { uid } of (change?.gone ?? []).filter((item) => item.mailbox === mailbox)) expected.delete(uid)
    const messages = states.get(mailbox)?.messages ?? new Map<number, Found>()
    const highest = Math.max(0, ...ledger.model(account, mailbox).keys())
    for (const [uid, held] of messages) {
      const wanted = expected.get(uid)
      if (wanted) {
        if (wanted.id !== held.id) found.push(`${mailbox} UID ${uid} is ${held.id}, not ${wanted.id}`)
        if (sorted(wanted.flags) !== sorted(held.flags)) found.push(`${mailbox} UID ${uid} has flags "${held.flags}", not "${wanted.flags}"`)
        expected.delete(uid)
        continue
      }
      const at = fresh.findIndex((item) => item.id === held.id && sorted(item.flags) === sorted(held.flags))
      if (at >= 0 && uid > highest) fresh.splice(at, 1)
      else found.push(`${mailbox} UID ${uid} (${held.id}) should not be there`)
    }
    for (const [uid, held] of expected) found.push(`LOST: ${mailbox} UID ${uid} (${held.id})`)
    for (const held of fresh) found.push(`${mailbox}: ${held.id} is not there`)
  }
  return found
}

function sorted(flags: string): string {
  return flags.split(' ').filter(Boolean).sort().join(' ')
}
