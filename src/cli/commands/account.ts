// daruma account …
import { text } from '../../base/language.ts'
import { EXIT, type NewPassword } from '../../admin/admin.ts'
import { parseSizeText } from '../../config/units.ts'
import { askOffice } from '../ask-office.ts'
import { type Command, type Context, type OptionSpec, jsonOption, sayLine, sayTrouble } from '../command.ts'
import { readPassword } from '../read-password.ts'
import { sayDeleted } from '../say-deleted.ts'
import { printFacts, printJson, printTable } from '../table.ts'
import type { ExitCode } from '../../admin/admin.ts'

const passwordStdin: OptionSpec = { name: 'password-stdin', meaning: text('Read the password from the first line of standard input; otherwise one is made and shown.', 'パスワードを標準入力の一行目から読みます。指定がなければ作って表示します。') }

/** Octets; null when not given; undefined after a mistake was said. */
function quotaOption(context: Context, words: string | undefined, name: string): number | null | undefined {
  if (words === undefined) return null
  const octets = parseSizeText(words)
  if (octets === undefined) sayTrouble(context, context.say.badValue(name, words, context.say.aSize))
  return octets
}

function sayPassword(context: Context, answer: NewPassword, sentence: string): void {
  if (context.line.flag('json')) return printJson(context, answer)
  sayLine(context, sentence)
  if (answer.password !== null) sayLine(context, context.say.passwordLine(answer.password))
}

const add: Command = {
  name: 'account add',
  operands: 'ADDRESS',
  operandsMin: 1,
  operandsMax: 1,
  options: [passwordStdin, { name: 'quota', placeholder: 'SIZE', meaning: text('How much mail the account may hold, such as "2G"; otherwise there is no limit.', 'アカウントの容量（例 "2G"）。指定がなければ無制限です。') }, jsonOption],
  summary: text('Add an account', 'アカウントを追加する'),
  details: text(
    'Without --password-stdin a password is made and printed as one line "password: …". A domain that is not known yet is added with its first account.',
    '--password-stdin がなければパスワードを作り、「password: …」の一行で表示します。まだないドメインは、最初のアカウントとともに追加します。',
  ),
  examples: ['daruma account add ada@example.org --quota 2G', "printf '%s\\n' 'a long secret' | daruma account add ada@example.org --password-stdin"],
  async run(context) {
    const quota = quotaOption(context, context.line.value('quota'), '--quota')
    const password = await readPassword(context)
    if (quota === undefined || password === undefined) return EXIT.usage
    const asked = await askOffice(context, 'account-add', { address: context.line.operands[0] ?? '', password, quota })
    if (!asked.ok) return asked.exit
    if (asked.result.domainAdded !== null) sayTrouble(context, context.say.domainAddedWith(asked.result.domainAdded))
    sayPassword(context, asked.result, context.say.accountAdded(asked.result.address))
    return EXIT.done
  },
}

const list: Command = {
  name: 'account list',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  options: [jsonOption],
  summary: text('List all accounts', 'アカウントの一覧'),
  async run(context) {
    const asked = await askOffice(context, 'account-list', {})
    if (!asked.ok) return asked.exit
    printTable(context, asked.result, ['address', 'account', 'state', 'messages', 'octetsUsed', 'quota', 'created'])
    return EXIT.done
  },
}

const passwd: Command = {
  name: 'account passwd',
  operands: 'ADDRESS',
  operandsMin: 1,
  operandsMax: 1,
  options: [passwordStdin, jsonOption],
  summary: text('Change the password of an account', 'アカウントのパスワードを変更する'),
  async run(context) {
    const password = await readPassword(context)
    if (password === undefined) return EXIT.usage
    const asked = await askOffice(context, 'account-passwd', { address: context.line.operands[0] ?? '', password })
    if (!asked.ok) return asked.exit
    sayPassword(context, asked.result, context.say.passwordChanged(asked.result.address))
    return EXIT.done
  },
}

function suspension(name: 'suspend' | 'resume', summary: Command['summary']): Command {
  return {
    name: `account ${name}`,
    operands: 'ADDRESS',
    operandsMin: 1,
    operandsMax: 1,
    options: [],
    summary,
    async run(context): Promise<ExitCode> {
      const suspended = name === 'suspend'
      const asked = await askOffice(context, 'account-suspend', { address: context.line.operands[0] ?? '', suspended })
      if (!asked.ok) return asked.exit
      sayLine(context, suspended ? context.say.suspended(asked.result.address) : context.say.resumed(asked.result.address))
      return EXIT.done
    },
  }
}

const remove: Command = {
  name: 'account delete',
  operands: 'ADDRESS',
  operandsMin: 1,
  operandsMax: 1,
  options: [],
  summary: text('Delete an account', 'アカウントを削除する'),
  async run(context) {
    const asked = await askOffice(context, 'account-delete', { address: context.line.operands[0] ?? '' })
    if (!asked.ok) return asked.exit
    sayDeleted(context, asked.result)
    return EXIT.done
  },
}

const quota: Command = {
  name: 'account quota',
  operands: 'ADDRESS [SIZE|none]',
  operandsMin: 1,
  operandsMax: 2,
  options: [jsonOption],
  summary: text('Show or set how much mail an account may hold', 'アカウントの容量を見る、または設定する'),
  examples: ['daruma account quota ada@example.org', 'daruma account quota ada@example.org 5G', 'daruma account quota ada@example.org none'],
  async run(context) {
    const [address = '', size] = context.line.operands
    const none = size === 'none'
    const octets = quotaOption(context, none ? undefined : size, 'SIZE')
    if (octets === undefined) return EXIT.usage
    const asked = await askOffice(context, 'account-quota', { address, quota: octets, none })
    if (!asked.ok) return asked.exit
    printFacts(context, asked.result)
    return EXIT.done
  },
}

export const accountCommands: readonly Command[] = [
  add, list, passwd,
  suspension('suspend', text('Forbid an account to log in; its mail is still taken', 'アカウントのログインを止める（メールは受け取り続ける）')),
  suspension('resume', text('Let a suspended account log in again', '止めたアカウントを再開する')),
  remove, quota,
]
