// After each restart: is everything there that was promised, whole, once, under its own UID, and do the
// mailbox's own figures agree with what is in it?
import { RawImap, fetchItems } from '../harness/raw-imap.ts'
import { recognise, type Change, type Held, type KnownMailbox, type KnownMessage, type Ledger, type MailboxModel } from './ledger.ts'

/** new: what no earlier look has seen. all: flags and sizes of everything too. bodies: every octet again. */
export type Scope = 'new' | 'all' | 'bodies'

export interface VerifyOptions {
  ledger: Ledger
  imapPort: number
  password: string
  /** Accounts that senders send to. */
  recipients: readonly string[]
  /** Accounts that writers write to. */
  writers: readonly string[]
  scope: Scope
}

type Say = (sentence: string) => void

/**
 * Findings; none is what we want. Afterwards the ledger holds what is really there. Throws what a broken
 * connection throws: then nothing was concluded.
 */
export async function verify(options: VerifyOptions): Promise<{ findings: string[]; messages: number }> {
  const findings: string[] = []
  const say: Say = (sentence) => void findings.push(sentence)
  const { ledger } = options
  const states = new Map<string, KnownMailbox>()
  const places = [...options.recipients.map((account) => [account, 'INBOX'] as const), ...options.writers.flatMap((account) => [[account, 'Work'] as const, [account, 'Other'] as const])]
  for (const [account, mailbox] of places) {
    const state = await readMailbox(options, account, mailbox, say).catch((error: unknown) => {
      if (isGone(error)) throw error
      if (mailbox === 'INBOX' || ledger.model(account, mailbox).size > 0) say(`${account}/${mailbox}: ${String(error)}`)
      return undefined
    })
    if (state) states.set(`${account}/${mailbox}`, state)
  }
  // Only now is anything concluded: the server may be gone in the middle of being looked at.
  let messages = 0
  for (const [account, mailbox] of places) {
    const state = states.get(`${account}/${mailbox}`)
    messages += state?.messages.size ?? 0
    if (state) checkIdentity(ledger, `${account}/${mailbox}`, state, say)
  }
  checkArrivals(options, states, say)
  for (const account of options.writers) checkModel(ledger, account, states, say)
  return { findings, messages }
}

function checkArrivals({ ledger, recipients }: VerifyOptions, states: ReadonlyMap<string, KnownMailbox>, say: Say): void {
  const copies = new Map<string, Map<string, number>>()
  for (const account of recipients) {
    const counts = new Map<string, number>()
    copies.set(account, counts)
    for (const [uid, found] of states.get(`${account}/INBOX`)?.messages ?? []) {
      counts.set(found.id, (counts.get(found.id) ?? 0) + 1)
      const sent = ledger.sent.get(found.id)
      if (!sent) say(`${account} UID ${uid}: message ${found.id} was never sent`)
      else if (sent.sha256 !== found.sha256) say(`${account} UID ${uid}: ${found.id} is not whole`)
    }
  }
  for (const message of ledger.sent.values()) {
    for (const recipient of message.recipients) {
      const count = copies.get(recipient)?.get(message.id) ?? 0
      if (message.acknowledged > 0 && count === 0) say(`LOST: ${message.id} was answered 250 and is not in ${recipient}`)
      if (count > message.acknowledged + message.uncertain) say(`TOO MANY: ${message.id} is ${count} times in ${recipient} (${message.acknowledged} acknowledged, ${message.uncertain} in flight)`)
    }
  }
}

/** An account that is being made again says so for a moment. */
const MENDING_MS = 30_000
const BODIES_AT_ONCE = 100

async function readMailbox(options: VerifyOptions, account: string, mailbox: string, say: Say): Promise<KnownMailbox> {
  const untilMs = performance.now() + MENDING_MS
  for (;;) {
    try {
      return await readMailboxOnce(options, account, mailbox, say)
    } catch (error) {
      if (!String(error).includes('UNAVAILABLE') || performance.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function readMailboxOnce(options: VerifyOptions, account: string, mailbox: string, say: Say): Promise<KnownMailbox> {
  const { ledger, scope } = options
  const name = `${account}/${mailbox}`
  const known = ledger.known.get(name)
  const client = await RawImap.open({ port: options.imapPort })
  try {
    const login = await client.login(account, options.password)
    if (login.status !== 'OK') throw new Error(`login of ${account}: ${login.text}`)
    const status = await client.statusOf(mailbox, 'MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE')
    const examine = await client.command(`EXAMINE ${mailbox} (CONDSTORE)`)
    if (examine.status !== 'OK') throw new Error(`EXAMINE ${mailbox}: ${examine.text}`)
    const text = examine.untagged.map((values) => values.map(String).join(' ')).join('\n')
    const number = (code: string) => Number(new RegExp(`\\[${code} (\\d+)\\]`).exec(text)?.[1] ?? 0)
    const state: KnownMailbox = { uidValidity: number('UIDVALIDITY'), uidNext: number('UIDNEXT'), modseq: number('HIGHESTMODSEQ'), messages: new Map() }
    const from = scope === 'new' && known && mailbox === 'INBOX' ? known.uidNext : 1
    if (from > 1) for (const [uid, message] of known?.messages ?? []) state.messages.set(uid, message)
    const fresh = await readFlags(client, state, known, from, scope)
    await readBodies(client, state, fresh, `${name}`)
    compareStatus(name, status, state, say)
    if (known && known.uidValidity === state.uidValidity) await compareChanges(client, name, known, state, say)
    return state
  } finally {
    client.connection.destroy()
  }
}

/** Everything but the octets. Returns the UIDs whose octets are to be read. */
async function readFlags(client: RawImap, state: KnownMailbox, known: KnownMailbox | undefined, from: number, scope: Scope): Promise<number[]> {
  const answer = await client.command(`UID FETCH ${from}:* (UID FLAGS MODSEQ RFC822.SIZE)`)
  if (answer.status !== 'OK') throw new Error(`FETCH: ${answer.text}`)
  const unread: number[] = []
  for (const values of answer.untagged) {
    const items = fetchItems(values)?.items
    if (!items) continue
    const uid = Number(items.get('UID'))
    if (uid < from) continue // n:* always names the last one
    const before = known?.uidValidity === state.uidValidity ? known.messages.get(uid) : undefined
    if (before === undefined || scope === 'bodies') unread.push(uid)
    state.messages.set(uid, {
      id: before?.id ?? '?', sha256: before?.sha256 ?? '',
      flags: (items.get('FLAGS') as string[]).filter((flag) => flag !== '\\Recent').sort().join(' '),
      modseq: Number((items.get('MODSEQ') as string[] | undefined)?.[0] ?? 0), size: Number(items.get('RFC822.SIZE')),
    })
  }
  return unread
}

async function readBodies(client: RawImap, state: KnownMailbox, uids: readonly number[], name: string): Promise<void> {
  for (let at = 0; at < uids.length; at += BODIES_AT_ONCE) {
    const wanted = uids.slice(at, at + BODIES_AT_ONCE)
    const answer = await client.command(`UID FETCH ${wanted.join(',')} (UID BODY.PEEK[])`)
    if (answer.status !== 'OK') throw new Error(`FETCH in ${name}: ${answer.text}`)
    let got = 0
    for (const values of answer.untagged) {
      const items = fetchItems(values)?.items
      if (!items) continue
      const body = items.get('BODY[]')
      const message = state.messages.get(Number(items.get('UID')))
      if (!Buffer.isBuffer(body) || !message) throw new Error(`${name}: a message without BODY[]`)
      if (message.size !== body.length) throw new Error(`${name}: RFC822.SIZE is not the size of BODY[]`)
      Object.assign(message, recognise(body))
      got += 1
    }
    if (got !== wanted.length) throw new Error(`${name}: ${wanted.length} messages were asked for, ${got} came`)
  }
}

/** Counters equal a recount. */
function compareStatus(name: string, status: Record<string, number>, state: KnownMailbox, say: Say): void {
  let unseen = 0
  let size = 0
  let modseq = 0
  for (const message of state.messages.values()) {
    if (!message.flags.split(' ').includes('\\Seen')) unseen += 1
    size += message.size
    modseq = Math.max(modseq, message.modseq)
  }
  const counted: Record<string, number> = { MESSAGES: state.messages.size, UNSEEN: unseen, SIZE: size, UIDNEXT: state.uidNext, UIDVALIDITY: state.uidValidity, HIGHESTMODSEQ: state.modseq }
  for (const [item, value] of Object.entries(counted)) if (status[item] !== value) say(`${name}: STATUS says ${item} ${status[item]}, counted ${value}`)
  if (modseq > state.modseq) say(`${name}: a message has MODSEQ ${modseq}, above HIGHESTMODSEQ ${state.modseq}`)
}

/** A client that comes back with its old HIGHESTMODSEQ hears of everything that is not as it remembers it (RFC 7162 §3.1.4). */
async function compareChanges(client: RawImap, name: string, known: KnownMailbox, state: KnownMailbox, say: Say): Promise<void> {
  if (known.modseq === 0) return
  const answer = await client.command(`UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${known.modseq})`)
  if (answer.status !== 'OK') throw new Error(`FETCH CHANGEDSINCE in ${name}: ${answer.text}`)
  const told = new Set(answer.untagged.map((values) => Number(fetchItems(values)?.items.get('UID'))))
  for (const [uid, message] of state.messages) {
    const before = known.messages.get(uid)
    if (before && message.modseq < before.modseq) say(`${name}: MODSEQ of UID ${uid} went back from ${before.modseq} to ${message.modseq}`)
    if (!told.has(uid) && (!before || before.flags !== message.flags)) say(`${name}: CHANGEDSINCE ${known.modseq} is silent about UID ${uid}`)
  }
}

function checkIdentity(ledger: Ledger, name: string, state: KnownMailbox, say: Say): void {
  const before = ledger.known.get(name)
  if (before) {
    if (before.uidValidity !== state.uidValidity) say(`${name}: UIDVALIDITY went from ${before.uidValidity} to ${state.uidValidity}`)
    if (state.uidNext < before.uidNext) say(`${name}: UIDNEXT went back from ${before.uidNext} to ${state.uidNext}`)
  }
  const told = Math.max(before?.modseq ?? 0, ledger.modseqTold.get(name) ?? 0)
  if (state.modseq < told) say(`${name}: HIGHESTMODSEQ went back from ${told} to ${state.modseq}`)
  ledger.known.set(name, state)
  for (const [uid, found] of state.messages) {
    if (uid >= state.uidNext) say(`${name}: UID ${uid} is not below UIDNEXT ${state.uidNext}`)
    const key = `${name}/${state.uidValidity}/${uid}`
    const seen = ledger.uidsSeen.get(key)
    if (seen !== undefined && seen !== found.id) say(`${name}: UID ${uid} was ${seen} and is ${found.id}`)
    ledger.uidsSeen.set(key, found.id)
  }
}

/** The mailboxes are what the model says, with or without the one change that was in flight. */
function checkModel(ledger: Ledger, account: string, states: ReadonlyMap<string, KnownMailbox>, say: Say): void {
  const change = ledger.pending.get(account)
  const without = differences(ledger, account, states, undefined)
  if (without.length > 0) {
    const withIt = change ? differences(ledger, account, states, change) : without
    if (withIt.length > 0) for (const difference of without.slice(0, 5)) say(`${account}${change ? ` (in flight: ${change.what})` : ''}: ${difference}`)
  }
  ledger.pending.delete(account)
  for (const mailbox of ['Work', 'Other']) {
    const state = states.get(`${account}/${mailbox}`)
    if (!state) continue
    const model = ledger.model(account, mailbox)
    model.clear()
    for (const [uid, { id, flags }] of state.messages) model.set(uid, { id, flags })
  }
}

function differences(ledger: Ledger, account: string, states: ReadonlyMap<string, KnownMailbox>, change: Change | undefined): string[] {
  const found: string[] = []
  for (const mailbox of ['Work', 'Other']) {
    const expected: MailboxModel = new Map([...ledger.model(account, mailbox)].map(([uid, held]) => [uid, { ...held }]))
    const fresh = (change?.fresh ?? []).filter((item) => item.mailbox === mailbox).map((item) => item.held)
    for (const { uid, flags } of (change?.flags ?? []).filter((item) => item.mailbox === mailbox)) expected.set(uid, { ...(expected.get(uid) as Held), flags })
    for (const { uid } of (change?.gone ?? []).filter((item) => item.mailbox === mailbox)) expected.delete(uid)
    const messages = states.get(`${account}/${mailbox}`)?.messages ?? new Map<number, KnownMessage>()
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

export function isGone(error: unknown): boolean {
  return error instanceof Error && (error.name === 'Gone' || /ECONN|EPIPE/.test(`${(error as { code?: string }).code} ${error.message}`))
}
