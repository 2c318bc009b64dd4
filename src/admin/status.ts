// How the running server is, in numbers.
import { text } from '../base/language.ts'
import { type Answer, type JournalMember, type ListenerFacts, type Office, type ReloadReport, type Refusal, done, refused, EXIT } from './office.ts'
import { pausesOf, type Paused } from './pause.ts'

export interface Status {
  readonly version: string
  readonly pid: number
  readonly hostname: string
  readonly data: string
  readonly started: string
  readonly uptimeSeconds: number
  readonly listeners: readonly ListenerFacts[]
  /** The copies of the journal; only where there is more than one. */
  readonly members?: readonly JournalMember[]
  readonly domains: number
  readonly accounts: number
  /** Messages in all mailboxes of all accounts that can be read. */
  readonly messagesTotal: number
  /** Accounts that could not be read just now. */
  readonly accountsUnreadable: number
  readonly queueWaiting: number
  readonly queueHeld: number
  /** What an operator has asked to wait. */
  readonly paused: readonly Paused[]
  /** Why mail is being refused for now; null when it is taken. */
  readonly refusingBecause: string | null
}

const notRunning = (): Refusal => refused('not-running', text('no server is running', 'サーバーは動いていません'), EXIT.unavailable)

/** Accounts asked at one moment. */
const ASKED_AT_ONCE = 16

export async function status(office: Office): Promise<Answer<Status>> {
  const { server, store } = office
  if (!server) return notRunning()
  const accounts = [...store.directory.accounts()]
  let messagesTotal = 0
  let accountsUnreadable = 0
  for (let at = 0; at < accounts.length; at += ASKED_AT_ONCE) {
    const asked = accounts.slice(at, at + ASKED_AT_ONCE).map((row) => store.account(row.account).mailboxes())
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === 'rejected') accountsUnreadable += 1
      else for (const mailbox of answer.value) messagesTotal += mailbox.total
    }
  }
  const counts = await store.queue.counts()
  const admission = store.admission(0)
  return done({
    version: server.version,
    pid: server.pid,
    hostname: server.hostname,
    data: server.data,
    started: new Date(server.startedMs).toISOString(),
    uptimeSeconds: Math.max(0, Math.floor((office.clock.nowMs() - server.startedMs) / 1000)),
    listeners: server.listeners(),
    ...(server.members().length > 1 ? { members: server.members() } : {}),
    domains: [...store.directory.domains()].length,
    accounts: accounts.length,
    messagesTotal,
    accountsUnreadable,
    queueWaiting: counts.waiting,
    queueHeld: counts.held,
    paused: pausesOf(office),
    refusingBecause: admission.admit ? null : admission.because,
  })
}

export async function reload(office: Office): Promise<Answer<ReloadReport>> {
  return office.server ? office.server.reload() : notRunning()
}

/** Begins to stop. The answer goes out first; the process ends a little later. */
export async function stop(office: Office): Promise<Answer<{ pid: number }>> {
  if (!office.server) return notRunning()
  office.server.stop()
  return done({ pid: office.server.pid })
}
