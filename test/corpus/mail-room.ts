// The suites' mails in a real server: one process, one account whose INBOX gets every mail by APPEND, and one
// that gets them by SMTP. The three ways in which a client may announce a literal take turns (RFC 3501 §4.3,
// RFC 7888, RFC 3516 for what holds NUL).
import { suiteMails, type SuiteMail } from '../../src/message/testing/suite-mails.ts'
import { DarumaProcess } from '../harness/daruma-process.ts'
import { fetchItems, RawImap, type ImapValue } from '../harness/raw-imap.ts'
import { dotStuffed, RawSmtp, type RawReply } from '../harness/raw-smtp.ts'

export const password = 'correct horse'

export interface KeptMail extends SuiteMail {
  uid: number
}

export interface MailRoom {
  server: DarumaProcess
  address: string
  /** Another account, for mail by SMTP. */
  recipient: string
  /** In the order of their UIDs. */
  mails: KeptMail[]
}

export async function openMailRoom(): Promise<MailRoom> {
  const server = new DarumaProcess()
  await server.start()
  const address = `appended@${server.domain}`
  server.run(['domain', 'add', server.domain])
  server.addAccount(address, password)
  const recipient = `delivered@${server.domain}`
  server.addAccount(recipient, password)
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
  return { server, address, recipient, mails }
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

/** What SMTP can carry of a mail, and how: CRLF lines by DATA; what has other line ends or NUL as it is, by BDAT. */
export function asSent(bytes: Uint8Array): { by: 'DATA' | 'BDAT'; bytes: Buffer } {
  const text = Buffer.from(bytes).toString('latin1')
  const hasCrlf = text.includes('\r\n')
  const hasLf = /(?:^|[^\r])\n/.test(text)
  if (/\0|\r(?!\n)/.test(text) || (hasCrlf && hasLf)) return { by: 'BDAT', bytes: Buffer.from(bytes) }
  const lines = hasLf ? text.replaceAll('\n', '\r\n') : text
  return { by: 'DATA', bytes: Buffer.from(lines.endsWith('\r\n') ? lines : `${lines}\r\n`, 'latin1') }
}

/** Returns the reply to the end of the message, or the first that refused. BDAT goes in two chunks where there are octets for it. */
export async function deliver(client: RawSmtp, options: { from: string; to: string; mail: ReturnType<typeof asSent> }): Promise<RawReply> {
  const { by, bytes } = options.mail
  const { connection } = client
  connection.write(`MAIL FROM:<${options.from}>${by === 'BDAT' ? ' BODY=BINARYMIME' : ' BODY=8BITMIME'}\r\nRCPT TO:<${options.to}>\r\n`)
  if (by === 'DATA') connection.write('DATA\r\n')
  else {
    const half = bytes.length >> 1
    connection.write(Buffer.concat([Buffer.from(`BDAT ${half}\r\n`), bytes.subarray(0, half), Buffer.from(`BDAT ${bytes.length - half} LAST\r\n`), bytes.subarray(half)]))
  }
  const replies: RawReply[] = []
  for (let i = 0; i < (by === 'DATA' ? 3 : 4); i += 1) replies.push(await client.reply())
  const refused = replies.find(({ code }) => code >= 400)
  if (refused || by === 'BDAT') return refused ?? (replies.at(-1) as RawReply)
  connection.write(Buffer.concat([dotStuffed(bytes), Buffer.from('.\r\n')]))
  return client.reply()
}
