// daruma domain …
import { text } from '../../base/language.ts'
import { EXIT } from '../../admin/admin.ts'
import { askOffice } from '../ask-office.ts'
import { type Command, jsonOption, sayLine } from '../command.ts'
import { printTable } from '../table.ts'

export const domainCommands: readonly Command[] = [
  {
    name: 'domain add',
    operands: 'DOMAIN',
    operandsMin: 1,
    operandsMax: 1,
    options: [{ name: 'catch-all', placeholder: 'ADDRESS', meaning: text('Who gets mail for addresses of this domain that do not exist.', 'このドメインの、存在しないアドレス宛てのメールを受け取る人。') }],
    summary: text('Take mail for a domain, or change its catch-all', 'ドメインのメールを受け取る（または受け皿を変える）'),
    examples: ['daruma domain add example.org', 'daruma domain add example.org --catch-all ada@example.org'],
    async run(context) {
      const asked = await askOffice(context, 'domain-add', { domain: context.line.operands[0] ?? '', catchAll: context.line.value('catch-all') ?? null })
      if (!asked.ok) return asked.exit
      sayLine(context, context.say.added(asked.result.domain))
      return EXIT.done
    },
  },
  {
    name: 'domain list',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    options: [jsonOption],
    summary: text('List all domains', 'ドメインの一覧'),
    async run(context) {
      const asked = await askOffice(context, 'domain-list', {})
      if (!asked.ok) return asked.exit
      printTable(context, asked.result, ['domain', 'catchAll', 'accounts', 'aliases'])
      return EXIT.done
    },
  },
  {
    name: 'domain delete',
    operands: 'DOMAIN',
    operandsMin: 1,
    operandsMax: 1,
    options: [],
    summary: text('Stop taking mail for a domain; it must have no accounts and aliases left', 'ドメインを削除する（アカウントと別名が残っていないこと）'),
    async run(context) {
      const asked = await askOffice(context, 'domain-delete', { domain: context.line.operands[0] ?? '' })
      if (!asked.ok) return asked.exit
      sayLine(context, context.say.deleted(asked.result.domain))
      return EXIT.done
    },
  },
]
