// Files one message with every account of this server: news of maintenance. Through the one way by which messages come
// in, page by page, each page one record. It carries an origin made from its id, which every account's database
// remembers: announced again (after a crash in the middle, say), whoever has it already gets no second one.
import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import { bytesOf, latin1Of } from '../base/bytes.ts'
import { text } from '../base/language.ts'
import { printMailDate } from '../message/date.ts'
import { printUnstructured } from '../message/encoded-word.ts'
import { summarize } from '../message/summary.ts'
import { printDeliveredTo, printReturnPath } from '../message/trace-fields.ts'
import { ANNOUNCEMENTS, type AccountRow, type Origin, type Plan, sequence } from '../store/store.ts'
import { type Answer, EXIT, type Office, done, refused } from './office.ts'

/** Accounts named in one record. */
const PAGE = 500

export interface Announced {
  /** Accounts that have it now. */
  readonly accounts: number
}

export async function announce(office: Office, { id, subject, body }: { id: string; subject: string; body: string }): Promise<Answer<Announced>> {
  const { server, store, clock } = office
  if (!server) return refused('not-running', text('no server is running', 'サーバーは動いていません'), EXIT.unavailable)
  if (!/^[\w.-]{1,100}$/.test(id)) return refused('bad-id', text('an id has letters, digits, "." and "-" only', 'ID に使えるのは英数字と「.」「-」だけです'), EXIT.usage)
  if (!store.directory.isCurrent) return refused('starting', text('the accounts are not all known yet', 'アカウントがまだ読み込まれていません'), EXIT.tryAgain)
  const [domain] = [...store.directory.domains()].map((row) => row.name)
  const bytes = composeAnnouncement({ id, subject, body, hostname: server.hostname, sender: `postmaster@${domainToASCII(domain ?? server.hostname) || server.hostname}`, nowMs: clock.nowMs() })
  const { envelope, structure, threadKeys, messageId } = summarize(bytes)
  const sha256 = createHash('sha256').update(bytes).digest()
  const facts = { size: bytes.length, envelope: latin1Of(envelope), structure: latin1Of(structure), threadKeys, ...(messageId === undefined ? {} : { messageId: messageId.replace(/^<|>$/g, '') }) }
  const origin = originOfAnnouncement(id)
  const accounts = [...store.directory.accounts()]
  for (let at = 0; at < accounts.length; at += PAGE) {
    const admission = store.admission(0)
    if (!admission.admit) return refused('no-room', text(`new mail is not taken now (${admission.because})`, `今は新しいメールを受け取れません（${admission.because}）`), EXIT.tryAgain)
    // The buffer is moved to the journal's thread, so one for each page.
    await store.accept({ kind: 'arrival', sender: '', via: 'announcement', origin, bodyType: '7BIT', facts, plans: accounts.slice(at, at + PAGE).map(planFor), work: [] }, { at: 'memory', bytes: new Uint8Array(bytes), sha256 })
  }
  return done({ accounts: accounts.length })
}

function planFor({ account, address }: AccountRow): Plan {
  return { account, bits: 0, keywords: '', prefix: latin1Of(bytesOf(printReturnPath('') + printDeliveredTo(address))), recipients: [address] }
}

export function originOfAnnouncement(id: string): Origin {
  return { database: ANNOUNCEMENTS, position: sequence(createHash('sha256').update(id).digest().readUIntBE(0, 6)), n: 0 }
}

/** RFC 5322, 7-bit on the wire whatever the words are. Pure. */
export function composeAnnouncement(given: { id: string; subject: string; body: string; hostname: string; sender: string; nowMs: number }): Uint8Array {
  const base64 = Buffer.from(given.body.toWellFormed().replace(/\r?\n/g, '\r\n')).toString('base64').replace(/.{1,76}/g, '$&\r\n')
  return bytesOf([
    `Date: ${printMailDate(given.nowMs)}\r\n`,
    `From: Mail service <${given.sender}>\r\n`,
    'To: undisclosed-recipients:;\r\n',
    printUnstructured('Subject', given.subject),
    `Message-ID: <announcement.${given.id}@${given.hostname}>\r\n`,
    // Nobody's holiday notice is to answer it (RFC 3834).
    'Auto-Submitted: auto-generated\r\n',
    'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    base64,
  ].join(''))
}
