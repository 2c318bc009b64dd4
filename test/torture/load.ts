// The load: senders by SMTP, submitters whose mail goes out, writers by IMAP and one who only watches, each
// writing down what it was promised or shown.
import { RawImap, existsOf, fetchItems, type ImapAnswer } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import type { Random } from '../../src/base/random.ts'
import { makeMessage, type Change, type Held, type Ledger, type SentMessage } from './ledger.ts'

export interface LoadOptions {
  ledger: Ledger
  random: Random
  smtpPort: number
  submissionPort: number
  imapPort: number
  recipients: readonly string[]
  password: string
}

/** Sends until the connection breaks or the load ends. First again whatever was in flight, as every mail server does. */
export function runSender(name: string, options: LoadOptions): Promise<void> {
  const { ledger, random } = options
  return sendOn(name, options, {
    book: ledger.sent, from: `${name}@sender.example`, open: () => RawSmtp.open({ port: options.smtpPort, helo: `${name}.example` }),
    compose() {
      const recipients = options.recipients.filter(() => random.int(options.recipients.length) < 2)
      if (recipients.length === 0) recipients.push(options.recipients[random.int(options.recipients.length)] as string)
      return { ...makeMessage(random, name), recipients }
    },
  })
}

/** Hands in mail for elsewhere, a little at a time. */
export function runSubmitter(account: string, options: LoadOptions): Promise<void> {
  const { ledger, random } = options
  const name = account.split('@')[0] as string
  return sendOn(name, options, {
    book: ledger.submitted, from: account, pauseMs: 40,
    async open() {
      const client = await RawSmtp.open({ port: options.submissionPort, helo: `${name}.example` })
      const login = await client.login(account, options.password)
      if (login.code !== 235) throw new Error(`login of ${account} for submission: ${login.code} ${login.lines.join(' ')}`)
      return client
    },
    compose() {
      const recipients = ['a@away.example', 'b@away.example', 'c@away.example'].filter(() => random.int(2) === 0)
      return { ...makeMessage(random, name, account), recipients: recipients.length > 0 ? recipients : ['a@away.example'] }
    },
  })
}

interface Sending {
  book: Map<string, SentMessage>
  from: string
  pauseMs?: number
  open: () => Promise<RawSmtp>
  compose: () => Pick<SentMessage, 'id' | 'bytes' | 'sha256' | 'recipients'>
}

async function sendOn(name: string, { ledger }: LoadOptions, { book, from, pauseMs, open, compose }: Sending): Promise<void> {
  try {
    const client = await open()
    const again = [...book.values()].filter((message) => message.id.startsWith(`${name}-`) && message.acknowledged === 0)
    while (ledger.running) {
      const message = again.shift() ?? { ...compose(), uncertain: 0, acknowledged: 0 }
      const reply = await client.send({ from, to: message.recipients, bytes: message.bytes }, () => {
        message.uncertain += 1
        book.set(message.id, message)
      })
      if (ledger.frozen) break
      if (reply.code === 250) {
        message.acknowledged += 1
        message.uncertain -= 1
        message.bytes = new Uint8Array(0)
      } else if (reply.code >= 500) throw new Error(`${name} was refused for good: ${reply.code} ${reply.lines.join(' ')}`)
      if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    client.connection.destroy()
  } catch (error) {
    if (!isBreak(error)) throw error
  }
}

/** Goes away in the middle of large messages, again and again. */
export async function runQuitter({ ledger, smtpPort, recipients }: LoadOptions): Promise<void> {
  try {
    while (ledger.running) {
      const client = await RawSmtp.open({ port: smtpPort, helo: 'quitter.example' })
      for (const command of ['MAIL FROM:<q@sender.example>', `RCPT TO:<${recipients[0]}>`, 'DATA']) await client.command(command)
      client.connection.write(`Subject: never ends\r\n\r\n${'never ends\r\n'.repeat(20_000)}`)
      await new Promise((resolve) => setTimeout(resolve, 150))
      client.connection.destroy()
    }
  } catch (error) {
    if (!isBreak(error)) throw error
  }
}

/** Keeps a mailbox open and remembers what each UID was, as a client with a cache does. */
export async function runWatcher(account: string, options: LoadOptions): Promise<void> {
  const { ledger } = options
  const name = `${account}/INBOX`
  try {
    const client = await RawImap.open({ port: options.imapPort })
    const login = await client.login(account, options.password)
    if (login.status !== 'OK') throw new Error(`login of ${account}: ${login.text}`)
    const selected = await client.command('SELECT INBOX (CONDSTORE)')
    const uidValidity = Number(/\[UIDVALIDITY (\d+)\]/.exec(textOf(selected))?.[1])
    let exists = existsOf(selected) ?? 0
    let next = Number(/\[UIDNEXT (\d+)\]/.exec(textOf(selected))?.[1])
    let shown = exists
    while (ledger.running) {
      exists = existsOf(await client.command('NOOP')) ?? exists
      if (exists === shown) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      shown = exists
      const answer = await client.command(`UID FETCH ${next}:* (UID MODSEQ BODY.PEEK[HEADER.FIELDS (X-LEDGER)])`)
      if (ledger.frozen) break
      if (answer.status !== 'OK') throw new Error(`FETCH by the watcher: ${answer.text}`)
      noteModseqs(ledger, name, answer)
      for (const values of answer.untagged) {
        const items = fetchItems(values)?.items
        const uid = Number(items?.get('UID'))
        const header = [...(items ?? [])].find(([item]) => item.startsWith('BODY['))?.[1]
        if (!items || !Buffer.isBuffer(header) || uid < next) continue
        const id = /X-Ledger: (\S+)/i.exec(header.toString('latin1'))?.[1]
        if (id !== undefined) ledger.uidsSeen.set(`${name}/${uidValidity}/${uid}`, id)
        next = uid + 1
      }
    }
    client.connection.destroy()
  } catch (error) {
    if (!isBreak(error)) throw error
  }
}

const textOf = (answer: ImapAnswer): string => `${answer.untagged.map((values) => values.map(String).join(' ')).join('\n')}\n${answer.text}`

function noteModseqs(ledger: Ledger, name: string, answer: ImapAnswer): void {
  const code = /\[HIGHESTMODSEQ (\d+)\]/.exec(textOf(answer))
  if (code) ledger.noteModseq(name, Number(code[1]))
  for (const values of answer.untagged) {
    const modseq = fetchItems(values)?.items.get('MODSEQ')
    if (Array.isArray(modseq)) ledger.noteModseq(name, Number(modseq[0]))
  }
}

/** Changes its own two mailboxes until the connection breaks or the load ends. One command at a time. */
export async function runWriter(account: string, options: LoadOptions): Promise<void> {
  const { ledger } = options
  try {
    const client = await RawImap.open({ port: options.imapPort })
    const login = await client.login(account, options.password)
    if (login.status !== 'OK') throw new Error(`login of ${account}: ${login.text}`)
    await client.command('CREATE Work')
    await client.command('CREATE Other')
    let selected = ''
    while (ledger.running) {
      const mailbox = options.random.int(3) === 0 ? 'Other' : 'Work'
      if (selected !== mailbox) {
        const answer = await client.command(`SELECT ${mailbox} (CONDSTORE)`)
        if (answer.status !== 'OK') throw new Error(`SELECT ${mailbox}: ${answer.text}`)
        noteModseqs(ledger, `${account}/${mailbox}`, answer)
        selected = mailbox
      }
      await oneChange(client, account, mailbox, options)
    }
    client.connection.destroy()
  } catch (error) {
    if (!isBreak(error)) throw error
  }
}

const FLAG_CHOICES = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$Label1', 'Junk']

async function oneChange(client: RawImap, account: string, mailbox: string, options: LoadOptions): Promise<void> {
  const { ledger, random } = options
  const model = ledger.model(account, mailbox)
  const uids = [...model.keys()]
  const some = () => uids.filter(() => random.int(Math.max(2, uids.length >> 2)) === 0).slice(0, 20)
  const other = mailbox === 'Work' ? 'Other' : 'Work'
  const choice = uids.length < 10 ? 0 : random.int(7)
  switch (choice) {
    default: {
      const { id, bytes } = makeMessage(random, `w-${account.split('@')[0]}`)
      const flag = FLAG_CHOICES[random.int(FLAG_CHOICES.length)] as string
      const held: Held = { id, flags: flag }
      await attempt(client, account, ledger, { what: 'append', fresh: [{ mailbox, held }] }, [`APPEND ${mailbox} (${flag}) `, bytes], (text) => {
        const match = /\[APPENDUID (\d+) (\d+)\]/.exec(text)
        if (!match) throw new Error(`APPEND was answered without APPENDUID: ${text}`)
        model.set(Number(match[2]), held)
      })
      return
    }
    case 3: {
      const chosen = some()
      if (chosen.length === 0) return
      const flag = FLAG_CHOICES[random.int(FLAG_CHOICES.length)] as string
      const add = random.int(2) === 0
      const flags = chosen.map((uid) => ({ mailbox, uid, flags: changed((model.get(uid) as Held).flags, flag, add) }))
      await attempt(client, account, ledger, { what: 'store', flags }, [`UID STORE ${chosen.join(',')} ${add ? '+' : '-'}FLAGS.SILENT (${flag})`], () => {
        for (const change of flags) (model.get(change.uid) as Held).flags = change.flags
      })
      return
    }
    case 4:
    case 5: {
      const chosen = some()
      if (chosen.length === 0) return
      const move = choice === 5
      const fresh = chosen.map((uid) => ({ mailbox: other, held: { ...(model.get(uid) as Held) } }))
      const change: Change = { what: move ? 'move' : 'copy', fresh, gone: move ? chosen.map((uid) => ({ mailbox, uid })) : [] }
      await attempt(client, account, ledger, change, [`UID ${move ? 'MOVE' : 'COPY'} ${chosen.join(',')} ${other}`], (text, untagged) => {
        const code = /\[COPYUID (\d+) (\S+) (\S+)\]/.exec(`${untagged} ${text}`)
        if (!code) throw new Error(`${change.what} was answered without COPYUID: ${text}`)
        const from = expand(code[2] as string)
        const to = expand(code[3] as string)
        from.forEach((uid, index) => {
          ledger.model(account, other).set(to[index] as number, { ...(model.get(uid) as Held) })
          if (move) model.delete(uid)
        })
      })
      return
    }
    case 6: {
      const chosen = some().slice(0, 4)
      if (chosen.length === 0) return
      const flags = chosen.map((uid) => ({ mailbox, uid, flags: changed((model.get(uid) as Held).flags, '\\Deleted', true) }))
      const done = await attempt(client, account, ledger, { what: 'delete', flags }, [`UID STORE ${chosen.join(',')} +FLAGS.SILENT (\\Deleted)`], () => {
        for (const change of flags) (model.get(change.uid) as Held).flags = change.flags
      })
      if (!done) return
      await attempt(client, account, ledger, { what: 'expunge', gone: chosen.map((uid) => ({ mailbox, uid })) }, [`UID EXPUNGE ${chosen.join(',')}`], () => {
        for (const uid of chosen) model.delete(uid)
      })
    }
  }
}

/** Sends one change; its effect counts in the model only once it was answered in time. */
export async function attempt(client: RawImap, account: string, ledger: Ledger, change: Change, parts: (string | Uint8Array)[], apply: (text: string, untagged: string) => void): Promise<boolean> {
  if (!ledger.running) return false
  ledger.pending.set(account, change)
  const answer = await client.command(...parts)
  if (ledger.frozen) return false // too late to count: stays pending
  if (answer.status !== 'OK') throw new Error(`${change.what} of ${account}: ${answer.status} ${answer.text}`)
  apply(answer.text, answer.untagged.map((values) => values.map(String).join(' ')).join('\n'))
  for (const mailbox of new Set([...(change.flags ?? [])].map((item) => item.mailbox))) noteModseqs(ledger, `${account}/${mailbox}`, answer)
  ledger.pending.delete(account)
  ledger.changes += 1
  return true
}

export function changed(flags: string, flag: string, add: boolean): string {
  const set = new Set(flags.split(' ').filter(Boolean))
  if (add) set.add(flag)
  else set.delete(flag)
  return [...set].sort().join(' ')
}

export function expand(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split(':').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

export function isBreak(error: unknown): boolean {
  return error instanceof Error && (error.name === 'Gone' || /ECONN|EPIPE|socket|closed/.test(`${(error as { code?: string }).code} ${error.message}`))
}
