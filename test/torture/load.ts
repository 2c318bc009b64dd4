// The load: senders by SMTP and writers by IMAP, each writing down what it was promised.
import { RawImap } from '../harness/raw-imap.ts'
import { RawSmtp } from '../harness/raw-smtp.ts'
import type { Random } from '../../src/base/random.ts'
import { makeMessage, type Change, type Held, type Ledger } from './ledger.ts'

export interface LoadOptions {
  ledger: Ledger
  random: Random
  smtpPort: number
  imapPort: number
  recipients: readonly string[]
  password: string
}

/** Sends until the connection breaks or the ledger freezes. First again whatever was in flight, as every mail server does. */
export async function runSender(name: string, options: LoadOptions): Promise<void> {
  const { ledger, random } = options
  try {
    const client = await RawSmtp.open({ port: options.smtpPort, helo: `${name}.example` })
    const again = [...ledger.sent.values()].filter((message) => message.id.startsWith(`${name}-`) && message.acknowledged === 0)
    for (const message of again) {
      if (ledger.frozen) return
      const reply = await client.send({ from: `${name}@sender.example`, to: message.recipients, bytes: message.bytes }, () => (message.uncertain += 1))
      if (reply.code === 250 && !ledger.frozen) {
        message.acknowledged += 1
        message.uncertain -= 1
      }
    }
    while (!ledger.frozen) {
      const { id, bytes, sha256 } = makeMessage(random, name)
      const recipients = options.recipients.filter(() => random.int(options.recipients.length) < 2)
      if (recipients.length === 0) recipients.push(options.recipients[random.int(options.recipients.length)] as string)
      const message = { id, sha256, recipients, uncertain: 0, acknowledged: 0, bytes }
      const reply = await client.send({ from: `${name}@sender.example`, to: recipients, bytes }, () => {
        message.uncertain += 1
        ledger.sent.set(id, message)
      })
      if (reply.code === 250 && !ledger.frozen) {
        message.acknowledged += 1
        message.uncertain -= 1
        message.bytes = new Uint8Array(0)
      } else if (reply.code !== 250 && reply.code >= 500) throw new Error(`a sender was refused for good: ${reply.code} ${reply.lines.join(' ')}`)
    }
    client.connection.destroy()
  } catch (error) {
    if (!isBreak(error)) throw error
  }
}

/** Changes its own two mailboxes until the connection breaks or the ledger freezes. One command at a time. */
export async function runWriter(account: string, options: LoadOptions): Promise<void> {
  const { ledger } = options
  try {
    const client = await RawImap.open({ port: options.imapPort })
    const login = await client.login(account, options.password)
    if (login.status !== 'OK') throw new Error(`login of ${account}: ${login.text}`)
    await client.command('CREATE Work')
    await client.command('CREATE Other')
    let selected = ''
    while (!ledger.frozen) {
      const mailbox = options.random.int(3) === 0 ? 'Other' : 'Work'
      if (selected !== mailbox) {
        const answer = await client.command(`SELECT ${mailbox}`)
        if (answer.status !== 'OK') throw new Error(`SELECT ${mailbox}: ${answer.text}`)
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
async function attempt(client: RawImap, account: string, ledger: Ledger, change: Change, parts: (string | Uint8Array)[], apply: (text: string, untagged: string) => void): Promise<boolean> {
  if (ledger.frozen) return false
  ledger.pending.set(account, change)
  const answer = await client.command(...parts)
  if (ledger.frozen) return false // too late to count: stays pending
  if (answer.status !== 'OK') throw new Error(`${change.what} of ${account}: ${answer.status} ${answer.text}`)
  apply(answer.text, answer.untagged.map((values) => values.map(String).join(' ')).join('\n'))
  ledger.pending.delete(account)
  return true
}

function changed(flags: string, flag: string, add: boolean): string {
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

function isBreak(error: unknown): boolean {
  return error instanceof Error && (error.name === 'Gone' || /ECONN|EPIPE|socket|closed/.test(`${(error as { code?: string }).code} ${error.message}`))
}
