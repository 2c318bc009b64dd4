// What trial mode adds to a server: a domain, one account, and a screen that says how to use them.
import { join } from 'node:path'
import { bytesOf, textOf } from '../base/bytes.ts'
import { nodeDisk } from '../base/disk.ts'
import { Outage } from '../base/errors.ts'
import { readSmallFile } from '../base/files.ts'
import { type Answer, type ListenerFacts, type NewPassword, type Office, type OperationName, type ResultOf, perform } from '../admin/admin.ts'
import { TRIAL_DOMAIN } from '../config/trial-config.ts'
import { displayWidth } from './table.ts'
import type { Catalogue } from './language.ts'

export const TRIAL_ADDRESS = `trial@${TRIAL_DOMAIN}`
const TRIAL_FILE = 'trial.txt'

export interface TrialAccount {
  readonly address: string
  readonly password: string
}

/**
 * The trial account, made when it is not there. The password is only in trial.txt: when that file is
 * gone (or a start was cut off before it was written), the account gets a new one.
 */
export async function trialAccount(office: Office, data: string): Promise<TrialAccount> {
  const path = join(data, TRIAL_FILE)
  const known = readTrialFile(path)
  const hasAccount = [...office.store.directory.accounts()].some((row) => row.address === TRIAL_ADDRESS)
  if (known && hasAccount) return known
  const made: NewPassword = hasAccount
    ? await carriedOut(office, 'account-passwd', { address: TRIAL_ADDRESS, password: null })
    : await carriedOut(office, 'account-add', { address: TRIAL_ADDRESS, password: null, quota: null })
  const account = { address: made.address, password: made.password ?? '' }
  nodeDisk.writeWhole(path, bytesOf(`address: ${account.address}\npassword: ${account.password}\n`), { mode: 0o600 })
  return account
}

async function carriedOut<N extends OperationName>(office: Office, name: N, args: unknown): Promise<ResultOf<N>> {
  const answer = await perform(office, name, args) as Answer<ResultOf<N>>
  if (answer.ok) return answer.result
  throw new Outage(answer.reason.en, { operation: name })
}

function readTrialFile(path: string): TrialAccount | undefined {
  const bytes = readSmallFile(path)
  if (!bytes.ok) return undefined
  const value = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(textOf(bytes.value))?.[1]
  const [address, password] = [value('address'), value('password')]
  return address !== undefined && password !== undefined ? { address, password } : undefined
}

export interface ScreenFacts {
  readonly account: TrialAccount
  readonly listeners: readonly ListenerFacts[]
  readonly data: string
  readonly say: Catalogue
}

/** Everything a newcomer needs, on one screen. Pure. */
export function trialScreen({ account, listeners, data, say }: ScreenFacts): string {
  const at = (door: string) => listeners.find((one) => one.door === door)
  const where = (one: ListenerFacts) => `${one.address.includes(':') ? `[${one.address}]` : one.address}:${one.port}`
  const lines = [say.trialTitle, '']
  const label = Math.max(displayWidth(say.trialAddress), displayWidth(say.trialPassword))
  const labelled = (name: string, value: string) => `  ${name}${' '.repeat(label - displayWidth(name))}  ${value}`
  lines.push(labelled(say.trialAddress, account.address), labelled(say.trialPassword, account.password), `  ${say.trialAlsoIn(join(data, TRIAL_FILE))}`, '')

  lines.push(`${say.trialListens}:`)
  const doors: Readonly<Record<string, string>> = say.trialDoors
  for (const one of listeners) lines.push(`  ${one.door.padEnd(12)} ${where(one).padEnd(22)} ${doors[one.door] ?? ''}`.trimEnd())

  const incoming = at('imaps') ?? at('imap')
  const outgoing = at('submissions') ?? at('submission')
  if (incoming || outgoing) lines.push('', `${say.trialClient}:`)
  if (incoming) lines.push(`  ${say.trialIncoming(incoming.address, incoming.port, incoming.tls ? 'SSL/TLS' : 'STARTTLS')}`)
  if (outgoing) lines.push(`  ${say.trialOutgoing(outgoing.address, outgoing.port, outgoing.tls ? 'SSL/TLS' : 'STARTTLS')}`)
  if (incoming || outgoing) lines.push(`  ${say.trialUser(account.address)}`)

  const tries = linesToTry(account, { smtp: at('smtp'), incoming, submission: at('submission') }, where)
  if (tries.length > 0) lines.push('', `${say.trialTry}:`, ...tries.map((line) => `  ${line}`))
  lines.push('', say.trialEnd(data), say.trialForReal, '')
  return `${lines.join('\n')}\n`
}

type Doors = { [door in 'smtp' | 'incoming' | 'submission']: ListenerFacts | undefined }

function linesToTry({ address, password }: TrialAccount, doors: Doors, where: (one: ListenerFacts) => string): string[] {
  const lines: string[] = []
  if (doors.smtp) {
    lines.push(`printf 'From: you@example.net\\r\\nTo: ${address}\\r\\nSubject: Hello\\r\\n\\r\\nIt works.\\r\\n' | curl -s smtp://${where(doors.smtp)}/client.example --mail-from you@example.net --mail-rcpt ${address} -T -`)
  }
  if (doors.incoming) {
    const scheme = doors.incoming.tls ? 'imaps' : 'imap'
    lines.push(`curl -sk --user '${address}:${password}' '${scheme}://${where(doors.incoming)}/INBOX;MAILINDEX=*'`)
  }
  if (doors.submission) {
    lines.push(`swaks --server ${where(doors.submission)} --tls --auth-user ${address} --auth-password ${password} --from ${address} --to ${address}`)
  }
  return lines
}
