// The suites' mails in a real server: one process, one account whose INBOX gets every mail by APPEND, and one
// that gets them by SMTP. The three ways in which a client may announce a literal take turns (RFC 3501 §4.3,
// RFC 7888, RFC 3516 for what holds NUL).
import { suiteMails, type SuiteMail } from '../../src/message/testing/suite-mails.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { fetchItems, RawImap, type ImapValue } from '../harness/raw-imap.ts'

export const password = 'correct horse'

export interface KeptMail extends SuiteMail {
  uid: number
}

export interface MailRoom {
  server: DarumaProcess
  address: string
  /** In the order of their UIDs. */
  mails: KeptMail[]
}

export async function openMailRoom(): Promise<MailRoom> {
  const server = new DarumaProcess()
  await server.start()
  const address = `appended@${server.domain}`
  server.run(['domain', 'add', server.domain])
  server.addAccount(address, password)
  const client = await RawImap.open({ port: server.ports.imap })
  await client.login(address, password)
  const mails: KeptMail[] = []
  const all = suiteMails().filter(({ bytes }) => bytes.length > 0)
  for (const [i, mail] of all.entries()) {
    const answer = await append(client, mail.bytes, i % 2 === 0)
    const uid = /^\[APPENDUID \d+ (\d+)\]/.exec(answer.text)?.[1]
    if (answer.status !== 'OK' || uid === undefined) throw new Error(`${mail.name}: ${answer.status} ${answer.text}`)
    mails.push({ ...mail, uid: Number(uid) })
  }
  client.connection.destroy()
  return { server, address, mails }
}

/** APPEND to INBOX; `waits` for the server's "+" before it sends the message. */
export async function append(client: RawImap, bytes: Uint8Array, waits: boolean, mailbox = 'INBOX'): Promise<{ status: string; text: string }> {
  const { connection } = client
  connection.write(`a APPEND ${mailbox} ${bytes.includes(0) ? '~' : ''}{${bytes.length}${waits ? '' : '+'}}\r\n`)
  if (waits) {
    const { first, text } = await client.response()
    if (first !== '+') return { status: /^a (\w+)/.exec(text)?.[1] ?? '', text }
  }
  connection.write(bytes)
  connection.write('\r\n')
  const { status, text } = await client.answer('a')
  return { status, text }
}

/** Items of all messages of the mailbox in use, by UID. */
export async function fetchAll(client: RawImap, items: string, each: (uid: number, items: Map<string, ImapValue>) => void): Promise<void> {
  const tag = client.send(`UID FETCH 1:* (UID ${items})`)
  for (;;) {
    const { first, text, values } = await client.response()
    if (first === tag) {
      if (!text.startsWith(`${tag} OK`)) throw new Error(text)
      return
    }
    const fetched = fetchItems(values)
    if (fetched) each(Number(fetched.items.get('UID')), fetched.items)
  }
}

/** A string of an answer as octets; what is NIL has none. */
export function octetsOf(value: ImapValue | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value
  return Buffer.from(typeof value === 'string' ? value : '', 'latin1')
}
